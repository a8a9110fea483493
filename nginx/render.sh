#!/bin/bash
# render.sh OUT_DIR: write nginx.conf and its parts, complete, to OUT_DIR.
#
# Everything comes from the environment. TIFFIN_RUN_DIR must be absolute. Besides the settings of the settings table:
#   TIFFIN_NGINX_USER   user of the workers when the master is root ("" = no line)
#   TIFFIN_HTML_DIR     the pages (html/ beside this folder)
#   TIFFIN_WS_LISTEN    the first chat bridge's socket or host:port ("" = no such route);
#                       the socket of bridge N has -N before its .sock, ports are counted up
#   TIFFIN_API_PEERS    where they are host:port: addresses, separated by spaces, that stand
#   TIFFIN_WS_PEERS     for the host, each with all those ports; "" = nobody is there now
#   TIFFIN_ACCESS_LOG   1 = access log on standard error, 0 = none
#   TIFFIN_BENCH        1 = add /bench/ok, a constant answer to compare with
set -eu

here=$(cd "$(dirname "$0")" && pwd -P)
out=${1:?usage: render.sh OUT_DIR}
run=${TIFFIN_RUN_DIR:?TIFFIN_RUN_DIR is not set}
die() {
    echo "render.sh: $*" >&2
    exit 1
}
# shellcheck source=settings.sh
. "$here/settings.sh"
nginx_settings
port=$TIFFIN_PORT
html=${TIFFIN_HTML_DIR:-$here/../html}
if [ -d "$html" ]; then html=$(cd "$html" && pwd -P); fi

mkdir -p "$out"
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT

# value WORD: what stands for @WORD@ is read from standard input. Words may stand
# for several lines, so each has a file that sed reads in.
value() { cat >"$work/$1"; }

# ---- who answers -------------------------------------------------------------------
# tcp_servers LISTEN COUNT HOSTS: COUNT ports, from LISTEN's on, at each of HOSTS. First one
# port of every host, then the next: who finds a host dead tries another one next.
# A host that neither answers nor refuses costs whoever is sent there a quarter of a second (the
# connect timeout), so after three such within a second it is left out for a second. It is not longer,
# because where all are left out nobody is served: each comes back within a moment. Refused
# connections cost nothing and count the same.
tcp_servers() {
    i=0
    while [ "$i" -lt "$2" ]; do
        for host in $3; do
            address=$host:${1##*:}
            case $address in
            *%d*) address=${address%%%d*}$i${address#*%d} ;;
            *) address=${address%:*}:$((${address##*:} + i)) ;;
            esac
            echo "    server \"$address\" max_fails=3 fail_timeout=1s;"
        done
        i=$((i + 1))
    done
}
# unix_servers BEFORE AFTER FIRST LAST: sockets. None is ever left out: a process is back
# within a moment, and the API's sockets outlive its processes.
unix_servers() {
    i=$3
    while [ "$i" -le "$4" ]; do
        echo "    server \"unix:$1$i$2\" max_fails=0;"
        i=$((i + 1))
    done
}
nobody() { echo '    server 127.0.0.1:9 down;'; } # nginx wants one

listen=${TIFFIN_API_LISTEN:-$run/api/%d.sock}
processes=${TIFFIN_API_PROCESSES:-1}
[ "$processes" -gt 0 ] || processes=$(nproc)
case $listen in
/*%d*) unix_servers "${listen%%%d*}" "${listen#*%d}" 0 $((processes - 1)) ;;
[!/]*:*) tcp_servers "$listen" "$processes" "${TIFFIN_API_PEERS-${listen%:*}}" ;;
*)
    echo "render.sh: TIFFIN_API_LISTEN=$listen is neither a socket path with %d nor host:port" >&2
    exit 1
    ;;
esac >"$work/UPSTREAM_API"
[ -s "$work/UPSTREAM_API" ] || nobody >"$work/UPSTREAM_API"

bridges=${TIFFIN_BRIDGES:-1}
ws=${TIFFIN_WS_LISTEN:-}
if [ "$bridges" -eq 0 ]; then ws=; fi
case $ws in
'') ;;
/*)
    echo "    server \"unix:$ws\" max_fails=0;"
    unix_servers "${ws%.sock}-" .sock 2 "$bridges"
    ;;
*) tcp_servers "$ws" "$bridges" "${TIFFIN_WS_PEERS-${ws%:*}}" ;;
esac >"$work/bridges"
[ -s "$work/bridges" ] || nobody >"$work/bridges"
if [ -n "$ws" ]; then
    echo 'upstream tiffin_ws {'
    echo '    least_conn;'
    cat "$work/bridges"
    echo '}'
fi | value UPSTREAM_WS
# Silent for longer than this is only who is dead.
silence=$(((${TIFFIN_CHAT_PING_MS:-25000} + ${TIFFIN_CHAT_PONG_MS:-8000}) / 1000 + 10))
[ "$silence" -ge 60 ] || silence=60

# ---- processes: one a core, but each takes 430 bytes for every connection that it may have, used or
# not, and eight answer more than any API behind them -------------------------------------------
workers=$(nproc)
[ "$workers" -le 8 ] || workers=8

# ---- open files: what the hard limit gives, some kept for files and logs ----------
# shellcheck disable=SC3045 # dash and busybox know -H
nofile=$(ulimit -H -n)
case $nofile in *[!0-9]*) nofile=65536 ;; esac
[ "$nofile" -le 65536 ] || nofile=65536
connections=$((nofile - 64))
[ "$connections" -ge 64 ] || connections=64

# ---- the parts that are there or not ----------------------------------------------
if [ -n "${TIFFIN_NGINX_USER:-}" ]; then echo "user $TIFFIN_NGINX_USER;"; fi | value USER
has_ipv6() { grep -qs . /proc/net/if_inet6; }
# ---- TLS --------------------------------------------------------------------------
# How HTTP/2 is asked for changed with nginx 1.25.1: from there on not by `listen`.
tls_port=$TIFFIN_TLS_PORT
version=$(nginx -v 2>&1 | sed -n 's|.*nginx/\([0-9]*\)\.\([0-9]*\)\.\([0-9]*\).*|\1 \2 \3|p')
http2=$(echo "${version:-1 22 0}" | awk '{ print ($1 * 1000000 + $2 * 1000 + $3 >= 1025001) ? "" : " http2" }')
if [ -z "$http2" ]; then echo 'http2 on;'; fi | value HTTP2
# listen_lines OPTIONS OPTIONS_OF_IPV6: the sockets of both servers; one of them has the options.
listen_lines() {
    echo "        listen $port$1;"
    if has_ipv6; then echo "        listen [::]:$port$1$2;"; fi
    [ "$tls_port" -gt 0 ] || return 0
    echo "        listen $tls_port ssl$http2$1;"
    if has_ipv6; then echo "        listen [::]:$tls_port ssl$http2$1$2;"; fi
}
listen_lines ' default_server reuseport backlog=4096' ' ipv6only=on' | value LISTEN_FIRST
listen_lines '' '' | value LISTEN_AGAIN
if [ "$tls_port" -gt 0 ]; then echo '    include "tls.conf";'; fi | value TLS
if [ "$tls_port" -gt 0 ]; then echo '        include "to-https.conf";'; fi | value TO_HTTPS
# What people's browsers see of the ports, where they are mapped to others; 443 goes without saying.
public=$TIFFIN_PUBLIC_PORT tls_public=$TIFFIN_TLS_PUBLIC_PORT
[ "$public" -gt 0 ] || public=$port
[ "$tls_public" -gt 0 ] || tls_public=$tls_port
# A browser that has been told keeps to TLS on every port of the name but 80, which becomes 443: a
# plain port that is not 80 would be lost to it (RFC 6797, 8.3).
hsts=$TIFFIN_HSTS_S
if [ "$hsts" -lt 0 ]; then
    hsts=0
    if [ "$public:$tls_public" = 80:443 ]; then hsts=31536000; fi
fi
if [ "$hsts" -gt 0 ]; then hsts=max-age=$hsts; else hsts=; fi
if [ "$tls_public" -eq 443 ]; then tls_public=; else tls_public=:$tls_public; fi

# ---- names ------------------------------------------------------------------------------------
# own_names: this machine's, as it knows itself: whole, short, of its network (RFC 6762), and the
# first name that /etc/hosts has beside it, which is what `hostname -f` would say.
own_names() {
    local name
    name=$(uname -n)
    printf '%s\n' "$name" "${name%%.*}" "${name%%.*}.local"
    awk -v name="$name" '{ sub(/#.*/, ""); for (i = 2; i <= NF; i++) if ($i == name) print $2 }' /etc/hosts || true
}
# The names of TIFFIN_HOSTS come first: the very first is what a request without a Host has.
{
    words TIFFIN_HOSTS | awk '!/\*/'
    words TIFFIN_HOSTS | awk '/\*./'
    printf '%s\n' localhost '*.localhost'
    own_names | grep -E "$HOST_NAME" || true
} | tr '[:upper:]' '[:lower:]' | awk '!seen[$0]++ { print "            " $0 }' | value HOSTS
if words TIFFIN_HOSTS | grep -qxF '*'; then echo '            "~^"'; fi | value ANY_HOST

# ---- who is who -------------------------------------------------------------------------------
# each NAME BEFORE AFTER: a line for each word of it.
each() { words "$1" | awk -v before="$2" -v after="$3" '{ print before $0 after }'; }
each TIFFIN_METRICS_ALLOW '            allow ' ';' | value METRICS_ALLOW
each TIFFIN_TRUSTED_PROXIES 'set_real_ip_from ' ';' | value PROXIES_ARE_TRUSTED
each TIFFIN_TRUSTED_PROXIES '    ' ' 1;' | value PROXIES

# ---- limits -----------------------------------------------------------------------------------
# limit ZONE BURST: what holds where the zone is asked.
limit() {
    if [ "$2" -gt 0 ]; then echo "limit_req zone=$1 burst=$2 nodelay;"; else echo "limit_req zone=$1;"; fi
}
if [ "$TIFFIN_RATE" -gt 0 ]; then
    limit requests "$TIFFIN_RATE_BURST" >>"$work/LIMITS"
    echo "limit_req_zone \$tiffin_limit_key zone=requests:10m rate=${TIFFIN_RATE}r/s;" >>"$work/ZONES"
fi
order_retry=1
if [ "$TIFFIN_ORDER_RATE" -gt 0 ]; then
    limit orders "$TIFFIN_ORDER_BURST" >>"$work/LIMITS"
    echo "limit_req_zone \$tiffin_order_key zone=orders:10m rate=${TIFFIN_ORDER_RATE}r/m;" >>"$work/ZONES"
    for path in /order /new-update-and-broadcast; do echo "    $path \$tiffin_limit_key;"; done >"$work/ORDER_KEY"
    # nginx counts in whole thousandths of a request a second, so one a minute is one in 62.5 s.
    per_second=$((TIFFIN_ORDER_RATE * 1000 / 60))
    order_retry=$(((1000 + per_second - 1) / per_second))
fi
touch "$work/LIMITS" "$work/ZONES" "$work/ORDER_KEY"

if [ "$TIFFIN_ACCESS_LOG" -eq 1 ]; then
    echo 'access_log "" tiffin buffer=4k flush=1s;'
else
    echo 'access_log off;'
fi | value ACCESS_LOG
streams=${TIFFIN_STREAMS_PER_CLIENT:-64}
{
    if [ -n "$ws" ]; then echo '        include "chat.conf";'; fi
    if [ "${TIFFIN_BENCH:-0}" -eq 1 ]; then
        cat <<'EOF'
        # ---- a constant answer, to measure against --------------------------
        location = /bench/ok {
            default_type text/plain;
            return 200 "ok\n";
        }

EOF
    fi
} | value EXTRA

drain=${TIFFIN_DRAIN_MS:-5000}
[ "$drain" -gt 0 ] || drain=1 # to nginx 0 means for ever

# ---- fill in ------------------------------------------------------------------------
# A path may hold what is special on the right side of s///.
escape() { printf '%s' "$1" | sed 's/[&|\\]/\\&/g'; }
cat >"$work/script" <<EOF
s|@RUN_DIR@|$(escape "$run")|g
s|@HTML_DIR@|$(escape "$html")|g
s|@DRAIN@|${drain}ms|g
s|@NOFILE@|$nofile|g
s|@PROCESSES@|$workers|g
s|@CONNECTIONS@|$connections|g
s|@STREAMS@|$streams|g
s|@SILENCE@|${silence}s|g
s|@H2_STREAMS@|$((streams + 64))|g
s|@TLS_CERT@|$(escape "${TIFFIN_TLS_CERT:-}")|g
s|@TLS_KEY@|$(escape "${TIFFIN_TLS_KEY:-}")|g
s|@TLS_PUBLIC@|$tls_public|g
s|@HSTS@|$hsts|g
s|@LIMIT_LOOPBACK@|$TIFFIN_LIMIT_LOOPBACK|g
s|@ORDER_RATE@|$TIFFIN_ORDER_RATE|g
s|@ORDER_BURST@|$TIFFIN_ORDER_BURST|g
s|@ORDER_RETRY@|$order_retry|g
EOF
for word in USER UPSTREAM_API UPSTREAM_WS LISTEN_FIRST LISTEN_AGAIN TLS TO_HTTPS HTTP2 HOSTS ANY_HOST \
    METRICS_ALLOW PROXIES_ARE_TRUSTED PROXIES EXTRA ZONES LIMITS ORDER_KEY ACCESS_LOG; do
    printf '/^ *@%s@$/{\nr %s/%s\nd\n}\n' "$word" "$work" "$word"
done >>"$work/script"

for file in "$here/nginx.conf" "$here"/parts/*; do
    sed -f "$work/script" "$file" >"$out/$(basename "$file")"
done
if grep -l '@[A-Z0-9_]*@' "$out"/*.conf >&2; then
    echo "render.sh: a word of the template was not replaced" >&2
    exit 1
fi
