"""The style sheet of the page; light or dark, as the reader's system is."""

from __future__ import annotations

STYLE = """
:root { color-scheme: light dark; --text: #1c2126; --dim: #5b6670; --back: #ffffff;
  --panel: #f4f6f8; --line: #d5dbe1; --link: #0b5fa5;
  --low: #4a90b8; --medium: #c99a1e; --high: #d9661f; --critical: #c2263a; --other: #7d8791; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e4e8ec; --dim: #9aa5b0; --back: #14181c; --panel: #1e242a; --line: #38424c;
    --link: #79b8f3; --low: #5fa8d3; --medium: #e0b64a; --high: #f08a4b; --critical: #f0616f;
    --other: #8b96a1; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--text);
  font: 15px/1.5 system-ui, sans-serif; }
main { max-width: 1100px; margin: 0 auto; padding: 1rem; }
h1 { font-size: 1.5rem; margin: .5rem 0 0; } h2 { font-size: 1.1rem; margin: 2rem 0 .5rem; }
.about, small, dt { color: var(--dim); } .about { overflow-wrap: anywhere; margin: 0; }
a { color: var(--link); }
ul.figures, ul.legend { list-style: none; padding: 0; display: flex; flex-wrap: wrap;
  gap: .5rem; }
ul.figures li { background: var(--panel); border: 1px solid var(--line); border-radius: 6px;
  padding: .4rem .8rem; } ul.figures b { font-size: 1.3rem; }
ul.legend { gap: 1rem; color: var(--dim); font-size: .9rem; }
i { display: inline-block; width: .7rem; height: .7rem; border-radius: 2px; margin-right: .4rem; }
i.low { background: var(--low); } i.medium { background: var(--medium); }
i.high { background: var(--high); } i.critical { background: var(--critical); }
i.other { background: var(--other); }
rect.low { fill: var(--low); } rect.medium { fill: var(--medium); }
rect.high { fill: var(--high); } rect.critical { fill: var(--critical); }
rect.other { fill: var(--other); }
svg { width: 100%; min-width: 640px; height: auto; font-size: 12px; } svg text { fill: var(--dim); }
svg .grid { stroke: var(--line); }
.wide { overflow-x: auto; }
table { border-collapse: collapse; width: 100%; font-size: .9rem; }
th, td { text-align: left; padding: .3rem .6rem; border-bottom: 1px solid var(--line);
  vertical-align: top; }
.number { text-align: right; } td time { white-space: nowrap; }
time, .number { font-variant-numeric: tabular-nums; }
details { border-bottom: 1px solid var(--line); padding: .3rem 0; }
summary { cursor: pointer; overflow-wrap: anywhere; }
dl { display: grid; grid-template-columns: max-content 1fr; gap: .1rem 1rem; margin: .4rem 0; }
dd { margin: 0; overflow-wrap: anywhere; white-space: pre-wrap; font-family: ui-monospace,
  monospace; font-size: .85rem; }
ol { padding-left: 2rem; }
@media (max-width: 600px) { dl { grid-template-columns: 1fr; } dd { margin-bottom: .3rem; } }
@media print { details { break-inside: avoid; } }
"""
