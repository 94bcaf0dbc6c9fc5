"""One target of a forward output: connect, hand frames over, give back what was not delivered."""

from __future__ import annotations

import asyncio
import logging
import os
import ssl
from collections import deque
from collections.abc import Callable
from functools import partial

from fluent_pipeline.config import ForwardOutputConfig
from fluent_pipeline.errors import ProtocolError
from fluent_pipeline.net.backoff import Backoff
from fluent_pipeline.net.durable import Item
from fluent_pipeline.net.feed import Feed, Share
from fluent_pipeline.net.serving import ServerConnection
from fluent_pipeline.net.tls import Certificate, Renewing, client_context
from fluent_pipeline.protocol.handshake import ClientHandshake

log = logging.getLogger(__name__)


class Target:
    """One server, over one connection that is kept open.

    ``on_delivered`` is called with a frame's size when it has been delivered. Making one reads
    the files of certificates: raises OSError where they cannot be used.
    """

    def __init__(
        self,
        config: ForwardOutputConfig,
        name: str,
        share: Share,
        on_delivered: Callable[[int], None],
    ) -> None:
        self.name = name
        self.share = share
        self.tls = Renewing(partial(_tls_context, config)) if config.tls else None
        self.trouble: str | None = "not connected yet"
        self.retries = 0
        self._config = config
        self._on_delivered = on_delivered
        self._connection: ServerConnection | None = None
        self._backoff = Backoff(config.retry_wait / 10**9, config.retry_max_interval / 10**9)

    @property
    def address(self) -> str:
        """Where it is, for people."""
        if self._config.unix_path:
            return f"unix:{self._config.unix_path}"
        return f"{self._config.host}:{self._config.port}"

    @property
    def in_flight(self) -> int:
        """How many frames it has got and not acknowledged."""
        return self._connection.in_flight if self._connection else 0

    @property
    def has_room(self) -> bool:
        """Whether it can take more frames now."""
        return self._connection is not None and self._connection.has_room

    def take(self, queue: deque[Item], size: float) -> int:
        """Send frames from the queue's head; see :class:`fluent_pipeline.net.feed.Taker`."""
        return self._connection.send(queue, size) if self._connection else 0

    async def run(self, feed: Feed) -> None:
        """Deliver for ever."""
        while True:
            try:
                await self._connect_and_serve(feed)
                continue
            except TimeoutError as error:
                reason = str(error) or "timed out"
            except (OSError, ProtocolError) as error:
                reason = str(error)
            wait = self._backoff.next()
            self.trouble = f"{self.address}: {reason}"
            log.warning("%s: %s; trying again in %.1f s", self.name, self.trouble, wait)
            await asyncio.sleep(wait)

    async def _connect_and_serve(self, feed: Feed) -> None:
        """Serve one connection until it has served enough. Raises OSError where it ends before."""
        connection = ServerConnection(
            self._config,
            self._handshake(),
            on_delivered=self._delivered,
            on_room=feed.wake,
        )
        try:
            async with asyncio.timeout(self._config.connect_timeout / 10**9):
                await self._connect(connection)
                await connection.opened
            self._connection, self.trouble = connection, None
            log.info("%s: connected to %s", self.name, self.address)
            feed.went_up(self)
            await connection.closed
        except BaseException as error:
            self.trouble = f"{self.address}: {error}"
            raise
        finally:
            self._connection = None
            undelivered = connection.abandon()
            self.retries += len(undelivered)
            feed.went_down(self, undelivered)

    def _handshake(self) -> ClientHandshake | None:
        if self._config.shared_key is None:
            return None
        return ClientHandshake(
            self._config.self_hostname,
            self._config.shared_key,
            self._config.username or "",
            self._config.password or "",
            salt=os.urandom(16),
        )

    async def _connect(self, connection: ServerConnection) -> None:
        loop = asyncio.get_running_loop()
        config = self._config
        if config.unix_path:
            await loop.create_unix_connection(lambda: connection, str(config.unix_path))
        elif self.tls is None:
            await loop.create_connection(lambda: connection, config.host, config.port)
        else:
            await loop.create_connection(
                lambda: connection,
                config.host,
                config.port,
                ssl=self.tls.context,
                server_hostname=config.tls_vhost or config.host,
            )

    def _delivered(self, size: int) -> None:
        self._backoff.reset()
        self._on_delivered(size)


def _tls_context(config: ForwardOutputConfig) -> ssl.SSLContext:
    certificate = None
    if config.tls_crt_file is not None:
        certificate = Certificate(
            chain=config.tls_crt_file, key=config.tls_key_file, password=config.tls_key_passwd
        )
    return client_context(
        verify=config.tls_verify,
        verify_hostname=config.tls_verify_hostname,
        ca=config.tls_ca_file,
        certificate=certificate,
        min_version=config.tls_min_version,
    )
