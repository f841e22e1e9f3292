#pragma once
/// \file
/// The script that all pages share.

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
        labels.push({pixel: {x: area.right, y: at}, text: options.horizontal.label, sides: ['under', 'end', 'inner under 1', 'inner 1', 'inner under 2', 'inner 2', 'inner under 3', 'inner 3']});
      }
    }
    for (const label of labels) Object.assign(label, {gap: 6, always: true, bold: true, color: color('soft')});
    labels.push(...options.labels || []);
    ctx.setLineDash([]);
    // A label goes where it covers no point, no line and no earlier label; if there is no such place, the label stays away
    // unless it must be there.
    const boxes = [];
    chart.data.datasets.forEach((set, at) => {
      const points = chart.getDatasetMeta(at).data;
      if (set.pointRadius > 0) {
        for (const point of points) boxes.push({left: point.x - 5, right: point.x + 5, top: point.y - 5, bottom: point.y + 5});
      } else if (set.showLine) {  // as a row of small boxes
        for (let i = 1; i < points.length; ++i) {
          const [a, b] = [points[i - 1], points[i]], steps = Math.min(Math.ceil(Math.hypot(b.x - a.x, b.y - a.y) / 6), 200);
          for (let k = 0; k <= steps; ++k) {
            const px = a.x + (b.x - a.x) * k / (steps || 1), py = a.y + (b.y - a.y) * k / (steps || 1);
            boxes.push({left: px - 2, right: px + 2, top: py - 2, bottom: py + 2});
          }
        }
      }
    });
    if (options.vertical) {
      const at = x.getPixelForValue(options.vertical.at);
      boxes.push({left: at - 1, right: at + 1, top: area.top, bottom: area.bottom});
    }
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

}  // namespace fulcrum::detail
