from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from fluent_eql.filter import EqlFilter
from fluent_eql.options import duration, option, text
from fluent_eql.registry import FilterRegistry
from fluent_eql.settings import EqlOptions
from fluent_eql.shim import PythonFilter, PythonOptions
from fluent_eql.testing import FilterDriver
from fluent_pipeline.config import (
    Config,
    FileOutputConfig,
    ForwardInputConfig,
    ForwardOutputConfig,
    Position,
    ServiceConfig,
    StdoutOutputConfig,
    User,
    load_config,
    parse_config,
)
from fluent_pipeline.errors import ConfigError
from support.events import SECOND, Scene

ROOT = Path(__file__).parents[3]

ISSUED = """\
service:
  http_server: on
  http_listen: 127.0.0.1
  http_port: 2021
pipeline:
  inputs:
    - name: forward
      listen: 127.0.0.1
      port: 24225
  filters:
    - name: eql
      match: '*'
      rules: conf/rules
      reorder_window: 2s
  outputs:
    - name: forward
      match: '*'
      host: 127.0.0.1
      port: 24224
      require_ack_response: true
"""


@dataclass(frozen=True, slots=True)
class SampleOptions:
    word: str = option("word", text, "a word", default="none")
    ttl: int = option("state.ttl", duration, "how long", default=1)


class Sample:
    Options = SampleOptions

    @classmethod
    def create(cls, options: SampleOptions) -> Any:
        raise AssertionError("loading makes no filter")


def parse(source: str, **environ: str) -> Config:
    registry = FilterRegistry()
    registry.register("sample", Sample, origin="sample-package 1.0")
    return parse_config(source, source="test.yaml", environ=environ, registry=registry)


def failure(source: str, **environ: str) -> str:
    with pytest.raises(ConfigError) as caught:
        parse(source, **environ)
    return str(caught.value)


def pipeline(stage: str, item: str) -> str:
    """A configuration with one item, whose keys begin at line 3, column 7."""
    lines = [f"      {line}" for line in item.splitlines()]
    lines[0] = f"    - {lines[0].lstrip()}"
    return "\n".join(["pipeline:", f"  {stage}:", *lines, ""])


def test_the_first_configuration_of_a_user_loads_as_it_stands(tmp_path: Path) -> None:
    file = tmp_path / "fluent-eql.yaml"
    file.write_text(ISSUED)
    config = load_config(file, environ={}, working=ROOT)

    assert config.service == ServiceConfig(
        http_server=True, http_listen="127.0.0.1", http_port=2021
    )
    (source,) = config.inputs
    assert source.options == ForwardInputConfig(listen="127.0.0.1", port=24225)
    (eql,) = config.filters
    assert eql.options == EqlOptions(rules=(ROOT / "conf/rules",), reorder_window=2 * 10**9)
    assert isinstance(eql.make(), EqlFilter)
    (target,) = config.outputs
    assert target.options == ForwardOutputConfig(
        host="127.0.0.1", port=24224, require_ack_response=True
    )
    assert config.notes == (
        f"rules: conf/rules → {ROOT / 'conf/rules'} (relative to the working directory)",
    )


def test_its_rules_are_looked_for_beside_the_file_first(tmp_path: Path) -> None:
    file = tmp_path / "fluent-eql.yaml"
    file.write_text(ISSUED)
    (tmp_path / "conf/rules").mkdir(parents=True)
    config = load_config(file, environ={}, working=ROOT)
    assert config.filters[0].options.rules == (tmp_path / "conf/rules",)
    assert config.notes == (
        f"rules: conf/rules → {tmp_path / 'conf/rules'} (relative to the configuration's folder)",
    )


def test_its_rules_in_neither_place_are_an_error_that_names_both(tmp_path: Path) -> None:
    (tmp_path / "a").mkdir()
    (tmp_path / "b").mkdir()
    file = tmp_path / "a/fluent-eql.yaml"
    file.write_text(ISSUED)
    with pytest.raises(ConfigError) as caught:
        load_config(file, environ={}, working=tmp_path / "b")
    assert str(caught.value) == (
        f"{file}:13:14: rules: conf/rules is neither in {tmp_path / 'a'}, the configuration's "
        f"folder, nor in {tmp_path / 'b'}, the working directory"
    )


def test_the_process_lends_its_environment_and_working_directory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / "rules").mkdir()
    (tmp_path / "conf").mkdir()
    file = tmp_path / "conf/a.yaml"
    file.write_text(pipeline("filters", "name: eql\nrules: ${RULES_PLACE}"))
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("RULES_PLACE", "rules")
    assert load_config(Path("conf/a.yaml")).filters[0].options.rules == (tmp_path / "rules",)


@pytest.mark.parametrize(
    "source", ["", "# nothing\n", "service:\npipeline:\n", "pipeline: {inputs: }\n"]
)
def test_an_empty_configuration_has_all_defaults_and_notes_that_nothing_comes_in(
    source: str,
) -> None:
    config = parse(source)
    assert config.service == ServiceConfig()
    assert (config.inputs, config.filters) == ((), ())
    assert [output.options for output in config.outputs] == [StdoutOutputConfig()]
    assert config.notes == ("pipeline.inputs: none, so nothing can come in",)


def test_a_byte_order_mark_is_skipped(tmp_path: Path) -> None:
    file = tmp_path / "a.yaml"
    file.write_text("\ufeffservice: {http_port: 1}\n", "utf-8")
    assert load_config(file).service.http_port == 1


@pytest.mark.parametrize(
    ("content", "reason"),
    [(None, "cannot be read: No such file"), (b"service: \xff", "is not UTF-8 text")],
)
def test_a_file_that_cannot_be_read_is_an_error_that_names_it(
    tmp_path: Path, content: bytes | None, reason: str
) -> None:
    file = tmp_path / "a.yaml"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigError, match=reason) as caught:
        load_config(file)
    assert str(caught.value).startswith(f"{file}: ")


def test_a_folder_is_no_configuration(tmp_path: Path) -> None:
    with pytest.raises(ConfigError, match="cannot be read: Is a directory"):
        load_config(tmp_path)


@pytest.mark.parametrize(
    ("source", "error"),
    [
        ("[a]\n", "test.yaml:1:1: the configuration: expected a map, found a list"),
        (
            "pipelin: {}\n",
            "test.yaml:1:1: the configuration: unknown key pipelin; did you mean pip",
        ),
        ("pipeline: on\n", "test.yaml:1:11: pipeline: expected a map, found a single value"),
        (
            "pipeline:\n  input: []\n",
            "test.yaml:2:3: pipeline: unknown key input; did you mean inp",
        ),
        ("pipeline:\n  inputs: {}\n", "test.yaml:2:11: inputs: expected a list, found a map"),
        ("pipeline:\n  inputs: [a]\n", "test.yaml:2:12: input: expected a map, found a single val"),
        ("service: [a]\n", "test.yaml:1:10: service: expected a map, found a list"),
        ("service:\n  htp_port: 1\n", "test.yaml:2:3: service: unknown key htp_port; did you mea"),
        ("service: {flush: 1}\n", "test.yaml:1:11: service: unknown key flush; expected one of g"),
        ("service: {http_port: x}\n", "test.yaml:1:22: http_port: expected a whole number from 0"),
        ("env: a\n", "test.yaml:1:6: env: expected a map, found a single value"),
        ("service: {grace: 1\n", "test.yaml:2:1: not YAML: "),
    ],
)
def test_a_wrong_section_is_an_error_with_its_place_and_what_was_expected(
    source: str, error: str
) -> None:
    assert failure(source).startswith(error)


@pytest.mark.parametrize(
    ("stage", "item", "error"),
    [
        ("inputs", "port: 1", "3:7: input: the key name is missing: the kind of input"),
        ("inputs", "name: ~", "3:13: input name: expected a single value, found nothing"),
        ("inputs", "port: 1\nname: forwrd", "4:13: no input is named 'forwrd'; did you mean forwa"),
        ("inputs", "name: tail", "3:13: no input is named 'tail'; expected one of forward"),
        (
            "inputs",
            "name: forward\nprot: 1",
            "4:7: input forward: unknown key prot; did you mean p",
        ),
        ("inputs", "name: forward\nport: a", "4:13: port: expected a whole number from 0 to 65535"),
        ("inputs", "name: forward\nmatch: a", "4:7: input forward: unknown key match; expected on"),
        ("filters", "name: smaple", "3:13: no filter is named 'smaple'; did you mean sample?"),
        (
            "filters",
            "name: sample\nwrod: a",
            "4:7: filter sample: unknown key wrod; did you mean w",
        ),
        ("filters", "name: sample\nmatch_regex: (", "4:20: match_regex: expected a regular expres"),
        ("outputs", "name: nul", "3:13: no output is named 'nul'; expected one of file, forward,"),
        ("outputs", "name: stdout\nformat: msgpack", "4:15: format: expected one of json_lines, "),
        ("outputs", "name: forward\nusername: a", "3:7: output forward: username needs shared_key"),
        ("outputs", "name: file\npath: [a]", "4:13: path: expected a single value, found a list"),
    ],
)
def test_a_wrong_item_is_an_error_with_its_place_and_what_was_expected(
    stage: str, item: str, error: str
) -> None:
    assert failure(pipeline(stage, item)).startswith(f"test.yaml:{error}")


def test_the_errors_of_all_sections_come_together_in_their_order() -> None:
    source = "service: {grace: soon}\n" + pipeline("outputs", "name: x")
    lines = failure(source).splitlines()
    assert [line[:14] for line in lines] == ["test.yaml:1:18", "test.yaml:4:13"]


def test_names_and_keys_are_known_in_any_case() -> None:
    config = parse("Service: {HTTP_Port: 1}\nPIPELINE: {Inputs: [{Name: Forward, Port: 2}]}\n")
    assert config.service.http_port == 1
    assert config.inputs[0].options.port == 2
    assert config.inputs[0].name == "forward"


def test_an_input_has_everything_that_the_file_says() -> None:
    (item,) = parse(
        pipeline(
            "inputs",
            "name: forward\nalias: front\nunix_path: /run/f.sock\nunix_perm: 0660\n"
            "shared_key: k\nsecurity:\n  users: {alice: a}\ntag_prefix: in.\n",
        )
    ).inputs
    assert item.alias == "front"
    assert item.position == Position("test.yaml", 3, 7)
    assert item.options == ForwardInputConfig(
        unix_path=Path("/run/f.sock"),
        unix_perm=0o660,
        shared_key="k",
        users=(User("alice", "a"),),
        tag_prefix="in.",
    )


def test_a_filter_keeps_what_the_pipeline_reads_beside_its_own_options() -> None:
    item = "name: sample\nmatch: app.*\ntag_prefix: seen.\nword: w\nstate: {ttl: 2s}"
    (found,) = parse(pipeline("filters", item)).filters
    assert (found.name, found.alias, found.tag_prefix) == ("sample", "sample.0", "seen.")
    plugin: object = found.plugin
    assert plugin is Sample
    assert found.options == SampleOptions(word="w", ttl=2 * 10**9)
    assert found.position == Position("test.yaml", 3, 7)
    assert found.culprit == "filter sample (sample-package 1.0)"
    assert found.match.accepts("app.web")
    assert not found.match.accepts("db")


@pytest.mark.parametrize("stage", ["filters", "outputs"])
def test_without_a_match_every_tag_is_taken_and_with_a_regex_only_what_fits(stage: str) -> None:
    name = {"filters": "sample", "outputs": "stdout"}[stage]
    (every,) = getattr(parse(pipeline(stage, f"name: {name}")), stage)
    (some,) = getattr(parse(pipeline(stage, f"name: {name}\nmatch_regex: app[0-9]")), stage)
    assert every.match.accepts("db")
    assert some.match.accepts("app1")
    assert not some.match.accepts("db")


def test_outputs_have_their_own_kinds_of_options(tmp_path: Path) -> None:
    source = (
        "pipeline: {outputs: [{name: file, path: out, file: a.ndjson}, {name: stdout}, "
        "{name: forward, net: {connect_timeout: 1s}}]}\n"
    )
    config = parse_config(source, working=tmp_path, environ={}, registry=FilterRegistry())
    assert [output.options for output in config.outputs] == [
        FileOutputConfig(path=tmp_path / "out", file="a.ndjson"),
        StdoutOutputConfig(),
        ForwardOutputConfig(connect_timeout=10**9),
    ]


def test_items_without_an_alias_are_numbered_by_their_name() -> None:
    config = parse(
        "pipeline: {outputs: [{name: stdout}, {name: file}, {name: stdout, alias: last},"
        " {name: stdout}]}\n"
    )
    aliases = [output.alias for output in config.outputs]
    assert aliases == ["stdout.0", "file.0", "last", "stdout.2"]


def test_an_alias_is_given_once() -> None:
    error = failure(
        "pipeline:\n  outputs:\n  - {name: stdout, alias: a}\n  - {name: file, alias: a}\n"
    )
    assert error == "test.yaml:4:5: output file: the alias a is taken by another output"


def test_variables_come_from_the_environment_and_else_from_env() -> None:
    source = "env: {PORT: 1, LISTEN: b}\nservice: {http_port: '${PORT}', http_listen: '${LISTEN}'}"
    service = parse(source, PORT="2").service
    assert (service.http_port, service.http_listen) == (2, "b")


def test_the_names_of_variables_keep_their_case() -> None:
    assert parse("env: {a: 1, A: 2}\nservice: {http_port: '${A}'}").service.http_port == 2


def test_a_variable_that_is_set_nowhere_is_an_error_that_names_it() -> None:
    assert failure("service: {http_listen: 'a${NOPE}'}").startswith(
        "test.yaml:1:24: http_listen: the variable ${NOPE} is set neither in the environment"
    )


@pytest.mark.parametrize(
    "tag", ["eql.alert.${rule.slug}", "a.${rule.id}", "alerts.${tag}.${rule.slug}"]
)
def test_the_placeholders_of_the_alert_tag_are_no_variables(tag: str) -> None:
    source = pipeline("filters", f"name: eql\nalert_tag: {tag}")
    assert parse_config(source, environ={"tag": "x"}).filters[0].options.alert_tag == tag


def test_the_installed_filters_are_known() -> None:
    source = pipeline("filters", "name: python\ncall: f\ncode: |\n  def f(t, s, r): ...")
    (item,) = parse_config(source, environ={}).filters
    assert isinstance(item.make(), PythonFilter)
    assert item.options == PythonOptions(call="f", code="def f(t, s, r): ...\n")


def test_the_configuration_that_is_shipped_loads_wherever_it_is_started(tmp_path: Path) -> None:
    config = load_config(ROOT / "conf/fluent-eql.yaml", environ={}, working=tmp_path)
    assert config.filters[0].options.rules == (ROOT / "conf/rules",)
    assert isinstance(config.filters[0].make(), EqlFilter)


SHIPPED_ID = "6d3b5c0e-9a41-4f0b-8f5e-2c7b1f7a9d64"
TUNED = f"""\
pipeline:
  filters:
    - name: eql
      reorder_window: 0
      tuning:
        {SHIPPED_ID}:
          severity: critical
          exceptions:
            - %s
"""


def alerts_of(exception: str, *records: dict[str, Any]) -> list[dict[str, Any]]:
    [item] = parse_config(TUNED % exception).filters
    return FilterDriver(item.make()).send(records).alerts


def test_a_rule_is_tuned_in_the_configuration() -> None:
    scene = Scene()
    records = scene.network(0), scene.file(SECOND)
    (alert,) = alerts_of('file.name == "other"', *records)
    assert alert["severity"] == "critical"
    assert alert["sequence"]["events"][1]["file.name"] == "out.bin"
    assert "file.name" not in alert["sequence"]["events"][0]


@pytest.mark.parametrize(
    "exception",
    [
        'file.name == "out.bin"',
        "'file.path : \"/OPT/*\"'",
        '{stage: 1, condition: file.name == "out.bin"}',
        "{condition: 'process.executable : \"/tmp/*\"', STAGE: 0}",
        "condition: |\n                // by us\n                destination.port > 0",
    ],
)
def test_an_event_that_satisfies_an_exception_of_the_configuration_makes_no_alert(
    exception: str,
) -> None:
    scene = Scene()
    assert not alerts_of(exception, scene.network(0), scene.file(SECOND))


@pytest.mark.parametrize(
    "exception",
    [
        '{stage: 0, condition: file.name == "out.bin"}',
        'no.such.field == "x"',
        "length(no.such.field) > 0",
    ],
)
def test_an_event_that_does_not_satisfy_an_exception_is_the_rules(exception: str) -> None:
    scene = Scene()
    assert len(alerts_of(exception, scene.network(0), scene.file(SECOND))) == 1


def test_two_readings_of_a_tuned_filter_are_equal() -> None:
    first, again = (parse_config(TUNED % 'file.name == "x"').filters[0] for _ in range(2))
    moved = parse_config("# moved\n" + TUNED % 'file.name == "x"').filters[0]
    other = parse_config(TUNED % 'file.name == "y"').filters[0]
    assert first.options == again.options == moved.options != other.options


@pytest.mark.parametrize(
    ("exception", "message"),
    [
        ("file.name ==", "9:15: exceptions: expected"),
        ("nosuch(file.name) == 1", "9:15: exceptions: there is no function nosuch\n    nosuch("),
        ("{stage: 1}", "9:15: exceptions: the key condition is missing: what an event"),
        ("{stage: -1, condition: a == 1}", "9:23: stage: expected a whole number of at least 0"),
        ("{stage: 1, condition: a = 1}", "9:37: condition: expected"),
        ("condition: |\n                a == 1 and\n                b = 1", "9:26: condition: "),
        ('file.path : "/opt/*"', "9:15: exceptions: unknown key file.path; expected one of"),
        ('condition: file.path : "/opt/*"', "9:36: not YAML: mapping values are not allowed"),
    ],
)
def test_a_wrong_exception_is_an_error_at_its_place(exception: str, message: str) -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(TUNED % exception, source="relay.yaml")
    assert f"relay.yaml:{message}" in str(caught.value)


def test_the_caret_of_a_wrong_condition_stands_in_its_line() -> None:
    with pytest.raises(ConfigError) as caught:
        parse_config(TUNED % "condition: |\n                a == 1 and\n                b = 1")
    shown, caret = str(caught.value).splitlines()[1:3]
    assert shown.strip() == "b = 1"
    assert shown[caret.index("^")] == "="


def test_what_is_tuned_and_not_there_is_told_with_the_filter_and_both_places() -> None:
    text = TUNED % "{stage: 2, condition: a == 1}"
    for changed, wrong in (
        (text, "there is no stage 2"),
        (text.replace("6d3b", "6d3c"), "no rule"),
    ):
        [item] = parse_config(changed, source="relay.yaml").filters
        with pytest.raises(ConfigError) as caught:
            item.make()
        first, second = str(caught.value).splitlines()
        assert first == "relay.yaml:3:7: filter eql cannot be made:"
        assert second.startswith("relay.yaml:6:9: tuning 6d3")
        assert wrong in second
