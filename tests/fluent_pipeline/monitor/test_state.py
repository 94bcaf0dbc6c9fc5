from __future__ import annotations

import asyncio
import json
from importlib.metadata import version
from typing import Any

import aiohttp
import pytest
from openapi_spec_validator import validate
from prometheus_client.parser import text_string_to_metric_families

from fluent_eql.api import Metric
from fluent_eql.filter import EqlFilter
from fluent_eql.settings import EqlOptions
from fluent_eql.testing import make_event
from fluent_pipeline.monitor.kept import KeptAlerts
from fluent_pipeline.monitor.state import document
from support.monitors import RULE, SECOND, alert_of, evidence_of, serving, stage_of
from support.rules import THREATS, rule
from support.sequences import happened

BEARER = {"Authorization": "Bearer s3cret"}
SINGLE = rule('file where process.name == "curl"', name="Single", threats=THREATS, severity="high")
UP = Metric("fluent_eql_output_up", "Up", "gauge", 1, (("name", "forward.0"),))


def eql() -> EqlFilter:
    return EqlFilter([RULE, SINGLE], EqlOptions(reorder_window=0))


def remembering(*keys: str) -> EqlFilter:
    found = eql()
    found.process([make_event(happened(key, "n", 0, k=key)) for key in keys], now=0)
    return found


async def test_it_is_ready_until_something_keeps_records_from_being_taken() -> None:
    reasons: list[str] = []
    async with serving(unready=lambda: reasons) as asking:
        assert await asking.get("/api/v1/ready") == {"status": "ready", "reasons": []}
        reasons.append("stopping")
        told = await asking.get("/api/v1/ready", status=503)
    assert told == {"status": "unready", "reasons": ["stopping"]}


async def test_uptime_is_told_in_seconds_and_in_words_as_fluent_bit_does() -> None:
    async with serving() as asking:
        told = await asking.get("/api/v1/uptime")
    assert told["uptime_sec"] < 60
    assert told["uptime_hr"].startswith("fluent-eql has been running: 0 days, 0 hours, 0 minutes")


@pytest.mark.parametrize(
    "path", ["/metrics", "/api/v1/metrics/prometheus", "/api/v2/metrics/prometheus"]
)
async def test_prometheus_finds_its_metrics_where_fluent_bit_has_them(path: str) -> None:
    async with serving(sample=lambda: [UP]) as asking:
        text = await asking.get(path)
    assert "fluent_eql_output_up" in {
        family.name for family in text_string_to_metric_families(text)
    }


async def test_metrics_are_told_in_fluent_bits_layout() -> None:
    async with serving(sample=lambda: [UP]) as asking:
        told = await asking.get("/api/v1/metrics")
    assert set(told) == {"input", "filter", "output", "samples"}
    assert "forward.0" in told["output"]


async def test_the_status_tells_what_a_page_shows() -> None:
    alerts = KeptAlerts()
    alerts.add(alert_of(1), None)
    async with serving(alerts, sample=lambda: [UP], troubles=lambda: ["down"]) as asking:
        told = await asking.get("/api/v1/status")
        again = await asking.get("/api/v1/status?minutes=1440")
    assert (told["version"], told["troubles"]) == (version("fluent-eql"), ["down"])
    assert told["outputs"][0]["up"] is True
    assert told["alerts_over_time"]["minutes"] == 60
    [count] = told["alerts_over_time"]["counts"]
    assert count["by_severity"] == {"low": 1}
    assert count["minutes_ago"] in (0, 1)
    assert again["clock_ns"] > told["clock_ns"]


async def test_more_than_a_day_of_alerts_is_not_told() -> None:
    async with serving() as asking:
        assert "minutes" in await asking.get("/api/v1/status?minutes=1441", status=400)


async def test_the_rules_are_listed_with_their_counts() -> None:
    matches = Metric(
        "fluent_eql_stage_matches_total",
        "Matches",
        "counter",
        3,
        (("rule", "a"), ("rule_id", RULE.id)),
    )
    async with serving(stages=[stage_of(eql())], sample=lambda: [matches]) as asking:
        first, second = (await asking.get("/api/v1/rules"))["rules"]
    assert (first["name"], first["kind"], first["stages"]) == ("A rule", "sequence", 2)
    assert (first["maxspan_ns"], first["filter"]) == (5 * SECOND, "eql.0")
    assert first["counts"] == {"alerts": 0, "late": 0, "stage_matches": 3}
    assert (second["severity"], second["screened"]) == ("high", True)
    assert "query" not in first


async def test_one_rule_is_told_with_its_query_its_threats_and_its_screening() -> None:
    async with serving(stages=[stage_of(eql())]) as asking:
        told = await asking.get("/api/v1/rules/id-Single")
        await asking.get("/api/v1/rules/id-None", status=404)
    assert told["query"] == SINGLE.query_text
    assert told["threats"][0]["tactic"]["id"] == "TA1"
    assert told["screening"] == [[{"field": "name", "text": "curl", "caseless": False}]]
    assert told["counts"] == {"alerts": 0, "late": 0}


@pytest.mark.parametrize("path", ["/api/v1/rules", "/api/v1/rules/id-Single"])
async def test_who_may_not_read_is_told_no_rule(path: str) -> None:
    async with serving(stages=[stage_of(eql())], token="s3cret") as asking:
        told = await asking.get(path, status=401, X_Forwarded_For="192.0.2.7")
    assert "Single" not in told


async def test_entities_are_told_to_who_bears_the_token() -> None:
    stages = [stage_of(remembering("a", "b", "c"))]
    async with serving(stages=stages, token="s3cret") as asking:
        told = await asking.get("/api/v1/entities?limit=2", **BEARER)
        by_value = await asking.get("/api/v1/entities?value=a", **BEARER)
        by_rule = await asking.get("/api/v1/entities?rule=other", **BEARER)
        await asking.get("/api/v1/entities", status=401)
    assert [entity["by"] for entity in told["entities"]] == [{"k": "c"}, {"k": "b"}]
    assert told["more"] is True
    [only] = by_value["entities"]
    assert (only["events"], only["filter"], only["rule"]["id"]) == (1, "eql.0", RULE.id)
    assert only["age_sec"] > 0
    assert by_rule == {"entities": [], "more": False}


async def test_without_a_token_nobody_is_told_of_entities() -> None:
    async with serving(stages=[stage_of(remembering("a"))]) as asking:
        assert "http_token" in await asking.get("/api/v1/entities", status=403)


async def test_a_reload_goes_on_where_who_asked_for_it_has_gone() -> None:
    begun, may_end, done = asyncio.Event(), asyncio.Event(), asyncio.Event()

    async def reload() -> list[str]:
        begun.set()
        await may_end.wait()
        done.set()
        return []

    async with serving(token="s3cret", reload=reload) as asking, aiohttp.ClientSession() as http:
        url = f"{asking.server.address}/api/v1/reload"
        request = asyncio.create_task(http.post(url, headers=BEARER))
        await begun.wait()
        request.cancel()
        await asyncio.wait([request])
        await asking.get("/api/v1/health")
        may_end.set()
        async with asyncio.timeout(30):
            await done.wait()


def spec() -> dict[str, Any]:
    return dict(json.loads(document()))


def test_the_document_is_openapi_and_has_this_version() -> None:
    validate(spec())
    assert spec()["info"]["version"] == version("fluent-eql")


async def test_the_document_has_every_path_of_the_api_and_no_other() -> None:
    async with serving() as asking:
        told = await asking.get("/api/v1/openapi.json")
        runner = asking.server._runner
        assert runner is not None
        served = {
            (route.method.lower(), resource.canonical)
            for resource in runner.app.router.resources()
            for route in resource
            if route.method != "HEAD" and resource.canonical not in ("/", "/page/{name}")
        }
    documented = {(method, path) for path, item in told["paths"].items() for method in item}
    assert documented == served


def answers() -> list[tuple[str, str]]:
    named = {"/api/v1/alerts/{id}": "alert-1", "/api/v1/rules/{id}": "id-Single"}
    return [
        (path, path.replace("{id}", named.get(path, "")))
        for path, item in spec()["paths"].items()
        if "get" in item and "application/json" in item["get"]["responses"]["200"]["content"]
    ]


@pytest.mark.parametrize(("path", "asked"), answers(), ids=lambda value: value)
async def test_the_answers_are_as_the_document_says(path: str, asked: str) -> None:
    from jsonschema import Draft202012Validator

    alerts = KeptAlerts()
    alerts.add(alert_of(1), evidence_of({"k": 1}, {"k": 2}))
    samples = [
        UP,
        Metric(
            "fluent_eql_target_up", "Up", "gauge", 1, (("name", "forward.0"), ("target", "a:1"))
        ),
    ]
    stages = [stage_of(remembering("a"))]
    async with serving(alerts, token="s3cret", stages=stages, sample=lambda: samples) as asking:
        told = await asking.get(asked, **BEARER)
    whole = spec()
    schema = whole["paths"][path]["get"]["responses"]["200"]["content"]["application/json"][
        "schema"
    ]
    Draft202012Validator({**schema, "components": whole["components"]}).validate(told)
