"""The signature of a webhook's requests."""

from __future__ import annotations

import hashlib
import hmac


def signature_of(secret: str, body: bytes, time: int) -> str:
    """What a request's signature header says: ``t=TIME,v1=DIGEST``.

    ``time`` is seconds since the epoch. DIGEST is the HMAC-SHA256, in hexadecimal, of TIME, a dot
    and the body, with the secret in UTF-8 as its key.
    """
    signed = b"%d." % time + body
    return f"t={time},v1={hmac.new(secret.encode(), signed, hashlib.sha256).hexdigest()}"
