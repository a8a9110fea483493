#!/bin/bash
# render.sh OUT_DIR: fill in nginx.conf and its parts and write them, complete, to OUT_DIR.
#
# What nginx does stands in those files. This script only works out the values of their @WORDS@:
# a line stands once for each value of the word in it. That is once as a rule, once per peer in an
# upstream, and not at all where the word has no value, as what is switched off.
#
# Everything comes from the environment: the settings of settings.sh, TIFFIN_RUN_DIR (absolute), and
#   TIFFIN_API_LISTEN   the API's sockets with a %d for the process' number, or host:port, the
#                       ports counted up
#   TIFFIN_WS_LISTEN    the first chat bridge's socket or host:port ("" = no chat);
#                       the socket of bridge N has -N before its .sock, ports are counted up
#   TIFFIN_API_PEERS    where they are host:port: addresses, separated by spaces, that stand
#   TIFFIN_WS_PEERS     for the host, each with all those ports; "" = there is none now
#   TIFFIN_HTML_DIR     the pages (html/ beside this folder)
#   TIFFIN_NGINX_USER   user of the workers when the master is root ("" = no line)
set -eu

here=$(cd "$(dirname "$0")" && pwd -P)
out=${1:?usage: render.sh OUT_DIR}
die() {
    echo "render.sh: $*" >&2
    exit 1
}
# shellcheck source=settings.sh
. "$here/settings.sh"
run=${TIFFIN_RUN_DIR:?TIFFIN_RUN_DIR is not set}
api=${TIFFIN_API_LISTEN:?TIFFIN_API_LISTEN is not set}
html=${TIFFIN_HTML_DIR:-$here/../html}
if [[ -d $html ]]; then html=$(cd "$html" && pwd -P); fi
nginx_settings

values='' # a line for each word, then one for each of its values

# value WORD VALUE...: what @WORD@ stands for; without a VALUE its lines go.
value() {
    local word=$1 lines=''
    shift
    (($# == 0)) || printf -v lines "$word\t%s\n" "$@"
    values+=$word$'\n'$lines
}
# value_above_0 WORD NUMBER: 0 = its lines go.
value_above_0() { if (($2 > 0)); then value "$1" "$2"; else value "$1"; fi; }
# values_of WORD NAME: each of the words in the setting NAME.
values_of() {
    words "$2"
    value "$1" "${WORDS[@]}"
}
# flag WORD EXPRESSION: lines that stay (and say why) when it is not 0.
flag() { if (($2)); then value "$1" "$1"; else value "$1"; fi; }

# ---- processes and files ------------------------------------------------------------
value RUN_DIR "$run"
value HTML_DIR "$html"
value NGINX_USER ${TIFFIN_NGINX_USER:+"$TIFFIN_NGINX_USER"}
# A worker process allocates 430 bytes for every connection that it may have, used or not, and eight
# of them answer more than any API behind them.
workers=$(nproc)
value WORKER_PROCESSES $((workers < 8 ? workers : 8))
# Open files: what the hard limit gives, some of them for files and logs.
nofile=$(ulimit -H -n)
if [[ $nofile == unlimited ]] || ((nofile > 65536)); then nofile=65536; fi
value NOFILE "$nofile"
value CONNECTIONS $((nofile >= 128 ? nofile - 64 : 64))
value DRAIN_MS $((TIFFIN_DRAIN_MS > 0 ? TIFFIN_DRAIN_MS : 1)) # to nginx 0 means for ever
flag ACCESS_LOG TIFFIN_ACCESS_LOG
flag ACCESS_LOG_OFF '!TIFFIN_ACCESS_LOG'
flag BENCH TIFFIN_BENCH

# ---- listeners and TLS ----------------------------------------------------------------
value PORT "$TIFFIN_PORT"
value_above_0 TLS_PORT "$TIFFIN_TLS_PORT"
flag TLS TIFFIN_TLS_PORT
has_ipv6=0
if read -r _ 2>/dev/null </proc/net/if_inet6; then has_ipv6=1; fi
flag IPV6 "$has_ipv6"
value TLS_CERT ${TIFFIN_TLS_CERT:+"$TIFFIN_TLS_CERT"}
value TLS_KEY ${TIFFIN_TLS_KEY:+"$TIFFIN_TLS_KEY"}
# nginx 1.25.1 made HTTP/2 a directive; before, it was a parameter of `listen`.
has_http2_directive=0
if [[ $(nginx -v 2>&1) =~ nginx/([0-9]+)\.([0-9]+)\.([0-9]+) ]]; then
    has_http2_directive=$((BASH_REMATCH[1] * 1000000 + BASH_REMATCH[2] * 1000 + BASH_REMATCH[3] >= 1025001))
fi
flag HTTP2_DIRECTIVE has_http2_directive
if ((has_http2_directive)); then value HTTP2_PARAMETER ''; else value HTTP2_PARAMETER http2; fi
# The ports as browsers see them, where they are mapped to others; a URL leaves 443 out.
public=$((TIFFIN_PUBLIC_PORT > 0 ? TIFFIN_PUBLIC_PORT : TIFFIN_PORT))
tls_public=$((TIFFIN_TLS_PUBLIC_PORT > 0 ? TIFFIN_TLS_PUBLIC_PORT : TIFFIN_TLS_PORT))
if ((tls_public == 443)); then value TLS_PUBLIC_PORT ''; else value TLS_PUBLIC_PORT ":$tls_public"; fi
# A browser that has been told keeps to TLS on every port of the name but 80, which becomes 443: a
# plain port that is not 80 would be lost to it (RFC 6797, 8.3).
hsts=$TIFFIN_HSTS_S
((hsts >= 0)) || hsts=$((public == 80 && tls_public == 443 ? 31536000 : 0))
value_above_0 HSTS_S "$hsts"

# ---- names and addresses --------------------------------------------------------------
# own_names: this machine's, as it knows itself: whole, short, of its network (RFC 6762), and the
# first name that /etc/hosts has beside it, which is what `hostname -f` would say.
own_names() {
    local name
    name=$(uname -n)
    printf '%s\n' "$name" "${name%%.*}" "${name%%.*}.local"
    awk -v name="$name" '{ sub(/#.*/, ""); for (i = 2; i <= NF; i++) if ($i == name) print $2 }' /etc/hosts || true
}
declare -A is_host=()
hosts=() any_host=0
# add_host NAME: in small letters, and once.
add_host() {
    local name=${1,,}
    [[ -z ${is_host[$name]:-} ]] || return 0
    is_host[$name]=1
    hosts+=("$name")
}
# The names of TIFFIN_HOSTS come first: the very first is what a request without a Host has.
words TIFFIN_HOSTS
for name in "${WORDS[@]}"; do
    case $name in
    '*') any_host=1 ;;
    *'*'*) ;;
    *) add_host "$name" ;;
    esac
done
for name in "${WORDS[@]}"; do
    if [[ $name == *'*'?* ]]; then add_host "$name"; fi
done
add_host localhost
add_host '*.localhost'
mapfile -t own < <(own_names)
for name in "${own[@]}"; do
    if [[ $name =~ $HOST_NAME ]]; then add_host "$name"; fi
done
value HOSTS "${hosts[@]}"
flag ANY_HOST "$any_host"
values_of METRICS_ALLOW TIFFIN_METRICS_ALLOW
values_of TRUSTED_PROXIES TIFFIN_TRUSTED_PROXIES

# ---- upstreams ------------------------------------------------------------------------
# tcp_peers LISTEN COUNT HOSTS: COUNT ports, from LISTEN's on, at each of HOSTS. First one port of every
# host, then the next: after a host that is dead another one is tried next.
tcp_peers() {
    local i host address
    for ((i = 0; i < $2; i++)); do
        for host in $3; do
            address=$host:${1##*:}
            case $address in
            *%d*) echo "${address%%%d*}$i${address#*%d}" ;;
            *) echo "${address%:*}:$((${address##*:} + i))" ;;
            esac
        done
    done
}
# unix_sockets BEFORE AFTER FIRST LAST
unix_sockets() {
    local i
    for ((i = $3; i <= $4; i++)); do echo "$1$i$2"; done
}
api_sockets=() api_peers=()
case $api in
/*%d*) mapfile -t api_sockets < <(unix_sockets "${api%%%d*}" "${api#*%d}" 0 $((TIFFIN_API_PROCESSES - 1))) ;;
[!/]*:*) mapfile -t api_peers < <(tcp_peers "$api" "$TIFFIN_API_PROCESSES" "${TIFFIN_API_PEERS-${api%:*}}") ;;
*) die "TIFFIN_API_LISTEN=$api is neither a socket path with %d nor host:port" ;;
esac
value API_SOCKETS "${api_sockets[@]}"
value API_PEERS "${api_peers[@]}"
flag API_AWAY "${#api_sockets[@]} + ${#api_peers[@]} == 0"

chat=${TIFFIN_WS_LISTEN:-} bridges=$TIFFIN_BRIDGES
((bridges > 0)) || chat=''
chat_sockets=() chat_peers=()
case $chat in
'') ;;
/*) mapfile -t chat_sockets < <(echo "$chat" && unix_sockets "${chat%.sock}-" .sock 2 "$bridges") ;;
*) mapfile -t chat_peers < <(tcp_peers "$chat" "$bridges" "${TIFFIN_WS_PEERS-${chat%:*}}") ;;
esac
flag CHAT ${#chat}
value CHAT_SOCKETS "${chat_sockets[@]}"
value CHAT_PEERS "${chat_peers[@]}"
flag CHAT_AWAY "${#chat_sockets[@]} + ${#chat_peers[@]} == 0"
# A connection that is silent for longer than ping and pong take is dead.
silence=$(((TIFFIN_CHAT_PING_MS + TIFFIN_CHAT_PONG_MS) / 1000 + 10))
value CHAT_SILENCE_S $((silence > 60 ? silence : 60))

# ---- limits ---------------------------------------------------------------------------
# limit NAME RATE BURST: RATE 0 = no limit; `limit_req` takes no burst of 0.
limit() {
    value_above_0 "$1_RATE" "$2"
    value "$1_BURST" "$3"
    flag "$1_LIMIT_WITH_BURST" "$2 > 0 && $3 > 0"
    flag "$1_LIMIT_WITHOUT_BURST" "$2 > 0 && $3 == 0"
}
limit REQUEST "$TIFFIN_RATE" "$TIFFIN_RATE_BURST"
limit ORDER "$TIFFIN_ORDER_RATE" "$TIFFIN_ORDER_BURST"
# nginx counts in whole thousandths of a request a second, so one a minute is one in 62.5 s.
per_second=$((TIFFIN_ORDER_RATE * 1000 / 60))
value ORDER_RETRY_S $((per_second > 0 ? (1000 + per_second - 1) / per_second : 1))
value LIMIT_LOOPBACK "$TIFFIN_LIMIT_LOOPBACK"
value STREAMS_PER_CLIENT "$TIFFIN_STREAMS_PER_CLIENT"
value HTTP2_STREAMS $((TIFFIN_STREAMS_PER_CLIENT + 64))

# ---- fill in --------------------------------------------------------------------------
[[ -d $out ]] || mkdir -p "$out"
# fill(DONE, REST): the line DONE REST for each value of REST's first word, and so on with the next.
OUT=$out awk '
    function fill(done, rest,    word, i) {
        if (!match(rest, /@[A-Z0-9_]+@/)) {
            print done rest >file
            return
        }
        word = substr(rest, RSTART + 1, RLENGTH - 2)
        done = done substr(rest, 1, RSTART - 1)
        rest = substr(rest, RSTART + RLENGTH)
        if (!(word in count)) {
            print "render.sh: " FILENAME ": @" word "@ has no value" >"/dev/stderr"
            exit 1
        }
        for (i = 1; i <= count[word]; i++) fill(done value[word, i], rest)
    }
    FILENAME == ARGV[1] {
        word = $0
        sub(/\t.*/, "", word)
        count[word] += 0
        if (word != $0) value[word, ++count[word]] = substr($0, length(word) + 2)
        next
    }
    FNR == 1 {
        file = FILENAME
        sub(/.*\//, "", file)
        file = ENVIRON["OUT"] "/" file
        printf "" >file
    }
    { fill("", $0) }
' /dev/stdin "$here/nginx.conf" "$here"/parts/* <<<"${values%$'\n'}"
