#!/bin/bash
# readme.sh [--write]: is the README's table of settings the one the code has? --write makes it so.
set -u
cd "$(dirname "$0")/../.." || exit 1
bin=${TIFFIN_BIN_DIR:-build/release/bin}/tiffin-api
fresh=$(mktemp) || exit 1
trap 'rm -f "$fresh"' EXIT

awk -v table="$("$bin" --settings)" '
    /<!-- settings/ { print; print table; skip = 1 }
    /<!-- \/settings/ { skip = 0 }
    !skip' README.md >"$fresh"
if [ "${1-}" = --write ]; then
    cp "$fresh" README.md
elif ! diff -u README.md "$fresh" >&2; then
    echo 'the settings in README.md are not those of fcgi/base/conf.c: make readme' >&2
    exit 1
fi
