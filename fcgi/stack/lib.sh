# shellcheck shell=bash
# What the scripts of this folder share: settings, messages, and how to look at
# and stop the processes of one stack. Sourced, never run.
#
# A stack is one run directory (TIFFIN_RUN_DIR). In it:
#   svc/<name>/      s6 service directory: what is supervised (written by up.sh)
#   log/<name>/      bounded log files; <name>.log points at the current one
#   <name>.pid       process id of the service, for people; nothing here believes it
#   redis/           Redis' append-only file: the orders. Nothing here deletes it.
#   redis.sock, api/<i>.sock, ws/ws.sock, ws/ws-<i>.sock    sockets; the first is a link into redis/,
#                    where Redis may write
#   secrets/, users.acl                     generated passwords, never in argv

set -u
umask 077

TIFFIN_ROOT=$(cd "${BASH_SOURCE[0]%/*}/../.." && pwd -P)
PATH=$PATH:/usr/sbin:/sbin
SOCKET_PATH_MAX=107   # bytes a unix socket path may have on Linux

say() { printf '%s\n' "$*"; }
warn() { printf 'tiffin: %s\n' "$*" >&2; }

# die REASON: one line, non-zero. A script with something to undo does it in its
# EXIT trap.
die() {
    warn "$@"
    exit 1
}

# now_ms: sets NOW_MS to the milliseconds since the machine started: unlike the clock (and
# bash's SECONDS) it never jumps.
now_ms() {
    local up
    read -r up _ </proc/uptime
    up=${up/./}
    # shellcheck disable=SC2034 # read by those who source this
    NOW_MS=$((10#$up * 10))
}

# read_number FILE: the number it holds; 0 for anything else.
read_number() {
    local value=''
    [[ ! -r $1 ]] || read -r value <"$1"
    [[ $value =~ ^[0-9]{1,15}$ ]] || value=0
    say $((10#$value))
}

# Who runs what.
. "$TIFFIN_ROOT/fcgi/stack/user.sh"

# ---- settings ---------------------------------------------------------------

# `setting`, and what nginx is told.
. "$TIFFIN_ROOT/nginx/settings.sh"

# load_settings: everything the services and the other scripts read. Variables
# that only the programs know (the simulated waits, ...) pass through untouched
# and are judged by `tiffin-api --check`.
load_settings() {
    local run=${TIFFIN_RUN_DIR:-${DEFAULT[TIFFIN_RUN_DIR]}}
    [[ $run == /* ]] || run=$TIFFIN_ROOT/$run
    run=$(realpath -ms -- "$run") || die "TIFFIN_RUN_DIR=$run is not a usable path"
    [[ $run != / ]] || die "TIFFIN_RUN_DIR must not be /"
    export TIFFIN_RUN_DIR=$run TIFFIN_ROOT
    config_path TIFFIN_RUN_DIR

    nginx_settings
    setting TIFFIN_WORKERS

    export TIFFIN_BIN_DIR=${TIFFIN_BIN_DIR:-$TIFFIN_ROOT/build/release/bin}
    [[ $TIFFIN_BIN_DIR == /* ]] || TIFFIN_BIN_DIR=$TIFFIN_ROOT/$TIFFIN_BIN_DIR
    case $TIFFIN_BIN_DIR in   # instrumented programs start slowly
    */release/bin) setting TIFFIN_UP_TIMEOUT_S ;;
    *) setting TIFFIN_UP_TIMEOUT_S 60 ;;
    esac

    # Where the parts of this stack meet; not the caller's to choose.
    export TIFFIN_REDIS=$run/redis.sock TIFFIN_SECRETS_DIR=$run/secrets
    export TIFFIN_API_LISTEN=$run/api/%d.sock TIFFIN_WS_LISTEN=$run/ws/ws.sock
    export TIFFIN_REDIS_DIR=$TIFFIN_ROOT/redis

    local path
    for path in "$run/redis/redis.sock" "$run/api/$TIFFIN_API_PROCESSES.sock.new" "$run/ws/ws.sock.new"; do
        if is_long_path "$path"; then
            die "TIFFIN_RUN_DIR is too long: the socket path $path has more than" \
                "$SOCKET_PATH_MAX bytes; choose a shorter one, e.g. TIFFIN_RUN_DIR=/tmp/tiffin"
        fi
    done
}

# is_long_path PATH: has it more bytes than the path of a socket may have?
is_long_path() {
    local LC_ALL=C # else characters are counted
    ((${#1} > SOCKET_PATH_MAX))
}

# list_services: one name a line, in the order in which they are started.
list_services() {
    local i
    say redis
    say api
    for ((i = 1; i <= TIFFIN_WORKERS; i++)); do
        if ((i == 1)); then say worker; else say "worker-$i"; fi
    done
    for ((i = 1; i <= TIFFIN_BRIDGES; i++)); do
        if ((i == 1)); then say ws; else say "ws-$i"; fi
    done
    say nginx
}

# with_lock: one up or down at a time per run directory. Fd 9 is the lock: give
# `9>&-` to whatever outlives the script.
with_lock() {
    exec 9>"$TIFFIN_RUN_DIR/lock" || die "cannot write to $TIFFIN_RUN_DIR"
    flock -w 120 9 || die "another make up or make down of $TIFFIN_RUN_DIR does not end"
}

# ---- looking at a stack -------------------------------------------------------

SVC=''   # "$TIFFIN_RUN_DIR/svc", set by those who source this after load_settings
svc_dir() { SVC=$TIFFIN_RUN_DIR/svc; }

# supervisor_runs: does an s6-svscan look after this run directory?
supervisor_runs() {
    [[ -d $SVC ]] && s6-svscanctl -z "$SVC" 2>/dev/null
}

# candidates: sets CANDIDATES to /proc/<pid>/cwd of each process that has a name of ours. Names can be
# read by all, and without a fork: most processes of a machine need no further look.
candidates() {
    local file comm
    CANDIDATES=()
    for file in /proc/[0-9]*/comm; do
        read -r comm 2>/dev/null <"$file" || continue
        case $comm in
        s6-* | nginx | redis-server | tiffin-api | tiffin-worker | tiffin-ws) CANDIDATES+=("${file%comm}cwd") ;;
        esac
    done
}

# working_folders: "/proc/<pid> <working directory>" of the candidates, each ended by a NUL:
# a folder's name may hold anything. Root may be one that sees its own alone (in a container, or as
# what stays root here), so then each user of ours looks too.
working_folders() {
    local look=(find "${CANDIDATES[@]}" -maxdepth 0 -lname '/*' -printf '%h %l\0') seen
    mapfile -d '' seen < <("${look[@]}" 2>/dev/null)
    printf '%s\0' "${seen[@]}"
    ((EUID == 0 && ${#seen[@]} < ${#CANDIDATES[@]})) || return 0
    as_other "$SYSTEM_USER" "${look[@]}"
    as_other www-data "${look[@]}"
}

# stack_processes [FOLDER]: "pid command" of each process of this stack, or of those
# that work in FOLDER: a service's own is $SVC/<name>, for Redis its data as well.
# The working directory is the proof that a process is ours, for nobody else can enter
# these folders; a number in a file is none, it may by now be anybody's. The names keep
# a shell that happens to stand there out.
stack_processes() {
    local inside=${1:-$SVC} link cwd pid comm
    candidates
    ((${#CANDIDATES[@]} > 0)) || return 0
    while read -r -d '' link cwd; do
        cwd=${cwd%' (deleted)'}
        [[ $cwd != "$TIFFIN_RUN_DIR/redis" ]] || cwd=$SVC/redis
        [[ $cwd == "$inside" || $cwd == "$inside"/* ]] || continue
        pid=${link#/proc/}
        read -r comm 2>/dev/null <"/proc/$pid/comm" || continue
        say "$pid $comm"
    done < <(working_folders)
}

# signal_service NAME SIGNAL: to every process of a service, whoever its parent is now.
# 1 when there is none.
signal_service() {
    local pid comm found=1
    while read -r pid comm; do
        [[ $comm != s6-* ]] || continue
        kill "-$2" "$pid" 2>/dev/null
        found=0
    done < <(stack_processes "$SVC/$1")
    return "$found"
}

# never_wait: who writes to this standard output loses a line, rather than wait, when nobody
# reads: a logger that stands still must not stop the site. For every process that has the pipe,
# and dd is the one tool that can set it on a pipe that is there already.
never_wait() { dd count=0 oflag=nonblock status=none </dev/null; }

# last_lines NAME: the end of a service's log, for a message.
last_lines() {
    tail -n 5 "$TIFFIN_RUN_DIR/$1.log" 2>/dev/null | sed "s/^/  $1 | /" >&2
}

# hint_redis: what to do when the end of Redis' log says that its file is damaged.
hint_redis() {
    ! tail -n 40 "$TIFFIN_RUN_DIR/redis.log" 2>/dev/null | grep -qE 'Bad file format|AOF MANIFEST' ||
        warn "Redis' append-only file is damaged, as after a power cut: make down, then make redis-repair mends it"
}

# ---- stopping -----------------------------------------------------------------

# stop_services NAME...: ask all of them at once, wait for all; s6 kills the ones
# that outlast their timeout-kill.
stop_services() {
    local name pids=()
    for name in "$@"; do
        s6-svok "$SVC/$name" 2>/dev/null || continue
        s6-svc -wD -T $((TIFFIN_DRAIN_MS + 12000)) -d "$SVC/$name" 2>/dev/null 9>&- &
        pids+=($!)
    done
    ((${#pids[@]} == 0)) || wait "${pids[@]}"
}

# stop_stack: stop whatever of this run directory lives, however it came to be:
# in order while its supervisors live, else process by process. Keeps the data.
stop_stack() {
    local dir name middle=() tries
    svc_dir
    if [[ -d $SVC ]]; then
        for dir in "$SVC"/*/; do
            name=${dir%/} name=${name##*/}
            case $name in nginx | redis | '*') ;; *) middle+=("$name") ;; esac
        done
        stop_services nginx
        stop_services "${middle[@]}"
        stop_services redis
        if supervisor_runs; then
            s6-svscanctl -t "$SVC" 2>/dev/null
            for ((tries = 0; tries < 50; tries++)); do
                supervisor_runs || break
                sleep 0.05
            done
        fi
    fi
    sweep
    rm -rf "$TIFFIN_RUN_DIR"/*.pid "$TIFFIN_RUN_DIR"{,/redis}/redis.sock "$TIFFIN_RUN_DIR"/{api,ws}/*.sock \
        "$TIFFIN_RUN_DIR/started" "$SVC"
}

# sweep: end what no supervisor answers for any more (s6-svscan was killed).
# Supervisors first, or they would start the rest again; Redis gets the time to
# close its file. Loggers last.
sweep() {
    local pid comm tries found
    [[ -n $(stack_processes) ]] || return 0
    while read -r pid comm; do
        case $comm in s6-svscan | s6-supervise) kill -KILL "$pid" 2>/dev/null ;; esac
    done < <(stack_processes)
    for ((tries = 0; tries < 60; tries++)); do
        found=0
        while read -r pid comm; do
            [[ $comm != s6-log ]] || continue
            found=1
            if ((tries >= 50)); then
                kill -KILL "$pid" 2>/dev/null
            elif ((tries == 0)); then
                kill -TERM "$pid" 2>/dev/null
                kill -CONT "$pid" 2>/dev/null
            fi
        done < <(stack_processes)
        ((found)) || break
        sleep 0.1
    done
    end_loggers
}

# end_loggers: each ends with its last writer, when it has written what is there; but not
# one that was stopped, or whose disk is full.
end_loggers() {
    local pid tries signal=CONT
    for ((tries = 0; tries < 30; tries++)); do
        [[ -n $(stack_processes) ]] || return 0
        while read -r pid _; do kill "-$signal" "$pid" 2>/dev/null; done < <(stack_processes)
        sleep 0.1
        ((tries < 10)) || signal=KILL
    done
}
