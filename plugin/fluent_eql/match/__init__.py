"""Finding sequences: pure state machines over event time, with no clock and no records.

``machine``   the sequence semantics for one join key, fed in event order
``guarded``   the same with events that end sequences or that must be missing
``timeline``  one key's recent past, so that a late event finds its place
``entity``    one key's waiting events and its timeline
``window``    the wait that puts events that arrive in disorder into event order
``agenda``    what is to be done at which time
``matcher``   one rule's entities in a bounded cache that forgets by age
"""
