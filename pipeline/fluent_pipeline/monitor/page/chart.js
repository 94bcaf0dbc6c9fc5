// Drawings: alerts over time, the course of a rate, a sequence within its maxspan.

import { svg } from "./dom.js";
import { counted, hour, span } from "./format.js";

const SEVERITIES = ["low", "medium", "high", "critical"];
const BARS = { 60: 1, 360: 5, 1440: 15 };
const [LEFT, BOTTOM, TOP] = [30, 18, 8];

const classOf = (severity) => (SEVERITIES.includes(severity) ? severity : "other");

export function drawAlerts(chart, { until, minutes, counts }) {
  const { width, height } = sizeOf(chart, 600, 160);
  const each = BARS[minutes] ?? 1;
  const bars = barsOf(counts, minutes, each);
  const most = niceLimit(Math.max(...bars.map(sum), 1));
  const [inner, rise] = [width - LEFT, height - BOTTOM - TOP];
  const step = inner / bars.length;
  const y = (value) => TOP + rise * (1 - value / most);
  const end = new Date(until);
  const parts = [];
  for (const value of new Set([0, Math.round(most / 2), most])) {
    parts.push(svg("line", { x1: LEFT, x2: width, y1: y(value), y2: y(value) }));
    parts.push(svg("text", { x: LEFT - 6, y: y(value) + 4, "text-anchor": "end" }, String(value)));
  }
  bars.forEach((bar, number) => {
    let base = 0;
    const from = new Date(end - (bars.length - number) * each * 60000);
    for (const [severity, count] of inOrder(bar)) {
      const box = { x: LEFT + number * step + step * 0.12, width: step * 0.76, y: y(base + count), height: y(base) - y(base + count) };
      const told = svg("title", {}, `${hour(from)}, ${counted(count, `${severity || "other"} alert`)}`);
      parts.push(svg("rect", { ...box, rx: 1, class: classOf(severity) }, told));
      base += count;
    }
  });
  for (let part = 0; part <= 4; part += 1) {
    const at = new Date(end - minutes * 60000 * (1 - part / 4));
    const anchor = part === 0 ? "start" : part === 4 ? "end" : "middle";
    parts.push(svg("text", { x: LEFT + (inner * part) / 4, y: height - 4, "text-anchor": anchor }, hour(at)));
  }
  const total = bars.reduce((all, bar) => all + sum(bar), 0);
  chart.setAttribute("aria-label", `${counted(total, "alert")} in the last ${minutes / 60} h`);
  chart.replaceChildren(...parts);
}

export function drawCourse(chart, values) {
  const most = Math.max(...values, 1e-9);
  const points = values.map((value, number) => `${(100 * number) / Math.max(values.length - 1, 1)},${20 - (18 * value) / most}`);
  chart.setAttribute("viewBox", "0 0 100 20");
  chart.setAttribute("preserveAspectRatio", "none");
  chart.setAttribute("aria-hidden", "true");
  if (values.length < 2) return;
  chart.replaceChildren(
    svg("polygon", { points: ["0,20", ...points, "100,20"].join(" ") }),
    svg("polyline", { points: points.join(" ") }),
  );
}

// The events of a sequence on a line that is as long as maxspan, or as they take.
export function drawSpan(gaps, maxspan, severity, width) {
  const total = gaps.reduce((all, gap) => all + (gap ?? 0), 0);
  const length = Math.max(maxspan ?? 0, total, 1);
  const [from, to, line] = [8, width - 8, 16];
  const x = (time) => from + ((to - from) * time) / length;
  let time = 0;
  const dots = gaps.map((gap) => {
    time += gap ?? 0;
    return svg("circle", { cx: x(time), cy: line, r: 5, class: classOf(severity) });
  });
  const told = maxspan === null ? span(total) : `${span(total)} of ${span(maxspan)}`;
  return svg(
    "svg",
    { class: "span", viewBox: `0 0 ${width} 46`, preserveAspectRatio: "xMinYMid meet", role: "img", "aria-label": `The events took ${told}` },
    svg("rect", { class: "share", x: x(0), y: line - 3, width: Math.max(x(total) - x(0), 0), height: 6 }),
    svg("line", { x1: from, x2: to, y1: line, y2: line }),
    maxspan === null ? null : svg("line", { class: "limit", x1: to, x2: to, y1: 4, y2: 28 }),
    dots,
    svg("text", { x: from, y: 42 }, "0"),
    svg("text", { x: to, y: 42, "text-anchor": "end" }, maxspan === null ? span(length) : `maxspan ${span(maxspan)}`),
  );
}

function barsOf(counts, minutes, each) {
  const bars = Array.from({ length: minutes / each }, () => ({}));
  for (const { minutes_ago: ago, by_severity: found } of counts) {
    const bar = bars[bars.length - 1 - Math.floor(ago / each)];
    for (const [severity, count] of Object.entries(found)) bar[severity] = (bar[severity] ?? 0) + count;
  }
  return bars;
}

const sum = (bar) => Object.values(bar).reduce((all, count) => all + count, 0);

const inOrder = (bar) => Object.entries(bar).sort(([one], [other]) => SEVERITIES.indexOf(one) - SEVERITIES.indexOf(other));

function niceLimit(value) {
  const power = 10 ** Math.floor(Math.log10(value));
  const limit = [1, 2, 4, 6, 8, 10].find((factor) => factor * power >= value) * power;
  return limit === 1 ? 2 : limit;
}

function sizeOf(chart, width, height) {
  const box = chart.getBoundingClientRect();
  const style = getComputedStyle(chart);
  const inner = box.width - parseFloat(style.paddingLeft) - parseFloat(style.paddingRight);
  const size = { width: inner > 0 ? inner : width, height: box.height > 0 ? box.height - parseFloat(style.paddingBottom) : height };
  chart.setAttribute("viewBox", `0 0 ${size.width} ${size.height}`);
  return size;
}
