"""A filter's saved state as a file that is whole or not there at all."""

from __future__ import annotations

import hashlib
import os
from dataclasses import dataclass
from pathlib import Path

MAGIC = b"fluent-eql state 1\n"
TIME_BYTES = 8
DIGEST_BYTES = 32


@dataclass(frozen=True, slots=True)
class SavedState:
    """``data`` as the filter gave it, and when: nanoseconds since the epoch."""

    data: bytes
    saved_at: int


def write_state(path: Path, state: SavedState) -> None:
    """Write, and put in the place of the old file once it is on the disk.

    Only its owner can read it: states hold values of records. Raises OSError.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    body = state.saved_at.to_bytes(TIME_BYTES, "big") + state.data
    temporary = path.with_name(path.name + ".new")
    with open(os.open(temporary, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600), "wb") as file:
        file.write(MAGIC + hashlib.sha256(body).digest() + body)
        file.flush()
        os.fsync(file.fileno())
    os.replace(temporary, path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def read_state(path: Path) -> SavedState | None:
    """The state in a file; None where there is no file.

    Raises OSError, and ValueError where the file is damaged or of another kind.
    """
    try:
        content = path.read_bytes()
    except FileNotFoundError:
        return None
    start = len(MAGIC) + DIGEST_BYTES
    digest, body = content[len(MAGIC) : start], content[start:]
    if not content.startswith(MAGIC) or len(body) < TIME_BYTES:
        raise ValueError("not a file of saved state")
    if hashlib.sha256(body).digest() != digest:
        raise ValueError("the checksum is wrong")
    return SavedState(body[TIME_BYTES:], int.from_bytes(body[:TIME_BYTES], "big"))
