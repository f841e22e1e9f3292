#pragma once
/// \file
/// The script of the report page that draws how latencies are spread and what variants take.

#include <string_view>

namespace fulcrum::detail {

inline constexpr std::string_view html_script_spread = R"js(
// The chosen run, and the other precisions in the same configuration.
const besides = chosen => precisions.map(p => study.candidates.find(c => c.precision === p && c.made === chosen.made && c.batch === chosen.batch && c.threads === chosen.threads && c.instances === chosen.instances)).filter(c => c && c.measured);

function drawSpread() {
  const chosen = selected();
  const shown = [chosen].concat(besides(chosen).filter(c => c !== chosen)).filter(c => c.measured && c.measured.quantiles);
  const card = byId('spread-plot').closest('.card');
  card.hidden = !shown.length;
  if (!shown.length) return;
  const all = shown.flatMap(c => c.measured.quantiles);
  const datasets = shown.map((c, i) => ({
    type: 'line', label: c.variant, data: c.measured.quantiles.map((ms, q) => ({x: ms, y: q, c})), stepped: false, pointRadius: 0, pointHitRadius: 6,
    borderColor: i === 0 ? color(c.precision) : faded(color(c.precision), .6), borderWidth: i === 0 ? 2.5 : 1.5, borderDash: i === 0 ? [] : [5, 3],
  }));
  const labels = shown.map(c => ({x: c.measured.quantiles[50], y: 50, text: c.precision + ' ' + latency(c.measured.quantiles[50]), color: color(c.precision), always: true, bold: c === chosen, sides: ['right', 'left', 'lower 1', 'higher 1', 'lower 2', 'higher 2', 'lower 3', 'higher 3', 'lower 4', 'higher 4']}));
  charts.push(new Chart(byId('spread-plot'), {
    type: 'scatter', data: {datasets}, plugins: [guides],
    options: {
      maintainAspectRatio: false, animation: false, layout: {padding: {top: 8, right: 8}},
      scales: {x: axis('latency of one inference', latency, true, around([Math.min(...all), Math.max(...all)], 1.15)), y: axis('share that took no longer', v => v + ' %', false, {min: 0, max: 100}, {stepSize: 25})},
      plugins: {
        legend: {display: false}, guides: {labels, horizontal: {at: 99, label: '99 %', plain: true}},
        tooltip: tooltip(items => items[0].raw.c ? items[0].raw.c.label : '', item => item.raw.y + ' % took ' + latency(item.raw.x) + ' or less'),
      },
    },
  }));
}

// A variant's name in lines that find room beside bars.
const inLines = name => name.split(', ').reduce((lines, part) => {
  const last = lines[lines.length - 1];
  if (last !== undefined && (last + ', ' + part).length <= 22) lines[lines.length - 1] = last + ', ' + part;
  else lines.push(shortened(part));
  return lines;
}, []);

function drawSizes() {
  const chosen = selected();
  const memory = v => {
    const c = study.candidates.find(c => c.variant === v.name && c.measured && c.batch === chosen.batch && c.threads === chosen.threads && c.instances === chosen.instances);
    return c && c.measured.memory > 0 ? c.measured.memory : null;
  };
  const rows = study.variants.map(v => ({...v, memory: memory(v)}));
  byId('size-plot').closest('.card').hidden = !rows.length;
  if (!rows.length) return;
  byId('size-plot').parentElement.style.height = Math.max(200, rows.reduce((sum, r) => sum + Math.max(42, 16 * inLines(r.name).length + 14), 80)) + 'px';
  const mb = x => significant(x, 3) + ' MB';
  const bar = (label, data, fill) => ({label, data, backgroundColor: fill, borderColor: rows.map(r => color(r.precision)), borderWidth: 1.5, borderRadius: 3, barPercentage: .86, categoryPercentage: .74});
  charts.push(new Chart(byId('size-plot'), {
    type: 'bar', plugins: [barValues(mb)],
    data: {labels: rows.map(r => inLines(r.name)), datasets: [bar('parameters', rows.map(r => r.mb), rows.map(r => color(r.precision))), bar('memory of the run', rows.map(r => r.memory), rows.map(r => faded(color(r.precision), .18)))]},
    options: {
      indexAxis: 'y', maintainAspectRatio: false, animation: false, layout: {padding: {right: 64}},
      scales: {x: axis('megabytes', v => v === 0 ? '0' : significant(v, 3), false, {beginAtZero: true}, {maxTicksLimit: 6}), y: {grid: {display: false, borderColor: color('line')}, ticks: {color: color('ink'), autoSkip: false, font: {size: 12}}}},
      plugins: {
        legend: {align: 'end', labels: {color: color('soft'), boxWidth: 14, boxHeight: 10}},
        tooltip: tooltip(items => rows[items[0].dataIndex].name, item => item.dataset.label + ' ' + mb(item.raw)),
      },
    },
  }));
}
)js";

}  // namespace fulcrum::detail
