"""The sockets: what drives the protocol core and the engine.

``listener``  clients' connections: frames to the driver, acknowledgements back
``driver``    the engine with a clock and a timer
``router``    frames to the outputs whose match fits their tag
``upstream``  the forward output: connect, send, wait for acks, send again
``writers``   the stdout and file outputs; ``files`` appends and begins files anew
``webhook``   the webhook output; its alerts wait in ``hook_queue``
``budget``    the bytes on their way, and when to stop reading
``backoff``   how long to wait before the next try
"""
