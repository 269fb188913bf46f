#!/bin/sh
# Prints the path of uv; installs it into .uv/ from the package index where the machine has none.
set -eu
cd "$(dirname "$0")/.."
if command -v uv >/dev/null 2>&1 && uv --version >/dev/null 2>&1; then
    command -v uv
    exit 0
fi
for candidate in .uv/bin/uv .uv/packages/bin/uv; do
    if [ -x "$candidate" ]; then
        echo "$PWD/$candidate"
        exit 0
    fi
done
echo "uv is missing: installing it into .uv/" >&2
python=$(command -v python3 || command -v python) || {
    echo "neither uv nor Python is on PATH; install uv (https://docs.astral.sh/uv/) or Python 3.11 or newer" >&2
    exit 1
}
# Debian's python3 may lack the venv module, and may lack pip: either one is enough.
if "$python" -m venv .uv >/dev/null 2>&1 && .uv/bin/python -m pip --version >/dev/null 2>&1; then
    .uv/bin/python -m pip install --quiet --disable-pip-version-check "uv>=0.9.17" >&2
    echo "$PWD/.uv/bin/uv"
elif "$python" -m pip --version >/dev/null 2>&1; then
    "$python" -m pip install --quiet --disable-pip-version-check --target .uv/packages "uv>=0.9.17" >&2
    echo "$PWD/.uv/packages/bin/uv"
else
    echo "uv is missing, and this Python has neither venv nor pip to install it: install uv" \
        "(https://docs.astral.sh/uv/) or, on Debian, the package python3-venv" >&2
    exit 1
fi
