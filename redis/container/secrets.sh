#!/bin/sh
# Makes the passwords of the Redis users, once, and hands each to the program that needs it:
#
#   /secrets/keep/      root's: what redis/make-users.sh made; passwords that exist are kept
#   /secrets/<user>     a copy that only one uid can read
#   /secrets/users.acl  their digests, for Redis
#
# Runs as root, and needs of root's rights CAP_CHOWN alone: nothing that belongs to another is
# opened, a file is handed over when it is complete, and takes its name last.
set -eu
umask 077
cd /secrets
chmod 0711 .
"$(dirname "$0")/make-users.sh" /secrets/keep

# give UID FILE...
give() {
    uid=$1
    shift
    for file in "$@"; do
        name=$(basename "$file")
        rm -f ".$name"
        cp -- "keep/$file" ".$name"
        chmod 0400 ".$name"
        chown "$uid:$uid" ".$name"
        mv -f -- ".$name" "$name"
    done
}
# The uids are those of the images.
give 10001 users.acl secrets/reader
give 10002 secrets/api
give 10003 secrets/worker secrets/gateway
give 10004 secrets/ws
give 10005 secrets/admin
echo "secrets: each program has its password"
