#!/bin/sh
# restore.sh [DATA_DIR] <orders.tar: replaces the orders by those of a backup (backup.sh).
#
# DATA_DIR is Redis' folder (/data). The backup is unpacked beside the orders and checked, and only
# then takes their place, in one step; they are kept as DATA_DIR/before-restore-<time>. Whatever goes
# wrong before that changes nothing, and ends this with code 1 and the reason.
set -eu
umask 077
export LC_ALL=C
data=${1:-/data}
unpacked=restore-unpacked
new=$unpacked/appendonlydir

die() {
    echo "restore: $*; nothing was changed" >&2
    exit 1
}

# The folder is the lock: Redis holds it as long as it lives (service.sh, container/entrypoint.sh).
cd "$data" || die "there is no folder $data"
exec 9<.
flock -n 9 || die "Redis is using $data: stop it first"
[ ! -t 0 ] || die "the backup is read from standard input"

# ---- unpack -------------------------------------------------------------------------
# Of somebody who was killed here there may be a part.
rm -rf "$unpacked"
trap 'rm -rf "$unpacked"' EXIT
trap 'exit 1' HUP INT TERM
mkdir "$unpacked"
# tar ends well although it made a name harmless (/etc/x, ../x): of a backup of ours it has nothing
# to say. Times are not restored: one in the future would be a warning.
said=$(tar -xmf - -C "$unpacked" --no-same-owner --no-same-permissions 2>&1) || said=${said:-tar failed}
[ -z "$said" ] || die "this is not a whole backup, or there is no room for it ($(echo "$said" | head -n 1))"

# ---- check --------------------------------------------------------------------------
odd=$(find "$unpacked" ! -type f ! -type d -o -type f -links +1 | head -n 1)
[ -z "$odd" ] || die "this is not a backup of orders: ${odd#"$unpacked"/} is not a plain file"
manifest=$new/tiffin.aof.manifest
[ -f "$manifest" ] || die "this is not a backup of orders: it holds no ${manifest#"$unpacked"/}"
chmod -R u=rwX,go= "$new"
# What does not look like a manifest redis-check-aof takes for an append-only file itself.
if [ ! -s "$manifest" ] || grep -qvE '^file [^/ ]+ seq [0-9]+ type [bhi]' "$manifest"; then
    die "the backup is damaged: ${manifest#"$unpacked"/} is no list of Redis' files"
fi
said=$(redis-check-aof "$manifest" 2>&1 </dev/null) ||
    die "the backup is damaged (redis-check-aof: $(echo "$said" | tail -n 1))"
if [ "$(id -u)" -eq 0 ]; then chown -R --reference=. "$new"; fi
sync "$new"/* "$new" || die "cannot write to $data"

# ---- swap ---------------------------------------------------------------------------
# $old holds the new orders until both are exchanged, and the old ones from then on.
swap() {
    mv -T "$new" "$old"
    if mv -T --exchange "$old" appendonlydir 2>/dev/null; then return; fi
    # mv before coreutils 9.5, or a file system, cannot exchange: two steps. A power cut between them
    # leaves $old to be renamed back by hand.
    mv -T "$old" "$new"
    mv -T appendonlydir "$old"
    if mv -T "$new" appendonlydir; then return; fi
    mv -T "$old" appendonlydir
    die "cannot rename in $data"
}

trap '' HUP INT TERM # from here on it is whole or not at all
if [ -e appendonlydir ]; then
    while old=before-restore-$(date -u +%Y%m%dT%H%M%SZ) && [ -e "$old" ]; do sleep 1; done
    swap
else
    old=
    mv -T "$new" appendonlydir
fi
sync .
echo "restore: done${old:+; the orders of before are in $data/$old}" >&2
