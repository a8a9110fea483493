# shellcheck shell=bash
# start_stack: the one way in which a stack comes up, shared by up.sh (then
# leaves) and run.sh (then shows the logs). Sourced after lib.sh.
#
# Order: settings and tools -> leftovers of a crash -> port -> secrets -> Redis
# -> functions and catalogue -> api, worker, bridge, nginx -> /readyz is 200.
# nginx' configuration is made beside, from secrets on, and waited for before the programs start.
# Whatever fails says so in one line and exits; the caller's EXIT trap stops
# what had been started.

HTTP_STATUS=''   # of the last http_get, empty when there was no answer
HTTP_BODY=''

# http_exchange PATH: ask the stack's own nginx, without needing curl. Runs in a
# subshell: a connection that breaks ends only that.
http_exchange() {
    local answer=''
    exec 8<>"/dev/tcp/127.0.0.1/$TIFFIN_PORT" || return 1
    printf 'GET %s HTTP/1.0\r\nHost: localhost\r\n\r\n' "$1" >&8
    IFS= read -r -d '' -t 5 answer <&8   # to its end, for no NUL comes
    say "${answer//$'\r'/}"
}

http_get() {
    local answer
    HTTP_STATUS='' HTTP_BODY=''
    answer=$(http_exchange "$1" 2>/dev/null)
    [[ $answer == HTTP/* ]] || return 1
    HTTP_STATUS=${answer#* }
    HTTP_STATUS=${HTTP_STATUS:0:3}
    HTTP_BODY=${answer#*$'\n\n'}
}

# listeners PORT: the sockets that listen on it, on any address, a line each, as /proc/<pid>/fd
# shows them. Asked of the kernel: nginx listens with reuseport, so that of two stacks of one
# user the second one's bind would succeed, and each get half of the other's requests. The kernel lists
# those that listen first (Documentation/networking/proc_net_tcp.rst), older ones with connections
# that are being opened (03) among them; behind them may be tens of thousands that nothing is to be learnt of.
listeners() {
    local hex
    printf -v hex '%04X' "$1"
    awk -v port=":$hex" '
        FNR == 1 { next }
        $4 != "0A" && $4 != "03" { nextfile }
        $2 ~ port "$" && $4 == "0A" { print "socket:[" $10 "]" }
    ' /proc/net/tcp /proc/net/tcp6 2>/dev/null   # the second is not there without IPv6
}

# port_settings: those that name a port that the stack listens on.
port_settings() {
    say TIFFIN_PORT
    ((TIFFIN_TLS_PORT == 0)) || say TIFFIN_TLS_PORT
}

# next_free_port AFTER: a suggestion for the message.
next_free_port() {
    local port=$1
    for ((port++; port < 65535; port++)); do
        ((port != TIFFIN_PORT && port != TIFFIN_TLS_PORT)) && [[ -z $(listeners "$port") ]] && break
    done
    say "$port"
}

# check_ports_free: before anything starts.
check_ports_free() {
    local setting
    while read -r setting; do
        [[ -z $(listeners "${!setting}") ]] ||
            die "port ${!setting} is in use by another program; try: $setting=$(next_free_port "${!setting}") make up"
    done < <(port_settings)
}

# check_ports_ours: is nobody but our nginx behind the ports? Whoever started at the very same
# moment was not there yet when they were asked for, and what answers may be theirs.
check_ports_ours() {
    local setting pid socket folders=() ours=''
    while read -r pid _; do folders+=("/proc/$pid/fd"); done < <(stack_processes "$SVC/nginx")
    ((${#folders[@]} == 0)) || ours=$(find "${folders[@]}" -lname 'socket:*' -printf '%l\n' 2>/dev/null)
    while read -r setting; do
        while read -r socket; do
            [[ $'\n'$ours$'\n' == *$'\n'"$socket"$'\n'* ]] ||
                die "another program listens on port ${!setting} ($setting) too;" \
                    "try: $setting=$(next_free_port "${!setting}") make up"
        done < <(listeners "${!setting}")
    done < <(port_settings)
}

check_tools() {
    local tool
    for tool in s6-svscan s6-svc s6-log redis-server redis-cli nginx; do
        command -v "$tool" >/dev/null || die "$tool is not installed: make deps"
    done
    for tool in tiffin-api tiffin-worker tiffin-ws tiffin-load; do
        [[ -x $TIFFIN_BIN_DIR/$tool ]] || die "$TIFFIN_BIN_DIR/$tool is not built: make"
    done
    # The program that owns the settings table says what is wrong.
    "$TIFFIN_BIN_DIR/tiffin-api" --check </dev/null || exit 1
}

# make_run_dir: private to its user.
make_run_dir() {
    if [[ ! -d $TIFFIN_RUN_DIR ]]; then
        (umask 022 && mkdir -p "${TIFFIN_RUN_DIR%/*}/") 2>/dev/null
        mkdir -p "$TIFFIN_RUN_DIR" 2>/dev/null || die "cannot make the folder $TIFFIN_RUN_DIR"
    fi
    if [[ ! -O $TIFFIN_RUN_DIR ]]; then
        die "$TIFFIN_RUN_DIR belongs to another user; choose your own with TIFFIN_RUN_DIR"
    fi
    mkdir -p "$TIFFIN_RUN_DIR"/{redis,log/svscan,api,ws,nginx} || die "cannot write to $TIFFIN_RUN_DIR"
    ((EUID == 0)) || chmod 0700 "$TIFFIN_RUN_DIR"
}

# choose_nginx_user: nginx' workers must pass through as root's unprivileged www-data: then the run
# directory may be entered (not listed), and the API's sockets belong to their group. Pages in a folder
# that they cannot enter are copied.
choose_nginx_user() {
    export TIFFIN_NGINX_USER='' TIFFIN_HTML_DIR=$TIFFIN_ROOT/html
    ((EUID == 0)) || return 0
    TIFFIN_NGINX_USER=root
    if ! id www-data >/dev/null 2>&1; then
        warn "warning: there is no user www-data, so nginx' workers run as root"
        return
    fi
    chmod 0711 "$TIFFIN_RUN_DIR" "$TIFFIN_RUN_DIR/nginx"
    chgrp www-data "$TIFFIN_RUN_DIR"/{api,ws} && chmod 2710 "$TIFFIN_RUN_DIR"/{api,ws}
    rm -rf "$TIFFIN_RUN_DIR/html"
    if www_data_reads "$TIFFIN_HTML_DIR" || { copy_pages && www_data_reads "$TIFFIN_HTML_DIR"; }; then
        TIFFIN_NGINX_USER=www-data
    else
        warn "warning: www-data cannot reach $TIFFIN_RUN_DIR, so nginx' workers run as root"
    fi
}

copy_pages() {
    TIFFIN_HTML_DIR=$TIFFIN_RUN_DIR/html
    cp -R "$TIFFIN_ROOT/html" "$TIFFIN_HTML_DIR" || die "cannot write to $TIFFIN_RUN_DIR"
    chmod -R a+rX "$TIFFIN_HTML_DIR"
}

# www_data_reads PAGES: can nginx' workers reach the API, and these?
www_data_reads() {
    # shellcheck disable=SC2016 # the inner shell expands them
    as_other www-data sh -c 'test -x "$1/api/." && test -r "$2/index.html"' sh "$TIFFIN_RUN_DIR" "$1"
}

# write_service NAME DOWN_SIGNAL KILL_AFTER_MS: into its folder.
write_service() {
    local dir=$SVC/$1 action
    # shellcheck disable=SC2016 # the stubs expand it
    for action in run finish; do
        printf '#!/bin/sh\nexec "$TIFFIN_ROOT/fcgi/stack/service.sh" %s %s "$@"\n' "$action" "$1" >"$dir/$action"
    done
    # shellcheck disable=SC2016
    printf '#!/bin/sh\nexec "$TIFFIN_ROOT/fcgi/stack/service.sh" log %s\n' "$1" >"$dir/log/run"
    echo 3 >"$dir/notification-fd"
    echo "$2" >"$dir/down-signal"
    echo "$3" >"$dir/timeout-kill"
    [[ $1 == redis ]] || : >"$dir/down"   # removed once Redis is ready
    ln -sfn "log/$1/current" "$TIFFIN_RUN_DIR/$1.log"
}

write_services() {
    local name names folders=()
    mapfile -t names < <(list_services)
    rm -rf "$SVC"
    for name in "${names[@]}"; do folders+=("$SVC/$name"/{data,log} "$TIFFIN_RUN_DIR/log/$name"); done
    mkdir -p "${folders[@]}" || die "cannot write to $TIFFIN_RUN_DIR"
    for name in "${names[@]}"; do
        case $name in
        redis) write_service redis TERM 10000 ;;
        nginx) write_service nginx QUIT $((TIFFIN_DRAIN_MS + 1000)) ;;
        *) write_service "$name" TERM $((TIFFIN_DRAIN_MS + 2000)) ;;
        esac
    done
    chmod +x "$SVC"/*/{run,finish,log/run}
}

# supervisors_are_up NAME...: has each of these services one that takes commands?
supervisors_are_up() {
    local name
    for name in "$@"; do [[ -p $SVC/$name/supervise/control ]] || return 1; done
    for name in "$@"; do s6-svok "$SVC/$name" 2>/dev/null || return 1; done
}

# start_supervisor NAME...: s6-svscan, for these services, in a session of its own, so that the Ctrl-C of
# `make run` reaches only the script, which then stops things in order.
start_supervisor() {
    local tries
    ulimit -Sn "$(ulimit -Hn)"
    export -f never_wait
    # shellcheck disable=SC2016 # the inner shell expands them
    setsid -f "${KEEP[@]}" bash -c 'cd "$1" && exec > >(exec "${@:2}") 2>&1; never_wait; exec s6-svscan "$1"' \
        bash "$SVC" "${DROP[@]}" s6-log n1 s100000 "$TIFFIN_RUN_DIR/log/svscan" </dev/null >/dev/null 2>&1 9>&-
    for ((tries = 0; tries < 500; tries++)); do
        if supervisors_are_up "$@"; then return; fi
        sleep 0.01
    done
    die "the supervisor does not start: see $TIFFIN_RUN_DIR/log/svscan/current"
}

# fail_if_dying NAME...: end the start when one of them keeps dying.
fail_if_dying() {
    local name
    for name in "$@"; do
        [[ -e $SVC/$name/data/fails ]] || continue
        if (($(read_number "$SVC/$name/data/fails") >= 3)); then
            warn "$name dies again and again; the end of its log:"
            last_lines "$name"
            [[ $name != redis ]] || hint_redis
            exit 1
        fi
    done
}

# wait_until SECONDS WHAT SERVICES CONDITION...: 0 when the condition holds in time.
wait_until() {
    local deadline what=$2 services=$3
    now_ms
    deadline=$((NOW_MS + $1 * 1000))
    shift 3
    until "$@"; do
        # shellcheck disable=SC2086 # a list of names
        fail_if_dying $services
        now_ms
        if ((NOW_MS >= deadline)); then
            warn "$what"
            return 1
        fi
        sleep 0.01
    done
}

redis_answers() {
    [[ -S $TIFFIN_RUN_DIR/redis.sock ]] &&
        [[ -n $(redis-cli -s "$TIFFIN_RUN_DIR/redis.sock" ping 2>/dev/null) ]]
}

is_ready() { http_get /readyz && [[ $HTTP_STATUS == 200 ]]; }

# wait_ready NAME...: until /readyz is green, and says why when it is not. The names are
# those of the services that should not be dying meanwhile.
wait_ready() {
    local name
    if ! wait_until "$TIFFIN_UP_TIMEOUT_S" "not ready after $TIFFIN_UP_TIMEOUT_S s:" "$*" is_ready; then
        check_ports_ours
        warn "/readyz says ${HTTP_STATUS:-nothing} ${HTTP_BODY}"
        for name in api nginx; do last_lines "$name"; done
        return 1
    fi
    check_ports_ours
}

# already_running NAME...: what is to be said of a stack that was there.
already_running() {
    local port
    port=$(read_number "$TIFFIN_RUN_DIR/started")
    ((port == TIFFIN_PORT)) ||
        die "Tiffin is already running, on port $port and not on $TIFFIN_PORT; make down stops it"
    (wait_ready "$@") || die "Tiffin is already running, but it is not ready; make down, then make up, starts it anew"
    say "Tiffin is already running: http://localhost:$port"
}

# configure_nginx: writes its configuration and tries it.
configure_nginx() {
    local complaint
    "$TIFFIN_ROOT/nginx/render.sh" "$TIFFIN_RUN_DIR/nginx" || die "the nginx configuration could not be made"
    complaint=$(nginx -t -q -p "$TIFFIN_RUN_DIR/nginx/" -c "$TIFFIN_RUN_DIR/nginx/nginx.conf" -e stderr 2>&1) ||
        die "nginx does not take its configuration: $complaint"
}

start_stack() {
    local services name loaded nginx_configured
    svc_dir
    services=$(list_services)

    check_tools
    make_run_dir
    with_lock
    if supervisor_runs && [[ -f $TIFFIN_RUN_DIR/started ]]; then
        # shellcheck disable=SC2086 # a list of names
        already_running $services
        return 2
    fi
    stop_stack   # what a crash or a killed `make up` left
    check_ports_free

    # shellcheck disable=SC2034 # read by the script that sources this
    started=1   # from here on the caller's EXIT trap has something to stop
    choose_nginx_user
    # Redis starts meanwhile. This keeps the lock open: a next start or stop waits for its end.
    configure_nginx </dev/null &
    nginx_configured=$!
    "$TIFFIN_ROOT/redis/make-users.sh" "$TIFFIN_RUN_DIR" || die "the Redis users could not be made"
    ln -sfn redis/redis.sock "$TIFFIN_RUN_DIR/redis.sock"
    write_services
    give_up_root
    # shellcheck disable=SC2086 # a list of names
    start_supervisor $services

    if ! wait_until "$TIFFIN_UP_TIMEOUT_S" "Redis does not answer; the end of its log:" redis redis_answers; then
        last_lines redis
        exit 1
    fi
    if ! loaded=$("$TIFFIN_BIN_DIR/tiffin-load" </dev/null 2>&1); then
        fail_if_dying redis   # it answers before it has loaded its file
        die "the Redis functions or the catalogue could not be loaded: $loaded"
    fi
    wait "$nginx_configured" || exit 1
    while read -r name; do s6-svc -u "$SVC/$name"; done <<<"$services"
    rm -f "$SVC"/*/down

    # shellcheck disable=SC2086 # a list of names
    wait_ready $services || exit 1
    echo "$TIFFIN_PORT" >"$TIFFIN_RUN_DIR/started"
    say "Tiffin is ready: http://localhost:$TIFFIN_PORT"
    say "  place an order:  curl -X POST 'http://localhost:$TIFFIN_PORT/order?restaurant_id=resto_123&item=Curry'"
}
