#pragma once
/// \file
/// The script of the error card's page: predicted against measured medians. It writes names as text only.

#include <string_view>

namespace fulcrum::detail {

inline constexpr std::string_view html_script_validation = R"js(
// Okabe and Ito's palette, then the same colours darker; with more networks than that colours repeat.
const palette = ['#0072b2', '#d55e00', '#009e73', '#cc79a7', '#e69f00', '#56b4e9', '#8c6d00', '#004d7a', '#8f3f00', '#00694d', '#8a4f71', '#9a6a00', '#39789b'];
const chart_of_cases = () => {
  const points = study.points;
  const values = points.flatMap(p => [p.predicted, p.measured]);
  if (values.length === 0) return;
  const low = Math.min(...values) / 1.5, high = Math.max(...values) * 1.5;
  const line = factor => [{x: low, y: low * factor}, {x: high, y: high * factor}];
  const plain = {showLine: true, pointRadius: 0, pointHitRadius: 0, borderWidth: 1};
  const datasets = [...new Set(points.map(p => p.model))].map((model, at) => ({
    label: model,
    data: points.filter(p => p.model === model).map(p => ({x: p.measured, y: p.predicted, point: p})),
    backgroundColor: faded(palette[at % palette.length], .75), borderColor: palette[at % palette.length],
    pointStyle: context => shapes[context.raw?.point?.precision] || 'circle', pointRadius: 5, pointHoverRadius: 7,
  }));
  datasets.push(
    {...plain, label: '', data: line(1), borderColor: color('soft')},
    {...plain, label: '', data: line(1.1), borderColor: color('faint'), borderDash: [4, 4], fill: '+1', backgroundColor: color('shade')},
    {...plain, label: '', data: line(1 / 1.1), borderColor: color('faint'), borderDash: [4, 4]});
  new Chart(byId('scatter'), {
    type: 'scatter', data: {datasets},
    options: {
      maintainAspectRatio: false, animation: false,
      scales: {x: axis('measured median', latency, true, {min: low, max: high}), y: axis('predicted median', latency, true, {min: low, max: high})},
      plugins: {
        legend: {position: 'bottom', labels: {color: color('soft'), usePointStyle: true, filter: item => item.text !== ''}},
        tooltip: {filter: item => item.raw.point !== undefined, ...tooltip(
          items => items.length ? items[0].raw.point.model : '',
          item => [item.raw.point.label, 'predicted ' + latency(item.raw.point.predicted) + ', measured ' + latency(item.raw.point.measured), 'error ' + signed(item.raw.point.error)])},
      },
    },
  });
};
Chart.defaults.font.family = getComputedStyle(document.body).fontFamily;
chart_of_cases();
)js";

}  // namespace fulcrum::detail
