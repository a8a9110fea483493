#!/bin/sh
# What a container of Redis runs. Half of the container's memory is Redis' maxmemory: the other half
# is for clients' buffers and for what changes while a child rewrites the append-only file.
set -eu

limit=max
for file in /sys/fs/cgroup/memory.max /sys/fs/cgroup/memory/memory.limit_in_bytes; do # v2, v1
    if [ -r "$file" ]; then
        read -r limit <"$file"
        break
    fi
done
# No limit is the word max, or a number of 19 digits.
case $limit in
max | ???????????????*) maxmemory=512mb ;;
*) maxmemory=$((limit / 2)) ;;
esac

# Whoever holds this lock uses the data: a second Redis would ruin them, a restore under a running one
# too. It is held by the descriptor, so for as long as a process of this Redis lives.
exec 9</data
flock -w 10 9 || {
    echo "redis: another Redis, a backup or a restore uses /data" >&2
    exit 1
}

exec redis-server "$(dirname "$0")/redis.conf" --port 6379 --bind '*' --dir /data \
    --aclfile /secrets/users.acl --maxmemory "$maxmemory"
