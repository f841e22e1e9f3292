#pragma once
/// \file
/// A page that shows what a server does at the moment, and its figures.

#include <string_view>

#include <nlohmann/json.hpp>

#include <fulcrum/serve/model_repository.hpp>

namespace fulcrum::detail {

/// Counts since the start; the page takes the differences.
inline nlohmann::json live_figures(const ModelRepository& repository) {
  nlohmann::json bounds = nlohmann::json::array(), versions = nlohmann::json::array();
  for (std::size_t i = 0; i < LatencyHistogram::bounds; ++i)
    bounds.push_back(Milliseconds(LatencyHistogram::bound(i)).count());
  for (const std::shared_ptr<ServedVersion>& version : repository.loaded()) {
    const VersionMetrics& metrics = version->metrics();
    nlohmann::json outcomes;
    for (const ServedAs as : all_served_as) outcomes[std::string(name_of(as))] = metrics.counted(as);
    const auto runner = version->runner();
    versions.push_back({{"model", version->model()},
                        {"version", version->version()},
                        {"current", repository.is_current(*version)},
                        {"outcomes", std::move(outcomes)},
                        {"latency", metrics.total.snapshot().counts},
                        {"queue", runner ? runner->runner().waiting() : 0},
                        {"in_flight", metrics.in_flight.load()},
                        {"replacements", metrics.replacements.load()}});
  }
  return {{"bounds_ms", std::move(bounds)}, {"versions", std::move(versions)}};
}

inline constexpr std::string_view live_page = R"html(<!doctype html>
<html lang="en"><head><meta charset="utf-8"><title>Fulcrum, live</title>
<meta name="viewport" content="width=device-width, initial-scale=1"><link rel="icon" href="data:,">
<style>
body{font:15px system-ui,sans-serif;margin:2em auto;max-width:70em;padding:0 1em;color:#222;background:#fff}
h1{font-size:1.3em}table{border-collapse:collapse;width:100%}
th,td{padding:.4em .7em;text-align:right;border-bottom:1px solid #ddd;font-variant-numeric:tabular-nums}
th:first-child,td:first-child{text-align:left}th{font-weight:600;color:#555}
svg{vertical-align:middle}polyline{fill:none;stroke:#2563eb;stroke-width:1.5}.bad{color:#b91c1c}#state{color:#555}
@media(max-width:52em){thead{display:none}tr{display:grid;grid-template-columns:1fr 1fr;border-bottom:1px solid #ddd;
padding:.6em 0}td{border:0;padding:.15em .4em;display:flex;justify-content:space-between;align-items:center}
td:first-child{grid-column:1/3;font-weight:600}td:nth-child(6){grid-column:1/3}
td[data-label]::before{content:attr(data-label);color:#777;white-space:nowrap}svg{flex:none}}
@media(prefers-color-scheme:dark){body{color:#ddd;background:#161616}th,#state,td[data-label]::before{color:#999}
tr,td,th{border-color:#333}polyline{stroke:#60a5fa}.bad{color:#f87171}}
</style></head><body>
<h1>Fulcrum, live</h1><p id="state">…</p>
<table><thead><tr id="names"></tr></thead><tbody id="rows"></tbody></table>
<script>
'use strict';
const token = new URLSearchParams(location.hash.slice(1)).get('token');
const names = ['model, version', 'requests/s', 'rate, 1 min', 'p50 ms', 'p99 ms', 'p99, 1 min', 'not ok/s',
  'queue', 'in flight', 'replaced'];
for (const name of names) {
  const th = document.createElement('th');
  th.textContent = name;
  document.getElementById('names').append(th);
}
const history = new Map();
let before = null;
const add = (a) => a.reduce((x, y) => x + y, 0);
function percentile(counts, bounds, share) {
  const total = add(counts);
  if (!total) return null;
  let below = 0;
  for (let i = 0; i < bounds.length; ++i) {
    if (counts[i] && below + counts[i] >= share * total) {
      const low = i ? bounds[i - 1] : 0;
      return low + (bounds[i] - low) * (share * total - below) / counts[i];
    }
    below += counts[i];
  }
  return bounds[bounds.length - 1];
}
function curve(values) {
  const most = Math.max(...values, 1e-9);
  const first = 60 - values.length;  // the present is at the right
  const points = values.map((v, i) => `${((first + i) * 2).toFixed(0)},${(22 - 20 * v / most).toFixed(1)}`).join(' ');
  return `<svg width="120" height="24" viewBox="0 0 120 24"><polyline points="${points}"/></svg>`;
}
const figure = (x, digits) => x === null ? '–' : x.toFixed(digits);
async function tick() {
  const state = document.getElementById('state');
  try {
    const answer = await fetch('live.json', token ? {headers: {Authorization: 'Bearer ' + token}} : {});
    if (!answer.ok) throw new Error((await answer.json()).error);
    const now = {at: performance.now(), ...await answer.json()};
    if (before) show(now, (now.at - before.at) / 1000);
    before = now;
    state.textContent = `${now.versions.length} version(s), ${new Date().toLocaleTimeString()}`;
  } catch (error) {
    state.textContent = 'no figures: ' + error.message + (token ? '' : ' (a token goes into the address: #token=…)');
  }
}
function show(now, seconds) {
  const rows = document.createDocumentFragment();
  for (const version of now.versions) {
    const key = version.model + '/' + version.version;
    const last = before.versions.find((v) => v.model + '/' + v.version === key);
    if (!last) continue;
    const since = version.latency.map((n, i) => Math.max(0, n - last.latency[i]));
    const rate = (version.outcomes.ok - last.outcomes.ok) / seconds;
    const all = (v) => add(Object.values(v.outcomes)) - v.outcomes.ok;
    const bad = (all(version) - all(last)) / seconds;
    const p50 = percentile(since, now.bounds_ms, 0.5), p99 = percentile(since, now.bounds_ms, 0.99);
    const past = history.get(key) || {rate: [], p99: []};
    history.set(key, past);
    for (const [list, value] of [[past.rate, rate], [past.p99, p99 || 0]]) if (list.push(value) > 60) list.shift();
    const row = document.createElement('tr');
    const cell = (text, kind) => { const td = row.insertCell(); td.textContent = text; if (kind) td.className = kind; };
    cell(version.model + ', ' + version.version + (version.current ? ' (current)' : ''));
    cell(figure(rate, 1));
    row.insertCell().innerHTML = curve(past.rate);
    cell(figure(p50, 2));
    cell(figure(p99, 2));
    row.insertCell().innerHTML = curve(past.p99);
    cell(figure(bad, 1), bad > 0 ? 'bad' : '');
    for (const what of ['queue', 'in_flight', 'replacements']) cell(String(version[what]));
    [...row.cells].forEach((td, i) => { if (i > 0) td.dataset.label = names[i]; });
    rows.append(row);
  }
  document.getElementById('rows').replaceChildren(rows);
}
tick();
setInterval(tick, 1000);
</script></body></html>
)html";

}  // namespace fulcrum::detail
