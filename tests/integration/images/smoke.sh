#!/bin/sh
# Runs the gateway image as it is meant to be run, and the syncd image beside it, and asks them. Needs a container engine:
# tests/integration/images/smoke.sh GATEWAY_IMAGE SYNCD_IMAGE. DOCKER names the client, "docker" by default.
set -eu
docker=${DOCKER:-docker}
gateway_image=$1
syncd_image=$2
# A random key: a constant one would be mistaken for an example.
key=sk-$(od -An -N12 -tx1 /dev/urandom | tr -d ' \n')
container=

finish() {
    status=$?
    if [ -n "$container" ]; then
        [ "$status" -eq 0 ] || $docker logs "$container" 2>&1 | tail -n 40
        $docker rm --force --volumes "$container" >/dev/null
    fi
    exit "$status"
}
trap finish EXIT
trap 'exit 130' INT TERM

start() { # runs an image locked down; further arguments are the engine's and end with the image
    container=$($docker run --detach --read-only --tmpfs /tmp --cap-drop ALL --security-opt no-new-privileges \
        --env LITELLM_MASTER_KEY="$key" "$@")
}

ask() { # an HTTP request from inside the container: $1 path, $2 body; prints the answer
    $docker exec --env ASK_KEY="$key" "$container" python -c '
import sys, os, urllib.request as r
request = r.Request("http://127.0.0.1:" + sys.argv[1], data=sys.argv[2].encode() or None)
request.add_header("Authorization", "Bearer " + os.environ["ASK_KEY"])
request.add_header("Content-Type", "application/json")
print(r.urlopen(request, timeout=20).read().decode())' "$1" "${2:-}"
}

wait_until_healthy() {
    tries=0
    until [ "$($docker inspect --format '{{.State.Health.Status}}' "$container")" = healthy ]; do
        tries=$((tries + 1))
        if [ "$tries" -gt 180 ] || [ "$($docker inspect --format '{{.State.Running}}' "$container")" != true ]; then
            echo "not healthy" >&2
            return 1
        fi
        sleep 1
    done
}

stop() { # within the grace period, with exit status 0
    $docker stop --time 60 "$container" >/dev/null
    status=$($docker inspect --format '{{.State.ExitCode}}' "$container")
    [ "$status" = 0 ] || { echo "exit status $status after a stop" >&2 && return 1; }
    $docker rm --volumes "$container" >/dev/null
    container=
}

for user in 1000:0 12345; do
    start --user "$user" "$gateway_image"
    wait_until_healthy
    tries=0
    until ask 4000/health/ready >/dev/null 2>&1; do
        tries=$((tries + 1))
        [ "$tries" -le 120 ] || { echo "not ready" >&2 && exit 1; }
        sleep 1
    done
    ask 4000/v1/chat/completions '{"model": "demo", "messages": [{"role": "user", "content": "Hello"}]}' |
        grep -q 'Hello from RouteIQ Gateway.'
    ask 4000/llmrouter/config/sync/status | grep -q '"running": *true'
    # Nothing but the volume and the temporary directory is written; key and logs go where they belong.
    $docker logs "$container" 2>&1 | grep -q . || { echo "no logs" >&2 && exit 1; }
    if $docker logs "$container" 2>&1 | grep -q "$key"; then echo "the key is in the log" >&2 && exit 1; fi
    stop
    echo "gateway as user $user: ok"
done

start --user 12345 "$syncd_image"
wait_until_healthy
ask 4001/status | grep -q digest
stop
echo "syncd as user 12345: ok"
