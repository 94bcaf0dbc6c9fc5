"""Certificates of a made-up authority, as files."""

from __future__ import annotations

import datetime
from dataclasses import dataclass
from pathlib import Path

import trustme


@dataclass(frozen=True)
class Files:
    """A chain and its key, PEM."""

    chain: Path
    key: Path


class Authority:
    """Issues certificates into a folder."""

    def __init__(self, folder: Path, name: str = "ca") -> None:
        self._folder = folder
        self._ca = trustme.CA()
        self.file = folder / f"{name}.pem"
        self._ca.cert_pem.write_to_path(str(self.file))

    def issue(self, host: str, *, expired: bool = False) -> Files:
        """A certificate for ``host``."""
        now = datetime.datetime.now(datetime.UTC)
        day = datetime.timedelta(days=1)
        made = self._ca.issue_cert(
            host,
            not_before=now - 2 * day,
            not_after=now - day if expired else now + day,
        )
        files = Files(self._folder / f"{host}.pem", self._folder / f"{host}.key")
        files.chain.write_bytes(b"".join(blob.bytes() for blob in made.cert_chain_pems))
        made.private_key_pem.write_to_path(str(files.key))
        return files
