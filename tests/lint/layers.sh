#!/bin/sh
# The arrows between the layers, read from the #include lines:
#
#   base <- order <- programs (api, worker, ctl; redis/ the loader; ws-bridge)
#
# A program includes base/, order/ and itself, never another program. And one file
# per foreign library: only fcgi/api/fastcgi*.c know FastCGI, only fcgi/base/rds*
# hiredis. libev may be used anywhere. Tests may include anything.
set -eu
cd "$(dirname "$0")/../.."

status=0
complain() {
    printf '%s: %s\n' "$1" "$2" >&2
    status=1
}

# inside FILE INCLUDED: may this file of the project include that one?
inside() {
    layer=${2%%/*}
    case $1 in
    fcgi/base/*) [ "$layer" = base ] ;;
    fcgi/order/*) [ "$layer" = base ] || [ "$layer" = order ] ;;
    fcgi/api/*) [ "$layer" = base ] || [ "$layer" = order ] || [ "$layer" = api ] ;;
    fcgi/worker/*) [ "$layer" = base ] || [ "$layer" = order ] || [ "$layer" = worker ] ;;
    fcgi/ctl/*) [ "$layer" = base ] || [ "$layer" = order ] || [ "$layer" = ctl ] ;;
    redis/*) [ "$layer" = base ] || [ "$layer" = order ] || [ "$layer" = redis ] ;;
    ws-bridge/*) [ "$layer" = base ] || [ "$layer" = order ] || [ "$layer" = ws-bridge ] ;;
    esac
}

# outside FILE HEADER: may it include that library?
outside() {
    case $2 in
    fcgi*.h | fastcgi.h)
        case $1 in fcgi/api/fastcgi*.c) ;; *) return 1 ;; esac
        ;;
    hiredis*)
        case $1 in fcgi/base/rds*.[ch]) ;; *) return 1 ;; esac
        ;;
    wslay*)
        case $1 in ws-bridge/*) ;; *) return 1 ;; esac
        ;;
    esac
}

# FILE:"own/header" or FILE:<library.h>, one an include.
list=$(find fcgi redis ws-bridge -name '*.[ch]' -exec \
    sed -n 's/^[[:space:]]*#[[:space:]]*include[[:space:]]*\([<"][^>"]*[>"]\).*/\1/;t show;d;:show;F;p' {} + 2>/dev/null |
    paste -d: - -)
old_ifs=$IFS
IFS='
'
for line in $list; do
    file=${line%%:*}
    name=${line#*:}
    included=$(printf '%s' "$name" | tr -d '<>"')
    case $name in
    \"*)
        case $included in
        *..*) complain "$file" "includes \"$included\": name the layer instead" ;;
        */*) inside "$file" "$included" || complain "$file" "must not include \"$included\"" ;;
        *) ;; # beside the file itself
        esac
        ;;
    *) outside "$file" "$included" || complain "$file" "must not include <$included>" ;;
    esac
done
IFS=$old_ifs
exit "$status"
