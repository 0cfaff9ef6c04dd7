#!/usr/bin/env bash
# Runs the tests of the pages: run.sh types | modules | browser PROGRAM; and measures them: run.sh speed
# PROGRAM [ROUNDS] [SLICES] [SIDE].
# Exit code 77, with the reason, where something that they need is not there.
set -euo pipefail
cd "$(dirname "$(readlink -f "$0")")/.."

skip() { echo "skipped: $1"; exit 77; }

command -v node >/dev/null || skip "node is not installed (nodejs and npm of Debian are enough)"
[ "$(node -p 'process.versions.node.split(".")[0]')" -ge 18 ] || skip "node $(node --version) is older than 18"
case "${1:?types, modules, browser or speed}" in
  types)
    [ -d node_modules/typescript ] || skip "npm ci in web/ has not run: there is no TypeScript"
    exec node node_modules/typescript/bin/tsc --noEmit ;;
  modules)
    exec node --test tests/modules.test.js ;;
  browser | speed)
    chromium=${GROUNDGLASS_CHROMIUM:-$(command -v chromium || true)}
    [ -n "$chromium" ] || skip "chromium is not installed"
    [ -d node_modules/playwright-core ] || skip "npm ci in web/ has not run: there is no playwright-core"
    export GROUNDGLASS_CHROMIUM=$chromium GROUNDGLASS_BINARY=${2:?the program}
    if [ "$1" = speed ]; then exec node tests/speed.js "${@:3}"; fi
    exec node --test tests/browser.test.js ;;
  *) echo "error: unknown tests '$1': types, modules, browser or speed" >&2; exit 2 ;;
esac
