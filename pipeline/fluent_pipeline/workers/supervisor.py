"""Starts the workers, is the hub meanwhile, and stops with them.

The workers are forked from this process before it runs an event loop: they share the memory of
the compiled rules. A worker that ends unasked ends all: whoever started the relay starts it again,
and the clients send again what was not acknowledged.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
import os
import signal
import socket
import sys
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace

from fluent_eql.api import Metric
from fluent_pipeline.app import (
    Relay,
    settle_memory,
    stages_of,
)
from fluent_pipeline.config import Config
from fluent_pipeline.engine import Stage
from fluent_pipeline.errors import ConfigError
from fluent_pipeline.monitor.kept import KeptAlerts
from fluent_pipeline.monitor.observed import Observed
from fluent_pipeline.monitor.server import monitor_for
from fluent_pipeline.monitor.telling import alert_teller
from fluent_pipeline.place import Place
from fluent_pipeline.reloading import reread
from fluent_pipeline.workers import wire
from fluent_pipeline.workers.hub import Hub, Member
from fluent_pipeline.workers.link import READ_SIZE, Link
from fluent_pipeline.workers.remote import RemoteFilter

REPORT_INTERVAL = 0.5
"""How often, in seconds, a worker reports."""
SILENCE = 5 * 10**9
"""After so many nanoseconds without a report a worker is in trouble."""

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Worker:
    pid: int
    socket: socket.socket


def run_workers(config: Config, read_again: Callable[[], Config]) -> int:
    """Serve with the configured workers until SIGTERM or SIGINT; the exit code.

    ``read_again`` gives the configuration as it is at a reload. Raises ConfigError before anything
    is started.
    """
    count = config.service.workers
    stages = stages_of(config)
    configs = [_of_worker(config, number) for number in range(count)]
    for number, own in enumerate(configs):
        Relay(own, place=Place(number, count), stages=[])
    settle_memory()
    with _reserved(configs) as reserved:
        workers: list[_Worker] = []
        for number, own in enumerate(reserved):
            place = Place(number, count)
            workers.append(_fork(own, place, stages, workers, read_again))
        return asyncio.run(_Supervisor(config, stages, workers, read_again).run())


def _of_worker(config: Config, number: int) -> Config:
    """What a worker is to do of it: its share of memory, no HTTP, unix sockets only the first."""
    service = replace(
        config.service,
        mem_buf_limit=max(config.service.mem_buf_limit // config.service.workers, 1),
        http_server=False,
    )
    inputs = [item for item in config.inputs if item.options.unix_path is None or not number]
    return replace(config, service=service, inputs=tuple(inputs))


@contextlib.contextmanager
def _reserved(configs: Sequence[Config]) -> Iterator[list[Config]]:
    """The configurations with a port that all workers share where any free one is asked for."""
    ports: dict[str, int] = {}
    with contextlib.ExitStack() as stack:
        for item in configs[0].inputs:
            if item.options.unix_path is None and item.options.port == 0:
                holder = stack.enter_context(socket.socket())
                holder.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEPORT, 1)
                holder.bind((item.options.listen, 0))
                ports[item.alias] = holder.getsockname()[1]
        yield [
            replace(
                config,
                inputs=tuple(
                    replace(item, options=replace(item.options, port=ports[item.alias]))
                    if item.alias in ports
                    else item
                    for item in config.inputs
                ),
            )
            for config in configs
        ]


def _fork(
    config: Config,
    place: Place,
    stages: Sequence[Stage],
    before: Sequence[_Worker],
    read_again: Callable[[], Config],
) -> _Worker:
    """Start a worker; those that were started ``before`` are none of its business."""
    ours, theirs = socket.socketpair()
    sys.stdout.flush()
    sys.stderr.flush()
    pid = os.fork()
    if pid:
        theirs.close()
        return _Worker(pid, ours)
    for inherited in (ours, *(worker.socket for worker in before)):
        inherited.close()
    code = 1
    try:
        asyncio.run(_work(config, place, stages, theirs, read_again))
        code = 0
    except OSError as error:
        log.error("worker %d: %s", place.number, error)
    except BaseException:
        log.exception("worker %d", place.number)
    finally:
        sys.stdout.flush()
        sys.stderr.flush()
        os._exit(code)


async def _work(
    config: Config,
    place: Place,
    stages: Sequence[Stage],
    hub: socket.socket,
    read_again: Callable[[], Config],
) -> None:
    """What a worker does, until it is told to stop or the hub is gone."""
    stop, loop, link = asyncio.Event(), asyncio.get_running_loop(), Link(hub)
    link.filters = {
        number: RemoteFilter(number, stage.filter, link.say) for number, stage in enumerate(stages)
    }
    own = [replace(stage, filter=link.filters[number]) for number, stage in enumerate(stages)]
    relay = Relay(config, place=place, stages=own, before_flush=link.flush)
    for name in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(name, stop.set)
    loop.add_signal_handler(signal.SIGHUP, relay.renew_certificates)
    reloads = set[asyncio.Task[None]]()

    def reload() -> None:
        reloads.add(task := loop.create_task(_screen_anew(link.filters, read_again)))
        task.add_done_callback(reloads.discard)

    await link.open(relay.advance, _end_with_the_hub, reload)
    reporting = loop.create_task(_report(relay, link))
    try:
        await relay.start()
        link.say(wire.encode(wire.READY))
        await stop.wait()
    finally:
        await relay.stop()
        reporting.cancel()
        await link.close()


async def _screen_anew(
    filters: Mapping[int, RemoteFilter], read_again: Callable[[], Config]
) -> None:
    """Screen as the filters of the hub do, which have just been changed."""
    try:
        config = await asyncio.to_thread(read_again)
        for number, own in filters.items():
            if own.is_reloadable:
                own.screen_as(await asyncio.to_thread(config.filters[number].make))
    except (ConfigError, LookupError) as error:
        log.error("records are screened as before the reload: %s", error)


def _end_with_the_hub() -> None:
    """Nothing that is held can be decided any more, and another relay may want the port."""
    log.error("the hub is gone")
    os._exit(1)


async def _report(relay: Relay, link: Link) -> None:
    while True:
        metrics = [wire.plain_metric(metric) for metric in relay.metrics()]
        link.say(wire.encode(wire.REPORT, metrics, list(relay.troubles())))
        await asyncio.sleep(REPORT_INTERVAL)


class _Supervisor:
    """The hub with a clock, a timer, and connections to the workers."""

    def __init__(
        self,
        config: Config,
        stages: Sequence[Stage],
        workers: Sequence[_Worker],
        read_again: Callable[[], Config],
    ) -> None:
        self._config = config
        self._read_again = read_again
        self._reloads = set[asyncio.Task[list[str]]]()
        self._reloading = asyncio.Lock()
        self._workers = workers
        alerts = KeptAlerts(config.service.http_alerts_kept)
        self._hub = Hub(stages, len(workers), on_alert=alert_teller(config.service, alerts))
        self._timer: asyncio.TimerHandle | None = None
        self._is_stopping = False
        self._failed = False
        observed = Observed(
            troubles=self._troubles,
            unready=self._unready,
            sample=self._metrics,
            stages=lambda: self._hub.stages,
            reload=self._reload,
        )
        self._monitor = monitor_for(config.service, observed, alerts)

    async def run(self) -> int:
        """Serve until a signal, or a worker's end; the exit code."""
        loop = asyncio.get_running_loop()
        for name in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(name, self._stop)
        loop.add_signal_handler(signal.SIGHUP, self._start_reload)
        members = [asyncio.create_task(self._serve(worker)) for worker in self._workers]
        try:
            if self._monitor is not None:
                await self._monitor.start()
        except OSError as error:
            log.error("%s", error)
            self._failed = True
            self._stop()
        await asyncio.gather(*members)
        if self._monitor is not None:
            await self._monitor.stop()
        return int(self._failed)

    async def _serve(self, worker: _Worker) -> None:
        """Hear one worker to its end."""
        reader, writer = await asyncio.open_connection(sock=worker.socket)
        member, decoder = Member(writer.write), wire.Decoder()
        self._hub.join(member)
        with contextlib.suppress(ConnectionError):
            while data := await reader.read(READ_SIZE):
                for message in decoder.messages(data):
                    self._hub.receive(member, message)
                self._set_timer()
        self._hub.leave(member)
        writer.close()
        _, status = await asyncio.to_thread(os.waitpid, worker.pid, 0)
        code = os.waitstatus_to_exitcode(status)
        if code or not self._is_stopping:
            log.error("worker %d ended with %d", worker.pid, code)
            self._failed = True
            self._stop()

    def _set_timer(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None
        deadline = self._hub.next_deadline()
        if deadline is not None:
            wait = max(deadline - time.monotonic_ns(), 0) / 10**9
            self._timer = asyncio.get_running_loop().call_later(wait, self._advance)

    def _advance(self) -> None:
        self._hub.advance()
        self._set_timer()

    def _stop(self) -> None:
        if not self._is_stopping:
            self._is_stopping = True
            log.info("stopping: deciding what is held and delivering what is in flight")
        self._signal(signal.SIGTERM)

    def _start_reload(self) -> None:
        self._reloads.add(task := asyncio.get_running_loop().create_task(self._reload()))
        task.add_done_callback(self._reloads.discard)

    async def _reload(self) -> list[str]:
        """Have the workers read their certificates again, and change the filters."""
        self._signal(signal.SIGHUP)
        async with self._reloading:
            try:
                after, found = await reread(self._read_again, self._hub.stages, self._config)
            except ConfigError as error:
                return [str(error)]
            self._hub.reload(found)
            self._set_timer()
            self._config = replace(self._config, filters=after.filters)
        return []

    def _signal(self, number: signal.Signals) -> None:
        for worker in self._workers:
            with contextlib.suppress(ProcessLookupError):
                os.kill(worker.pid, number)

    def _unready(self) -> Iterator[str]:
        if self._is_stopping:
            yield "stopping"
        waiting = len(self._workers) - sum(member.is_ready for member in self._hub.members)
        if waiting:
            yield f"{waiting} of {len(self._workers)} workers are not ready"

    def _troubles(self) -> Iterator[str]:
        now = time.monotonic_ns()
        for number, member in enumerate(self._hub.members):
            if now - member.reported > SILENCE:
                yield f"worker {number}: no report for {SILENCE // 10**9} s"
            yield from (f"worker {number}: {trouble}" for trouble in member.troubles)

    def _metrics(self) -> Iterator[Metric]:
        yield Metric("fluent_eql_workers", "Workers", "gauge", len(self._hub.members))
        yield from self._hub.metrics()
