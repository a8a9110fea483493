#!/bin/bash
# make redis-repair: mend the append-only file that Redis does not load ("Bad file format").
#
# After a power cut it may end in NULs: the file system had given the file room that was never
# written to. An order is answered when it is on disk, so what is behind the last whole command was
# promised to nobody, and is cut off. Damage anywhere else is orders: how much would go is said, and
# FORCE=1 does it. A copy of the folder stays in any case. Only while the stack is stopped.
. "$(dirname "$0")/lib.sh"
LENIENT=1
load_settings
svc_dir

folder=$TIFFIN_RUN_DIR/redis/appendonlydir
manifest=$folder/tiffin.aof.manifest
file='' size=0 whole=0 complaint=''

# check: what redis-check-aof thinks of it. 1 when a file is not good: then `file` is its path, `size`
# its length, `whole` where its last whole command ends, and `complaint` what was said.
check() {
    local said line
    said=$(redis-check-aof "$manifest" 2>&1 </dev/null) && return
    complaint=$(tail -n 4 <<<"$said")
    line=$(grep '^AOF analyzed: ' <<<"$said" | grep -v ' diff=0$' | tail -n 1)
    [[ $line =~ filename=([^/,]+),\ size=([0-9]+),\ ok_up_to=([0-9]+), ]] ||
        die "redis-check-aof cannot judge $manifest, nothing was changed: $complaint"
    file=$folder/${BASH_REMATCH[1]} size=${BASH_REMATCH[2]} whole=${BASH_REMATCH[3]}
    return 1
}

is_torn() { grep -qE 'Expected to read|Reached EOF' <<<"$complaint"; }

# nuls_from OFFSET: are there NULs alone from there to the end of the file?
nuls_from() { [[ -z $(tail -c "+$(($1 + 1))" "$file" | tr -d '\0' | head -c 1 | od -An -c) ]]; }

# end_of_data: where the NULs at the end begin, by halves.
end_of_data() {
    local low=$whole high=$size middle
    while ((low < high)); do
        middle=$(((low + high) / 2))
        if nuls_from "$middle"; then high=$middle; else low=$((middle + 1)); fi
    done
    say "$high"
}

repair() {
    local data
    data=$(end_of_data)
    if ((data < size)); then
        truncate -s "$data" "$file" || die "$file cannot be cut"
        say "$((size - data)) NUL bytes at the end of ${file##*/} were cut off: no order was in them."
        check || repair # another of its files may end so too
        return
    fi
    if is_torn; then
        say "The last $((size - whole)) bytes of ${file##*/} are a command that was not finished; Redis leaves it out."
        return
    fi
    [[ ${FORCE:-} == 1 ]] ||
        die "${file##*/} is damaged behind byte $whole: of its $size bytes $((size - whole)) would be lost, and the" \
            "orders in them; FORCE=1 make redis-repair cuts them off. A copy: $copy"
    yes | redis-check-aof --fix "$manifest" >/dev/null || die "redis-check-aof cannot mend it. A copy: $copy"
    say "The last $((size - whole)) bytes of ${file##*/} were cut off, and the orders in them."
}

[[ -f $manifest ]] || die "$manifest does not exist: there is nothing to repair"
command -v redis-check-aof >/dev/null || die "redis-check-aof is not installed: make deps"
with_lock
if supervisor_runs || [[ -n $(stack_processes) ]]; then die "Tiffin is running: make down first"; fi
[[ -z $(find "$folder" ! -type f ! -type d) ]] || die "$folder holds what is no file"
if check; then
    say "The append-only file is whole: nothing was changed."
    exit 0
fi
copy=$folder.before-repair-$(date -u +%Y%m%dT%H%M%SZ)
cp -a -- "$folder" "$copy" || die "no room for a copy: $copy"
repair
say "A copy as it was: $copy"
say "Now: make up, and make ctl ARGS=fsck looks whether all orders are in order."
