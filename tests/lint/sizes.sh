#!/bin/bash
# Names each file of the project that is longer than 500 lines: one subject a file is shorter. What is
# data or prose may be longer. (How long a function may be: readability-function-size in .clang-tidy.)
#
#   sizes.sh [ROOT]
set -u
cd "${1:-$(dirname "$0")/../..}" || exit 1
readonly MAX=500

code=0
while IFS= read -r file; do
    case $file in
    *.md | *.json | *.svg | *.webp | *.lock | *-lock.* | tests/fuzz/corpus/*) continue ;;
    esac
    [[ -f $file ]] || continue # deleted, but not yet for git
    lines=$(wc -l <"$file")
    ((lines <= MAX)) || { echo "$file: $lines lines, more than $MAX: cut it by subject" >&2; code=1; }
done < <(git ls-files -c -o --exclude-standard)
exit $code
