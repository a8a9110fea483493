#!/bin/bash
# tiffin-nginx-health: the container's health check. 0 when nginx answers and the API behind it has been ready
# once, so that orders can be placed as soon as nginx is healthy (compose up --wait). It does not ask
# the API again: an nginx that answers 503 while the API is away is healthy, and a restart of
# it would change nothing.
die() {
    echo "tiffin-nginx-health: $*" >&2
    exit 1
}
# shellcheck source=settings.sh
. "$(dirname "$(readlink -f "$0")")/settings.sh"
setting TIFFIN_PORT
was_ready=${TIFFIN_RUN_DIR:?is not set}/was-ready # removed by entrypoint.sh

# answers PATH STATUS: 0 when nginx answers a GET with this status, else 1 and a line that says what it does.
answers() {
    local status=''
    exec 3<>"/dev/tcp/127.0.0.1/$TIFFIN_PORT" || return 1
    printf 'GET %s HTTP/1.0\r\nHost: 127.0.0.1\r\n\r\n' "$1" >&3
    read -r -t 3 _ status _ <&3
    [[ $status == "$2" ]] && return
    echo "tiffin-nginx-health: $1 answers ${status:-nothing}" >&2
    return 1
}

answers /.nginx 204 || exit 1
[[ -e $was_ready ]] || { answers /readyz 200 && : >"$was_ready"; }
