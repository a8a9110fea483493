#!/bin/bash
# make down: stop the stack of TIFFIN_RUN_DIR in order (nginx drains, then the
# programs, then Redis). Orders stay in TIFFIN_RUN_DIR/redis.
. "$(dirname "$0")/lib.sh"
LENIENT=1
load_settings
svc_dir

if [[ ! -d $TIFFIN_RUN_DIR ]]; then
    say "Tiffin is not running."
    exit 0
fi
with_lock
if ! supervisor_runs && [[ -z $(stack_processes) ]]; then
    stop_stack   # only stale files
    say "Tiffin is not running."
    exit 0
fi
stop_stack
say "Tiffin has stopped; the orders are kept in $TIFFIN_RUN_DIR/redis."
