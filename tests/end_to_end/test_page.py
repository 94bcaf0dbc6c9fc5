"""The page in a real browser, of a relay that gets its records over TCP."""

from __future__ import annotations

import json
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import pytest_asyncio

from fluent_pipeline.app import Relay
from support.browsers import PHONE, chromium, looking_at, need_a_browser
from support.events import SECOND, Scene
from support.frames import ack_of, forward_frame
from support.ports import free_ports
from support.relays import client_of, configuration, running_relay
from support.rules import rule_file

api = need_a_browser()
expect = api.expect
expect.set_options(timeout=30_000)

pytestmark = pytest.mark.asyncio(loop_scope="module")

SHIPPED = "Network Connection Followed by File Creation"
ROOT = Path(__file__).parents[2]
SINGLE = """
[rule]
rule_id = "{id}"
name = "{name}"
severity = "{severity}"
risk_score = 73
description = "Told <b>plainly</b>."
references = ["https://example.org/{id}", "javascript:alert(1)"]
query = '''any where tool == "{id}"'''
[[rule.threat]]
framework = "MITRE ATT&CK"
technique = []
tactic = {{ id = "TA0003", name = "Persistence", reference = "javascript:alert(2)" }}
"""
MARKUP = "<img src=x onerror=alert(1)><script>alert(2)</script>"


@pytest_asyncio.fixture(scope="module", loop_scope="module")
async def browser() -> AsyncIterator[Any]:
    async with chromium(api) as found:
        yield found


@asynccontextmanager
async def relay_with_rules(folder: Path, **service: Any) -> AsyncIterator[Relay]:
    """A relay with the shipped rule and two of single events, ``tool-a`` and ``tool-b``."""
    rule_file(folder, "a.toml", SINGLE.format(id="tool-a", name="Tool A", severity="high"))
    rule_file(
        folder, "b.toml", SINGLE.format(id="tool-b", name="Tool <i>B</i>", severity="critical")
    )
    text = configuration(
        service={"http_server": "on", "http_port": 0, **service},
        eql={"reorder_window": "0", "rules": [str(ROOT / "conf/rules"), str(folder)]},
        outputs=[{"name": "file", "path": str(folder), "file": "out.ndjson"}],
    )
    async with running_relay(text) as relay:
        yield relay


def address(relay: Relay) -> str:
    assert relay.monitor is not None
    return relay.monitor.address + "/"


async def send(relay: Relay, *records: Mapping[str, Any]) -> None:
    """Send records over TCP, as a client of the forward protocol does."""
    async with client_of(relay) as client:
        await client.send(forward_frame(records, chunk="c").raw)
        await client.read_until(ack_of("c"))


def used(tool: str, number: int = 1, **fields: Any) -> dict[str, Any]:
    """A record that completes one of the rules of single events."""
    return {"tool": tool, "event": {"id": f"{tool}-{number}"}, "host": {"name": "web-01"}, **fields}


def sequence(scene: Scene) -> tuple[dict[str, Any], dict[str, Any]]:
    return scene.network(0, host__name="db-07"), scene.file(SECOND, host__name="db-07")


def rows(page: Any) -> Any:
    return page.locator("#rows tr.line")


async def live(page: Any) -> None:
    await expect(page.locator("#live")).to_have_text("live")


async def test_an_alert_appears_as_soon_as_its_records_have_come(
    browser: Any, tmp_path: Path
) -> None:
    async with relay_with_rules(tmp_path) as relay, looking_at(browser, address(relay)) as page:
        await live(page)
        await expect(page.locator("#none")).to_contain_text("No alerts yet")
        await send(relay, *sequence(Scene()))
        row = rows(page)
        await expect(row).to_have_count(1)
        for text in (SHIPPED, "db-07", "low", "/tmp/agent", "/opt/out.bin", "1 s"):
            await expect(row).to_contain_text(text)
        await expect(page.locator("#found b")).to_have_text("1")
        await expect(page.locator("#records small")).to_contain_text("2 in all")
        await expect(page.locator("#chart rect.low")).to_have_count(1)
        await expect(page.locator("#targets")).to_contain_text("2 written")


async def test_alerts_that_were_found_before_are_there_the_newest_first(
    browser: Any, tmp_path: Path
) -> None:
    async with relay_with_rules(tmp_path) as relay:
        await send(relay, *(used("tool-a", n) for n in range(149)), used("tool-b"))
        async with looking_at(browser, address(relay)) as page:
            await expect(rows(page)).to_have_count(100)
            await expect(rows(page).first).to_contain_text("Tool <i>B</i>")
            await page.get_by_role("button", name="Older alerts").click()
            await expect(rows(page)).to_have_count(150)
            await expect(page.get_by_role("button", name="Older alerts")).to_be_hidden()


async def test_an_opened_sequence_is_a_timeline_with_gaps_fields_techniques_and_records(
    browser: Any, tmp_path: Path
) -> None:
    scene = Scene()
    network, file = sequence(scene)
    async with relay_with_rules(tmp_path) as relay, looking_at(browser, address(relay)) as page:
        await send(relay, network | {"big": 2**63}, file)
        await rows(page).get_by_role("button", name=SHIPPED).click()
        events = page.locator(".timeline > li")
        await expect(events).to_have_count(2)
        await expect(events.nth(0)).to_contain_text("1. network")
        await expect(events.nth(0)).to_contain_text("93.184.216.34")
        await expect(events.nth(0).locator("time")).to_have_text("2027-01-15 08:00:00.000 UTC")
        await expect(events.nth(1).locator(".gap")).to_have_text("+1 s, 20 % of maxspan")
        await expect(events.nth(1)).to_contain_text("/opt/out.bin")
        await expect(page.locator("svg.span")).to_contain_text("maxspan 5 s")
        technique = page.get_by_role("link", name="Web Protocols T1071.001")
        await expect(technique).to_have_attribute(
            "href", "https://attack.mitre.org/techniques/T1071/001/"
        )
        await expect(technique).to_have_attribute("rel", "noopener noreferrer")
        await events.nth(0).locator("summary").click()
        text = await events.nth(0).locator("pre").inner_text()
    assert json.loads(text) == network | {"big": 2**63}
    assert text.startswith('{\n  "')


async def test_alerts_are_filtered_by_rule_host_and_severity_also_those_that_come(
    browser: Any, tmp_path: Path
) -> None:
    async with relay_with_rules(tmp_path) as relay, looking_at(browser, address(relay)) as page:
        await live(page)
        await send(relay, used("tool-a"), used("tool-b"), *sequence(Scene()))
        await expect(rows(page)).to_have_count(3)
        await page.get_by_label("Host").fill("WEB")
        await expect(rows(page)).to_have_count(2)
        await page.locator("#by-severity label", has_text="critical").click()
        await expect(rows(page)).to_have_count(1)
        await expect(rows(page)).to_contain_text("Tool <i>B</i>")
        await live(page)
        await send(relay, used("tool-a", 2), used("tool-b", 2))
        await expect(rows(page)).to_have_count(2)
        await page.get_by_role("button", name="Clear").click()
        await expect(rows(page)).to_have_count(5)
        await page.locator("#by-rule").select_option("Tool A")
        await expect(rows(page)).to_have_count(2)
        await page.get_by_label("Host").fill("nowhere")
        await expect(page.locator("#none")).to_have_text("No alert fits.")


async def test_what_records_and_rules_hold_is_text_and_never_markup(
    browser: Any, tmp_path: Path
) -> None:
    record = used("tool-b", process={"name": MARKUP}, **{MARKUP: MARKUP})
    record["host"]["name"] = MARKUP
    async with relay_with_rules(tmp_path) as relay, looking_at(browser, address(relay)) as page:
        await send(relay, record)
        await expect(rows(page)).to_contain_text(MARKUP)
        await rows(page).get_by_role("button").click()
        await page.locator(".timeline summary").click()
        await expect(page.locator(".timeline pre")).to_contain_text(json.dumps(MARKUP)[1:-1])
        await expect(page.locator("td.detail")).to_contain_text("Told <b>plainly</b>.")
        await expect(page.locator("td.detail")).to_contain_text("Persistence TA0003")
        links = await page.locator("a[href]").evaluate_all("all => all.map(a => a.protocol)")
        assert "javascript:" not in links
        assert await page.locator("img, main script, main b:not(b b) i b").count() == 0
        assert await page.locator("td.detail b, tbody i:not(.severity i)").count() == 0


async def test_rules_show_their_hits_and_what_they_are(browser: Any, tmp_path: Path) -> None:
    async with relay_with_rules(tmp_path) as relay:
        await send(relay, used("tool-a"), *sequence(Scene()), used("tool-a", 2))
        async with looking_at(browser, address(relay)) as page:
            rules = page.locator("#rule-rows tr.line")
            await expect(rules).to_have_count(3)
            await expect(rules.nth(0)).to_contain_text(re.compile("Tool A.*high.*single event.*2"))
            shipped = rules.filter(has_text=SHIPPED)
            await expect(shipped).to_contain_text(re.compile("sequence of 2 in 5 s.*screened"))
            await shipped.get_by_role("button").click()
            await expect(page.locator("#rules pre").first).to_contain_text("sequence by host.id")
            await page.get_by_text("What records must hold").click()
            await expect(page.locator(".texts code").first).to_be_visible()
            await page.get_by_label("Find").fill("tool b")
            await expect(rules).to_have_count(0)
            await page.get_by_label("Find").fill("tool")
            await expect(rules).to_have_count(2)


async def test_the_keyboard_is_enough(browser: Any, tmp_path: Path) -> None:
    async with relay_with_rules(tmp_path) as relay, looking_at(browser, address(relay)) as page:
        await send(relay, used("tool-a"), used("tool-b"))
        await expect(rows(page)).to_have_count(2)
        await page.keyboard.press("Tab")
        await expect(page.get_by_role("link", name="Skip to the alerts")).to_be_focused()
        await page.keyboard.press("/")
        await expect(page.get_by_label("Host")).to_be_focused()
        first, second = (rows(page).nth(n).get_by_role("button") for n in range(2))
        for _ in range(10):
            await page.keyboard.press("Tab")
            if await first.evaluate("button => button === document.activeElement"):
                break
        await page.keyboard.press("ArrowDown")
        await expect(second).to_be_focused()
        await page.keyboard.press("Enter")
        await expect(second).to_have_attribute("aria-expanded", "true")
        await expect(page.locator("td.detail")).to_contain_text("Persistence")
        await page.keyboard.press("Tab")
        await page.keyboard.press("Escape")
        await expect(page.locator("td.detail")).to_have_count(0)
        await expect(second).to_be_focused()
        await page.keyboard.press("ArrowUp")
        await expect(first).to_be_focused()


async def test_it_is_dark_where_the_reader_wants_that(browser: Any, tmp_path: Path) -> None:
    brightness = "getComputedStyle(document.body).backgroundColor.match(/\\d+/g).map(Number)[0]"
    async with relay_with_rules(tmp_path) as relay:
        found = []
        for scheme in ("light", "dark"):
            async with looking_at(browser, address(relay), color_scheme=scheme) as page:
                found.append(await page.evaluate(brightness))
    assert found[0] > 200
    assert found[1] < 60


async def test_it_fits_a_phone(browser: Any, tmp_path: Path) -> None:
    record = used("tool-a", process={"executable": "/tmp/" + "x" * 300})
    async with relay_with_rules(tmp_path) as relay:
        await send(relay, record, *sequence(Scene()))
        async with looking_at(
            browser, address(relay), viewport=PHONE, is_mobile=True, has_touch=True
        ) as page:
            await rows(page).nth(1).tap()
            await page.locator(".timeline summary").first.tap()
            await rows(page).nth(0).tap()
            await page.locator("#rule-rows tr.line").first.tap()
            await expect(page.locator("#rules pre").first).to_be_visible()
            wide = await page.evaluate("document.documentElement.scrollWidth")
            text = "[...document.querySelectorAll('tr.line td, dd')].map(e => e.scrollWidth)"
            assert max(await page.evaluate(text)) <= PHONE["width"]
    assert wide <= PHONE["width"]


async def test_after_a_break_it_is_live_again_and_has_what_it_missed(
    browser: Any, tmp_path: Path
) -> None:
    (port,) = free_ports(1)
    async with relay_with_rules(tmp_path, http_port=port) as relay:
        async with looking_at(browser, address(relay), tolerated="ERR_") as page:
            await live(page)
            assert relay.monitor is not None
            await relay.monitor.stop()
            await expect(page.locator("#live")).to_have_text("reconnecting")
            await send(relay, used("tool-a"))
            await relay.monitor.start()
            await live(page)
            await expect(rows(page)).to_have_count(1)
            await send(relay, used("tool-b"))
            await expect(rows(page)).to_have_count(2)
            await expect(page.locator("#health")).to_have_text("all is well")


async def test_from_elsewhere_it_asks_for_the_token(browser: Any, tmp_path: Path) -> None:
    elsewhere = {"X-Forwarded-For": "192.0.2.7"}
    async with relay_with_rules(tmp_path, http_token="s3cret") as relay:
        await send(relay, used("tool-a"))
        async with looking_at(
            browser, address(relay), tolerated="401", extra_http_headers=elsewhere
        ) as page:
            await expect(page.locator("#live")).to_have_text("not allowed")
            await expect(page.locator("#found b")).to_have_text("1")
            assert await rows(page).count() == 0
            asked = page.get_by_label("need the token")
            await asked.fill("wrong")
            await asked.press("Enter")
            await expect(page.get_by_role("alert")).to_contain_text("expected the bearer token")
            await asked.fill("s3cret")
            await page.get_by_role("button", name="Show them").click()
            await expect(rows(page)).to_have_count(1)
            await expect(asked).to_be_hidden()
            await live(page)
            await rows(page).get_by_role("button").click()
            await expect(page.locator("td.detail")).to_contain_text("Persistence")
            stored = "[document.cookie, localStorage.length, sessionStorage.length].join()"
            assert await page.evaluate(stored) == ",0,0"


async def test_the_address_names_the_alert_that_is_open(browser: Any, tmp_path: Path) -> None:
    async with relay_with_rules(tmp_path) as relay:
        await send(relay, used("tool-a"), used("tool-b"))
        async with looking_at(browser, address(relay)) as page:
            await rows(page).nth(1).get_by_role("button").click()
            await page.wait_for_url(re.compile("#alert=[0-9a-f]{32}$"))
            url = page.url
        async with looking_at(browser, url) as page:
            await expect(page.locator("tr.open")).to_contain_text("Tool A")
            await expect(page.locator("td.detail")).to_contain_text("Persistence")


async def test_what_is_wrong_with_the_relay_is_told(browser: Any) -> None:
    (port,) = free_ports(1)
    text = configuration(
        target_port=port, service={"http_server": "on", "http_port": 0, "grace": "10ms"}
    )
    async with running_relay(text) as relay, looking_at(browser, address(relay)) as page:
        await expect(page.locator("#health")).to_have_text("1 trouble")
        await expect(page.locator("#troubles")).to_contain_text(f"127.0.0.1:{port}")
        await expect(page.locator("#targets li.bad").first).to_be_visible()


async def test_a_burst_of_alerts_leaves_it_usable(browser: Any, tmp_path: Path) -> None:
    async with relay_with_rules(tmp_path) as relay, looking_at(browser, address(relay)) as page:
        await live(page)
        for first in (0, 600):
            await send(relay, *(used("tool-a", n) for n in range(first, first + 600)))
            await expect(rows(page)).to_have_count(min(first + 600, 1_000))
        await expect(page.locator("#found b")).to_have_text("1,200")
        await send(relay, *(used("tool-a", n) for n in range(2_000, 3_100)))
        await expect(rows(page)).to_have_count(100)
        await send(relay, used("tool-b"))
        await expect(rows(page).first).to_contain_text("Tool <i>B</i>")
