#!/bin/sh
# The static checks. Runs all of them and fails if any failed. $1 is uv's path.
set -u
cd "$(dirname "$0")/.." || exit 1
failed=
check() {
    name=$1
    shift
    printf '%-14s' "$name"
    if output=$("$@" 2>&1); then
        echo ok
    else
        echo FAILED
        echo "$output"
        failed="$failed $name"
    fi
}
bin=.venv/bin
check lock "$1" lock --check --quiet
check lint $bin/ruff check .
check format $bin/ruff format --check .
check types $bin/mypy gateway/src syncd/src migrate/src tests bench .ci
check imports $bin/lint-imports
check dead-code $bin/vulture
check shape $bin/python .ci/shape.py
check shell $bin/shellcheck .ci/run .ci/uv.sh .ci/servers.sh .ci/database.sh .ci/unit.sh .ci/check.sh docker/up.sh docker/start.sh docker/first_start.sh docker/prisma tests/integration/images/smoke.sh
if [ -n "$failed" ]; then
    echo "failed:$failed"
    exit 1
fi
