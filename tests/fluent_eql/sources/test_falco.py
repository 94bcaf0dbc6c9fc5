from __future__ import annotations

from support.events import flat
from support.sources import MAKERS, Record, alerts_of, connects, creates


def test_a_file_that_falco_saw_opened_only_is_not_created() -> None:
    opened = MAKERS["falco"](creates())
    opened["output_fields"]["evt.is_open_create"] = False
    assert alerts_of("falco", [MAKERS["falco"](connects()), opened]) == []


def test_falcos_names_may_be_nested_or_all_of_the_record_flat() -> None:
    for spelling in (flat, lambda record: {**record, "output_fields": nested(record)}):
        records = [spelling(MAKERS["falco"](doing)) for doing in (connects(), creates())]
        assert len(alerts_of("falco", records)) == 1


def nested(record: Record) -> Record:
    """Falco's output fields as nested objects; a name that is the start of others stays."""
    fields: Record = {}
    for name, value in record["output_fields"].items():
        head, _, rest = name.partition(".")
        fields.setdefault(head, {})[rest] = value
    return fields


def test_the_start_of_a_process_tells_falcos_processes_apart() -> None:
    late = MAKERS["falco"](creates())
    late["output_fields"]["proc.pid.ts"] += 1
    assert alerts_of("falco", [MAKERS["falco"](connects()), late]) == []
