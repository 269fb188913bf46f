#!/bin/sh
# Installs the one server of the tests that no Python package carries: PgBouncer. Debian and its kin; elsewhere it says
# what to install. All other servers come with the lock file.
set -eu
export PATH="$PATH:/usr/sbin"
if command -v pgbouncer >/dev/null 2>&1; then
    exit 0
fi
if ! command -v apt-get >/dev/null 2>&1; then
    echo "the tests need pgbouncer on PATH: install it with this system's package manager" >&2
    exit 1
fi
as_root=
if [ "$(id -u)" -ne 0 ]; then
    sudo -n true 2>/dev/null || {
        echo "the tests need pgbouncer: run 'sudo apt-get install pgbouncer' once" >&2
        exit 1
    }
    as_root=sudo
fi
echo "pgbouncer is missing: installing it" >&2
$as_root apt-get update -qq
# Its package starts a service of its own; the tests start theirs.
DEBIAN_FRONTEND=noninteractive $as_root apt-get install -qq --no-install-recommends pgbouncer >/dev/null
