#!/bin/bash
# deps.sh GROUP...: install the Debian packages of the groups (build, run, test, browser,
# docker, bench, peers, lint) that are missing. Says one line and takes no time when none is.
#
# The distribution's own nginx and Redis services stay as they were: Debian would
# start them on installation, so a policy that forbids it is put in place for that
# long, unless the machine has a policy already.
set -u

packages() {
    case $1 in
    build) echo gcc make pkgconf libc6-dev libfcgi-dev libev-dev libhiredis-dev libjson-c-dev libssl-dev libwslay-dev ;;
    run) echo nginx redis-server redis-tools s6 curl ;;
    bench) echo python3 python3-redis wrk ;;
    peers) echo nodejs node-ws node-redis golang-go golang-github-gorilla-websocket-dev \
        golang-github-gomodule-redigo-dev python3-fastapi python3-uvicorn python3-uvloop \
        python3-httptools python3-redis ;;
    test) echo libcmocka-dev openssl python3 python3-pytest python3-pytest-xdist python3-redis python3-requests python3-websockets curl \
        prometheus ;; # for promtool
    docker) echo docker.io docker-compose mmdebstrap iptables iproute2 ;;
    browser) echo chromium chromium-driver python3-selenium python3-jsonschema ;;
    lint) echo openssl binutils python3 python3-pytest clang libclang-rt-dev clang-format clang-tidy cppcheck shellcheck lua-check ;;
    *)
        echo "deps.sh: unknown group $1" >&2
        exit 2
        ;;
    esac
}

wanted=()
for group in "$@"; do
    read -ra list < <(packages "$group")
    wanted+=("${list[@]}")
done

if ! command -v dpkg-query >/dev/null; then
    echo "deps: this is not Debian; please install what answers to: ${wanted[*]}" >&2
    exit 1
fi

# missing_of PACKAGE...: those that are not installed, or only half.
missing_of() {
    dpkg-query -W -f '${db:Status-Abbrev}${Package}\n' "$@" 2>/dev/null |
        sed -n 's/^ii *//p' | sort -u | comm -13 - <(printf '%s\n' "$@" | sort -u)
}
mapfile -t missing < <(missing_of "${wanted[@]}")
if ((${#missing[@]} == 0)); then
    echo "deps: all packages are installed ($*)"
    exit 0
fi
if ((EUID != 0)); then
    echo "deps: packages are missing; please type: sudo apt-get install ${missing[*]}" >&2
    exit 1
fi

POLICY=/usr/sbin/policy-rc.d
log=$(mktemp)
made_policy=0
on_exit() {
    rm -f "$log"
    ((!made_policy)) || rm -f "$POLICY"
}
trap on_exit EXIT
trap 'exit 130' INT
trap 'exit 143' TERM HUP
if [[ ! -e $POLICY ]]; then
    made_policy=1
    printf '#!/bin/sh\n# Made by "make deps" for the time of an installation.\nexit 101\n' >"$POLICY"
    chmod 0755 "$POLICY"
fi

export DEBIAN_FRONTEND=noninteractive
install() { apt-get install -y --no-install-recommends "${missing[@]}" </dev/null >"$log" 2>&1; }
echo "deps: installing ${missing[*]} ..."
# The package lists may be missing or old: try, refresh them, try again.
if ! install && ! { apt-get update </dev/null >"$log" 2>&1 && install; }; then
    tail -n 15 "$log" >&2
    echo "deps: the installation failed; please type: apt-get install ${missing[*]}" >&2
    exit 1
fi
echo "deps: installed ${#missing[@]} packages"
