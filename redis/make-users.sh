#!/bin/sh
# Makes the Redis users of one stack:
#
#   RUN_DIR/secrets/<user>   a random password each, 0600; one that exists is kept
#   RUN_DIR/users.acl        redis/users.acl with their SHA-256 digests, 0600; always written anew
#
# No password is ever an argument or an environment variable: both can be seen by others.
# Every start of a stack waits for this script, so one program does its work for all users at once.
set -eu

die() {
    printf 'make-users: %s\n' "$*" >&2
    exit 1
}

run_dir=${1:-}
if [ $# -ne 1 ] || [ -z "$run_dir" ]; then
    die "usage: make-users.sh RUN_DIR"
fi
template=$(dirname -- "$0")/users.acl
[ -r "$template" ] || die "cannot read $template"
for tool in awk od sha256sum; do
    command -v "$tool" >/dev/null 2>&1 || die "$tool is missing: install mawk and coreutils"
done

[ -d "$run_dir" ] || mkdir -p -- "$run_dir" || die "cannot make the folder $run_dir"
umask 077
secrets=$run_dir/secrets
mkdir -p -- "$secrets" || die "cannot make the folder $secrets"
if [ -w "$secrets" ]; then chmod 700 -- "$secrets"; fi # a mounted secret may be read-only

work=$run_dir/users.$$ # passwords without their line's end, digests
new_secrets=$secrets/.new.$$
trap 'rm -rf -- "$work" "$new_secrets"' EXIT
trap 'exit 1' HUP INT TERM
mkdir -- "$work" || die "cannot make the folder $work"

# password_of FILE: sets `password` to its first line.
carriage_return=$(printf '\r')
password_of() {
    password=''
    IFS= read -r password <"$1" || true # without a line's end it is read as well
    password=${password%%"$carriage_return"*}
}

# make_secrets USER...: 40 hex digits, 160 random bits, for each. A file is complete before it has
# its name: a killed run leaves no half password.
make_secrets() {
    mkdir -- "$new_secrets"
    od -An -v -w20 -N$(($# * 20)) -tx1 /dev/urandom | FOLDER=$new_secrets USERS=$* awk '
        BEGIN { split(ENVIRON["USERS"], user, " ") }
        { gsub(/ /, ""); printf "%s", $0 >(ENVIRON["FOLDER"] "/" user[NR]) }'
    for user in "$@"; do
        password_of "$new_secrets/$user"
        [ ${#password} -eq 40 ] || die "no random bytes from /dev/urandom"
    done
    mv -f -- "$new_secrets"/* "$secrets"
}

# The users are those of the template that have a password there.
users=$(awk '$1 == "user" && /@PASSWORD@/ { print $2 }' "$template")
[ -n "$users" ] || die "$template names no user"
absent='' present=''
for user in $users; do
    if [ ! -s "$secrets/$user" ]; then
        absent="$absent $user"
    elif [ -w "$secrets/$user" ]; then
        present="$present $user"
    fi
done
# shellcheck disable=SC2086 # lists of names
{
    [ -z "$absent" ] || make_secrets $absent
    [ -z "$present" ] || (cd -- "$secrets" && chmod 600 -- $present)
}
for user in $users; do
    [ -r "$secrets/$user" ] || die "cannot read $secrets/$user"
    password_of "$secrets/$user"
    printf %s "$password" >"$work/$user"
done
# shellcheck disable=SC2086
(cd -- "$work" && sha256sum -- $users >.digests) || die "cannot digest the passwords in $secrets"

# Comment lines out, an indented line belongs to the user above it.
awk '
    function flush() { if (line != "") print line; line = "" }
    NR == FNR { digest[$2] = $1; next }
    /^[ \t]*(#|$)/ { next }
    /^user / { flush(); name = $2 }
    {
        gsub(/@PASSWORD@/, "#" digest[name])
        gsub(/^[ \t]+|[ \t]+$/, "")
        line = line (line == "" ? "" : " ") $0
    }
    END { flush() }
' "$work/.digests" "$template" >"$work/.users.acl"
mv -f -- "$work/.users.acl" "$run_dir/users.acl"
