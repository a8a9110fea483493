# shellcheck shell=bash
# Root is given up: who runs what when root starts a stack. Sourced by lib.sh.
#
#   s6's supervisors      root: they start and signal the rest, and read no stranger's bytes
#   nginx' master         root: it binds the ports and reads TLS' key, also the one that was renewed
#   nginx' workers        www-data
#   all else, loggers too _tiffin, a system user of their own that the first start makes
#
# What stays root keeps the capabilities that it needs for that, all others have none, and nobody can
# gain any. Programs and configuration are copied into the run directory, for the folder of the
# sources may be one that the user cannot enter, like /root. The run directory stays root's but for
# the folders that a program writes to: whoever took one over must not be able to put a link
# where root's next start writes. Without root all of this is nothing.

SYSTEM_USER=_tiffin
ROOT_KEEPS=-all,+chown,+dac_read_search,+kill,+net_bind_service,+setgid,+setuid

KEEP=()        # what goes before a command that stays root; to be read after privileges()
DROP=()        # ... before one that gives root up
# shellcheck disable=SC2034 # read by service.sh
KEEP_NGINX=()

# privileges: fill them in. TIFFIN_USER is who the programs run as, "" = whoever we are.
privileges() {
    KEEP=() DROP=() KEEP_NGINX=()
    [[ -n ${TIFFIN_USER:-} ]] || return 0
    KEEP=(setpriv --no-new-privs "--bounding-set=$ROOT_KEEPS,+setpcap" --)
    # shellcheck disable=SC2034
    KEEP_NGINX=(setpriv --no-new-privs "--bounding-set=$ROOT_KEEPS" --)
    DROP=(setpriv --reuid "$TIFFIN_USER" --regid "$TIFFIN_USER" --clear-groups --no-new-privs
        --inh-caps=-all --bounding-set=-all --)
}

# as_other USER COMMAND...: without any of root's rights.
as_other() {
    local user=$1
    shift
    setpriv --reuid "$user" --regid "$user" --clear-groups --no-new-privs --inh-caps=-all "$@" 2>/dev/null
}

# make_system_user: 0 when there is one now. Two stacks may start at once, so only the outcome counts.
make_system_user() {
    local said
    ! id "$SYSTEM_USER" >/dev/null 2>&1 || return 0
    said=$(useradd --system --user-group --no-create-home --home-dir /nonexistent \
        --shell /usr/sbin/nologin "$SYSTEM_USER" 2>&1)
    ! id "$SYSTEM_USER" >/dev/null 2>&1 || return 0
    warn "warning: the system user $SYSTEM_USER cannot be made: ${said//$'\n'/ }"
    return 1
}

# copy_programs: what the user executes and reads.
copy_programs() {
    local run=$TIFFIN_RUN_DIR
    if ! { install -d -m 0755 "$run/bin" && install -m 0755 "$TIFFIN_BIN_DIR"/tiffin-{api,worker,ws} "$run/bin" &&
        install -m 0644 "$TIFFIN_ROOT/redis/redis.conf" "$run/bin"; }; then
        die "cannot write to $run/bin"
    fi
    export TIFFIN_SERVICE_BIN=$run/bin TIFFIN_REDIS_CONF=$run/bin/redis.conf
}

# give_folders OWNER: what the programs write to, and the passwords of those that have one. What a
# start as somebody else left is taken over. Links are not followed.
give_folders() {
    local owner=$1 run=$TIFFIN_RUN_DIR
    chmod 0711 "$run" "$run/log" "$run/secrets"
    find "$run"/{redis,api,ws} "$run"/log/* ! -user "$owner" -exec chown -h "$owner" {} +
    chown -h "$owner" "$run"/secrets/{api,worker,ws,gateway} "$run/users.acl"
}

# can_work: does TIFFIN_USER reach what it needs, and what is left of root the rest?
can_work() {
    privileges
    "${KEEP[@]}" test -x "$TIFFIN_ROOT/fcgi/stack/service.sh" -a -w "$SVC/api/data" 2>/dev/null || return 1
    # shellcheck disable=SC2016 # the inner shell expands them
    "${DROP[@]}" sh -c 'test -w "$1/redis/." && test -w "$1/api/." && test -x "$1/bin/tiffin-api" &&
        test -r "$1/secrets/api"' sh "$TIFFIN_RUN_DIR" 2>/dev/null
}

# give_up_root: choose TIFFIN_USER, when all folders and passwords are there. A run directory that the
# user cannot enter leaves root without its capabilities; and where that is not possible, root.
give_up_root() {
    local users=(root)
    export TIFFIN_USER='' TIFFIN_SERVICE_BIN=$TIFFIN_BIN_DIR TIFFIN_REDIS_CONF=$TIFFIN_ROOT/redis/redis.conf
    privileges
    ((EUID == 0)) || return 0
    copy_programs
    ! make_system_user || users=("$SYSTEM_USER" root)
    for TIFFIN_USER in "${users[@]}"; do
        give_folders "$TIFFIN_USER"
        ! can_work || break
        TIFFIN_USER=''
    done
    privileges
    case $TIFFIN_USER in
    "$SYSTEM_USER") ;;
    root) warn "warning: $SYSTEM_USER cannot reach $TIFFIN_RUN_DIR, so the programs run as root without" \
        "its capabilities; better: TIFFIN_RUN_DIR=/var/lib/tiffin" ;;
    *)
        give_folders root
        warn "warning: root cannot be given up here, so the programs run as root; better: TIFFIN_RUN_DIR=/var/lib/tiffin"
        ;;
    esac
}
