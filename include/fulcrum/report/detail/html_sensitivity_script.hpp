#pragma once
/// \file
/// The script of the page of sensitivities: a line for each layer. It writes names as text only.

#include <string_view>

namespace fulcrum::detail {

inline constexpr std::string_view html_script_sensitivity = R"js(
Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
// Okabe and Ito's palette, then the same colours darker.
const palette = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#8c6d00', '#8f3f00', '#00694d', '#8a4f71'];
const marks = ['circle', 'triangle', 'rect', 'rectRot', 'star', 'crossRot'];
// Where answers are counted, less than half a sample is nothing lost: those points lie on the lowest line.
const least = 50 / study.samples;
const text = study.counts ? v => v <= least ? 'none lost' : significant(v, v < 1 ? 2 : 3) + (v === 1 ? ' point' : ' points') : v => significant(v, 3) + ' dB';
const shown = v => v === null ? null : study.counts ? Math.max(v, least) : v;
// The layers that lose most have colours; where there are many, the others are grey.
const worst = layer => {
  const all = layer.sparsity.concat(layer.bits).map(p => p[1]).filter(v => v !== null);
  return all.length ? (study.counts ? Math.max(...all) : -Math.min(...all)) : -Infinity;
};
const coloured = study.layers.map((layer, at) => [worst(layer), at]).sort((a, b) => b[0] - a[0]).slice(0, palette.length).map(pair => pair[1]).sort((a, b) => a - b);

function drawLosses(id, key, x, tick) {
  const canvas = byId(id);
  if (!canvas) return;
  const sets = study.layers.map((layer, at) => {
    const rank = coloured.indexOf(at), hue = rank < 0 ? color('faint') : palette[rank];
    return {
      label: layer.name, data: layer[key].map(p => ({x: p[0], y: shown(p[1]), lost: p[1]})).filter(p => p.y !== null).sort((a, b) => a.x - b.x),
      borderColor: rank < 0 ? faded('#808080', .45) : hue, backgroundColor: hue, borderWidth: rank < 0 ? 1 : 2, pointRadius: rank < 0 ? 2 : 4.5,
      pointHoverRadius: 6, pointStyle: rank < 0 ? 'circle' : marks[rank % marks.length], showLine: true, order: rank < 0 ? 1 : 0, named: rank >= 0,
    };
  });
  const y = study.counts
    ? axis('points of accuracy lost', v => v <= least * 1.001 ? 'none' : significant(v, v < 1 ? 2 : 3), true, {min: least, suggestedMax: 1})
    : axis('signal to noise of the output', v => significant(v, 2) + ' dB', false, {});
  charts.push(new Chart(canvas, {
    type: 'scatter', data: {datasets: sets},
    options: {
      maintainAspectRatio: false, animation: false, layout: {padding: {top: 8, right: 12}}, interaction: {mode: 'nearest', intersect: false},
      scales: {x, y},
      plugins: {
        legend: {position: 'bottom', labels: {color: color('soft'), usePointStyle: true, boxWidth: 9, boxHeight: 9, filter: (item, data) => data.datasets[item.datasetIndex].named,
          generateLabels: chart => Chart.defaults.plugins.legend.labels.generateLabels(chart).map(item => ({...item, text: shortened(item.text)}))}},
        tooltip: tooltip(items => items.length ? items[0].dataset.label : '', item => [tick(item.raw.x) + ': ' + text(item.raw.lost)]),
      },
    },
  }));
}
const shares = study.layers.flatMap(layer => layer.sparsity.map(p => p[0])), widths = study.layers.flatMap(layer => layer.bits.map(p => p[0]));
const share = v => significant(v * 100, 3).replace(/\.0+$/, '') + ' %';
drawLosses('sparsity', 'sparsity', axis('share of the layer’s weights that are 0', share, false, {min: Math.max(0, Math.min(...shares) - .05), max: Math.min(1, Math.max(...shares) + .05)}), v => share(v) + ' zero');
drawLosses('bits', 'bits', axis('bits of the layer’s weights', String, false, {reverse: true, min: Math.min(...widths) - .3, max: Math.max(...widths) + .3}, {stepSize: 1}), v => v + ' bits');
)js";

}  // namespace fulcrum::detail
