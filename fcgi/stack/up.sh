#!/bin/bash
# make up: start the stack in the background; 0 once /readyz is green.
. "$(dirname "$0")/lib.sh"
. "$(dirname "$0")/start.sh"
load_settings

started=0
on_exit() {
    local code=$?
    trap '' INT TERM HUP
    ((code == 0 || !started)) || stop_stack
    exit "$code"
}
trap on_exit EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP

start_stack
case $? in
0) say "  logs: $TIFFIN_RUN_DIR/*.log   stop: make down" ;;
2) ;;   # it was running already, and said so
esac
exit 0
