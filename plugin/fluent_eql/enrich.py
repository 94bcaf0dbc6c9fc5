"""What alerts add to a record.

``tags`` gains ``eql-alert`` and the rules' slugs, ``rule`` and ``threat`` describe the first
alert's rule unless the record has them, ``eql.alerts`` gains every alert. Names are those of the
Elastic Common Schema. All else in the record stays byte for byte.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from functools import lru_cache
from typing import Any

from fluent_eql.alert import Alert
from fluent_eql.event import Event, encode_value, text_of
from fluent_eql.rules import Reference, Rule
from fluent_eql.splice import RawMap, array_of, extend_array, is_array, is_map

ALERT_TAG = "eql-alert"


def enrich(event: Event, alerts: Sequence[Alert]) -> bytes:
    """The event's record with the alerts in it, as one raw msgpack map.

    A record whose fields are mostly flat (``{"host.id": …}``) gains flat fields, any other nested
    ones. An alert whose id the record has already is not added again.
    """
    record = event.record
    flat = is_flat(record)
    raw = RawMap(event.raw)
    known = _known_ids(record)
    fresh = [alert for alert in alerts if alert.id not in known]
    if not fresh:
        return event.raw
    _add_tags(raw, record, [ALERT_TAG, *(alert.rule.slug for alert in fresh)])
    rule = fresh[0].rule
    _add_object(raw, "rule", _encoded("rule", rule, flat))
    _add_object(raw, "threat", _encoded("threat", rule, flat))
    _add_alerts(raw, [encode_value(alert.to_dict()) for alert in fresh], flat)
    return raw.to_bytes()


def is_flat(record: Mapping[str, Any]) -> bool:
    """Whether at least as many of the record's keys are dotted names as are nested objects."""
    dotted = sum(1 for key in record if _is_dotted(key))
    nested = sum(
        1 for key, value in record.items() if isinstance(value, dict) and not _is_dotted(key)
    )
    return dotted > 0 and dotted >= nested


def _is_dotted(key: object) -> bool:
    return isinstance(key, str) and "." in key


def rule_fields(rule: Rule) -> dict[str, Any]:
    """ECS ``rule.*``: id, name, ruleset, version, reference, as far as the rule has them."""
    fields = {
        "id": rule.id,
        "name": rule.name,
        "ruleset": rule.ruleset,
        "version": rule.version,
        "reference": rule.references[0] if rule.references else None,
    }
    return {name: value for name, value in fields.items() if value is not None}


def threat_fields(rule: Rule) -> dict[str, Any]:
    """ECS ``threat.*``: framework, and arrays of tactics, techniques and subtechniques."""
    if not rule.threats:
        return {}
    techniques = [item for threat in rule.threats for item in threat.techniques]
    subtechniques = [item for threat in rule.threats for item in threat.subtechniques]
    fields: dict[str, Any] = {
        "framework": rule.threats[0].framework,
        "tactic": _columns([threat.tactic for threat in rule.threats]),
    }
    if techniques:
        fields["technique"] = _columns(techniques)
    if subtechniques:
        fields["technique"]["subtechnique"] = _columns(subtechniques)
    return fields


def _columns(items: Sequence[Reference]) -> dict[str, Any]:
    return {
        "id": [item.id for item in items],
        "name": [item.name for item in items],
        "reference": [item.reference for item in items],
    }


def _known_ids(record: Mapping[str, Any]) -> set[str]:
    eql = record.get("eql")
    nested = eql.get("alerts") if isinstance(eql, dict) else None
    alerts = record.get("eql.alerts", nested)
    if not isinstance(alerts, list):
        return set()
    ids = [alert.get("id") for alert in alerts if isinstance(alert, dict)]
    return {known for known in ids if isinstance(known, str)}


def _add_tags(raw: RawMap, record: Mapping[str, Any], tags: Sequence[str]) -> None:
    present = record.get("tags")
    if isinstance(present, dict):
        return
    listed = present if isinstance(present, list) else [present]
    known = {text_of(tag) for tag in listed if isinstance(tag, str | bytes)}
    added = [encode_value(tag) for tag in dict.fromkeys(tags) if tag not in known]
    raw_tags = raw.get("tags")
    if raw_tags is None or present is None:
        raw.set("tags", array_of(added))
    elif isinstance(present, list):
        raw.set("tags", extend_array(raw_tags, added))
    else:
        raw.set("tags", array_of([raw_tags, *added]))


@lru_cache(maxsize=4096)
def _encoded(name: str, rule: Rule, flat: bool) -> list[tuple[str, bytes]]:
    """The pairs that say ``rule.*`` or ``threat.*`` of a rule."""
    fields = rule_fields(rule) if name == "rule" else threat_fields(rule)
    if not fields:
        return []
    pairs = flattened(name, fields) if flat else [(name, fields)]
    return [(key, encode_value(value)) for key, value in pairs]


def _add_object(raw: RawMap, name: str, pairs: Sequence[tuple[str, bytes]]) -> None:
    if any(key == name or key.startswith(f"{name}.") for key in raw.names()):
        return
    for key, value in pairs:
        raw.set(key, value)


def flattened(prefix: str, fields: Mapping[str, Any]) -> list[tuple[str, Any]]:
    """Nested fields as dotted names and values."""
    pairs: list[tuple[str, Any]] = []
    for key, value in fields.items():
        name = f"{prefix}.{key}"
        pairs += flattened(name, value) if isinstance(value, dict) else [(name, value)]
    return pairs


def _add_alerts(raw: RawMap, alerts: list[bytes], flat: bool) -> None:
    nested = raw.get("eql")
    if "eql.alerts" in raw.names() or (flat and nested is None):
        raw.set("eql.alerts", _appended(raw.get("eql.alerts"), alerts))
    elif nested is None:
        raw.set("eql", _alerts_object(RawMap(b"\x80"), alerts))
    elif is_map(nested):
        raw.set("eql", _alerts_object(RawMap(nested), alerts))
    else:
        raw.set("eql.alerts", array_of(alerts))


def _alerts_object(eql: RawMap, alerts: list[bytes]) -> bytes:
    eql.set("alerts", _appended(eql.get("alerts"), alerts))
    return eql.to_bytes()


def _appended(present: bytes | None, alerts: list[bytes]) -> bytes:
    if present is None or present == b"\xc0":
        return array_of(alerts)
    return extend_array(present, alerts) if is_array(present) else array_of([present, *alerts])
