#!/bin/sh
# `make up`: the three processes from this checkout, in the foreground, with defaults that need nothing.
# Called with uv's path as $1. Honours PORT, ROUTEIQ_VOLUME, LITELLM_CONFIG_PATH and all other settings.
set -eu
cd "$(dirname "$0")/.."
uv=$1
UV_COMPILE_BYTECODE=1 "$uv" sync --frozen --quiet --inexact --no-default-groups
PATH="$PWD/.venv/bin:$PATH"

if [ ! -e .env ]; then
    (umask 077 && printf 'LITELLM_MASTER_KEY=sk-%s\n' "$(od -An -N24 -tx1 /dev/urandom | tr -d ' \n')" >.env)
    echo "wrote a random master key to .env"
fi
# The environment wins over .env, as everywhere; a line is NAME=value, without quotes and without expansion.
while IFS='=' read -r name value || [ -n "$name" ]; do
    case $name in
        '' | '#'*) continue ;;
        *[!A-Za-z0-9_]*)
            echo ".env: expected NAME=value, found a line that begins with '${name%% *}'" >&2
            exit 2
            ;;
    esac
    eval "[ \"\${$name+set}\" ]" || export "$name=$value"
done <.env

PORT=${PORT:-4000}
ROUTEIQ_VOLUME=${ROUTEIQ_VOLUME:-./var}
LITELLM_CONFIG_PATH=${LITELLM_CONFIG_PATH:-./config.yaml}
# Another checkout may run on this machine: syncd's port follows the gateway's, and stays on loopback.
SYNCD_ADDR=${SYNCD_ADDR:-127.0.0.1:$((PORT + 1))}
PYTHONSAFEPATH=1
if [ -t 1 ]; then
    # The programs write to supervisord's pipes, so they cannot see that a person reads along.
    export LOG_FORMAT="${LOG_FORMAT:-console}"
fi
export PATH PORT ROUTEIQ_VOLUME LITELLM_CONFIG_PATH SYNCD_ADDR PYTHONSAFEPATH
mkdir -p "$ROUTEIQ_VOLUME"
if [ ! -e "$LITELLM_CONFIG_PATH" ] && [ "${CONFIG_SOURCE:-file}" = file ]; then
    cp docker/config.default.yaml "$LITELLM_CONFIG_PATH"
    echo "wrote a default configuration to $LITELLM_CONFIG_PATH"
fi

cat <<END

RouteIQ Gateway is starting on port $PORT; stop it with Ctrl-C. When it is ready, ask its demo model:

  curl -s http://localhost:$PORT/v1/chat/completions \\
    -H "Authorization: Bearer \$(sed -n 's/^LITELLM_MASTER_KEY=//p' '$PWD/.env')" \\
    -H 'Content-Type: application/json' \\
    -d '{"model": "demo", "messages": [{"role": "user", "content": "Hello"}]}'

Then change $LITELLM_CONFIG_PATH, and ask again.

END
exec supervisord -c supervisord.conf
