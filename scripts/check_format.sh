#!/usr/bin/env bash
# Fails when a source is not formatted as .clang-format says; with --fix, formats it. Only clang-format 14 is asked:
# other versions break lines elsewhere. Without it nothing is checked, and that is said.
set -euo pipefail
cd "$(dirname "$0")/.."

clang_format=
for candidate in clang-format-14 clang-format; do
  if command -v "$candidate" >/dev/null && "$candidate" --version | grep -q 'version 14\.'; then
    clang_format=$candidate
    break
  fi
done
if [ -z "$clang_format" ]; then
  echo "clang-format 14 is not installed: formatting is not checked."
  exit 0
fi

mode=(--dry-run --Werror)
[ "${1:-}" = --fix ] && mode=(-i)
find include tests tools examples benchmarks -name '*.hpp' -print0 -o -name '*.cpp' -print0 |
  xargs -0 "$clang_format" "${mode[@]}"
