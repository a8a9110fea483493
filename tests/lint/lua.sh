#!/bin/bash
# luacheck over the Redis functions: unknown globals and unused names are how a
# function fails in the middle of its writes. A library in parts is checked whole, as
# tiffin-load joins it, because its parts share their locals; what is found is told by
# part and line. The programs must be built.
set -uo pipefail
shopt -s nullglob
cd "$(dirname "$0")/../.." || exit 1
command -v luacheck >/dev/null || { echo 'luacheck is not installed; skipped' >&2; exit 0; }
load=${TIFFIN_BIN_DIR:-build/release/bin}/tiffin-load

# check NAME: the code on stdin, under this name.
check() {
    luacheck --formatter plain --no-color --std lua51 --globals redis cjson cmsgpack bit struct \
        --max-line-length 120 --filename "$1" -
}

# by_part FOLDER: from FOLDER:3042:7: to FOLDER/03-name.lua:42:7: (a file has no parts)
by_part() {
    local part number rules=(-e '')
    for part in "$1"/*.lua; do
        number=${part##*/}
        number=$((10#${number%%-*}))
        rules+=(-e "s|^$1:$number([0-9]{3}):|$part:\\1:|" -e "s|^$part:0+|$part:|")
    done
    sed -E "${rules[@]}"
}

code=0
for library in redis/functions/*; do
    name=${library##*/}
    "$load" --functions redis/functions --print "${name%.lua}" | check "$library" |
        by_part "$library" || code=1
done
exit "$code"
