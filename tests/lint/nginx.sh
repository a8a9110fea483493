#!/bin/bash
# Does nginx accept the rendered configuration, with the optional parts and without?
set -u
cd "$(dirname "$0")/../.." || exit 1
PATH=$PATH:/usr/sbin:/sbin
dir=$(mktemp -d) || exit 1
trap 'rm -rf "$dir"' EXIT

# check NAME SETTING=VALUE...: silent when there is nothing to say.
check() {
    local name=$1 out
    shift
    mkdir -p "$dir/nginx"
    if ! env TIFFIN_RUN_DIR="$dir" TIFFIN_API_LISTEN="$dir/api/%d.sock" TIFFIN_PORT=18999 "$@" nginx/render.sh "$dir/nginx"; then
        return 1
    fi
    out=$(nginx -t -q -p "$dir/nginx/" -c "$dir/nginx/nginx.conf" -e stderr 2>&1)
    [[ -z $out ]] || {
        printf 'nginx -t (%s): %s\n' "$name" "$out" >&2
        return 1
    }
}

status=0
check defaults TIFFIN_API_PROCESSES=2 || status=1
check "all parts" TIFFIN_API_PROCESSES=4 TIFFIN_BENCH=1 TIFFIN_WS_LISTEN="$dir/ws.sock" TIFFIN_BRIDGES=3 \
    TIFFIN_METRICS_ALLOW="10.0.0.0/8 fd00::/8" TIFFIN_TRUSTED_PROXIES="127.0.0.1 fd00::/8" \
    TIFFIN_HOSTS="shop.test *.shop.test localhost *" || status=1
check "no limits" TIFFIN_RATE=0 TIFFIN_ORDER_RATE=0 TIFFIN_ACCESS_LOG=0 TIFFIN_DRAIN_MS=0 || status=1
check containers TIFFIN_API_LISTEN=127.0.0.1:9001 TIFFIN_API_PROCESSES=3 TIFFIN_RATE_BURST=0 TIFFIN_ORDER_BURST=0 \
    TIFFIN_WS_LISTEN=127.0.0.1:9100 TIFFIN_BRIDGES=2 || status=1
check "containers, nobody there" TIFFIN_API_LISTEN=api:9000 TIFFIN_API_PEERS= TIFFIN_WS_LISTEN=ws-bridge:9100 \
    TIFFIN_WS_PEERS= || status=1
check "containers, both kinds of address" TIFFIN_API_LISTEN=api:9000 TIFFIN_API_PROCESSES=2 \
    TIFFIN_API_PEERS="10.0.0.2 [fd00::2]" TIFFIN_WS_LISTEN=ws-bridge:9100 TIFFIN_WS_PEERS="10.0.0.3" || status=1
openssl req -x509 -newkey ec -pkeyopt ec_paramgen_curve:prime256v1 -nodes -subj /CN=localhost \
    -keyout "$dir/key.pem" -out "$dir/cert.pem" 2>/dev/null
check TLS TIFFIN_TLS_PORT=18998 TIFFIN_TLS_CERT="$dir/cert.pem" TIFFIN_TLS_KEY="$dir/key.pem" || status=1
exit "$status"
