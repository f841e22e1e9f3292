#pragma once
/// \file
/// The script of the report page: draws the embedded figures with Chart.js 3.9, sorts and filters the table. It writes
/// names as text only, never as markup.

#include <string_view>

#include <fulcrum/report/detail/html_common_script.hpp>

namespace fulcrum::detail {

/// The two Pareto plots.
inline constexpr std::string_view html_script_tradeoff = R"js(
const describe = c => {
  const lines = [];
  if (c.accuracy !== null) lines.push('accuracy ' + percent(c.accuracy));
  for (const [name, r] of [['measured', c.measured], ['predicted', c.predicted]]) {
    if (r) lines.push(name + ': p99 ' + latency(r.p99) + ', median ' + latency(r.p50) + ', ' + rate(r.rate));
    if (r && r.low) lines.push(r.rounds + ' rounds: p99 ' + latency(r.low[1]) + ' … ' + latency(r.high[1]) + ', ' + rate(r.low[2]) + ' … ' + rate(r.high[2]));
  }
  if (c.front) lines.push('on the Pareto front');
  return lines;
};

// The best y at or below each x, as steps.
const envelope = (points, better) => {
  const steps = [];
  for (const p of points.slice().sort((a, b) => a.x - b.x || (better(a.y, b.y) ? -1 : 1))) {
    if (!steps.length || better(p.y, steps[steps.length - 1].y)) steps.push({x: p.x, y: p.y});
  }
  return steps;
};

function drawTradeoff(canvas, y, yAxis, guide) {
  if (!byId(canvas)) return;
  const showPredicted = byId('show-predicted').checked;
  const point = c => ({x: figures(c).p99, y: y(c), c});
  const known = study.candidates.filter(c => figures(c) && y(c) !== null);
  const measured = known.filter(c => c.measured);
  const shown = showPredicted || !measured.length ? known : measured;
  if (!shown.length) return;
  const datasets = [];
  const marked = study.recommended !== null ? study.recommended : study.nearest;
  const mark = marked === null ? undefined : study.candidates[marked];
  const labels = [];
  if (mark && figures(mark) && y(mark) !== null) {
    const p = point(mark);
    datasets.push({data: [p], pointRadius: 12, pointHoverRadius: 12, pointStyle: 'circle', borderColor: color('ink'), borderWidth: 2, backgroundColor: 'transparent', order: 0});
    labels.push({x: p.x, y: p.y, gap: 15, always: true, sides: ['below', 'above', 'left', 'right', 'lower 1', 'higher 1', 'lower 2', 'higher 2', 'lower 3', 'higher 3'], text: study.recommended !== null ? 'recommended' : 'nearest', bold: true});
  }
  for (const precision of precisions) {
    const hue = color(precision);
    const of = set => set.filter(c => c.precision === precision).map(point);
    const style = {pointStyle: shapes[precision], borderColor: hue};
    datasets.push({...style, data: of(measured.filter(c => c.front)), backgroundColor: hue, pointRadius: 6.5, pointHoverRadius: 8, order: 1});
    datasets.push({...style, data: of(measured.filter(c => !c.front)), backgroundColor: color('card'), borderWidth: 1.5, pointRadius: 5, pointHoverRadius: 7, order: 2});
    if (shown === known) {
      datasets.push({...style, data: of(known.filter(c => !c.measured)), backgroundColor: faded(hue, .25), borderColor: faded(hue, .35), pointRadius: 3.5, pointHoverRadius: 6, order: 3});
    }
  }
  const spans = measured.filter(c => c.measured.low).map(c => ({
    at: point(c), x: [c.measured.low[1], c.measured.high[1]], y: canvas === 'rate-plot' ? [c.measured.low[2], c.measured.high[2]] : null, color: faded(color(c.precision), c.front ? .8 : .4)}));
  datasets.push({type: 'line', data: envelope(measured.map(point), (a, b) => a > b), stepped: true, borderColor: faded(color('soft'), .55), borderWidth: 1.5, pointRadius: 0, pointHitRadius: 0, order: 4});
  charts.push(new Chart(byId(canvas), {
    type: 'scatter', data: {datasets}, plugins: [guides],
    options: {
      maintainAspectRatio: false, animation: false, layout: {padding: {top: 8, right: 8}},
      onClick: (_, hits) => { const hit = hits.find(h => datasets[h.datasetIndex].data[h.index].c); if (hit) choose(datasets[hit.datasetIndex].data[hit.index].c.id); },
      scales: {x: axis('p99 latency of one inference', latency, true, around(shown.map(c => figures(c).p99), 1.35)), y: yAxis(shown)},
      plugins: {
        legend: {display: false},
        guides: {vertical: study.slo === null ? undefined : {at: study.slo, label: 'target ' + latency(study.slo)}, horizontal: guide.horizontal, labels, spans},
        tooltip: {...tooltip(items => items[0].raw.c ? items[0].raw.c.label : '', item => item.raw.c ? describe(item.raw.c) : []), filter: (item, at, items) => item.raw.c && items.findIndex(i => i.raw.c === item.raw.c) === at},
      },
    },
  }));
}

function drawTradeoffs() {
  drawTradeoff('accuracy-plot', c => c.accuracy === null ? null : c.accuracy * 100, shown => {
    const values = shown.map(c => c.accuracy * 100).concat(study.floor === null ? [] : [study.floor * 100]);
    const low = Math.min(...values), high = Math.max(...values), room = Math.max((high - low) * .12, .1);
    return axis('accuracy on the test set', v => v > 100.0001 ? '' : v.toFixed(high - low < .6 ? 2 : 1) + ' %', false, {min: low - room, max: Math.min(high + room, 100 + room)});
  }, {horizontal: study.floor === null ? undefined : {at: study.floor * 100, label: 'accuracy budget'}});
  drawTradeoff('rate-plot', c => figures(c).rate, shown => axis('samples per second', v => scaled(v, '').trim(), true, around(shown.map(c => figures(c).rate), 1.5)), {});
}
)js";

/// The roofline and the bars per layer, for the run chosen in the list.
inline constexpr std::string_view html_script_layers = R"js(
const selected = () => study.candidates[Number(byId('run').value)];
const work = l => ({x: l[2] / l[3], y: l[2] / (l[4] * 1e-3)});

function drawRoofline() {
  const chosen = selected();
  const variants = precisions.map(p => study.candidates.find(c => c.precision === p && c.made === chosen.made && c.batch === chosen.batch && c.threads === chosen.threads && c.instances === chosen.instances)).filter(c => c && figures(c) && figures(c).layers);
  const datasets = [];
  const points = [];
  const labels = [];
  const named = [];
  for (const c of variants) {
    const hue = color(c.precision);
    const data = figures(c).layers.filter(l => l[2] > 0 && l[3] > 0 && l[4] > 0).map(l => ({...work(l), l, c}));
    points.push(...data);
    const main = c === chosen;
    datasets.push({data, pointStyle: shapes[c.precision], borderColor: main ? hue : faded(hue, .6), backgroundColor: !c.measured ? color('card') : main ? hue : faded(hue, .45), borderWidth: 1.5, pointRadius: main ? 6.5 : 5, pointHoverRadius: 8, order: main ? 1 : 2});
    // The layers that take the most time are named.
    if (main) named.push(...data.slice().sort((a, b) => b.l[4] - a.l[4]).slice(0, 8).map(p => ({x: p.x, y: p.y, text: shortened(p.l[0]), color: hue})));
  }
  const roofs = study.roofs.filter(r => r.threads === chosen.threads && variants.some(c => c.precision === r.precision));
  const slopes = study.bandwidths.filter(b => b.threads === chosen.threads);
  const xs = points.map(p => p.x), ys = points.map(p => p.y);
  if (!xs.length) { xs.push(1, 100); ys.push(1e9); }
  const x = {min: Math.min(...xs) / 3, max: Math.max(...xs) * 4};
  const top = Math.max(...roofs.map(r => r.flops), ...ys);
  for (const r of roofs) x.max = Math.max(x.max, slopes.length ? Math.min(r.flops / Math.min(...slopes.map(s => s.bytes)) * 2, x.max * 10) : 0);
  const y = {min: Math.min(...ys) / 4, max: top * 2.5};
  const n = 60, grid = Array.from({length: n + 1}, (_, i) => x.min * Math.pow(x.max / x.min, i / n));
  const line = (data, hue, more) => datasets.push({type: 'line', data, borderColor: hue, borderWidth: 2, pointRadius: 0, pointHitRadius: 0, order: 3, ...more});
  const fastest = slopes.length ? Math.max(...slopes.map(s => s.bytes)) : Infinity;
  for (const r of roofs) {
    line(grid.map(i => ({x: i, y: Math.min(r.flops, i * fastest)})), color(r.precision));
    labels.push({x: x.max, y: r.flops, always: true, sides: ['end', 'under', 'inner', 'inner under 1', 'inner 2', 'inner under 2', 'inner 3', 'inner under 3', 'inner 4', 'inner under 4'], text: r.precision + ' peak ' + scaled(r.flops, 'FLOP/s'), color: color(r.precision)});
  }
  const limit = roofs.length ? Math.max(...roofs.map(r => r.flops)) : top;
  for (const s of slopes) {
    line(grid.filter(i => i * s.bytes <= limit).map(i => ({x: i, y: i * s.bytes})), color('faint'), {borderWidth: 1.25, borderDash: [4, 4], order: 4});
    const low = Math.max(x.min, y.min / s.bytes);
    const along = [.02, .08, .14, .2, .3, .4, .5, .6, .7, .8].map(t => low * Math.pow(limit / s.bytes / low, t)).map(i => ({x: i, y: i * s.bytes}));
    const faster = Math.min(...slopes.map(o => o.bytes).filter(b => b > s.bytes)), slower = Math.max(0, ...slopes.map(o => o.bytes).filter(b => b < s.bytes));
    // On a narrow page a slope goes without a name where there is no room: only the level lines must have one.
    labels.push({along, below: faster / s.bytes < s.bytes / slower /* where there is more room */, always: innerWidth > 600, text: s.level + ' ' + scaled(s.bytes, 'B/s'), color: color('soft')});
  }
  charts.push(new Chart(byId('roofline-plot'), {
    type: 'scatter', data: {datasets}, plugins: [guides],
    options: {
      maintainAspectRatio: false, animation: false, layout: {padding: {top: 8, right: 8}},
      scales: {x: axis('arithmetic intensity [FLOP per byte]', v => significant(v, 2), true, x), y: axis('rate of one instance [FLOP/s]', v => scaled(v, '').trim(), true, y)},
      plugins: {
        legend: {display: false}, guides: {labels: labels.concat(named), levels: roofs.map(r => ({x: Math.max(x.min, r.flops / fastest), y: r.flops}))},
        tooltip: tooltip(items => items[0].raw.l ? items[0].raw.l[0] + ' (' + items[0].raw.l[1] + '), ' + items[0].raw.c.precision : '', item => {
          const p = item.raw;
          if (!p.l) return [];
          return [scaled(p.y, 'FLOP/s') + ' at ' + significant(p.x, 3) + ' FLOP per byte', latency(p.l[4]) + (p.c.measured ? ' measured' : ' predicted') + (p.l[5] ? ', bound by ' + p.l[5] : '')];
        }),
      },
    },
  }));
}

// Writes the value of each horizontal bar at its end, where bars are high enough.
const barValues = text => ({
  id: 'barValues',
  afterDatasetsDraw(chart) {
    const {ctx} = chart;
    ctx.save();
    ctx.font = '500 11.5px ' + Chart.defaults.font.family;
    ctx.fillStyle = color('soft');
    ctx.textAlign = 'left';
    ctx.textBaseline = 'middle';
    chart.data.datasets.forEach((set, at) => chart.getDatasetMeta(at).data.forEach((bar, i) => {
      const value = set.data[i];
      if (value !== null && value !== undefined && bar.height >= 8) ctx.fillText(text(value), bar.x + 5, bar.y);
    }));
    ctx.restore();
  },
});

// Predicted and measured layers side by side, matched by name and by how often the name came before.
function pairLayers(c) {
  const rows = [];
  const index = new Map();
  for (const [kind, report] of [['measured', c.measured], ['predicted', c.predicted]]) {
    const seen = new Map();
    for (const l of (report && report.layers) || []) {
      const nth = seen.get(l[0] + '\n' + l[1]) || 0;
      seen.set(l[0] + '\n' + l[1], nth + 1);
      const key = l[0] + '\n' + l[1] + '\n' + nth;
      if (!index.has(key)) { index.set(key, rows.length); rows.push({name: l[0], kind: l[1]}); }
      rows[index.get(key)][kind] = l;
    }
  }
  return rows;
}

function drawLayers() {
  const c = selected();
  const rows = pairLayers(c);
  const hue = color(c.precision);
  byId('layers-plot').parentElement.style.height = Math.max(220, rows.length * (rows.length > 16 ? 28 : 46) + 70) + 'px';
  const parts = [];
  if (c.predicted) parts.push('predicted ' + latency(c.predicted.p50));
  if (c.measured) parts.push('measured ' + latency(c.measured.p50));
  let text = 'Median of the whole inference: ' + parts.join(', ');
  if (c.predicted && c.measured) text += ' (prediction ' + signed(c.predicted.p50 / c.measured.p50 - 1) + ')';
  byId('layers-caption').textContent = text + '.';
  const bar = (kind, style) => ({label: kind, data: rows.map(r => r[kind] ? r[kind][4] : null), borderWidth: 1.5, borderColor: hue, borderRadius: 3, barPercentage: .86, categoryPercentage: .74, ...style});
  charts.push(new Chart(byId('layers-plot'), {
    type: 'bar', plugins: [barValues(latency)], data: {labels: rows.map(r => shortened(r.name)), datasets: [bar('predicted', {backgroundColor: faded(hue, .18)}), bar('measured', {backgroundColor: hue})]},
    options: {
      indexAxis: 'y', maintainAspectRatio: false, animation: false, layout: {padding: {right: 58}},
      scales: {x: axis('latency', v => v === 0 ? '0' : latency(v), false, {beginAtZero: true}, {maxTicksLimit: 6}), y: {grid: {display: false, borderColor: color('line')}, ticks: {color: color('ink'), autoSkip: false, font: {size: 12.5}}}},
      plugins: {
        legend: {align: 'end', labels: {color: color('soft'), boxWidth: 14, boxHeight: 10}},
        tooltip: {...tooltip(items => rows[items[0].dataIndex].name + ' (' + rows[items[0].dataIndex].kind + ')', item => {
          const l = rows[item.dataIndex][item.dataset.label];
          const lines = [item.dataset.label + ' ' + latency(l[4])];
          if (l[2] > 0) lines.push(scaled(l[2], 'FLOP') + ', ' + scaled(l[2] / (l[4] * 1e-3), 'FLOP/s'));
          if (l[5]) lines.push('bound by ' + l[5]);
          return lines;
        })},
      },
    },
  }));
}
)js";

/// The list of runs, the table and the start.
inline constexpr std::string_view html_script_page = R"js(
function draw() {
  while (charts.length) charts.pop().destroy();
  drawTradeoffs();
  if (byId('run').options.length) { drawRoofline(); drawLayers(); drawSpread(); drawSizes(); }
}

// The figures as files, without a server: data: URIs.
function offerDownloads() {
  const quoted = value => value === null || value === undefined ? '' : /[",\n]/.test(value) ? '"' + String(value).replace(/"/g, '""') + '"' : String(value);
  const columns = {
    variant: c => c.variant, precision: c => c.precision, sparsity: c => c.sparsity, batch: c => c.batch, threads: c => c.threads, instances: c => c.instances,
    accuracy: c => c.accuracy, p50_ms: c => c.measured && c.measured.p50, p99_ms: c => c.measured && c.measured.p99, throughput_per_s: c => c.measured && c.measured.rate,
    predicted_p50_ms: c => c.predicted && c.predicted.p50, predicted_p99_ms: c => c.predicted && c.predicted.p99, memory_mb: c => c.measured && c.measured.memory,
    noisy: c => c.measured && c.measured.noisy, on_front: c => c.front, recommended: c => c.id === study.recommended,
  };
  const lines = [Object.keys(columns).join(',')].concat(study.candidates.map(c => Object.values(columns).map(of => quoted(of(c))).join(',')));
  byId('download-csv').href = 'data:text/csv;charset=utf-8,' + encodeURIComponent(lines.join('\n') + '\n');
  byId('download-json').href = 'data:application/json;charset=utf-8,' + encodeURIComponent(byId('study').textContent);
}

function choose(id) {
  const option = Array.from(byId('run').options).find(o => Number(o.value) === id);
  if (!option) return;
  byId('run').value = option.value;
  draw();
}

function fillRuns() {
  const list = byId('run');
  const first = study.recommended !== null ? study.recommended : study.nearest;
  let runs = study.candidates.filter(c => c.measured);
  if (!runs.length) runs = study.candidates.filter(c => c.predicted && c.predicted.layers);
  for (const c of runs) {
    const option = document.createElement('option');
    option.value = c.id;
    option.textContent = c.label + (c.id === study.recommended ? ' (recommended)' : c.front ? ' (on the front)' : '');
    option.selected = c.id === first;
    list.append(option);
  }
  list.addEventListener('change', draw);
}

function prepareTable(table) {
  for (const button of document.querySelectorAll('[data-filter]')) {
    button.addEventListener('click', () => {
      table.dataset.show = button.dataset.filter;
      for (const other of document.querySelectorAll('[data-filter]')) other.setAttribute('aria-pressed', String(other === button));
    });
  }
  const heads = Array.from(table.tHead.rows[0].cells);
  heads.forEach((head, column) => {
    const button = document.createElement('button');
    button.type = 'button';
    button.textContent = head.textContent;
    head.textContent = '';
    head.append(button);
    button.addEventListener('click', () => {
      const descending = head.getAttribute('aria-sort') !== 'descending';
      for (const other of heads) other.removeAttribute('aria-sort');
      head.setAttribute('aria-sort', descending ? 'descending' : 'ascending');
      const value = row => row.cells[column].dataset.sort;
      const number = row => value(row) === '' ? NaN : Number(value(row));
      const words = Array.from(table.tBodies[0].rows).some(row => value(row) !== '' && Number.isNaN(number(row)));
      const compare = (a, b) => words ? value(a).localeCompare(value(b)) : number(a) - number(b);
      const missing = row => words ? value(row) === '' : Number.isNaN(number(row));
      table.tBodies[0].append(...Array.from(table.tBodies[0].rows).sort((a, b) =>
        missing(a) - missing(b) || (missing(a) ? 0 : descending ? -compare(a, b) : compare(a, b))));
    });
  });
}

Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
fillRuns();
prepareTable(byId('candidates'));
offerDownloads();
byId('show-predicted').addEventListener('change', draw);
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', draw);
draw();
)js";

}  // namespace fulcrum::detail
