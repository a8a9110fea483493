#!/bin/bash
# pages.sh [--write]: do the *.md files tell the truth where that can be checked? The table of
# settings is the one that the code has (--write makes it so), and what a link or a `path/to/file`
# names is there.
set -u
cd "$(dirname "$0")/../.." || exit 1
page=fcgi/stack/README.md
bin=${TIFFIN_BIN_DIR:-build/release/bin}/tiffin-api
fresh=$(mktemp) || exit 1
trap 'rm -f "$fresh"' EXIT
status=0

awk -v table="$("$bin" --settings)" '
    /<!-- settings/ { print; print table; skip = 1 }
    /<!-- \/settings/ { skip = 0 }
    !skip' "$page" >"$fresh"
if [ "${1-}" = --write ]; then
    cp "$fresh" "$page"
elif ! diff -u "$page" "$fresh" >&2; then
    echo "the settings in $page are not those of fcgi/base/conf.c: make readme" >&2
    status=1
fi

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
