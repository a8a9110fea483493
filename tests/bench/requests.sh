#!/bin/bash
# requests.sh: how fast the request path is, beside what the same nginx and the same Redis do alone
# in the same run. Everything shares this machine, the load generator (wrk) too, so read the ratios.
set -u
cd "$(dirname "$0")/../.." || exit 1
command -v wrk >/dev/null || { echo 'requests.sh: wrk is missing: apt-get install wrk' >&2; exit 1; }

seconds=${BENCH_SECONDS:-8}
TIFFIN_RUN_DIR=$(mktemp -d /tmp/tiffin-bench.XXXX)
export TIFFIN_RUN_DIR TIFFIN_PORT=${TIFFIN_PORT:-8077} TIFFIN_BENCH=1
url=http://127.0.0.1:$TIFFIN_PORT
trap 'fcgi/stack/down.sh >/dev/null 2>&1; rm -rf "$TIFFIN_RUN_DIR"' EXIT

# up NAME=VALUE...: a fresh start of the stack with these settings.
up() {
    fcgi/stack/down.sh >/dev/null 2>&1
    env "$@" fcgi/stack/up.sh >"$TIFFIN_RUN_DIR/up.log" 2>&1 || { cat "$TIFFIN_RUN_DIR/up.log"; exit 1; }
    curl -fs "$url/restaurants/resto_123" >/dev/null # the first request pays for connecting
}

# load PATH CONNECTIONS SECONDS [ARGS]: sets rate, p99 and bad (answers that are not 2xx, errors).
load() {
    local path=$1 connections=$2 time=$3 out
    shift 3
    out=$(wrk -t1 -c"$connections" -d"${time}s" --timeout 10s --latency "$@" "$url$path")
    rate=$(awk '/^Requests\/sec/ { print $2 }' <<<"$out")
    p99=$(awk '$1 == "99%" { print $2 }' <<<"$out")
    bad=$(grep -E 'Non-2xx|Socket errors' <<<"$out" | tr -s ' ' | tr '\n' ';')
}

# row NAME BASE: prints the last load's figures, as a share of BASE when that is given.
row() {
    local share=-
    [ -z "${2-}" ] || share=$(awk -v a="$rate" -v b="$2" 'BEGIN { printf "%.2f", a / b }')
    printf '| %s | %.0f | %s | %s | %s |\n' "$1" "$rate" "$share" "$p99" "${bad:-none}"
}

echo '| what | requests/s | share | p99 | errors |'
echo '|---|---|---|---|---|'
up TIFFIN_DB_MS=0 TIFFIN_WORKERS=0
load /bench/ok 64 "$seconds"
base=$rate
row "nginx's own \`return 200\`"
load /healthz 64 "$seconds"
row 'GET /healthz' "$base"
load /restaurants/resto_123 64 "$seconds"
row 'GET /restaurants/resto_123, no wait' "$base"
load '/order?restaurant_id=resto_123&item=Curry' 64 "$seconds" -s tests/bench/post.lua
row 'POST /order, on disk, 64 connections, no worker'

up TIFFIN_WORKERS=0
load /restaurants/resto_123 200 10
row 'GET /restaurants/resto_123, 0.5 s wait, 200 in flight (limit 400/s)' 400
load /restaurants/resto_123 5000 30
row 'the same, 5,000 in flight, 30 s (limit 10,000/s)' 10000
