# shellcheck shell=bash
# Settings for scripts: their defaults, and the checks of those that nginx' configuration is made of.
# Sourced, never run: by render.sh, the container's entrypoint.sh and health.sh, and fcgi/stack/lib.sh.
# The sourcing script has `die REASON`, which writes one line and exits non-zero.
#
# Defaults and bounds are those of fcgi/base/conf.c. `make readme` writes them to settings.txt, because
# a container of nginx has no program of ours to ask.

# shellcheck disable=SC2034 # some are read by the sourcing script
declare -A DEFAULT LEAST MOST
# read_table: from standard input.
read_table() {
    local name default least most
    while read -r name default least most; do
        [[ $name == TIFFIN_* ]] || continue
        DEFAULT[$name]=$default LEAST[$name]=$least MOST[$name]=$most
    done
}
read_table <"${BASH_SOURCE[0]%/*}/settings.txt"

# setting NAME [DEFAULT]: export NAME, with its default when unset or empty. Dies when it is not a whole
# number within its bounds; with LENIENT=1 (a stack can be stopped whatever its settings are) it gets
# the default instead.
LENIENT=0
setting() {
    local default=${2-${DEFAULT[$1]}} least=${LEAST[$1]} most=${MOST[$1]}
    local value=${!1:-$default}
    if ! [[ $value =~ ^(0|-?[1-9][0-9]{0,9})$ ]] || ((value < least || value > most)); then
        if ((LENIENT)); then
            export "$1=$default"
            return
        fi
        die "$1=$value is not a whole number from $least to $most"
    fi
    export "$1=$value"
}

# config_path NAME: dies when its value cannot be quoted in nginx' configuration.
config_path() {
    case ${!1} in
    *[\"\\\$\;\{\}]* | *$'\n'*) die "$1 holds a character that a configuration file cannot carry" ;;
    esac
}

# public_port NAME: export a port as browsers see it, 0 = the one that nginx listens on; of
# `address:port`, as docker compose may have it, the port.
public_port() {
    [[ ${!1:-} != ?*:* ]] || export "$1=${!1##*:}"
    setting "$1"
}

# words NAME: sets WORDS to the words of its value, each once.
words() {
    local list word
    WORDS=()
    read -r -d '' -a list <<<"${!1:-}" || true # no NUL ends it
    for word in "${list[@]}"; do
        [[ " ${WORDS[*]} " == *" $word "* ]] || WORDS+=("$word")
    done
}

# word_list NAME PATTERN WHAT: dies when one of its words, which go into nginx' configuration as they are,
# does not match PATTERN, that is, is not WHAT.
word_list() {
    local word
    words "$1"
    for word in "${WORDS[@]}"; do
        [[ $word =~ $2 ]] || ((LENIENT)) || die "$1: $word is not $3"
    done
}

# Host names as RFC 1123 has them, and with the underscore of containers.
LABEL='[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?'
HOST_NAME="^(\\*\\.)?$LABEL(\\.$LABEL)*\$"
# Roughly; nginx itself checks exactly.
NETWORK='^([0-9]{1,3}(\.[0-9]{1,3}){3}(/[0-9]{1,2})?|[0-9A-Fa-f]*:[0-9A-Fa-f:.]*(/[0-9]{1,3})?)$'

# tls_file NAME: export the path of the file, made absolute; dies when it cannot be read.
tls_file() {
    [[ -n ${!1:-} ]] || die "$1 is not set: with TIFFIN_TLS_PORT nginx needs a certificate and its key"
    [[ ${!1} == /* ]] || export "$1=$PWD/${!1}"
    config_path "$1"
    [[ -f ${!1} && -r ${!1} ]] || die "$1=${!1} is not a file that $(id -un 2>/dev/null || id -u) (uid $(id -u)) can read"
}

# one_a_core: how many processes that makes.
one_a_core() {
    local cores
    cores=$(nproc 2>/dev/null || echo 1)
    echo $((cores < MOST[TIFFIN_API_PROCESSES] ? cores : MOST[TIFFIN_API_PROCESSES]))
}

# nginx_settings: all of them, each exported with a value that nginx can be given.
nginx_settings() {
    setting TIFFIN_PORT
    setting TIFFIN_API_PROCESSES
    setting TIFFIN_BRIDGES
    setting TIFFIN_CHAT_PING_MS
    setting TIFFIN_CHAT_PONG_MS
    setting TIFFIN_DRAIN_MS
    setting TIFFIN_RATE
    setting TIFFIN_RATE_BURST
    setting TIFFIN_ORDER_RATE
    setting TIFFIN_ORDER_BURST
    setting TIFFIN_STREAMS_PER_CLIENT
    setting TIFFIN_LIMIT_LOOPBACK
    setting TIFFIN_ACCESS_LOG
    setting TIFFIN_BENCH
    setting TIFFIN_TLS_PORT
    setting TIFFIN_HSTS_S
    ((TIFFIN_API_PROCESSES > 0)) || TIFFIN_API_PROCESSES=$(one_a_core)
    public_port TIFFIN_PUBLIC_PORT
    public_port TIFFIN_TLS_PUBLIC_PORT
    word_list TIFFIN_HOSTS "$HOST_NAME|^\\*\$" "a name (letters, digits, - and dots, no port; *.name for all below it, or *)"
    word_list TIFFIN_TRUSTED_PROXIES "$NETWORK" "an address or a network"
    word_list TIFFIN_METRICS_ALLOW "$NETWORK" "an address or a network"
    ((TIFFIN_TLS_PORT > 0 && !LENIENT)) || return 0
    ((TIFFIN_TLS_PORT != TIFFIN_PORT)) || die "TIFFIN_TLS_PORT and TIFFIN_PORT are both $TIFFIN_PORT"
    tls_file TIFFIN_TLS_CERT
    tls_file TIFFIN_TLS_KEY
}
