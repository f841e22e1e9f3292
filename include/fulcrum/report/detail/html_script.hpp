#pragma once
/// \file
/// The script of the report page: draws the embedded figures with Chart.js 3.9, sorts and filters the table. It writes
/// names as text only, never as markup.

#include <string_view>

namespace fulcrum::detail {

/// What all charts share: figures, colours, shapes, axes.
inline constexpr std::string_view html_script_common = R"js(
'use strict';
const study = JSON.parse(document.getElementById('study').textContent);
const precisions = ['f32', 'bf16', 'int8'];
const shapes = {f32: 'circle', bf16: 'triangle', int8: 'rectRot'};
const charts = [];
const byId = id => document.getElementById(id);
const color = name => getComputedStyle(document.documentElement).getPropertyValue('--' + name).trim();
const faded = (hex, share) => hex + Math.round(share * 255).toString(16).padStart(2, '0');

const significant = (x, digits) => {
  if (x === 0) return '0';
  const decimals = Math.max(0, digits - 1 - Math.floor(Math.log10(Math.abs(x)) + 1e-9));
  return x.toLocaleString('en', {minimumFractionDigits: decimals, maximumFractionDigits: decimals});
};
// Ticks are round numbers: no zeros after the point.
const trimmed = text => text.replace(/(\.\d*?)0+(?=\D|$)/, '$1').replace(/\.(?=\D|$)/, '');
const shortened = name => name.length > 26 ? '…' + name.slice(-25) : name;
const latency = ms => ms >= 999.5 ? significant(ms / 1e3, 3) + ' s' : ms >= 0.9995 ? significant(ms, 3) + ' ms' : significant(ms * 1e3, 3) + ' µs';
const scaled = (x, unit) => {
  for (const [factor, prefix] of [[1e12, 'T'], [1e9, 'G'], [1e6, 'M'], [1e3, 'k']]) {
    if (Math.abs(x) >= factor * 0.9995) return significant(x / factor, 3) + ' ' + prefix + unit;
  }
  return significant(x, 3) + ' ' + unit;
};
const rate = x => x >= 999.5 ? Math.round(x).toLocaleString('en') + '/s' : significant(x, 3) + '/s';
const percent = x => (x * 100).toFixed(2) + ' %';
const signed = x => (x < 0 ? '−' : '+') + Math.abs(x * 100).toFixed(0) + ' %';
const figures = c => c.measured || c.predicted;

// Ticks of a logarithmic axis at round numbers: every few decades, decades, 1 2 5 of each, or more where it spans less
// than a decade; as many as there is room for, and at least three.
const decadeTicks = scale => {
  const room = Math.max(3, Math.floor((scale.isHorizontal() ? scale.width / 78 : scale.height / 42)));
  const values = (steps, decades) => {
    const found = [];
    for (let e = Math.floor(Math.log10(scale.min)); e <= Math.ceil(Math.log10(scale.max)); ++e) {
      if (((e % decades) + decades) % decades) continue;
      for (const m of steps) {
        const value = Number((m * Math.pow(10, e)).toPrecision(6));
        if (value >= scale.min * 0.999 && value <= scale.max * 1.001) found.push(value);
      }
    }
    return found;
  };
  const ladder = [[[1], 4], [[1], 3], [[1], 2], [[1], 1], [[1, 3], 1], [[1, 2, 5], 1], [[1, 1.5, 2, 3, 5, 7], 1],
    [[1, 1.2, 1.5, 2, 2.5, 3, 4, 5, 6, 8], 1], [Array.from({length: 90}, (_, i) => 1 + i / 10), 1], [Array.from({length: 360}, (_, i) => 1 + i / 40), 1]];
  const sets = ladder.map(([steps, decades]) => values(steps, decades));
  const fitting = sets.filter(set => set.length <= room);
  let best = fitting.length ? fitting[fitting.length - 1] : sets[0];
  if (best.length < 3) best = (sets.find(set => set.length >= 3) || best).filter((_, i, all) => i % Math.ceil(all.length / room) === 0);
  scale.ticks = best.map(value => ({value}));
};
const axis = (title, text, logarithmic, more, tickOptions) => Object.assign({
  type: logarithmic ? 'logarithmic' : 'linear',
  title: {display: true, text: title, color: color('soft'), font: {size: 12.5}},
  grid: {color: color('grid'), borderColor: color('line'), tickLength: 4},
  ticks: {color: color('soft'), callback: value => trimmed(text(Number(value))), font: {size: 12}, maxRotation: 0, includeBounds: false, ...tickOptions},
}, logarithmic ? {afterBuildTicks: decadeTicks} : {}, more);
const around = (values, factor) => {
  const known = values.filter(v => v > 0);
  return known.length ? {min: Math.min(...known) / factor, max: Math.max(...known) * factor} : {};
};
const tooltip = (title, lines) => ({
  backgroundColor: color('ink'), titleColor: color('card'), bodyColor: color('card'), displayColors: false,
  padding: 10, titleFont: {size: 13}, bodyFont: {size: 12.5}, callbacks: {title, label: lines},
});

// Lines, shaded areas and words on top of a chart: options.plugins.guides = {vertical, horizontal, labels}. Shaded is
// what lies to the right of a vertical line, and below a horizontal one or (above: true) above it.
const guides = {
  id: 'guides',
  beforeDatasetsDraw(chart, _, options) {
    const {ctx, chartArea: area, scales: {x, y}} = chart;
    ctx.save();
    ctx.fillStyle = color('shade');
    if (options.vertical && !options.vertical.plain) {
      const at = Math.min(Math.max(x.getPixelForValue(options.vertical.at), area.left), area.right);
      ctx.fillRect(at, area.top, area.right - at, area.bottom - area.top);
    }
    if (options.horizontal && !options.horizontal.plain) {
      const at = Math.min(Math.max(y.getPixelForValue(options.horizontal.at), area.top), area.bottom);
      const top = options.horizontal.above ? area.top : at;
      ctx.fillRect(area.left, top, area.right - area.left, (options.horizontal.above ? at : area.bottom) - top);
    }
    ctx.restore();
  },
  afterDatasetsDraw(chart, _, options) {
    const {ctx, chartArea: area, scales: {x, y}} = chart;
    ctx.save();
    // How far rounds are apart: from the least to the largest.
    for (const bar of options.spans || []) {
      ctx.strokeStyle = bar.color;
      ctx.lineWidth = 1.25;
      const within = (value, low, high) => Math.min(Math.max(value, low), high);
      const line = (x1, y1, x2, y2) => { ctx.beginPath(); ctx.moveTo(x1, y1); ctx.lineTo(x2, y2); ctx.stroke(); };
      if (bar.x) {
        const at = y.getPixelForValue(bar.at.y), ends = bar.x.map(v => within(x.getPixelForValue(v), area.left, area.right));
        line(ends[0], at, ends[1], at);
        for (const end of ends) line(end, at - 3, end, at + 3);
      }
      if (bar.y) {
        const at = x.getPixelForValue(bar.at.x), ends = bar.y.map(v => within(y.getPixelForValue(v), area.top, area.bottom));
        line(at, ends[0], at, ends[1]);
        for (const end of ends) line(at - 3, end, at + 3, end);
      }
    }
    ctx.setLineDash([5, 4]);
    ctx.lineWidth = 1.25;
    ctx.strokeStyle = color('soft');
    const labels = [];
    if (options.vertical) {
      const at = x.getPixelForValue(options.vertical.at);
      if (at > area.left && at < area.right) {
        ctx.beginPath(); ctx.moveTo(at, area.top); ctx.lineTo(at, area.bottom); ctx.stroke();
        labels.push({pixel: {x: at, y: area.top + 10}, text: options.vertical.label, sides: ['left', 'right', 'bottom left', 'bottom right']});
      }
    }
    if (options.horizontal) {
      const at = y.getPixelForValue(options.horizontal.at);
      if (at > area.top && at < area.bottom) {
        ctx.beginPath(); ctx.moveTo(area.left, at); ctx.lineTo(area.right, at); ctx.stroke();
        labels.push({pixel: {x: area.right, y: at}, text: options.horizontal.label, sides: ['under', 'end']});
      }
    }
    for (const label of labels) Object.assign(label, {gap: 6, always: true, bold: true, color: color('soft')});
    labels.push(...options.labels || []);
    ctx.setLineDash([]);
    // A label goes where it covers no point, no level line and no earlier label; if there is no such place, the label stays away
    // unless it must be there.
    const boxes = [];
    chart.data.datasets.forEach((set, at) => {
      if (!(set.pointRadius > 0)) return;
      for (const point of chart.getDatasetMeta(at).data) boxes.push({left: point.x - 5, right: point.x + 5, top: point.y - 5, bottom: point.y + 5});
    });
    for (const level of options.levels || []) {
      const at = y.getPixelForValue(level.y);
      boxes.push({left: x.getPixelForValue(level.x), right: area.right, top: at - 1, bottom: at + 1});
    }
    for (const label of labels) {
      ctx.font = (label.bold ? '650' : '500') + ' 12px ' + Chart.defaults.font.family;
      ctx.textAlign = 'left';
      ctx.textBaseline = 'middle';
      const width = ctx.measureText(label.text).width;
      const pixel = p => ({x: x.getPixelForValue(p.x), y: y.getPixelForValue(p.y)});
      const gap = label.gap || 10;
      const sides = {
        right: [gap, 0], left: [-gap - width, 0], above: [-width / 2, -gap - 4], below: [-width / 2, gap + 4],
        end: [-width - 4, -10], inner: [-width - 4 - (area.right - area.left) * .22, -10], under: [-width - 4, 10],
        'bottom left': [-gap - width, area.bottom - area.top - 20], 'bottom right': [gap, area.bottom - area.top - 20],
      };
      // Further away, step by step, for what must be somewhere.
      for (const far of [1, 2, 3, 4]) {
        Object.assign(sides, {['lower ' + far]: [-width / 2, gap + 4 + 16 * far], ['higher ' + far]: [-width / 2, -gap - 4 - 16 * far],
          ['inner ' + far]: [-width - 4 - (area.right - area.left) * .18 * far, -10], ['inner under ' + far]: [-width - 4 - (area.right - area.left) * .18 * far, 10]});
      }
      // Places where the text may start: beside its point, or at several points along a line and in its direction.
      let places;
      if (label.along) {
        const line = label.along.map(pixel);
        const angle = Math.atan2(line[line.length - 1].y - line[0].y, line[line.length - 1].x - line[0].x);
        const away = label.below ? -9 : 9;
        places = line.map(p => ({x: p.x + away * Math.sin(angle), y: p.y - away * Math.cos(angle), angle}));
      } else {
        const at = label.pixel || pixel(label);
        places = (label.sides || ['right', 'left', 'above', 'below']).map(side => ({x: at.x + sides[side][0], y: at.y + sides[side][1], angle: 0}));
      }
      // Slanted text takes up a row of small boxes rather than one large one.
      const boxesOf = p => {
        const parts = p.angle ? Math.ceil(width / 12) : 1;
        return Array.from({length: parts}, (_, i) => {
          const part = width / parts, start = {x: p.x + i * part * Math.cos(p.angle), y: p.y + i * part * Math.sin(p.angle)};
          return {left: start.x, right: start.x + part, top: start.y - 7, bottom: start.y + 7};
        });
      };
      const fits = b => b.left >= area.left && b.right <= area.right && b.top >= area.top - 8 && b.bottom <= area.bottom &&
        !boxes.some(o => b.left < o.right && o.left < b.right && b.top < o.bottom && o.top < b.bottom);
      // How much of a label would be covered or cut off.
      const cost = p => boxesOf(p).reduce((sum, b) => {
        const common = o => Math.max(0, Math.min(b.right, o.right) - Math.max(b.left, o.left)) * Math.max(0, Math.min(b.bottom, o.bottom) - Math.max(b.top, o.top));
        const inside = common({left: area.left, right: area.right, top: area.top - 8, bottom: area.bottom});
        return sum + boxes.reduce((covered, o) => covered + common(o), 0) + 3 * ((b.right - b.left) * (b.bottom - b.top) - inside);
      }, 0);
      const place = places.find(p => boxesOf(p).every(fits)) || (label.always ? places.reduce((best, p) => cost(p) < cost(best) ? p : best) : null);
      if (!place) continue;
      boxes.push(...boxesOf(place));
      ctx.save();
      ctx.translate(place.x, place.y);
      ctx.rotate(place.angle);
      ctx.lineWidth = 3.5;
      ctx.strokeStyle = color('card');
      ctx.lineJoin = 'round';
      ctx.strokeText(label.text, 0, 0);
      ctx.fillStyle = label.color || color('ink');
      ctx.fillText(label.text, 0, 0);
      ctx.restore();
    }
    ctx.restore();
  },
};
)js";

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
    labels.push({along, below: faster / s.bytes < s.bytes / slower /* where there is more room */, always: true, text: s.level + ' ' + scaled(s.bytes, 'B/s'), color: color('soft')});
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
