#pragma once
/// \file
/// The scripts of the pages of loads and of planned services. They write names as text only.

#include <string_view>

namespace fulcrum::detail {

/// What both share: lines over time and over rates.
inline constexpr std::string_view html_script_load_common = R"js(
Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
const seconds = s => significant(s, s >= 100 ? 3 : 2) + ' s';
const count = n => significant(n, n >= 100 ? 3 : n >= 10 ? 2 : n === Math.round(n) ? 1 : 2);
const legend = {position: 'bottom', labels: {color: color('soft'), usePointStyle: true, boxWidth: 9, boxHeight: 9, filter: item => item.text !== ''}};
const curve = (label, data, hue, more) => ({label, data, borderColor: hue, backgroundColor: hue, borderWidth: 2, pointRadius: 0, pointHoverRadius: 4, tension: 0, showLine: true, pointStyle: 'line', ...more});
const spots = (label, data, hue, more) => ({label, data, borderColor: hue, backgroundColor: hue, borderWidth: 1.75, pointRadius: 5.5, pointHoverRadius: 7, showLine: false, ...more});

function draw(id, datasets, x, y, marks, lines) {
  if (!byId(id)) return;
  charts.push(new Chart(byId(id), {
    type: 'scatter', data: {datasets}, plugins: [guides],
    options: {
      maintainAspectRatio: false, animation: false, layout: {padding: {top: 8, right: 10}}, interaction: {mode: 'nearest', intersect: false},
      scales: {x, y},
      plugins: {legend, guides: marks, tooltip: tooltip(items => items.length ? items[0].dataset.label : '', lines)},
    },
  }));
}

// The queue over a run: its mean in each part, and the most that waited.
function drawTimeline(id, run) {
  if (!run.timeline.length) return;
  const part = run.timeline.length > 1 ? run.timeline[1].start - run.timeline[0].start : 0;
  const points = key => run.timeline.map(p => ({x: p.start + part / 2, y: p[key]}));
  draw(id, [
    curve('most in each hundredth of the run', points('most'), faded(color('soft'), .55), {borderWidth: 1, stepped: 'middle'}),
    curve('mean', points('mean'), color('accent'), {fill: 'origin', backgroundColor: faded(color('accent'), .12)}),
  ], axis('time since the start', seconds, false, {min: 0, max: part * run.timeline.length}), axis('requests that wait', count, false, {min: 0}), {},
  item => [count(item.raw.y) + ' at ' + seconds(item.raw.x)]);
}
)js";

inline constexpr std::string_view html_script_load = R"js(
// Shares of all queries in bins of the same width on a logarithmic axis.
const bins = study.histogram, total = bins.reduce((sum, b) => sum + b.queries, 0);
const bars = (which, label, hue) => {
  const all = which.reduce((sum, b) => sum + b.queries, 0);
  const data = [];
  let before = null;
  for (const b of which) {
    const from = b.up_to / Math.pow(2, .25);
    if (before !== null && from > before * 1.01) data.push({x: before, y: 0}, {x: from, y: 0});
    else if (before === null) data.push({x: from, y: 0});
    data.push({x: from, y: b.queries / all, b, all}, {x: b.up_to, y: b.queries / all, b, all});
    before = b.up_to;
  }
  if (before !== null) data.push({x: before, y: 0});
  return curve(label, data, hue, {fill: 'origin', backgroundColor: faded(hue, .15)});
};
if (total > 0) {
  const sets = [bars(bins, 'measured', color('accent'))];
  if (study.simulated.length) sets.push({...bars(study.simulated, 'simulated', color('bf16')), fill: false, borderDash: [5, 4]});
  const edges = bins.concat(study.simulated).map(b => b.up_to);
  draw('histogram', sets,
    axis('latency, from when a query was due', latency, true, around(edges.concat(edges.map(e => e / Math.pow(2, .25))), 1.1)),
    axis('share of the queries', v => significant(v * 100, 2) + ' %', false, {min: 0}),
    {vertical: study.slo === null ? undefined : {at: study.slo, label: 'bound ' + latency(study.slo)}},
    item => item.raw.b ? [latency(item.raw.b.up_to / Math.pow(2, .25)) + ' to ' + latency(item.raw.b.up_to), item.raw.b.queries.toLocaleString('en') + ' of ' + item.raw.all.toLocaleString('en') + ' queries'] : []);
}
drawTimeline('timeline', study);
const middle = study.blocks.map((b, i) => i + 1 < study.blocks.length ? (b.start + study.blocks[i + 1].start) / 2 : b.start + (study.duration - b.start) / 2);
const over = key => study.blocks.map((b, i) => ({x: middle[i], y: b[key]})).filter(p => p.y > 0);
draw('trend', [
  curve('p99', over('p99'), color('accent'), {pointRadius: 3.5, pointStyle: 'circle'}),
  curve('p50', over('p50'), color('f32'), {pointRadius: 3.5, pointStyle: 'circle'}),
  curve('p50 in the queue', over('queue'), color('bf16'), {pointRadius: 3.5, pointStyle: 'circle'}),
], axis('time since the start', seconds, false, {min: 0, max: study.duration}), axis('latency', latency, true),
  {horizontal: study.slo === null ? undefined : {at: study.slo, label: 'bound', above: true}}, item => [latency(item.raw.y) + ' at ' + seconds(item.raw.x)]);
)js";

inline constexpr std::string_view html_script_service = R"js(
const known = (points, x, y) => points.filter(p => p[y] !== null).map(p => ({x: p[x], y: p[y], p}));
const runs = study.runs.filter(r => r.of_answer);
const slo = {at: study.slo, label: 'bound ' + latency(study.slo), above: true};
const knee = study.max_rate > 0 ? {at: study.max_rate, label: 'highest rate ' + rate(study.max_rate), plain: true} : undefined;
const within = runs.filter(r => r.within), beyond = runs.filter(r => !r.within);
const rates = study.predicted.concat(study.simulated).map(p => p.rate);
const tails = study.predicted.concat(study.simulated, runs).map(p => p.tail).filter(t => t !== null && t > 0);
const shownTop = Math.min(Math.max(...tails, study.slo) * 1.3, study.slo * 20);
const vertical = axis(study.percentile + ' of the latency', latency, true, {...around(tails.concat(study.slo), 1.3), max: shownTop});
const tellRate = item => [rate(item.raw.x) + ': ' + latency(item.raw.y)].concat(item.raw.p && item.raw.p.reason ? [item.raw.p.reason.slice(0, 90)] : []);

draw('knee', [
  curve('predicted', known(study.predicted, 'throughput', 'tail'), color('soft'), {borderDash: [5, 4]}),
  curve('simulated from measured service times', known(study.simulated, 'throughput', 'tail'), color('accent')),
  spots('measured, within the bound', known(within, 'throughput', 'tail'), color('ink')),
  spots('measured, beyond it', known(beyond, 'throughput', 'tail'), color('ink'), {backgroundColor: color('card')}),
], axis('requests done per second', v => scaled(v, '').trim(), false, {min: 0}), vertical, {horizontal: slo, vertical: knee}, tellRate);

const low = study.simulated.length ? study.simulated : study.predicted;
draw('latency', [
  curve(study.percentile, known(low, 'rate', 'tail'), color('accent')),
  curve('median', known(low, 'rate', 'middle'), color('f32')),
  spots(study.percentile + ', measured', known(runs, 'rate', 'tail'), color('accent')),
  spots('median, measured', known(runs, 'rate', 'middle'), color('f32')),
], axis('requests that come per second', v => scaled(v, '').trim(), false, {min: 0, max: Math.max(...rates, 1) * 1.02}),
  axis('latency', latency, true, {max: shownTop}),
  {horizontal: slo, vertical: study.wanted === null ? knee : {at: study.wanted, label: 'wanted ' + rate(study.wanted), plain: true}}, tellRate);

const list = byId('run');
if (list) {
  const show = () => {
    const canvas = byId('timeline'), chart = charts.findIndex(c => c.canvas === canvas);
    if (chart >= 0) charts.splice(chart, 1)[0].destroy();
    drawTimeline('timeline', study.runs[Number(list.value)]);
  };
  study.runs.forEach((r, at) => list.add(new Option(rate(r.rate) + ', ' + r.label, at)));
  const first = study.runs.findIndex(r => r.of_answer);
  list.value = String(Math.max(first, 0));
  list.addEventListener('change', show);
  show();
}
)js";

}  // namespace fulcrum::detail
