#!/bin/bash
# Does html/openapi.json please the two usual judges, Spectral (spectral:oas) and Redocly (recommended)?
# Both come from npm by the lockfile, into build/. A warning counts as well, but for those that
# openapi/spectral.json and openapi/redocly.yaml switch off. (spectral.json has no comments: a project
# without a public address has no contact, and a WebSocket's good answer is 101.)
set -u
cd "$(dirname "$0")/../.." || exit 1
tools=build/lint/openapi
mkdir -p "$tools" || exit 1
skip() {
    echo "check-openapi: skipped: $1" >&2
    exit 0
}

command -v npm >/dev/null || skip 'npm is not installed'
for file in package.json package-lock.json .npmrc; do
    cmp -s "tests/lint/openapi/$file" "$tools/$file" || rm -f "$tools/.fetched"
    cp "tests/lint/openapi/$file" "$tools/$file" || exit 1
done
if [[ ! -e $tools/.fetched ]]; then
    echo 'check-openapi: fetching Spectral and Redocly from npm' >&2
    npm ci --prefix "$tools" --ignore-scripts --engine-strict --loglevel=error >/dev/null ||
        skip 'npm could not fetch Spectral and Redocly (they need Node.js 20.19 or later)'
    touch "$tools/.fetched"
fi

export REDOCLY_TELEMETRY=off REDOCLY_SUPPRESS_UPDATE_NOTICE=true
code=0
"$tools/node_modules/.bin/spectral" lint --quiet --fail-severity=warn \
    --ruleset tests/lint/openapi/spectral.json html/openapi.json >&2 || code=1
report=$("$tools/node_modules/.bin/redocly" lint --config tests/lint/openapi/redocly.yaml \
    --format=github-actions html/openapi.json 2>/dev/null) || code=1
[[ -z $report ]] || {
    echo "$report" >&2
    code=1
}
exit $code
