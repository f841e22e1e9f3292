#!/usr/bin/env bash
# From a bare machine to every test: installs what is missing, builds the tool, the tests and the examples, runs them.
#
#   scripts/test.sh [-DOPTION=VALUE ...]
set -euo pipefail
cd "$(dirname "$0")/.."

./scripts/install_dependencies.sh
./scripts/build.sh default "$@"
ctest --preset default --parallel 2
