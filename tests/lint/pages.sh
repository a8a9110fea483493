#!/bin/bash
# pages.sh [--write]: do the pages tell the truth where that can be checked? The table of settings
# in fcgi/stack/README.md and nginx/settings.txt are those of fcgi/base/conf.c (--write makes them
# so), and what a link or a `path/to/file` in a *.md names is there.
set -u
cd "$(dirname "$0")/../.." || exit 1
settings=fcgi/stack/README.md
table=$("${TIFFIN_BIN_DIR:-build/release/bin}/tiffin-api" --settings) || exit 1
fresh=$(mktemp) || exit 1
trap 'rm -f "$fresh"' EXIT
status=0
mode=${1-}

# compare FILE: with what it should be, on standard input.
compare() {
    cat >"$fresh"
    if [ "$mode" = --write ]; then
        cat "$fresh" >"$1"
    elif ! diff -u "$1" "$fresh" >&2; then
        echo "the settings in $1 are not those of fcgi/base/conf.c: make readme" >&2
        status=1
    fi
}

compare "$settings" < <(awk -v table="$table" '
    /<!-- settings/ { print; print table; skip = 1 }
    /<!-- \/settings/ { skip = 0 }
    !skip' "$settings")
# Name, default, and the bounds of a number. A setting without a default is not there.
compare nginx/settings.txt < <(awk -F ' *[|] *' '
    BEGIN { print "# Written by make readme: name, default and bounds of each row in fcgi/base/conf.c." }
    { gsub("`", "") }
    $2 ~ /^TIFFIN_/ && $3 != "" { print $2, $3 ($5 == "" ? "" : " " $5 " " $6) }' <<<"$table")
# names PAGE: what its links and its paths in backquotes name, from the page's folder or the root.
names() {
    grep -oE '\]\([^)#:]+' "$1" | cut -c3-
    # shellcheck disable=SC2016 # these are backquotes
    grep -oE '`(fcgi|redis|nginx|ws-bridge|html|tests)/[A-Za-z0-9_./-]+`' "$1" | tr -d '`'
}
while read -r page; do
    while read -r name; do
        if [ ! -e "$(dirname "$page")/$name" ] && [ ! -e "$name" ] && ! git check-ignore -q "$name/"; then
            echo "$page: there is no $name" >&2
            status=1
        fi
    done < <(names "$page")
done < <(git ls-files -c -o --exclude-standard '*.md')
exit "$status"
