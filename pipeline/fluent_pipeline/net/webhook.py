"""The webhook output: the alerts in records, posted as JSON to an HTTP server."""

from __future__ import annotations

import asyncio
import logging
import ssl
import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import partial
from importlib.metadata import version
from io import BytesIO
from itertools import islice
from typing import Any, Final
from urllib.parse import urlsplit

import aiohttp
from cachetools import FIFOCache

from fluent_eql.api import Metric
from fluent_pipeline.buffer.disk import DiskBuffer
from fluent_pipeline.config import WebhookOutputConfig
from fluent_pipeline.config.parsers import SIGNATURE_HEADER
from fluent_pipeline.engine import Outgoing
from fluent_pipeline.errors import RemoteProtocolError
from fluent_pipeline.ndjson import to_line
from fluent_pipeline.net.alerted import Alerted, alerted_records
from fluent_pipeline.net.backoff import Backoff
from fluent_pipeline.net.hook_queue import DiskQueue, HookQueue, MemoryQueue, Waiting
from fluent_pipeline.net.output import QueuedOutput
from fluent_pipeline.net.signature import signature_of
from fluent_pipeline.net.tls import Certificate, Renewing, client_context
from fluent_pipeline.protocol.limits import Limits
from fluent_pipeline.receipt import Receipt

MOST_BYTES = 1_000_000
"""Of a request's body, unless a single alert or record is larger."""
KNOWN_IDS = 10_000
"""How many ids are remembered, so that an alert that comes again is not posted again."""
REFUSALS: Final = frozenset({400, 413, 422})
"""The answers that say of the body that it is at fault; it would be so again."""
LONGEST_ASKED_FOR = 600
"""The seconds that ``Retry-After`` may ask for at most."""
REASONS = ("full", "refused", "stopped", "unreadable")
"""Why something is dropped, in metrics."""
SHOWN = 200
"""Characters of an answer's body that the log shows."""

log = logging.getLogger(__name__)


class _Refused(Exception):
    """The server will not have the body, however often it is sent."""


class _TryAgain(Exception):
    """The request did not succeed; ``after`` is how many seconds the server asks to wait."""

    def __init__(self, reason: str, after: float = 0) -> None:
        super().__init__(reason)
        self.after = after


class WebhookOutput(QueuedOutput[Waiting]):
    """Posts alerts in batches, in their order, and each until it is answered with 2xx.

    No record waits for it: a frame is delivered once its alerts wait in memory, or with a disk
    ``buffer`` on disk. What finds no room there, what the server refuses as it is, and what waits
    in memory at the end of a stop, is dropped: each such alert is logged and counted.

    Making one reads the files of certificates: raises OSError where they cannot be used.
    """

    def __init__(
        self,
        config: WebhookOutputConfig,
        name: str,
        matches: Callable[[str], bool],
        buffer: DiskBuffer | None = None,
    ) -> None:
        super().__init__(name, matches)
        parts = urlsplit(config.url)
        self._config = config
        self._address = f"{parts.scheme}://{parts.netloc}"
        self._tls = Renewing(partial(_tls_context, config)) if parts.scheme == "https" else None
        self._limits = Limits()
        self._waiting: HookQueue = (
            MemoryQueue(config.storage_total_limit_size, self._put)
            if buffer is None
            else DiskQueue(buffer, self._put)
        )
        self._known: FIFOCache[str, None] = FIFOCache(KNOWN_IDS)
        self._backoff = Backoff(config.retry_wait / 10**9, config.retry_max_interval / 10**9)
        self._most = config.batch_size
        self._down: str | None = None
        self._posted = 0
        self._retries = 0
        self._dropped: Counter[str] = Counter(dict.fromkeys(REASONS, 0))

    @property
    def certificates(self) -> list[Renewing]:
        """What can be renewed."""
        return [self._tls] if self._tls is not None else []

    @property
    def pending(self) -> int:
        return self._waiting.pending + len(self._queue)

    @property
    def trouble(self) -> str | None:
        """None: a server that is down keeps no record from being delivered; see :attr:`down`."""
        return None

    @property
    def down(self) -> str | None:
        """Why nothing can be posted now; None while all is well."""
        return self._down

    def start(self) -> None:
        """Raises OSError where what an earlier process left on disk cannot be read."""
        if left := self._waiting.start():
            log.info("%s: %d alerts of an earlier run are sent first", self.name, left)
        super().start()

    def send(self, outgoing: Outgoing) -> None:
        """Take a frame: let the alerts in it wait, and let go of it."""
        try:
            for alerted in alerted_records(outgoing.frame, self._limits):
                self._take(alerted, outgoing.receipt)
        except RemoteProtocolError as error:
            log.warning("%s: %s: %s", self.name, outgoing.frame.tag, error)
        outgoing.receipt.release()

    async def stop(self, grace: float) -> None:
        await super().stop(grace)
        await self._waiting.stop()

    def metrics(self) -> Iterator[Metric]:
        labels = (("name", self.name),)
        up = self._down is None
        yield Metric("fluent_eql_output_up", "Whether the target is reachable", "gauge", up, labels)
        yield Metric(
            "fluent_eql_output_pending_frames", "Undelivered frames", "gauge", self.pending, labels
        )
        yield Metric(
            "fluent_eql_output_retries_total", "Frames sent again", "counter", self._retries, labels
        )
        yield Metric(
            "fluent_eql_webhook_posted_total",
            "Alerts or records that a webhook took",
            "counter",
            self._posted,
            labels,
        )
        for reason, count in self._dropped.items():
            yield Metric(
                "fluent_eql_webhook_dropped_total",
                "Alerts or records that a webhook did not get",
                "counter",
                count,
                (*labels, ("reason", reason)),
            )

    def _take(self, alerted: Alerted, receipt: Receipt) -> None:
        """Let a record's alerts wait that have not been seen yet."""
        fresh = [alert for alert in alerted.alerts if alert["id"] not in self._known]
        self._known.update((alert["id"], None) for alert in fresh)
        if self._config.send == "alerts":
            for alert in fresh:
                self._keep(alert["id"], alert, receipt)
        elif fresh:
            self._keep(", ".join(alert["id"] for alert in fresh), alerted.record, receipt)

    def _keep(self, name: str, value: Mapping[Any, Any], receipt: Receipt) -> None:
        try:
            data = f"{self._config.send} ".encode() + to_line(dict(value)).rstrip()
        except ValueError as error:
            self._drop(name, str(error), "unreadable")
            return
        if (reason := self._waiting.put(data, name, receipt)) is not None:
            self._drop(name, reason, "full")

    def _drop(self, name: str, reason: str, kind: str) -> None:
        self._dropped[kind] += 1
        log.warning("%s: alert %s is not posted: %s", self.name, name, reason)

    def _tell_what_is_left(self, count: int) -> None:
        if self._waiting.survives:
            log.info("%s: %d alerts stay on disk for the next start", self.name, count)
            return
        for waiting in self._queue:
            self._drop(waiting.name, f"stopped; {self._down or 'no time was left'}", "stopped")

    async def _run(self) -> None:
        timeout = aiohttp.ClientTimeout(total=self._config.timeout / 10**9)
        headers = {item.name: item.value for item in self._config.header}
        headers.setdefault("User-Agent", f"fluent-eql/{version('fluent-eql')}")
        jar = aiohttp.DummyCookieJar()
        async with aiohttp.ClientSession(
            timeout=timeout, headers=headers, cookie_jar=jar
        ) as session:
            while True:
                await self._filled()
                await self._deliver(session)
                self._settle()

    async def _deliver(self, session: aiohttp.ClientSession) -> None:
        """Post what waits at the head of the queue, as much as goes into a request."""
        try:
            count, body = self._next_body()
            if body is None:
                self._drop(self._queue[0].name, "damaged on disk", "unreadable")
            else:
                await self._post(session, body)
                self._posted += count
        except _Refused as refused:
            if count > 1:
                self._most = max(count // 2, 1)
                return
            self._drop(self._queue[0].name, str(refused), "refused")
        except (_TryAgain, aiohttp.ClientError, OSError) as error:
            await self._wait(error)
            return
        self._most = min(self._most * 2, self._config.batch_size)
        self._down = None
        self._backoff.reset()
        for _ in range(count):
            self._queue.popleft().done()

    def _next_body(self) -> tuple[int, bytes | None]:
        """How many are taken from the queue's head, and a request's body with them.

        None where the only one is damaged. Raises OSError where the disk does not give it back.
        """
        kind, size = b"", 0
        texts: list[bytes] = []
        for waiting in islice(self._queue, self._most):
            data = waiting.load()
            if data is None:
                if texts:
                    break
                return 1, None
            found, _, text = data.partition(b" ")
            if texts and (found != kind or size + len(text) > MOST_BYTES):
                break
            kind = found
            texts.append(text)
            size += len(text) + 1
        return len(texts), b'{"%s":[%s]}' % (kind, b",".join(texts))

    async def _post(self, session: aiohttp.ClientSession, body: bytes) -> None:
        """Return where the server has taken it. Raises _Refused, _TryAgain and ClientError."""
        headers = {"Content-Type": "application/json"}
        if self._config.secret is not None:
            signature = signature_of(self._config.secret, body, int(time.time()))
            headers[SIGNATURE_HEADER] = signature
        tls = self._tls.context if self._tls is not None else True
        async with session.post(
            self._config.url, data=BytesIO(body), headers=headers, ssl=tls, allow_redirects=False
        ) as response:
            if 200 <= response.status < 300:
                return
            reason = f"answered {response.status}{await _said(response)}"
            if response.status in REFUSALS:
                raise _Refused(reason)
            raise _TryAgain(reason, _asked_for(response.headers.get("Retry-After", "")))

    async def _wait(self, error: Exception) -> None:
        asked = error.after if isinstance(error, _TryAgain) else 0
        wait = max(self._backoff.next(), asked)
        self._retries += 1
        self._down = f"{self._address}: {str(error) or type(error).__name__}"
        log.warning(
            "%s: %s; %d alerts wait; trying again in %.1f s",
            self.name,
            self._down,
            self.pending,
            wait,
        )
        await asyncio.sleep(wait)


async def _said(response: aiohttp.ClientResponse) -> str:
    """What an answer's body begins with, for the log."""
    text = (await response.content.read(4 * SHOWN)).decode("utf-8", "replace")
    shown = "".join(char if char.isprintable() else " " for char in text[:SHOWN]).strip()
    return f": {shown}" if shown else ""


def _asked_for(value: str) -> float:
    """The seconds that ``Retry-After`` asks for; 0 where it gives none, or a date."""
    return min(int(value), LONGEST_ASKED_FOR) if value.isascii() and value.isdigit() else 0


def _tls_context(config: WebhookOutputConfig) -> ssl.SSLContext:
    certificate = None
    if config.tls_crt_file is not None:
        certificate = Certificate(
            chain=config.tls_crt_file, key=config.tls_key_file, password=config.tls_key_passwd
        )
    return client_context(
        verify=True,
        verify_hostname=True,
        ca=config.tls_ca_file,
        certificate=certificate,
        min_version=config.tls_min_version,
    )
