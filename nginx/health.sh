#!/bin/bash
# tiffin-nginx-health: 0 when nginx answers and the API behind it has once been ready. So whoever
# waits for a healthy nginx (compose up --wait) can place an order. It does not ask the API again: an
# nginx that says 503 for an API that is away is well, and starting it anew would help nobody.
was_ready=${TIFFIN_RUN_DIR:-/run/tiffin}/was-ready # removed by entrypoint.sh

# answers PATH STATUS
answers() {
    local status=''
    exec 3<>"/dev/tcp/127.0.0.1/${TIFFIN_PORT:-8000}" || return 1
    printf 'GET %s HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n' "$1" >&3
    read -r -t 3 _ status _ <&3
    [[ $status == "$2" ]] && return
    echo "tiffin-nginx-health: $1 answers ${status:-nothing}" >&2
    return 1
}

answers /.nginx 204 || exit 1
[[ -e $was_ready ]] || { answers /readyz 200 && : >"$was_ready"; }
