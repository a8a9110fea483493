#!/bin/bash
# make redis-cli ARGS="...": redis-cli on the running stack, signed in as the
# user `reader`, who may look at everything and change nothing.
. "$(dirname "$0")/lib.sh"
load_settings

socket=$TIFFIN_RUN_DIR/redis.sock
secret=$TIFFIN_SECRETS_DIR/reader
[[ -S $socket ]] || die "no stack is running in $TIFFIN_RUN_DIR: make up"
[[ -r $secret ]] || die "$secret cannot be read"
# The password reaches this one process by its environment, never its arguments.
REDISCLI_AUTH=$(cat "$secret") exec redis-cli -s "$socket" --user reader --no-auth-warning "$@"
