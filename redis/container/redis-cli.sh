#!/bin/sh
# redis-cli in the container, signed in as the user `reader`, who may look at everything and change
# nothing. The password reaches this one process by its environment, never its arguments.
REDISCLI_AUTH=$(cat /secrets/reader) || exit 1
export REDISCLI_AUTH
exec /usr/bin/redis-cli --user reader --no-auth-warning "$@"
