#!/usr/bin/env bash
# Configures and builds a preset of CMakePresets.json:
#
#   scripts/build.sh [PRESET] [-DOPTION=VALUE ...] [TARGET ...]
#
# PRESET: default (build/release), debug, sanitize, tsan, clang, benchmarks. Without a target: everything of the preset.
set -euo pipefail
cd "$(dirname "$0")/.."

preset=default
case "${1:-}" in
  default | debug | sanitize | tsan | clang | benchmarks) preset=$1; shift ;;
esac
options=()
targets=()
for argument in "$@"; do
  case "$argument" in
    -*) options+=("$argument") ;;
    *) targets+=(--target "$argument") ;;
  esac
done

# As many jobs as cores, but no more than memory holds: a compiler at work takes up to 1.5 GB.
jobs=$(nproc)
memory_kb=$(awk '/^MemAvailable:/ { print $2 }' /proc/meminfo 2>/dev/null || true)
if [ -n "$memory_kb" ] && [ $((memory_kb / 1500000)) -lt "$jobs" ]; then
  jobs=$((memory_kb / 1500000))
fi
[ "$jobs" -ge 1 ] || jobs=1

configure_log=$(mktemp)
trap 'rm -f "$configure_log"' EXIT
cmake --preset "$preset" "${options[@]}" >"$configure_log" 2>&1 || { cat "$configure_log" >&2; exit 1; }
cmake --build --preset "$preset" --parallel "$jobs" "${targets[@]}"
