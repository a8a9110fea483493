#!/bin/sh
# compdb.sh "COMPILER AND FLAGS" SOURCE...: compile_commands.json on standard output.
set -eu
flags=$(printf '%s' "$1" | sed 's/[\\"]/\\&/g')
shift
separator='['
for source in "$@"; do
    printf '%s\n {"directory": "%s", "file": "%s", "command": "%s -c %s"}' \
        "$separator" "$(pwd)" "$source" "$flags" "$source"
    separator=','
done
[ "$separator" = , ] || printf '['
printf '\n]\n'
