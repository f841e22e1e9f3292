#pragma once
/// \file
/// The style sheet of the report page. Colours of precisions are from the palette of Okabe and Ito (2008), which people
/// with any colour vision tell apart; shapes repeat what colours say.

#include <string_view>

namespace fulcrum::detail {

inline constexpr std::string_view html_style = R"css(
:root {
  color-scheme: light dark;
  --page: #f7f7f5; --card: #ffffff; --ink: #1b1d21; --soft: #5c626b; --faint: #8b919a;
  --line: #e3e3df; --grid: #ecece8; --wash: #f1f1ee; --accent: #0f6b5c; --accent-wash: #e8f3f0;
  --warn: #9a5b00; --warn-wash: #fdf3e1; --shade: rgba(27, 29, 33, .045);
  --f32: #0072b2; --bf16: #d55e00; --int8: #009e73;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #131518; --card: #1b1e23; --ink: #eceef1; --soft: #a7aeb8; --faint: #7d858f;
    --line: #2e333a; --grid: #282c33; --wash: #23272d; --accent: #5fd0b8; --accent-wash: #18302c;
    --warn: #f0b35a; --warn-wash: #332715; --shade: rgba(236, 238, 241, .05);
    --f32: #56b4e9; --bf16: #f28e4b; --int8: #2fcf9f;
  }
}
* { box-sizing: border-box; }
html { -webkit-text-size-adjust: 100%; }
body {
  margin: 0; background: var(--page); color: var(--ink);
  font: 16px/1.55 system-ui, -apple-system, "Segoe UI", Roboto, "Helvetica Neue", "DejaVu Sans", Arial, sans-serif;
  font-variant-numeric: tabular-nums;
}
main, header, footer { max-width: 1200px; margin: 0 auto; padding: 0 24px; }
header { display: flex; align-items: baseline; gap: 12px; padding-top: 28px; flex-wrap: wrap; }
header svg { width: 24px; height: 24px; align-self: center; color: var(--accent); }
header .mark { font-weight: 650; letter-spacing: -.01em; }
header .about { color: var(--soft); overflow-wrap: anywhere; }
h1 { font-size: 28px; line-height: 1.25; letter-spacing: -.018em; font-weight: 650; margin: 0; text-wrap: balance; }
h2 { font-size: 20px; line-height: 1.3; letter-spacing: -.01em; font-weight: 650; margin: 48px 0 4px; }
h3 { font-size: 15px; font-weight: 600; margin: 0 0 2px; }
p { margin: 0 0 10px; max-width: 92ch; }
code { font-family: ui-monospace, "DejaVu Sans Mono", Consolas, monospace; font-size: .92em; }
.lead { color: var(--soft); margin-bottom: 16px; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 20px 22px; }
.answer { margin-top: 18px; padding: 26px 28px; border-left: 5px solid var(--accent); }
.answer.none { border-left-color: var(--warn); }
.answer .kicker { font-size: 14.5px; font-weight: 600; margin: 0 0 8px; color: var(--accent); }
.answer.none .kicker { color: var(--warn); }
.busy { color: var(--warn); background: var(--warn-wash); border-radius: 7px; padding: 8px 12px; margin: 14px 0 0; font-size: 14.5px; max-width: none; }
.controls a { color: var(--accent); }
.answer .why { color: var(--soft); margin: 12px 0 0; }
.tiles { display: grid; grid-template-columns: repeat(4, 1fr); gap: 14px; margin-top: 14px; }
.tile { margin: 0; padding: 16px 18px; }
.tile dt { color: var(--soft); font-size: 13.5px; }
.tile dd { margin: 2px 0 0; font-size: 27px; line-height: 1.2; font-weight: 620; letter-spacing: -.02em; }
.tile dd + dd { font-size: 13.5px; line-height: 1.4; font-weight: 400; letter-spacing: 0; color: var(--soft); margin-top: 4px; }
.pair { display: grid; grid-template-columns: 1fr 1fr; gap: 14px; }
.pair > * { min-width: 0; }
.plot { position: relative; height: 380px; margin-top: 8px; }
.pair > .card { display: flex; flex-direction: column; }
.plot.filling { flex: 1 1 420px; height: auto; min-height: 420px; max-height: 620px; }
.tiles-of { margin: 14px 0 -4px; }
.caption { color: var(--soft); font-size: 13.5px; margin: 0; max-width: none; }
.legend, .controls { display: flex; flex-wrap: wrap; gap: 6px 20px; align-items: center; font-size: 14px; color: var(--soft); margin: 0 0 12px; padding: 0; list-style: none; }
.legend svg { width: 14px; height: 14px; vertical-align: -2px; margin-right: 6px; overflow: visible; }
.legend label, .controls label { cursor: pointer; }
.controls select, .controls button {
  font: inherit; color: var(--ink); background: var(--card); border: 1px solid var(--line); border-radius: 7px; padding: 5px 10px; max-width: 100%;
}
.controls button { cursor: pointer; }
.controls button[aria-pressed="true"] { border-color: var(--accent); color: var(--accent); background: var(--accent-wash); font-weight: 600; }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px; }
.scroll { overflow-x: auto; padding: 0; }
table { border-collapse: collapse; width: 100%; font-size: 14px; line-height: 1.4; }
th, td { text-align: right; padding: 7px 8px; white-space: nowrap; border-bottom: 1px solid var(--line); }
tbody tr:last-child td { border-bottom: 0; }
th { white-space: normal; font-weight: 600; font-size: 13px; color: var(--soft); vertical-align: bottom; }
th.word, td.word { text-align: left; }
td.name { white-space: normal; min-width: 130px; }
td.why { text-align: left; white-space: normal; min-width: 150px; color: var(--soft); font-size: 13px; }
th button { font: inherit; color: inherit; background: none; border: 0; padding: 0; cursor: pointer; text-align: inherit; }
th[aria-sort="ascending"] button::after { content: " ↑"; }
th[aria-sort="descending"] button::after { content: " ↓"; }
tr.chosen td { background: var(--accent-wash); font-weight: 600; }
tr.chosen td.why { font-weight: 400; }
tr.idle td { color: var(--faint); }
table[data-show="front"] tr:not(.front):not(.chosen), table[data-show="measured"] tr.idle { display: none !important; }
table thead tr { display: table-row !important; }
.dot { display: inline-block; width: 14px; height: 14px; vertical-align: -2px; margin-right: 7px; overflow: visible; }
.f32 { color: var(--f32); } .bf16 { color: var(--bf16); } .int8 { color: var(--int8); }
.facts { display: grid; grid-template-columns: max-content 1fr; gap: 6px 20px; margin: 0; font-size: 14.5px; }
.facts dt { color: var(--soft); }
.facts dd { margin: 0; overflow-wrap: anywhere; }
ul.notes { margin: 0; padding-left: 20px; font-size: 14.5px; }
ul.notes li { margin-bottom: 4px; overflow-wrap: anywhere; }
footer { color: var(--faint); font-size: 13px; padding-top: 36px; padding-bottom: 40px; }
@media (max-width: 900px) {
  .pair { grid-template-columns: 1fr; }
  .tiles { grid-template-columns: 1fr 1fr; }
}
@media (max-width: 560px) {
  main, header, footer { padding-left: 14px; padding-right: 14px; }
  h1 { font-size: 22px; }
  .answer { padding: 20px 18px; }
  .card { padding: 16px 14px; }
  .card.scroll { padding: 0; }
  .tile dd { font-size: 22px; }
  .tiles { gap: 10px; }
  .plot { height: 320px; }
  .plot.filling { min-height: 360px; flex-basis: 360px; }
  /* A row becomes a card of its own: its name, then a line for each figure. */
  table.stacks, table.stacks tbody, table.stacks td { display: block; }
  table.stacks thead { display: none; }
  table.stacks tr { display: block; padding: 10px 14px; border-bottom: 1px solid var(--line); }
  table.stacks tr.chosen { background: var(--accent-wash); }
  table.stacks td { display: flex; justify-content: space-between; gap: 14px; padding: 2px 0; border: 0; white-space: normal; min-width: 0; }
  table.stacks td::before { content: attr(data-column); color: var(--soft); font-weight: 400; flex: none; }
  table.stacks td.name { justify-content: flex-start; gap: 0; font-weight: 600; }
  table.stacks td[style]::before { color: inherit; }
  table.stacks td.name::before { content: none; }
  table.stacks td.why { text-align: right; }
  table.stacks td:not(.name):empty { display: none; }
  .facts { grid-template-columns: 1fr; gap: 0; }
  .facts dd { margin-bottom: 10px; }
}
@media print {
  body { background: #fff; }
  .controls { display: none; }
  .card, h2 { break-inside: avoid; }
}
)css";

}  // namespace fulcrum::detail
