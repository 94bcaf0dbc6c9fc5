// What opens under a row: an alert's events and rule, or all about a rule.

import { drawSpan } from "./chart.js";
import { element, facts, link, shown } from "./dom.js";
import { indented, span, utc } from "./format.js";

const OWN = ["stage", "@timestamp", "event.id"];

export function alertDetail({ alert, rule, events, found, host }, width) {
  const told = alert.sequence?.events ?? alert.events ?? [];
  const gaps = events.map((event) => event.gap_ns);
  const maxspan = rule.maxspan_ns ?? null;
  return element(
    "div",
    {},
    element(
      "section",
      {},
      events.length > 1 ? drawSpan(gaps, maxspan, alert.severity, Math.min(width, 640)) : null,
      element("ol", { class: "timeline" }, timeline(rule.stages ?? [], told, events, maxspan)),
    ),
    element(
      "section",
      { class: "about-rule" },
      facts([
        ["Alert", alert.id],
        ["Found", utc(found)],
        ["Host", host],
        ["Risk score", alert.risk_score],
        ...Object.entries(alert.sequence?.by ?? {}),
        ["Late", alert.late ? "yes: its record had left, the alert went out by itself" : null],
      ]),
      ...aboutRule(rule),
    ),
  );
}

export function ruleDetail(rule) {
  const exceptions = rule.exceptions ?? [];
  return element(
    "div",
    {},
    element(
      "section",
      {},
      element("h3", {}, "Query"),
      element("pre", {}, rule.query ?? ""),
      exceptions.length ? element("h3", {}, "Exceptions") : null,
      exceptions.map(({ stage, condition }) => element("pre", {}, stage === null ? condition : `stage ${stage}: ${condition}`)),
    ),
    element(
      "section",
      { class: "about-rule" },
      ...aboutRule(rule),
      facts([
        ["Id", rule.id],
        ["File", rule.file],
        ["Filter", rule.filter],
        ["Version", rule.version],
        ["Evicted", rule.counts?.evicted || null],
      ]),
      screening(rule),
      rule.note ? element("details", {}, element("summary", {}, "Notes"), element("p", {}, rule.note)) : null,
    ),
  );
}

function timeline(stages, told, events, maxspan) {
  const byStage = new Map(told.map((event, number) => [event.stage, [event, events[number]]]));
  const count = Math.max(stages.length, ...told.map((event) => event.stage + 1));
  const items = [];
  let seen = 0;
  for (let stage = 0; stage < count; stage += 1) {
    const known = stages[stage];
    if (byStage.has(stage)) {
      items.push(happened(seen, known, ...byStage.get(stage), maxspan));
      seen += 1;
    } else if (known?.missing) {
      const what = known.category ? `No ${known.category} event` : "No event";
      items.push(element("li", { class: "missing" }, element("h4", { class: "dim" }, `${what}, as the rule asks`)));
    }
  }
  return items;
}

function happened(number, stage, told, event, maxspan) {
  const fields = Object.entries(told).filter(([name]) => !OWN.includes(name));
  const category = stage?.category ?? told["event.category"];
  return element(
    "li",
    {},
    element(
      "h4",
      {},
      `${number + 1}. ${category ? shown(category) : "event"}`,
      element("time", { datetime: event?.time ?? told["@timestamp"] }, utc(event?.time ?? told["@timestamp"])),
      gap(event, maxspan),
    ),
    facts([...fields, ["event.id", told["event.id"]]]),
    event ? record(event) : null,
  );
}

function gap(event, maxspan) {
  if (!event || event.gap_ns === null) return null;
  const share = maxspan ? `, ${Math.round((100 * event.gap_ns) / maxspan)} % of maxspan` : "";
  return element("span", { class: "gap" }, `${event.gap_ns < 0 ? "" : "+"}${span(event.gap_ns)}${share}`);
}

function record({ record: json, tag }) {
  if (json === null) return element("p", { class: "dim" }, "The record is too large to be kept here.");
  const box = element("details", {}, element("summary", {}, `Record with the tag ${tag}`));
  box.addEventListener("toggle", () => box.append(element("pre", { tabindex: 0 }, indented(json))), { once: true });
  return box;
}

function aboutRule(rule) {
  return [
    rule.description ? element("p", {}, joined(rule.description)) : null,
    techniques(rule.threats ?? []),
    references(rule.references ?? []),
  ].filter((part) => part !== null);
}

// Paragraphs without the line breaks that a rule file has within them.
const joined = (text) => text.replace(/([^\n])\n(?=[^\n])/g, "$1 ");

function techniques(threats) {
  if (!threats.length) return null;
  const items = threats.map(({ framework, tactic, techniques: below }) =>
    element(
      "li",
      {},
      element("span", { class: "dim" }, `${framework}: `),
      link(tactic.reference, `${tactic.name} ${tactic.id}`),
      element("ul", {}, below.map((item) => element("li", {}, "– ", link(item.reference, `${item.name} ${item.id}`)))),
    ),
  );
  return element("div", {}, element("h3", {}, "Techniques"), element("ul", { class: "links" }, items));
}

function references(addresses) {
  if (!addresses.length) return null;
  const items = addresses.map((address) => element("li", {}, link(address, address)));
  return element("div", {}, element("h3", {}, "References"), element("ul", { class: "links" }, items));
}

function screening(rule) {
  const items = (rule.screening ?? []).map((texts, number) => {
    const name = rule.screening.length > 1 ? `Event ${number + 1}: ` : "";
    if (texts === null) return element("li", {}, `${name}every record is decoded`);
    const codes = texts.map(({ field, text, caseless }) => element("code", {}, `${field ? `${field} = ` : ""}${text}…${caseless ? " (any case)" : ""}`));
    return element("li", { class: "texts" }, `${name}one of `, codes);
  });
  return element("details", {}, element("summary", {}, "What records must hold to be decoded"), element("ul", { class: "links" }, items));
}
