#!/bin/sh
# backup.sh [DATA_DIR] >orders.tar: all orders, as restore.sh takes them.
#
# DATA_DIR is Redis' folder (/data). Redis must be stopped: files that change meanwhile would be no
# whole backup. Damaged files are written too, but that is said, with code 1: restore.sh refuses them.
set -eu
data=${1:-/data}

die() {
    echo "backup: $*" >&2
    exit 1
}

# The folder is the lock: Redis holds it as long as it lives (service.sh, container/entrypoint.sh).
cd "$data" || die "there is no folder $data"
exec 9<.
flock -n 9 || die "Redis is using $data: stop it first"
[ -f appendonlydir/tiffin.aof.manifest ] || die "there are no orders in $data"
tar -cf - appendonlydir || die "the backup is not whole"
said=$(redis-check-aof appendonlydir/tiffin.aof.manifest 2>&1 </dev/null) ||
    die "these orders are damaged (redis-check-aof: $(echo "$said" | tail -n 1))"
