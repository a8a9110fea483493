#!/bin/bash
# What a container of nginx runs: nginx itself, and a watcher of names. nginx looks a name up when
# it starts and never again, but containers of the API and of the chat come and go. So once a
# second the watcher asks for the addresses of the two hosts; when they have changed it writes
# upstreams.conf anew and nginx reloads it. nginx starts without any: it answers 503 and serves pages.
#
#   TERM, INT, QUIT   nginx ends its requests within TIFFIN_DRAIN_MS; then this ends with its code
#   HUP               reload, for a renewed certificate
#
# Settings: those of settings.sh and render.sh, the LISTEN ones as host:port. TIFFIN_RUN_DIR is all it
# writes to. A bad setting ends it with one line.
set -u
umask 077
PATH=$PATH:/usr/sbin:/sbin

# A reload ends streams and chats (they come back by themselves) after the drain time, and its old
# processes live for so long: so changes within this time are one.
RELOAD_PAUSE_S=3
# After so many lookups in a row without an address, or without an answer, a name has no peers. Until
# then the last addresses count: they may well work, and if not, the answer is 503 either way. Both
# are treated alike, because a container engine's name server gives either when the last
# container has gone, and either when it fails for a moment.
EMPTY_LOOKUPS=10
# An address that is missing while others are there is waited for, for so many lookups: a container that was
# killed starts again with the same one or another, and then that is one reload and not two. Its
# requests go to the next peer.
MISSING_LOOKUPS=3

here=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd -P)
say() { printf 'tiffin-nginx: %s\n' "$*" >&2; }
die() {
    say "$@"
    exit 1
}

# shellcheck source=settings.sh
. "$here/settings.sh"

# ---- settings -----------------------------------------------------------------------

declare -A host=([api]='' [ws]='') answer=([api]='' [ws]='') seen=([api]='' [ws]='') peers=([api]='' [ws]='')
declare -A silent=([api]=0 [ws]=0) missing=([api]=0 [ws]=0)

# take_host WHO SETTING: the host of its host:port, to be resolved.
take_host() {
    local value=${!2:-}
    [[ $value =~ ^[A-Za-z0-9._-]+:[1-9][0-9]{0,4}$ ]] || die "$2=$value is not host:port"
    host[$1]=${value%:*}
}

load() {
    nginx_settings
    [[ ${TIFFIN_RUN_DIR:-} == /* ]] || die "TIFFIN_RUN_DIR=${TIFFIN_RUN_DIR:-} must start with /"
    config_path TIFFIN_RUN_DIR
    mkdir -p "$TIFFIN_RUN_DIR/nginx" 2>/dev/null || die "cannot write to TIFFIN_RUN_DIR=$TIFFIN_RUN_DIR"
    export TMPDIR=$TIFFIN_RUN_DIR
    take_host api TIFFIN_API_LISTEN
    if [[ -n ${TIFFIN_WS_LISTEN:-} ]] && ((TIFFIN_BRIDGES > 0)); then take_host ws TIFFIN_WS_LISTEN; fi
    RUN=$TIFFIN_RUN_DIR CONFIG=$TIFFIN_RUN_DIR/nginx NEXT=$TIFFIN_RUN_DIR/nginx.next
}

# ---- peers --------------------------------------------------------------------------

# A name server gets two seconds, then the next lookup is due.
export RES_OPTIONS='timeout:1 attempts:2'

# addresses ANSWER: of what getent said, sorted (name servers take turns), IPv6 as nginx takes it.
addresses() {
    sort <<<"$1" | {
        local address before='' all=''
        while read -r address _; do
            if [[ $address == "$before" || $address == *%* ]]; then continue; fi
            before=$address
            if [[ $address == *:* ]]; then address=[$address]; fi
            all+=" $address"
        done
        echo "${all# }"
    }
}

# is_part SOME ALL: is each word of SOME one of ALL?
is_part() {
    local word
    for word in $1; do
        [[ " $2 " == *" $word "* ]] || return 1
    done
}

# resolve WHO: one lookup; sets peers[WHO] when they have changed. Mostly the answer is the last one,
# and getent is all that has to be started.
resolve() {
    local found
    [[ -n ${host[$1]} ]] || return 0
    found=$(getent ahosts "${host[$1]}")
    if [[ -z $found ]]; then
        silent[$1]=$((silent[$1] + 1)) answer[$1]=''
        ((silent[$1] < EMPTY_LOOKUPS)) || peers[$1]=''
    else
        silent[$1]=0
        [[ $found == "${answer[$1]}" ]] || seen[$1]=$(addresses "$found")
        answer[$1]=$found
        missing[$1]=$((missing[$1] + 1))
        if [[ ${seen[$1]} == "${peers[$1]}" ]] || ((missing[$1] >= MISSING_LOOKUPS)) ||
            ! is_part "${seen[$1]}" "${peers[$1]}"; then
            peers[$1]=${seen[$1]} missing[$1]=0
        fi
    fi
}

say_peers() { say "$1api at ${peers[api]:-no address}; chat at ${peers[ws]:-no address}"; }

# render FOLDER: the whole configuration for the present peers; 0 when nginx accepts it.
render() {
    TIFFIN_API_PEERS=${peers[api]} TIFFIN_WS_PEERS=${peers[ws]} "$here/render.sh" "$1" && is_good "$1"
}

is_good() { nginx -t -q -p "$CONFIG/" -c "$1/nginx.conf" -e stderr; }

# apply: reload nginx with the present peers. Of its configuration one file changes, in one step, and
# only after nginx has accepted the whole. (nginx can be signalled once it has written its pid.)
apply() {
    [[ -s $RUN/nginx.pid ]] && render "$NEXT" && mv "$NEXT/upstreams.conf" "$CONFIG/upstreams.conf" &&
        kill -HUP "$nginx"
}

# read_uptime: sets uptime, in whole seconds: unlike the clock (and bash's SECONDS) it never jumps.
read_uptime() {
    read -r uptime _ </proc/uptime
    uptime=${uptime%.*}
}

# watch APPLIED: resolve and apply, as long as nginx lives; nginx already has the peers APPLIED.
watch() {
    local applied=$1 last uptime never
    read_uptime
    last=$uptime
    exec {never}<> <(:) # to wait for a second without a process for it
    while kill -0 "$nginx" 2>/dev/null; do
        read -r -t 1 -u "$never"
        resolve api
        resolve ws
        read_uptime
        if [[ "${peers[api]};${peers[ws]}" == "$applied" ]] || ((uptime - last < RELOAD_PAUSE_S)); then continue; fi
        last=$uptime
        if apply; then
            applied="${peers[api]};${peers[ws]}"
            say_peers ""
        else
            say_peers "nginx does not take the change, trying again: "
        fi
    done
}

# ---- nginx --------------------------------------------------------------------------

nginx='' watcher='' stopping=0

on_term() {
    [[ -n $nginx ]] || exit 0
    stopping=1
    kill "$watcher" 2>/dev/null
    # nginx handles signals once it has written its pid.
    until [[ -s $RUN/nginx.pid ]] || ! kill -0 "$nginx" 2>/dev/null; do sleep 0.05; done
    kill -QUIT "$nginx" 2>/dev/null
}

on_hup() {
    [[ -n $nginx ]] || return
    if is_good "$CONFIG"; then
        kill -HUP "$nginx"
        say "reloaded"
    else
        say "not reloaded: the running configuration and certificate stay"
    fi
}

# To process 1 signals do nothing, unless it has a handler.
trap on_term TERM INT QUIT
trap on_hup HUP

load
rm -f "$RUN/nginx.pid" "$RUN/was-ready"
resolve api
resolve ws
render "$CONFIG" || die "nginx does not take this configuration"
say_peers ""
nginx -p "$CONFIG/" -c "$CONFIG/nginx.conf" -e stderr </dev/null &
nginx=$!
watch "${peers[api]};${peers[ws]}" &
watcher=$!

# A signal interrupts the wait, and then no process has ended.
until [[ ${ended:-} == "$nginx" ]]; do
    wait -n -p ended # unsets it first
    code=$?
    if [[ ${ended:-} == "$watcher" ]] && ((!stopping)); then
        say "the watcher of names ended with code $code; it starts again"
        watch '' &
        watcher=$!
    fi
done
kill "$watcher" 2>/dev/null
exit "$code"
