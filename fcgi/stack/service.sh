#!/bin/bash
# What s6-supervise runs for one service. The service directory's `run` and
# `finish` are two-line stubs that call
#
#   service.sh run NAME                  become the service (exec)
#   service.sh finish NAME CODE SIGNAL   it died: tidy up before the next one
#   service.sh log NAME                  become its logger
#
# The working directory is the service directory. s6 starts a service at once
# when it had been ready for a second, else after one second; the pauses of a
# service that dies again and again (2, 4, then 5 s) are added here.
LOG_MEMORY_KB=65536
if [[ $1 == log ]]; then   # first, and without all that the others need: each service has a logger
    . "${0%/*}/user.sh"
    privileges
    ulimit -v "$LOG_MEMORY_KB" # on a full disk it would keep all lines in memory
    exec "${DROP[@]}" s6-log n4 s1000000 "$TIFFIN_RUN_DIR/log/$2"
fi

. "${0%/*}/lib.sh"
svc_dir
privileges

LOCKED=75 # EX_TEMPFAIL of sysexits.h

action=$1
name=$2
pid_file=$TIFFIN_RUN_DIR/$name.pid

# A killed master leaves children that hold its port and sockets. nginx' workers may
# first end their requests, but only so long that the successor is up within a second.
end_leftovers() {
    local tries
    if [[ $name == nginx ]] && signal_service nginx QUIT; then
        for ((tries = 0; tries < 5; tries++)); do
            sleep 0.1
            signal_service nginx 0 || return 0
        done
    fi
    for ((tries = 0; tries < 20; tries++)); do
        signal_service "$name" KILL || return 0
        sleep 0.05
    done
}

become() {
    now_ms
    say "$NOW_MS" >data/started
    echo $$ >"$pid_file"
    echo >&3   # "ready": lets s6 restart it without a pause
    exec 3>&-
    if [[ $name == nginx ]]; then exec "${KEEP_NGINX[@]}" "$@"; fi
    exec "${DROP[@]}" "$@"
}

run() {
    local fails pause
    exec 2>&1 </dev/null
    never_wait
    # At the first start there are none: the start of the stack has swept.
    [[ ! -e data/started ]] || end_leftovers # finds some when s6-supervise itself was killed
    fails=$(read_number data/fails)
    case $fails in 0 | 1) pause=0 ;; 2) pause=1 ;; 3) pause=3 ;; *) pause=4 ;; esac
    if ((pause > 0)); then
        warn "$name died at once $fails times in a row; it starts again in $pause s"
        sleep "$pause"
    fi
    case $name in
    redis) # redis.conf says how Redis behaves, the arguments where it lives
        # The lock is held for as long as a process of it lives: redis/restore.sh does nothing meanwhile.
        become flock --no-fork -w 10 -E "$LOCKED" "$TIFFIN_RUN_DIR/redis" \
            redis-server "$TIFFIN_REDIS_CONF" --port 0 --daemonize no \
            --dir "$TIFFIN_RUN_DIR/redis" --unixsocket "$TIFFIN_RUN_DIR/redis/redis.sock" --unixsocketperm 600 \
            --aclfile "$TIFFIN_RUN_DIR/users.acl" --maxmemory "${TIFFIN_REDIS_MAXMEMORY:-${DEFAULT[TIFFIN_REDIS_MAXMEMORY]}}"
        ;;
    api) become "$TIFFIN_SERVICE_BIN/tiffin-api" ;;
    worker*) become "$TIFFIN_SERVICE_BIN/tiffin-worker" ;;
    ws*) # a socket each, beside the first one's
        export TIFFIN_WS_LISTEN=${TIFFIN_WS_LISTEN%/*}/$name.sock
        become "$TIFFIN_SERVICE_BIN/tiffin-ws"
        ;;
    nginx) become nginx -p "$TIFFIN_RUN_DIR/nginx/" -c "$TIFFIN_RUN_DIR/nginx/nginx.conf" -e stderr ;;
    *) die "unknown service $name" ;;
    esac
}

finish() {
    local fails
    exec 2>&1
    if (($1 == 256)); then
        warn "$name was ended by signal $2"
    else
        warn "$name ended with code $1"
        [[ $name != redis ]] || (($1 == 0)) || hint_redis
        (($1 != LOCKED)) || warn "another Redis, a backup or a restore uses $TIFFIN_RUN_DIR/redis"
    fi
    (($1 == 0)) || end_leftovers # else its master ended when its children had
    fails=$(read_number data/fails)
    now_ms
    # A deliberate stop (code 0) is no failure, however soon.
    if (($1 != 0 && NOW_MS - $(read_number data/started) < 1000)); then
        fails=$((fails + 1))
    else
        fails=0
    fi
    echo "$fails" >data/fails
    rm -f "$pid_file"
}

case $action in
run) run ;;
finish) finish "$3" "$4" ;;
*) die "usage: service.sh run|finish|log NAME" ;;
esac
