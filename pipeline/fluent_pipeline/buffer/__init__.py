"""Frames that wait on disk, in append-only segments.

SQLite and the queues built on it were considered: a flipped bit in one of their pages can cost far
more than the record it hits. Here each record stands alone, with its own length and checksum.
"""
