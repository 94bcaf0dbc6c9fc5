"""The relay: all its parts, made from a configuration, started and stopped in order."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import gc
import logging
import signal
from collections.abc import Awaitable, Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from fluent_eql.api import Metric, Noticing
from fluent_pipeline.buffer.disk import DiskBuffer
from fluent_pipeline.config import (
    Config,
    FileOutputConfig,
    ForwardOutputConfig,
    InputConfig,
    OutputConfig,
    ServiceConfig,
    WebhookOutputConfig,
)
from fluent_pipeline.engine import Engine, Stage
from fluent_pipeline.errors import ConfigError
from fluent_pipeline.journals import Journals
from fluent_pipeline.monitor.kept import KeptAlerts
from fluent_pipeline.monitor.observed import Observed
from fluent_pipeline.monitor.server import MonitorServer, monitor_for
from fluent_pipeline.monitor.telling import alert_teller
from fluent_pipeline.net.budget import Budget
from fluent_pipeline.net.driver import Driver
from fluent_pipeline.net.files import AppendToFile, Rotation
from fluent_pipeline.net.listener import ForwardListener
from fluent_pipeline.net.router import Output, Router
from fluent_pipeline.net.upstream import ForwardOutput
from fluent_pipeline.net.webhook import WebhookOutput
from fluent_pipeline.net.writers import LineOutput, write_to_stdout
from fluent_pipeline.place import ALONE, Place
from fluent_pipeline.protocol.limits import Limits
from fluent_pipeline.reloading import reread

KEPT = 32 * 1024 * 1024
"""The most that glibc takes for M_MMAP_THRESHOLD."""
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Of malloc.h."""

log = logging.getLogger(__name__)


class Relay:
    """A configured relay.

    Making one compiles the rules and opens nothing: a wrong configuration is a ConfigError here.
    Of several workers each has one: ``place`` says which it is, ``stages`` are then given, and
    ``before_flush`` is awaited before what is held is decided at a stop. ``read_again`` gives the
    configuration as it is at a reload; without it only certificates are read again.
    """

    def __init__(
        self,
        config: Config,
        *,
        place: Place = ALONE,
        stages: Sequence[Stage] | None = None,
        before_flush: Callable[[], Awaitable[None]] | None = None,
        read_again: Callable[[], Config] | None = None,
    ) -> None:
        self._config = config
        self._read_again = read_again
        self._reloading = asyncio.Lock()
        self._place = place
        self._before_flush = before_flush
        self._grace = config.service.grace / 10**9
        self._storage = config.service.storage_path
        self._budget = Budget(config.service.mem_buf_limit)
        stages = stages_of(config) if stages is None else stages
        self._journals = self._kept(stages, config.service) if self._storage else None
        self._alerts = KeptAlerts(config.service.http_alerts_kept)
        self._unready: str | None = "starting"
        self._engine = Engine(
            stages,
            _widest_limits(config),
            on_problem=lambda text: log.warning("%s", text),
            on_alert=alert_teller(config.service, self._alerts),
            keep_note=self._journals.append if self._journals else None,
        )
        self._router = Router([_made(output, self._output) for output in config.outputs])
        self._driver = Driver(self._engine, self._router)
        self.listeners = tuple(_made(item, self._listener) for item in config.inputs)
        self.monitor = self._monitor(config.service)

    async def run(self, stop: asyncio.Event) -> None:
        """Serve until ``stop`` is set, then deliver what is held and in flight.

        Raises OSError where an address cannot be had.
        """
        try:
            await self.start()
            await stop.wait()
            log.info("stopping: deciding what is held and delivering what is in flight")
        finally:
            await self.stop()

    async def start(self) -> None:
        """Recall what filters remembered, then open the outputs and the inputs.

        Raises OSError where an address cannot be had, or the folder that is to be kept in.
        """
        if self._journals is not None:
            self._journals.open()
        for output in self._router.outputs:
            output.start()
        self._driver.advance()
        for listener in self.listeners:
            await listener.start()
        self._unready = None
        if self.monitor is not None:
            await self.monitor.start()

    async def stop(self) -> None:
        """Take nothing more, decide what is held, deliver for at most the grace, and close."""
        self._unready = "stopping"
        for listener in self.listeners:
            await listener.stop()
        if self._before_flush is not None:
            await self._before_flush()
        self._driver.flush()
        await asyncio.gather(*(output.stop(self._grace) for output in self._router.outputs))
        for listener in self.listeners:
            listener.close()
        if self._journals is not None:
            self._journals.close()
        if self.monitor is not None:
            await self.monitor.stop()

    async def reload(self) -> list[str]:
        """Read certificates, the configuration of the filters and their files again.

        What cannot be used leaves what there was; the answer says what that is, and why. Clients
        are served meanwhile.
        """
        problems = self.renew_certificates()
        if self._read_again is None:
            return problems
        async with self._reloading:
            try:
                stages = self._engine.stages
                after, found = await reread(self._read_again, stages, self._config)
            except ConfigError as error:
                return [*problems, str(error)]
            self._driver.reload(found)
            self._config = replace(self._config, filters=after.filters)
            spare_what_stays()
        return problems

    def renew_certificates(self) -> list[str]:
        """Read the files of certificates again; what cannot be used leaves the old ones.

        The answer says which those are, and why.
        """
        problems = []
        kinds = (ForwardOutput, WebhookOutput)
        outputs = [output for output in self._router.outputs if isinstance(output, kinds)]
        used = [(listener.name, listener.tls) for listener in self.listeners if listener.tls]
        used += [(output.name, tls) for output in outputs for tls in output.certificates]
        for name, tls in used:
            try:
                tls.renew()
                log.info("%s: certificates read again", name)
            except OSError as error:
                problems.append(f"{name}: the old certificates stay: {error}")
                log.error("%s", problems[-1])
        return problems

    def advance(self) -> None:
        """Decide and send what is due."""
        self._driver.advance()

    def _kept(self, stages: Sequence[Stage], service: ServiceConfig) -> Journals:
        assert self._storage is not None
        folder, limit = self._storage / "state", service.storage_state_limit_size
        return Journals(stages, folder, limit, self._place)

    def _output(self, item: OutputConfig) -> Output:
        matches, options = item.match.accepts, item.options
        if isinstance(options, ForwardOutputConfig):
            return ForwardOutput(
                options, item.nodes, item.alias, matches, self._buffer(item, options)
            )
        if isinstance(options, WebhookOutputConfig):
            return WebhookOutput(options, item.alias, matches, self._buffer(item, options))
        if isinstance(options, FileOutputConfig):
            rotation = Rotation(options.rotate_size, options.rotate_time, options.rotate_keep)
            append = AppendToFile(options.path, options.file, rotation)
            return LineOutput(item.alias, matches, append)
        return LineOutput(item.alias, matches, write_to_stdout)

    def _buffer(
        self, item: OutputConfig, options: ForwardOutputConfig | WebhookOutputConfig
    ) -> DiskBuffer | None:
        if options.storage_type == "memory":
            return None
        if self._storage is None:
            raise ConfigError(
                "storage.type filesystem needs storage.path in the section service",
                source=item.position.source,
                line=item.position.line,
                column=item.position.column,
            )
        folder = self._storage / "frames" / self._place.named(item.alias)
        left = [path for path in self._place.others(folder) if any(path.glob("*.segment"))]
        if left:
            raise ConfigError(
                f"frames of more workers wait in {left[0]}: "
                f"start with as many workers as before until they are delivered",
                source=item.position.source,
                line=item.position.line,
                column=item.position.column,
            )
        return DiskBuffer(folder, options.storage_total_limit_size)

    def _listener(self, item: InputConfig) -> ForwardListener:
        return ForwardListener(
            item.options, item.alias, self._driver, self._budget, shared=self._place.count > 1
        )

    def _monitor(self, service: ServiceConfig) -> MonitorServer | None:
        observed = Observed(
            troubles=self.troubles,
            unready=self.unready,
            sample=self.metrics,
            stages=lambda: self._engine.stages,
            reload=self.reload,
        )
        return monitor_for(service, observed, self._alerts)

    @property
    def pending(self) -> int:
        """How many frames the outputs have taken and not delivered."""
        return sum(output.pending for output in self._router.outputs)

    def unready(self) -> Iterator[str]:
        """A line for each thing that keeps records from being taken."""
        if self._unready is not None:
            yield self._unready
        if self._budget.full:
            yield self._no_room()

    def troubles(self) -> Iterator[str]:
        """A line for each thing that keeps records from being delivered."""
        for output in self._router.outputs:
            if output.trouble is not None:
                yield f"{output.name}: {output.trouble}"
        if self._journals is not None and self._journals.trouble is not None:
            yield self._journals.trouble
        if self._budget.full:
            yield self._no_room()

    def _no_room(self) -> str:
        return f"mem_buf_limit: {self._budget.used} bytes wait for delivery; not reading"

    def metrics(self) -> Iterator[Metric]:
        """The counters and gauges of all parts."""
        for listener in self.listeners:
            yield from listener.metrics()
        for stage in self._engine.stages:
            yield from stage.filter.metrics()
        for output in self._router.outputs:
            yield from output.metrics()
        counts = self._engine.counts
        for name, help, value in (
            ("frames_held", "Frames held by a filter", counts.frames_held),
            ("frames_changed", "Frames changed by a filter", counts.frames_changed),
            ("bad_entries", "Entries passed on that are no records", counts.bad_entries),
            ("problems", "Records that a filter could not read", counts.problems),
            ("frames_unrouted", "Frames that no output takes", self._router.unrouted),
        ):
            yield Metric(f"fluent_eql_{name}_total", help, "counter", value)
        yield Metric("fluent_eql_held_events", "Events waiting", "gauge", self._engine.held)
        for name, help, value in (
            ("in_flight_bytes", "Bytes not delivered yet", self._budget.used),
            ("in_flight_limit_bytes", "Bytes above which nothing is read", self._budget.limit),
        ):
            yield Metric(f"fluent_eql_{name}", help, "gauge", value)


async def serve(relay: Relay) -> None:
    """Run a relay until SIGTERM or SIGINT; SIGHUP makes it reload what can be."""
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    reloads = set[asyncio.Task[list[str]]]()

    def reload() -> None:
        reloads.add(task := loop.create_task(relay.reload()))
        task.add_done_callback(reloads.discard)

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop.set)
    loop.add_signal_handler(signal.SIGHUP, reload)
    try:
        await relay.run(stop)
    finally:
        for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
            with contextlib.suppress(ValueError):
                loop.remove_signal_handler(number)


def stages_of(config: Config) -> list[Stage]:
    """Make the configured filters, and tell what they have to say. Raises ConfigError."""
    stages = [
        Stage(item.alias, item.make(), item.match.accepts, item.tag_prefix)
        for item in config.filters
    ]
    for stage in stages:
        if isinstance(stage.filter, Noticing):
            for notice in stage.filter.notices:
                log.error("%s: %s", stage.name, notice)
    return stages


Item = TypeVar("Item", InputConfig, OutputConfig)
Made = TypeVar("Made")


def _made(item: Item, make: Callable[[Item], Made]) -> Made:
    """What a section of the configuration makes. Raises ConfigError where a file is unusable."""
    try:
        return make(item)
    except OSError as error:
        raise ConfigError(
            f"{item.name}: a file that it needs cannot be used: {error}",
            source=item.position.source,
            line=item.position.line,
            column=item.position.column,
        ) from error


def _widest_limits(config: Config) -> Limits:
    inputs = [item.options for item in config.inputs]
    return Limits(
        inflated=max((item.decompressed_size_limit for item in inputs), default=Limits().inflated)
    )


def settle_memory() -> None:
    """Set up the process's memory for serving; to be called when the relay has been made."""
    spare_what_stays()
    keep_freed_memory()


def keep_freed_memory() -> None:
    """Have glibc keep up to KEPT bytes of memory that was freed, for the next frame.

    It would give them back to the kernel after each frame, and fetching them again is three
    quarters of what a compressed frame costs. Other C libraries are left as they are.
    """
    with contextlib.suppress(AttributeError, OSError):
        mallopt = ctypes.CDLL(None).mallopt
        mallopt(M_MMAP_THRESHOLD, KEPT)
        mallopt(M_TRIM_THRESHOLD, KEPT)


def spare_what_stays() -> None:
    """Have the collector of cycles pass over all that has been made by now, and come rarely.

    What a relay makes for records is freed without it; looking at the rules again and again would
    cost a tenth of its time.
    """
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 10, 20)
