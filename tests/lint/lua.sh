#!/bin/bash
# luacheck over the Redis functions: unknown globals and unused names are how a
# function fails in the middle of its writes.
set -u
cd "$(dirname "$0")/../.." || exit 1
mapfile -t files < <(find redis -name '*.lua' 2>/dev/null)
if ((${#files[@]} == 0)); then exit 0; fi
command -v luacheck >/dev/null || { echo 'luacheck is not installed; skipped' >&2; exit 0; }
luacheck --quiet --no-color --std lua51 --globals redis cjson cmsgpack bit struct \
    --max-line-length 120 "${files[@]}"
