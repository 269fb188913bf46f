#!/bin/sh
# What the gateway image starts. A container that was given nothing serves all the same: this makes a master key, and offers the
# models of the provider whose key is set. Then supervisord takes the process over, so that it is PID 1.
# $1 is where the image has its own configuration, unless somebody has mounted another there.
set -eu
here=$(dirname "$0")
# shellcheck source=docker/first_start.sh
. "$here/first_start.sh"
port=${PORT:-4000}
ASK_SECONDS=55

cannot_work() {
    echo "$1" >&2
    exit 70
}

tried=0
# By a process of its own, which can be ended: the volume may hang.
# shellcheck disable=SC2016 # its own shell expands it
timeout -s KILL "$ASK_SECONDS" sh -c ': >"$1/.writable" && rm "$1/.writable"' sh "$ROUTEIQ_VOLUME" 2>/dev/null || tried=$?
if [ "$tried" -eq 137 ]; then
    cannot_work "the volume ROUTEIQ_VOLUME=$ROUTEIQ_VOLUME has not answered for $ASK_SECONDS s: mend its file system or its server"
elif [ "$tried" -ne 0 ]; then
    cannot_work "the volume ROUTEIQ_VOLUME=$ROUTEIQ_VOLUME cannot be written by uid $(id -u), group $(id -g): mount a volume that this user may write, or set the user (fsGroup in Kubernetes)"
fi

# The image's own configuration is what nobody has replaced: no mount, no other path, no other source.
if [ -z "${LITELLM_CONFIG_PATH:-}" ] && [ "${CONFIG_SOURCE:-file}" = file ] &&
    cmp -s "$here/config.default.yaml" "$1"; then
    LITELLM_CONFIG_PATH=$(mktemp -d)/config.yaml # made at each start, since a key may come or go
    default_configuration "$here/config.default.yaml" >"$LITELLM_CONFIG_PATH"
    export LITELLM_CONFIG_PATH
fi

# Whether a directory of ROUTEIQ_SECRETS_DIR, whose directories are parted by colons, has the file $1.
secret_file() (
    IFS=:
    for directory in ${ROUTEIQ_SECRETS_DIR:-}; do
        [ ! -e "$directory/$1" ] || exit 0
    done
    exit 1
)

if [ -z "${LITELLM_MASTER_KEY:-}" ] && ! secret_file LITELLM_MASTER_KEY; then
    kept=$ROUTEIQ_VOLUME/master-key
    if [ -n "${DATABASE_URL:-}${DATABASE_HOST:-}" ] || [ "${LLMROUTER_HA_MODE:-single}" != single ]; then
        echo "LITELLM_MASTER_KEY is not set, and none is made where replicas share a database: all of them need the same key. Set it, unless the configuration has general_settings.master_key." >&2
    elif [ -s "$kept" ]; then
        LITELLM_MASTER_KEY=$(cat "$kept")
        echo "LITELLM_MASTER_KEY is not set: the key in $kept holds" >&2
    else
        LITELLM_MASTER_KEY=$(new_master_key)
        (umask 077 && printf '%s\n' "$LITELLM_MASTER_KEY" >"$kept")
        cat >&2 <<END
LITELLM_MASTER_KEY is not set: a random key is made and kept in $kept. It is shown this once:

  $(curl_to "$port")/v1/models -H "Authorization: Bearer $LITELLM_MASTER_KEY"

END
    fi
    [ -z "${LITELLM_MASTER_KEY:-}" ] || export LITELLM_MASTER_KEY
fi

exec supervisord -c "$here/supervisord.conf"
