// The page: asks for the state every two seconds, and follows the stream of alerts.

import { drawAlerts, drawCourse } from "./chart.js";
import { alertDetail, ruleDetail } from "./detail.js";
import { element, find, shown } from "./dom.js";
import { bear, follow, get, hasToken, Refused } from "./feed.js";
import { bytes, clock, counted, rate, short, span, uptime, whole } from "./format.js";

const SEVERITIES = ["low", "medium", "high", "critical"];
const POLL = 2000;
const RULES_POLL = 10000;
const COURSE = 60;
const MOST_ROWS = 1000;
const FEW_RULES = 50;

const state = {
  minutes: 60, before: null, newest: 0, end: null, rules: [], allRules: false, openRule: null,
  clock: null, last: {}, course: { records: [], bytes: [] }, load: 0,
};

// ---- the state of the relay

async function poll() {
  try {
    showStatus(await get(`status?minutes=${state.minutes}`));
  } catch (error) {
    health("bad", error instanceof Refused ? "refused" : "the relay does not answer");
  }
}

function showStatus(status) {
  const { totals } = status;
  const well = !status.troubles.length;
  health(well ? "good" : "bad", well ? "all is well" : counted(status.troubles.length, "trouble"));
  find("troubles").hidden = well;
  find("troubles").replaceChildren(...status.troubles.map((text) => element("li", {}, text)));
  const workers = totals.workers ? `, ${counted(totals.workers, "worker")}` : "";
  find("about").textContent = `version ${status.version}, up ${uptime(status.uptime_sec)}${workers}`;
  showRates(status);
  figure("found", short(totals.alerts), "", `${counted(totals.decoded, "record")} decoded`);
  figure("candidates", short(totals.candidates), "", totals.held_events ? `${counted(totals.held_events, "event")} held` : "entities waiting");
  const [size, unit] = bytes(totals.in_flight_bytes);
  figure("flight", size, unit, `of ${bytes(totals.in_flight_limit_bytes).join(" ")}`);
  find("flight").querySelector("meter").value = totals.in_flight_bytes / Math.max(totals.in_flight_limit_bytes, 1);
  figure("buffer", short(totals.pending_frames), totals.pending_frames === 1 ? "frame" : "frames", counted(totals.connections, "client"));
  drawAlerts(find("chart"), status.alerts_over_time);
  showTargets(status.inputs, status.outputs);
}

function showRates({ clock_ns: now, totals }) {
  const seconds = state.clock === null ? 0 : (now - state.clock) / 1e9;
  for (const name of ["records", "bytes"]) {
    const each = Math.max((totals[name] - state.last[name]) / seconds, 0);
    if (seconds > 0) state.course[name] = [...state.course[name], each].slice(-COURSE);
    drawCourse(find(name).querySelector("svg"), state.course[name]);
    state.last[name] = totals[name];
  }
  state.clock = now;
  const [records, received] = ["records", "bytes"].map((name) => state.course[name].at(-1));
  if (records === undefined) return;
  figure("records", rate(records), "/s", `${short(totals.records)} in all`);
  const [size, unit] = bytes(received);
  figure("bytes", size, `${unit}/s`, `${bytes(totals.bytes).join(" ")} in all`);
}

function figure(id, value, unit, small) {
  const box = find(id);
  box.querySelector("b").textContent = value;
  const label = box.querySelector("p span");
  if (label) label.textContent = unit;
  box.querySelector("small").textContent = small;
}

function health(mood, text) {
  find("health").className = `health ${mood}`;
  find("health").querySelector("span").textContent = text;
}

function showTargets(inputs, outputs) {
  const item = (mood, name, small, below = []) =>
    element("li", { class: mood }, element("i"), element("b", {}, name), element("small", {}, small), below.length ? element("ul", {}, below) : null);
  const told = inputs.map((input) => item("good", `input ${input.name}`, counted(input.connections, "client")));
  for (const output of outputs) {
    const done = output.bytes === undefined ? `${whole(output.records ?? 0)} written` : `${bytes(output.bytes).join(" ")} delivered`;
    const waiting = output.pending_frames ? `${whole(output.pending_frames)} waiting, ` : "";
    const retries = output.retries ? `, ${counted(output.retries, "retry").replace("retrys", "retries")}` : "";
    const targets = output.targets.map((target) => item(target.up ? "good" : "bad", target.address, target.up ? "up" : "down"));
    told.push(item(output.up ? "good" : "bad", `output ${output.name}`, `${waiting}${done}${retries}`, targets));
  }
  find("targets").replaceChildren(...told);
}

// ---- alerts

function filters() {
  const severities = [...find("by-severity").querySelectorAll(":checked")].map((box) => box.value);
  return { rule: find("by-rule").value, host: find("by-host").value.trim(), severities };
}

function fits({ host, alert }) {
  const wanted = filters();
  return (
    (!wanted.rule || alert.rule?.id === wanted.rule) &&
    (!wanted.host || host.toLowerCase().includes(wanted.host.toLowerCase())) &&
    (!wanted.severities.length || wanted.severities.includes(alert.severity))
  );
}

async function page(before) {
  const { rule, host, severities } = filters();
  const query = new URLSearchParams({ limit: "100" });
  if (rule) query.set("rule", rule);
  if (host) query.set("host", host);
  if (severities.length) query.set("severity", severities.join(","));
  if (before) query.set("before", before);
  return get(`alerts?${query}`);
}

async function load() {
  const number = (state.load += 1);
  try {
    const found = await page(null);
    if (number !== state.load) return;
    find("ask").hidden = true;
    find("rows").replaceChildren(...found.alerts.map(rowOf));
    state.before = found.before;
    state.newest = Number(found.last_event_id.split(".")[1]);
    state.end?.();
    state.end = follow(found.last_event_id, { onAlert, onReset: load, onState });
    settle();
    await openNamed();
  } catch (error) {
    if (error instanceof Refused) refused(error.message);
    else {
      onState("waiting");
      setTimeout(() => number === state.load && load(), 3000);
    }
  }
}

async function older() {
  const number = state.load;
  const found = await page(state.before);
  if (number !== state.load) return;
  find("rows").append(...found.alerts.map(rowOf));
  state.before = found.before;
  settle();
}

function onAlert(item) {
  if (item.number <= state.newest) return;
  state.newest = item.number;
  addRuleChoice(item.alert.rule);
  soon();
  if (!fits(item)) return;
  const row = rowOf(item);
  row.classList.add("fresh");
  find("rows").prepend(row);
  find("news").textContent = `New alert: ${item.alert.rule?.name ?? ""}${item.host ? ` on ${item.host}` : ""}`;
  settle();
}

function onState(name) {
  const words = { live: ["good", "live"], waiting: ["bad", "reconnecting"], refused: ["bad", "not allowed"] };
  const [mood, text] = words[name];
  find("live").className = `live ${mood}`;
  find("live").querySelector("span").textContent = text;
}

function refused(text) {
  onState("refused");
  find("ask").hidden = false;
  find("refused").textContent = hasToken() || !text.startsWith("expected") ? text : "";
  find("rows").replaceChildren();
  find("older").hidden = find("none").hidden = true;
}

function settle() {
  const rows = find("rows").querySelectorAll("tr.line");
  for (const row of [...rows].slice(MOST_ROWS)) {
    close(row);
    row.remove();
    state.before = Number([...find("rows").querySelectorAll("tr.line")].at(-1).dataset.number);
  }
  const count = Math.min(rows.length, MOST_ROWS);
  const wanted = filters();
  const isFiltered = wanted.rule || wanted.host || wanted.severities.length;
  find("older").hidden = state.before === null;
  find("shown").textContent = count ? `${counted(count, "alert")} shown` : "";
  find("none").hidden = count > 0;
  find("none").textContent = isFiltered ? "No alert fits." : "No alerts yet. They appear here as they are found.";
}

function rowOf(item) {
  const { alert } = item;
  const told = alert.sequence?.events ?? alert.events ?? [];
  const taken = alert.sequence?.span_ns;
  const button = element("button", { type: "button", class: "row", "aria-expanded": "false" }, alert.rule?.name ?? alert.id);
  const row = element(
    "tr",
    { class: "line", "data-number": item.number, "data-id": alert.id },
    element("td", {}, element("time", { datetime: item.found, title: item.found }, clock(item.found))),
    element("td", {}, severity(alert.severity)),
    element("td", { class: "title" }, button, alert.late ? element("span", { class: "late" }, "late") : null),
    element("td", {}, item.host || "–"),
    element("td", { class: "mono" }, newest(told, ["process.executable", "process.name"])),
    element("td", { class: "mono" }, newest(told, ["file.path", "destination.ip", "dns.question.name", "process.command_line", "process.args"])),
    element("td", { class: "number", "data-name": "span" }, taken === undefined || taken === null ? "" : span(taken)),
  );
  row.addEventListener("click", (event) => {
    if (getSelection().isCollapsed || event.target === button) toggle(row, () => openAlert(row, alert.id));
  });
  return row;
}

function severity(name) {
  const known = SEVERITIES.includes(name) ? name : "";
  return element("span", { class: `severity ${known}` }, element("i"), name || "–");
}

function newest(events, names) {
  for (const name of names) {
    const having = events.filter((event) => name in event);
    if (having.length) return shown(having.at(-1)[name]);
  }
  return "";
}

async function openAlert(row, id) {
  history.replaceState(null, "", `#alert=${encodeURIComponent(id)}`);
  const detail = await get(`alerts/${encodeURIComponent(id)}`);
  return (width) => alertDetail(detail, width);
}

// Open the alert that the address names, where it is on the page.
async function openNamed() {
  const id = new URLSearchParams(location.hash.slice(1)).get("alert");
  const row = id && [...find("rows").querySelectorAll("tr.line")].find((one) => one.dataset.id === id);
  if (row && !row.classList.contains("open")) await toggle(row, () => openAlert(row, id));
}

// ---- what opens under a row

async function toggle(row, make) {
  if (row.classList.contains("open")) {
    close(row);
    return;
  }
  row.classList.add("open");
  row.querySelector(".row").setAttribute("aria-expanded", "true");
  const cell = element("td", { class: "detail", colspan: row.cells.length });
  const over = element("tr", { class: "over" }, cell);
  row.after(over);
  try {
    const draw = await make();
    const width = cell.clientWidth > 760 ? cell.clientWidth * 0.6 : cell.clientWidth - 28;
    cell.replaceChildren(draw(width));
  } catch (error) {
    cell.replaceChildren(element("p", { class: "dim" }, error.message));
  }
}

function close(row) {
  if (!row.classList.contains("open")) return;
  row.classList.remove("open");
  row.querySelector(".row").setAttribute("aria-expanded", "false");
  row.nextElementSibling.remove();
  if (row.dataset.id) history.replaceState(null, "", location.pathname + location.search);
}

// ---- rules

async function pollRules() {
  try {
    state.rules = (await get("rules")).rules;
  } catch {
    return;
  }
  state.rules.forEach(addRuleChoice);
  showRules();
}

function addRuleChoice(rule) {
  const choices = find("by-rule");
  if (!rule || [...choices.options].some((option) => option.value === rule.id)) return;
  choices.append(element("option", { value: rule.id }, rule.name));
}

function showRules() {
  const text = find("find-rule").value.trim().toLowerCase();
  const fitting = state.rules
    .filter((rule) => `${rule.name} ${rule.id}`.toLowerCase().includes(text))
    .sort((one, other) => other.counts.alerts - one.counts.alerts || one.name.localeCompare(other.name));
  const shownRules = state.allRules ? fitting : fitting.slice(0, FEW_RULES);
  const known = new Map([...find("rule-rows").querySelectorAll("tr.line")].map((row) => [row.dataset.key, row]));
  const rows = shownRules.flatMap((rule) => {
    const row = known.get(keyOf(rule)) ?? ruleRow(rule);
    updateRule(row, rule);
    return row.classList.contains("open") ? [row, row.nextElementSibling] : [row];
  });
  place(find("rule-rows"), rows);
  find("all-rules").hidden = shownRules.length === fitting.length;
  find("all-rules").textContent = `All ${whole(fitting.length)} rules`;
}

// Have just these rows, in their order; rows that stay where they are keep the focus.
function place(body, rows) {
  if (rows.length === body.children.length && rows.every((row, number) => row === body.children[number])) return;
  const focused = document.activeElement;
  body.replaceChildren(...rows);
  if (body.contains(focused)) focused.focus();
}

const keyOf = (rule) => `${rule.filter} ${rule.id}`;

function ruleRow(rule) {
  const button = element("button", { type: "button", class: "row", "aria-expanded": "false" }, rule.name);
  const number = (name) => element("td", { class: "number", "data-name": name });
  const kind = rule.kind === "sequence" ? `sequence of ${rule.stages}${rule.maxspan_ns === null ? "" : ` in ${span(rule.maxspan_ns)}`}` : "single event";
  const row = element(
    "tr",
    { class: "line", "data-key": keyOf(rule) },
    element("td", { class: "title" }, button),
    element("td", {}, severity(rule.severity)),
    element("td", {}, kind),
    number("alerts"),
    number("matches"),
    number("candidates"),
    element("td", { class: rule.screened ? "" : "dim" }, rule.screened ? "screened" : "every record decoded"),
  );
  row.addEventListener("click", () => toggle(row, async () => {
    const detail = await get(`rules/${encodeURIComponent(rule.id)}`);
    return () => ruleDetail(detail);
  }));
  return row;
}

function updateRule(row, { counts }) {
  const late = counts.late ? ` (${whole(counts.late)} late)` : "";
  const told = [`${whole(counts.alerts)}${late}`, whole(counts.stage_matches ?? 0), whole(counts.entities ?? 0)];
  [3, 4, 5].forEach((cell, number) => {
    row.cells[cell].textContent = told[number];
  });
}

// ---- set up

function debounced(action, milliseconds) {
  let timer = 0;
  return () => {
    clearTimeout(timer);
    timer = setTimeout(action, milliseconds);
  };
}

const soon = debounced(() => {
  poll();
  pollRules();
}, 300);

function setUp() {
  for (const name of SEVERITIES) {
    find("by-severity").append(element("label", {}, element("input", { type: "checkbox", value: name }), severity(name)));
  }
  find("spans").addEventListener("click", ({ target }) => {
    if (!target.dataset.minutes) return;
    state.minutes = Number(target.dataset.minutes);
    for (const button of find("spans").children) button.setAttribute("aria-pressed", String(button === target));
    poll();
  });
  const reload = debounced(load, 150);
  find("filters").addEventListener("input", reload);
  find("filters").addEventListener("reset", () => setTimeout(load));
  find("filters").addEventListener("submit", (event) => event.preventDefault());
  find("ask").addEventListener("submit", (event) => {
    event.preventDefault();
    bear(find("token").value);
    find("token").value = "";
    load();
    pollRules();
  });
  find("older").addEventListener("click", older);
  find("all-rules").addEventListener("click", () => {
    state.allRules = true;
    showRules();
  });
  find("find-rule").addEventListener("input", showRules);
  document.addEventListener("keydown", onKey);
  document.addEventListener("visibilitychange", () => document.hidden || soon());
  setInterval(() => document.hidden || poll(), POLL);
  setInterval(() => document.hidden || pollRules(), RULES_POLL);
  poll().then(() => setTimeout(poll, 1000));
  pollRules();
  load();
}

// Up and down go from row to row, Escape closes, / looks for a host.
function onKey(event) {
  if (event.altKey || event.ctrlKey || event.metaKey) return;
  const { activeElement } = document;
  const row = activeElement.closest?.("tr.line, tr.over");
  const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
  if (step && activeElement.classList.contains("row")) {
    const buttons = [...row.parentElement.querySelectorAll("button.row")];
    buttons[buttons.indexOf(activeElement) + step]?.focus();
    event.preventDefault();
  } else if (event.key === "Escape" && row) {
    const line = row.classList.contains("over") ? row.previousElementSibling : row;
    close(line);
    line.querySelector(".row").focus();
  } else if (event.key === "/" && !activeElement.matches("input, select, textarea")) {
    find("by-host").focus();
    event.preventDefault();
  }
}

setUp();
