#!/bin/sh
# Makes the Redis users of one stack:
#
#   RUN_DIR/secrets/<user>   a random password each, 0600; one that exists is kept
#   RUN_DIR/users.acl        redis/users.acl with their SHA-256 digests, 0600; always written anew
#
# No password is ever an argument or an environment variable: both can be seen by others.
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

mkdir -p -- "$run_dir" || die "cannot make the folder $run_dir"
umask 077
secrets=$run_dir/secrets
mkdir -p -- "$secrets" || die "cannot make the folder $secrets"
if [ -w "$secrets" ]; then chmod 700 -- "$secrets"; fi # a mounted secret may be read-only

acl_new=$run_dir/users.acl.$$
digests=$run_dir/digests.$$
secret_new=$secrets/.new.$$
trap 'rm -f -- "$acl_new" "$digests" "$secret_new"' EXIT
trap 'exit 1' HUP INT TERM

# 40 hex digits, 160 random bits. Complete before it has its name: a killed run leaves no half
# password.
make_secret() {
    od -An -v -N20 -tx1 /dev/urandom | tr -d ' \n' >"$secret_new"
    [ "$(wc -c <"$secret_new")" -eq 40 ] || die "no random bytes from /dev/urandom"
    mv -f -- "$secret_new" "$1"
}

# The users are those of the template that have a password there.
users=$(awk '$1 == "user" && /@PASSWORD@/ { print $2 }' "$template")
[ -n "$users" ] || die "$template names no user"
for user in $users; do
    secret=$secrets/$user
    [ -s "$secret" ] || make_secret "$secret"
    [ -r "$secret" ] || die "cannot read $secret"
    if [ -w "$secret" ]; then chmod 600 -- "$secret"; fi
    digest=$(tr -d '\r\n' <"$secret" | sha256sum) || die "cannot digest $secret"
    printf '%s %s\n' "$user" "${digest%% *}"
done >"$digests"

# Comment lines out, an indented line belongs to the user above it.
awk '
    function flush() { if (line != "") print line; line = "" }
    NR == FNR { digest[$1] = $2; next }
    /^[ \t]*(#|$)/ { next }
    /^user / { flush(); name = $2 }
    {
        gsub(/@PASSWORD@/, "#" digest[name])
        gsub(/^[ \t]+|[ \t]+$/, "")
        line = line (line == "" ? "" : " ") $0
    }
    END { flush() }
' "$digests" "$template" >"$acl_new"
mv -f -- "$acl_new" "$run_dir/users.acl"
