"""The EQL filter: events → stage matches → alerts → enriched records."""

from __future__ import annotations

from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from functools import partial
from operator import itemgetter
from typing import NamedTuple

from fluent_eql.alert import Alert
from fluent_eql.api import KEEP, Batch, Body, Emission, Metric, Note, Outcome, Problem, Replace
from fluent_eql.columns import Row
from fluent_eql.detection import (
    EvictionWarnings,
    SequenceRule,
    typed_key,
)
from fluent_eql.enrich import enrich
from fluent_eql.errors import SourceError
from fluent_eql.event import Event
from fluent_eql.filed import FiledBatch
from fluent_eql.frame_intake import FrameIntake
from fluent_eql.held import Held, Subject, match_of, note_of
from fluent_eql.inspection import Inspection
from fluent_eql.loading import load_for
from fluent_eql.match.agenda import Agenda
from fluent_eql.match.entity import Entity
from fluent_eql.match.machine import StageMatch
from fluent_eql.notes import decode_note, digest_of
from fluent_eql.rules import Rule
from fluent_eql.running import RunningRules, changes_between
from fluent_eql.settings import EqlOptions, fixed_keys_changed


class _Undecided(NamedTuple):
    """A sequence of a rule that is decided when the event time ``deadline`` is over.

    ``held`` is the event that waits for it, None where it has left.
    """

    sequence: SequenceRule
    entity: Entity
    match: StageMatch
    deadline: int
    held: Held | None


class EqlFilter:
    """Runs rules on the events it is given; see :mod:`fluent_eql.api` for the contract."""

    Options = EqlOptions

    def __init__(self, rules: Sequence[Rule], settings: EqlOptions) -> None:
        self._settings = settings
        self._is_timed = settings.reorder_window is not None
        self.refused: tuple[SourceError, ...] = ()
        self.skipped: tuple[tuple[str, str], ...] = ()
        self._running = RunningRules(rules, settings)
        self._intake = FrameIntake(self._running, settings)
        self._agenda: Agenda[_Undecided] = Agenda()
        self._alerts: Counter[tuple[str, bool]] = Counter()
        self._evictions = EvictionWarnings()

    @classmethod
    def create(cls, options: EqlOptions) -> EqlFilter:
        """Load the rules that the options name, tuned and filtered as they say.

        Raises RuleErrors where there is none to run, and where what is tuned is not there.

        ``refused`` are the errors of those that cannot run, ``skipped`` the files of those that are
        left out, and why.
        """
        found = load_for(options)
        made = cls(found.rules, options)
        made.refused = tuple(found.errors)
        made.skipped = tuple(found.skipped)
        return made

    @property
    def rules(self) -> tuple[Rule, ...]:
        """The rules that run."""
        return self._running.rules

    @property
    def inspection(self) -> Inspection:
        """A look at the rules, see :class:`fluent_eql.api.Inspectable`."""
        return Inspection(self._running, self._settings.mapping)

    @property
    def notices(self) -> list[str]:
        """What is wrong with rules that do not run, see :class:`fluent_eql.api.Noticing`."""
        return [str(error) for error in self.refused]

    def screen(self, body: Body) -> Sequence[int] | None:
        return self._running.screen.offsets(body)

    def process(self, events: Sequence[Event], now: int) -> Outcome:
        outcome = Outcome()
        holds = [held for event in events if (held := self._take(event, now, outcome))]
        self._conclude(holds, now, outcome)
        return outcome

    def process_batch(self, batch: Batch, now: int) -> Outcome:
        """Take a frame as a whole, see :class:`fluent_eql.api.WholeFrames`."""
        intake = self._intake
        filed = intake.file(batch, now)
        if filed is None:
            events = [batch.event(number) for number in range(len(batch.ends))]
            return self.process([event for event in events if event is not None], now)
        outcome = Outcome()
        holds: list[Held] = []
        for number, row, found in intake.suspects(filed):
            if held := self._take_row(filed, number, row, found, outcome):
                holds.append(held)
        self._conclude(holds, now, outcome)
        if filed.is_open:
            outcome.held_batches.append(batch)
        elif batch in outcome.released_batches:  # it has waited for a window of nothing
            outcome.released_batches.remove(batch)
        return outcome

    def advance(self, now: int) -> Outcome:
        outcome = Outcome()
        self._decide_due(now, outcome)
        for sequence in self._running.sequences.values():
            sequence.matcher.expire(now)
        self._intake.expire(now)
        outcome.warnings += self._evictions.due(self._running.sequences.values(), now)
        return outcome

    def next_deadline(self) -> int | None:
        intake = self._intake
        times = (
            intake.window.next_deadline(),
            intake.followers.next_deadline(),
            intake.filed.next_deadline(),
            self._agenda.next_due() if self._is_timed else None,
        )
        return min((time for time in times if time is not None), default=None)

    def flush(self, now: int) -> Outcome:
        """Decide everything that is held.

        What a sequence ends without is missing at the end of a stream without reorder window;
        with one, a sequence whose time has not passed is left undecided.
        """
        outcome = Outcome()
        for held in self._intake.followers.all():
            self._let_go(held, outcome)
        for filed in self._intake.filed.all():
            self._release(filed, outcome)
        for waiting in self._intake.window.all():
            self._intake.read(waiting.rule, waiting.entity)
            self._decide(waiting.rule, waiting.entity, waiting.entity.take_all(), outcome)
        for undecided in self._agenda.take(None):
            self._end_of(undecided, outcome, is_over=not self._is_timed)
        return outcome

    @property
    def memory(self) -> int:
        """The longest ``state.ttl`` of a rule, see :class:`fluent_eql.api.Stateful`."""
        return max((rule.matcher.ttl for rule in self._running.sequences.values()), default=0)

    def recall(self, notes: Iterable[tuple[int, bytes]], now: int) -> list[str]:
        """Know noted stage matches again, see :class:`fluent_eql.api.Stateful`."""
        self._intake.is_noting = True
        sequences = {sequence.rule.id: sequence for sequence in self._running.sequences.values()}
        found: dict[Hashable, tuple[SequenceRule, StageMatch]] = {}
        unreadable, forgotten = 0, dict[str, None]()
        for age, data in notes:
            try:
                noted = decode_note(data)
            except ValueError:
                unreadable += 1
                continue
            sequence = sequences.get(noted.rule_id)
            if sequence is None or noted.digest != digest_of(sequence.rule):
                forgotten[noted.rule_id] = None
            else:
                match = match_of(noted, now - age)
                found[noted.rule_id, typed_key(noted.by), noted.order] = sequence, match
        for sequence, match in sorted(found.values(), key=lambda item: item[1].arrived):
            self._intake.remember(sequence, typed_key(match.subject.by), match)
        numbered = [match.order[2] + 1 for _, match in found.values()]
        self._intake.number_from(max(numbered, default=0))
        told = [f"{rule_id}: what the rule remembered is forgotten" for rule_id in forgotten]
        return told + ([f"{unreadable} notes cannot be read"] if unreadable else [])

    def objection(self, successor: EqlFilter) -> str | None:
        """Why this cannot go on as ``successor``, see :class:`fluent_eql.api.Reloadable`.

        That is a setting that what is remembered depends on, or a rule file that has become wrong.
        """
        if fixed := fixed_keys_changed(self._settings, successor._settings):
            return f"{', '.join(fixed)}: only a restart can change that"
        known = {error.source for error in self.refused}
        fresh = [str(error) for error in successor.refused if error.source not in known]
        return "\n".join(fresh) or None

    def go_on_as(self, successor: EqlFilter, now: int) -> Outcome:
        """Run the rules of ``successor``, see :class:`fluent_eql.api.Reloadable`.

        A rule that has not changed keeps what it remembers. What waits for one that has, or that
        is gone, is decided at once by the rule as it was.
        """
        outcome = Outcome()
        kept = successor._running.take_over(self._running)
        for sequence, entity, match, _ in self._intake.window.without(kept):
            self._intake.read(sequence, entity)
            self._decide(sequence, entity, entity.take(match.order), outcome)
        for undecided in self._agenda.take_where(lambda item: item.sequence not in kept):
            self._end_of(undecided, outcome, is_over=False)
        outcome.warnings.append(changes_between(self.rules, successor.rules))
        self._settings = successor._settings
        self.refused, self.skipped = successor.refused, successor.skipped
        self._running = successor._running
        self._intake.go_on_with(self._running, now)
        return outcome

    def metrics(self) -> Iterator[Metric]:
        yield Metric(
            "fluent_eql_events_decoded_total",
            "Records that the rules looked at",
            "counter",
            self._intake.decoded,
        )
        yield from self._intake.followers.metrics()
        for rule in self.rules:
            for late in (False, True):
                yield Metric(
                    "fluent_eql_alerts_total",
                    "Completed rules",
                    "counter",
                    self._alerts[rule.id, late],
                    (*rule.labels, ("late", str(late).lower())),
                )
        for sequence in self._running.sequences.values():
            yield from sequence.metrics()

    def time_of(self, event: Event) -> int:
        """When an event happened, in nanoseconds since the epoch.

        Raises ValueError where its record is not one msgpack map.
        """
        return self._running.observer.observe(event).time

    def _take(self, event: Event, now: int, outcome: Outcome) -> Held | None:
        """Look at one event; what holds it, if something does."""
        try:
            held = self._intake.take(event, now)
        except ValueError as error:
            outcome.problems.append(Problem(event, str(error)))
            return None
        return self._settle_or_hold(held, outcome)

    def _take_row(
        self, filed: FiledBatch, number: int, row: Row | None, found: int, outcome: Outcome
    ) -> Held | None:
        """Look at one record of a frame; what holds it, if something does."""
        try:
            held = self._intake.take_row(filed, number, row, found)
        except ValueError as error:
            event = filed.batch.event(number)
            if event is not None:
                outcome.problems.append(Problem(event, str(error)))
            return None
        return self._settle_or_hold(held, outcome)

    def _conclude(self, holds: list[Held], now: int, outcome: Outcome) -> None:
        """Decide what is due; ``holds`` and those held because of them wait."""
        self._decide_due(now, outcome)
        holds += self._intake.newly_held
        self._intake.newly_held.clear()
        outcome.held += dict.fromkeys(held.event for held in holds if held.open)
        outcome.warnings += self._evictions.due(self._running.sequences.values(), now)

    def _settle_or_hold(self, held: Held | None, outcome: Outcome) -> Held | None:
        if held is None or held.waiting:
            return held
        if held.alerts:
            self._settle(held, outcome)
        else:
            self._note(held.event, held.matches, outcome)
        return None

    def _release(self, filed: FiledBatch, outcome: Outcome) -> None:
        """A frame has waited for long enough."""
        outcome.released_batches.append(filed.batch)
        for held in filed.release():
            self._let_go(held, outcome)

    def _decide_due(self, now: int, outcome: Outcome) -> None:
        intake = self._intake
        for held in intake.followers.due(now):
            self._let_go(held, outcome)
        for filed in intake.filed.due(now):
            self._release(filed, outcome)
        for sequence, entity, match, _ in intake.window.due(now):
            intake.read(sequence, entity)
            self._decide(sequence, entity, entity.take(match.order), outcome)
        if len(self._agenda) and self._is_timed:
            for undecided in self._agenda.take(now):
                entity = undecided.entity
                intake.read(undecided.sequence, entity)
                batch = entity.take_until(undecided.deadline)
                self._decide(undecided.sequence, entity, batch, outcome)
                self._end_of(undecided, outcome, is_over=True)

    def _decide(
        self, sequence: SequenceRule, entity: Entity, batch: list[StageMatch], outcome: Outcome
    ) -> None:
        """Run a key's next events."""
        if not batch:
            return
        for match in sequence.matcher.run(entity, batch):
            self._complete(sequence, match, outcome)
        if sequence.ends_missing:
            self._await_time(sequence, entity)
        for match in batch:
            held = match.subject.held
            if held is not None and held.open:
                self._let_go(held, outcome)

    def _await_time(self, sequence: SequenceRule, entity: Entity) -> None:
        """Have the sequences that time has to decide decided then."""
        for undecided in sequence.matcher.undecided(entity):
            match, deadline = undecided.sequence[-1], undecided.deadline
            if match.deadline == deadline:
                continue
            match.deadline = deadline
            held: Held | None = match.subject.held
            if held is None or not held.open or not sequence.waits_in_place:
                held = None
            else:
                held.waiting += 1
            waiting = _Undecided(sequence, entity, match, deadline, held)
            self._agenda.add(sequence.due(undecided), waiting)

    def _end_of(self, undecided: _Undecided, outcome: Outcome, *, is_over: bool) -> None:
        """Time has passed, or with it ``is_over`` no more is to be waited for."""
        sequence, entity, match, deadline, held = undecided
        if is_over and sequence.matcher.decide(entity, match, deadline):
            self._complete(sequence, match, outcome)
        if held is not None and held.open:
            self._let_go(held, outcome)

    def _let_go(self, held: Held, outcome: Outcome) -> None:
        held.waiting -= 1
        if not held.waiting:
            self._settle(held, outcome)

    def _complete(self, sequence: SequenceRule, match: StageMatch, outcome: Outcome) -> None:
        subject: Subject = match.subject
        held = subject.held
        if held is None or match.sequence is None:
            raise AssertionError("only an event held for its last stage completes a sequence")
        if subject.announced:
            return
        sources = [part.subject.event for part in match.sequence]
        events = [self._running.observer.observe(event) for event in sources]
        alert = sequence.alert(subject.by, events, sources, late=not held.open)
        is_new = match.sequence[-1] is match
        if held.open:
            held.alerts.append((sequence.number, alert, is_new))
        else:
            self._announce(alert, outcome)
            raw = self._enriched(held.event, [alert], outcome)
            tag, note = self._alert_tag(alert.rule, held.event.tag), partial(note_of, alert.rule)
            outcome.emitted.append(Emission(tag, held.event.time, raw, note=partial(note, match)))

    def _settle(self, held: Held, outcome: Outcome) -> None:
        held.open = False
        if not held.alerts:
            outcome.decided.append((held.event, KEEP))
        else:
            ordered = sorted(held.alerts, key=itemgetter(0))
            raw = self._enriched(held.event, [alert for _, alert, _ in ordered], outcome)
            outcome.decided.append((held.event, Replace((raw,))))
            fresh = [alert for _, alert, is_new in ordered if is_new]
            for alert in fresh:
                self._announce(alert, outcome)
            if self._settings.alert_copies:
                tags = dict.fromkeys(self._alert_tag(a.rule, held.event.tag) for a in fresh)
                outcome.emitted += [Emission(tag, held.event.time, raw, held.event) for tag in tags]
        self._note(held.event, held.matches, outcome)

    def _enriched(self, event: Event, alerts: Sequence[Alert], outcome: Outcome) -> bytes:
        """The record with its alerts; as it came where it can be read only in part."""
        try:
            return enrich(event, alerts)
        except ValueError as error:
            outcome.problems.append(Problem(event, f"cannot be tagged: {error}"))
            return event.raw
        finally:
            event.forget_record()

    def _note(
        self, event: Event, matches: list[tuple[SequenceRule, StageMatch]], outcome: Outcome
    ) -> None:
        outcome.notes += [
            Note(event, partial(note_of, sequence.rule, match)) for sequence, match in matches
        ]
        matches.clear()

    def _announce(self, alert: Alert, outcome: Outcome) -> None:
        outcome.alerts.append(alert.to_dict())
        outcome.evidence[alert.id] = self.inspection.evidence(alert)
        self._alerts[alert.rule.id, alert.late] += 1

    def _alert_tag(self, rule: Rule, tag: str) -> str:
        names = {"${rule.slug}": rule.slug, "${rule.id}": rule.id, "${tag}": tag}
        text = self._settings.alert_tag
        for name, value in names.items():
            text = text.replace(name, value)
        return text
