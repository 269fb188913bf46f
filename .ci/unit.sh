#!/bin/sh
# Each member's unit tests in an environment that holds that member and pytest alone: what a member uses and does not
# declare fails here. $1 is uv's path.
set -eu
cd "$(dirname "$0")/.."
for member in syncd migrate gateway; do
    echo "unit tests of $member, alone"
    UV_PROJECT_ENVIRONMENT=".venv-$member" "$1" sync --frozen --quiet --package "routeiq-$member" --group test
    ".venv-$member/bin/pytest" "tests/unit/$member"
done
