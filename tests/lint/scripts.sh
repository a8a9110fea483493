#!/bin/bash
# Runs shellcheck over every shell script of the project, told by name or first line.
set -u
cd "$(dirname "$0")/../.." || exit 1
mapfile -t scripts < <(
    {
        find fcgi redis nginx ws-bridge html tests -name '*.sh' -not -path '*/node_modules/*' 2>/dev/null
        grep -lsE '^#!.*\b(ba)?sh\b' .ci/* 2>/dev/null
    } | sort -u
)
((${#scripts[@]} == 0)) || shellcheck "${scripts[@]}"
