#!/bin/bash
# tiffin-nginx-health: 0 when nginx answers. It does not ask the API: an nginx that says 503 for
# an API that is away is well, and starting it again would help nobody.
exec 3<>"/dev/tcp/127.0.0.1/${TIFFIN_PORT:-8000}" || exit 1
printf 'GET /.nginx HTTP/1.0\r\n\r\n' >&3
read -r -t 3 _ status _ <&3 && [[ $status == 204 ]]
