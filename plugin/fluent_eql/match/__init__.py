"""Finding sequences: pure state machines over event time, with no clock and no records.

``machine``   the sequence semantics for one join key, fed in event order
``timeline``  one key's recent past, so that a late event finds its place
``window``    the wait that puts events that arrive in disorder into event order
``matcher``   one rule's timelines in a bounded TTL cache
"""
