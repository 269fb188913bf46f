#!/bin/sh
# `make up`: the three processes from this checkout, in the foreground, with defaults that need nothing.
# Called with uv's path as $1. Honours PORT, ROUTEIQ_VOLUME, LITELLM_CONFIG_PATH and all other settings.
set -eu
cd "$(dirname "$0")/.."
uv=$1
. docker/first_start.sh
UV_COMPILE_BYTECODE=1 "$uv" sync --frozen --quiet --inexact --no-default-groups
PATH="$PWD/.venv/bin:$PATH"

fail() {
    echo "$1" >&2
    exit 2
}

# Where the environment has no key, .env has one: a random one, if need be.
own_key=${LITELLM_MASTER_KEY:+yes}
if [ -z "$own_key" ] && ! grep -q '^LITELLM_MASTER_KEY=.' .env 2>/dev/null; then
    key=$(new_master_key)
    if [ -s .env ] && [ -n "$(tail -c 1 .env)" ]; then
        echo >>.env # its last line has no end
    fi
    (umask 077 && printf 'LITELLM_MASTER_KEY=%s\n' "$key" >>.env)
    chmod 600 .env
    echo "wrote a random master key to .env"
fi
# The environment wins over .env, as everywhere; a line is NAME=value, without quotes and without expansion.
carriage_return=$(printf '\r')
while IFS='=' read -r name value || [ -n "$name" ]; do
    value=${value%"$carriage_return"}
    case $name in
        '' | "$carriage_return" | '#'*) continue ;;
        [0-9]* | *[!A-Za-z0-9_]*) fail ".env: expected NAME=value, found a line that begins with '${name%% *}'" ;;
    esac
    case $value in
        '"'* | "'"*) fail ".env: $name has quotes around its value; write $name=value without them" ;;
    esac
    eval "[ \"\${$name+set}\" ]" || export "$name=$value"
done <.env

PORT=${PORT:-4000}
ROUTEIQ_VOLUME=${ROUTEIQ_VOLUME:-./var}
LITELLM_CONFIG_PATH=${LITELLM_CONFIG_PATH:-./config.yaml}
case $PORT in
    [1-9] | [1-9][0-9] | [1-9][0-9][0-9] | [1-9][0-9][0-9][0-9] | [1-5][0-9][0-9][0-9][0-9] | 6[0-4][0-9][0-9][0-9] | 65[0-4][0-9][0-9] | 655[0-2][0-9] | 6553[0-4]) ;;
    *) fail "PORT is '$PORT'; expected a number from 1 to 65534 (syncd takes the port after it)" ;;
esac
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
    default_configuration docker/config.default.yaml >"$LITELLM_CONFIG_PATH"
    echo "wrote a default configuration to $LITELLM_CONFIG_PATH"
fi

# With a database LiteLLM needs Prisma's client, which is generated once for this checkout.
if [ -n "${DATABASE_URL:-}" ]; then
    case $(printf %s "${ROUTEIQ_LITELLM_DATABASE:-true}" | tr '[:upper:]' '[:lower:]') in
        false | f | no | n | off | 0) ;;
        *)
            packages=$(python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
            generate="prisma generate --schema $packages/litellm/proxy/schema.prisma"
            if [ ! -e "$packages/prisma/client.py" ]; then
                echo "generating LiteLLM's Prisma client, since DATABASE_URL is set"
                $generate ||
                    fail "LiteLLM's Prisma client could not be generated: run '$PWD/.venv/bin/$generate', or set ROUTEIQ_LITELLM_DATABASE=false to keep the database from LiteLLM"
            fi
            ;;
    esac
fi

if supervisorctl -c supervisord.conf pid >/dev/null 2>&1; then
    fail "the volume $ROUTEIQ_VOLUME is in use by another 'make up'; stop that one, or set ROUTEIQ_VOLUME and PORT"
fi

if [ -n "$own_key" ]; then
    shown="\$LITELLM_MASTER_KEY"
else
    shown="\$(sed -n 's/^LITELLM_MASTER_KEY=//p' '$PWD/.env')"
fi
echo
echo "RouteIQ Gateway is starting on port $PORT; stop it with Ctrl-C, which lets streams end."
if grep -q 'model_name: *demo' "$LITELLM_CONFIG_PATH" 2>/dev/null && [ "${CONFIG_SOURCE:-file}" = file ]; then
    cat <<END
When it is ready, ask its demo model:

  $(curl_to "$PORT")/v1/chat/completions \\
    -H "Authorization: Bearer $shown" \\
    -H 'Content-Type: application/json' \\
    -d '{"model": "demo", "messages": [{"role": "user", "content": "Hello"}]}'

Then change $LITELLM_CONFIG_PATH, and ask again.

END
else
    cat <<END
When it is ready, ask for its models:

  $(curl_to "$PORT")/v1/models -H "Authorization: Bearer $shown"

END
fi
exec supervisord -c supervisord.conf
