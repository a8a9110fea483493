#!/bin/bash
# make run: the stack in the foreground with its logs on the screen; Ctrl-C (or
# TERM, or closing the terminal) stops all of it.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/start.sh"
load_settings

started=0
tail_pid=''
on_exit() {
    local code=$?
    trap '' INT TERM HUP
    if ((started)); then
        say "Stopping ..."
        exec 9>"$TIFFIN_RUN_DIR/lock" && flock -w 120 9
        stop_stack
        say "Tiffin has stopped; the orders are kept in $TIFFIN_RUN_DIR/redis."
    fi
    if [[ -n $tail_pid ]]; then
        sleep 0.3   # the last lines are on their way
        # Still our child, or its number may be anybody's.
        ! grep -qsx "PPid:[[:space:]]*$$" "/proc/$tail_pid/status" || kill -- "-$tail_pid" 2>/dev/null
    fi
    exit "$code"
}
trap on_exit EXIT
trap 'exit 0' INT
trap 'exit 143' TERM HUP

# The header becomes the prefix of the lines that follow it.
LOG_PREFIX='/^==> .*\/log\/\([^/]*\)\/current <==$/{s//\1/;h;d}
/^$/d
G
s/^\(.*\)\n\(.*\)$/\2 | \1/'

# show_logs: each line with its service's name before it. tail announces a file
# by a header line.
show_logs() {
    local names name files=()
    mapfile -t names < <(list_services)
    for name in "${names[@]}"; do files+=("$TIFFIN_RUN_DIR/log/$name/current"); done
    # A session of its own: the terminal's Ctrl-C must not end it before the
    # services have said their last words.
    # shellcheck disable=SC2016 # the inner shell expands them
    LOG_PREFIX=$LOG_PREFIX setsid bash -c 'tail -n 0 -F -v --pid="$0" "$@" 2>/dev/null | sed -u "$LOG_PREFIX"' "$$" "${files[@]}" &
    tail_pid=$!
}

mkdir -p "$TIFFIN_RUN_DIR" 2>/dev/null
show_logs
start_stack
case $? in
0) say "  Ctrl-C stops it." ;;
2) die "make down stops it." ;;
esac
flock -u 9

# Until a signal, or until somebody else's `make down`.
while supervisor_runs; do
    sleep 1 &
    wait $!
done
started=0
say "Tiffin was stopped."
