# shellcheck shell=bash
# The settings that nginx' configuration is made of, checked: for fcgi/stack/lib.sh (make up) and
# for the container's entrypoint. Sourced, never run. The table for people is in
# fcgi/base/conf.c. Who sources this has die REASON: one line, non-zero.

# setting NAME DEFAULT MIN MAX: export NAME, DEFAULT when unset or empty; a value
# that is not a whole number within MIN..MAX ends the start. With LENIENT=1 (who stops
# a stack must not be kept from it) the default is taken instead.
LENIENT=0
setting() {
    local value=${!1:-$2}
    if ! [[ $value =~ ^(0|-?[1-9][0-9]{0,9})$ ]] || ((value < $3 || value > $4)); then
        if ((LENIENT)); then
            export "$1=$2"
            return
        fi
        die "$1=$value is not a whole number from $3 to $4"
    fi
    export "$1=$value"
}

# config_path NAME: may its value stand between quotation marks in a configuration file?
config_path() {
    case ${!1} in
    *[\"\\\$\;\{\}]* | *$'\n'*) die "$1 holds a character that a configuration file cannot carry" ;;
    esac
}

# public_port NAME: a port as browsers see it, 0 = the one that nginx listens on. Of `address:port`,
# which docker compose knows too, the port counts.
public_port() {
    [[ ${!1:-} != ?*:* ]] || export "$1=${!1##*:}"
    setting "$1" 0 0 65535
}

# words NAME: the words of its value, each once and on a line of its own.
words() { tr -s '[:space:]' '\n' <<<"${!1:-}" | awk 'NF && !seen[$0]++'; }

# word_list NAME PATTERN WHAT: each of its words must be WHAT, which is what PATTERN looks like:
# they go into nginx' configuration as they are.
word_list() {
    local word
    while read -r word; do
        [[ $word =~ $2 ]] || ((LENIENT)) || die "$1: $word is not $3"
    done < <(words "$1")
}

# Host names as RFC 1123 has them, and with the underscore of containers.
LABEL='[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?'
HOST_NAME="^(\\*\\.)?$LABEL(\\.$LABEL)*\$"
# Roughly; nginx itself knows exactly.
NETWORK='^([0-9]{1,3}(\.[0-9]{1,3}){3}(/[0-9]{1,2})?|[0-9A-Fa-f]*:[0-9A-Fa-f:.]*(/[0-9]{1,3})?)$'

# tls_file NAME: one of the files that TLS needs.
tls_file() {
    [[ -n ${!1:-} ]] || die "$1 is not set: with TIFFIN_TLS_PORT nginx needs a certificate and its key"
    [[ ${!1} == /* ]] || export "$1=$PWD/${!1}"
    config_path "$1"
    [[ -f ${!1} && -r ${!1} ]] || die "$1=${!1} is not a file that $(id -un 2>/dev/null || id -u) (uid $(id -u)) can read"
}

nginx_settings() {
    setting TIFFIN_PORT 8000 1 65535
    setting TIFFIN_API_PROCESSES 0 0 64
    setting TIFFIN_BRIDGES 1 0 16
    setting TIFFIN_CHAT_PING_MS 25000 10 3600000
    setting TIFFIN_CHAT_PONG_MS 8000 10 3600000
    setting TIFFIN_DRAIN_MS 5000 0 600000
    setting TIFFIN_RATE 50 0 1000000
    setting TIFFIN_RATE_BURST 100 0 1000000
    setting TIFFIN_ORDER_RATE 30 0 1000000
    setting TIFFIN_ORDER_BURST 20 0 1000000
    setting TIFFIN_STREAMS_PER_CLIENT 64 1 65535
    setting TIFFIN_LIMIT_LOOPBACK 0 0 1
    setting TIFFIN_ACCESS_LOG 1 0 1
    setting TIFFIN_BENCH 0 0 1
    setting TIFFIN_TLS_PORT 0 0 65535
    public_port TIFFIN_PUBLIC_PORT
    public_port TIFFIN_TLS_PUBLIC_PORT
    setting TIFFIN_HSTS_S -1 -1 2000000000
    word_list TIFFIN_HOSTS "$HOST_NAME|^\\*\$" "a name (letters, digits, - and dots, no port; *.name for all below it, or *)"
    word_list TIFFIN_TRUSTED_PROXIES "$NETWORK" "an address or a network"
    word_list TIFFIN_METRICS_ALLOW "$NETWORK" "an address or a network"
    ((TIFFIN_TLS_PORT > 0 && !LENIENT)) || return 0
    ((TIFFIN_TLS_PORT != TIFFIN_PORT)) || die "TIFFIN_TLS_PORT and TIFFIN_PORT are both $TIFFIN_PORT"
    tls_file TIFFIN_TLS_CERT
    tls_file TIFFIN_TLS_KEY
}
