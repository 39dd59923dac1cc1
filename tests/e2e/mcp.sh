#!/bin/bash
# The Model Context Protocol as hosts see it: mcp.py says what is asked. Skipped (77) in a build without the server.
source "$(dirname "$0")/support.bash"
[ -x "$(dirname "$TRM")/trm-server" ] || { echo "this build has no server"; exit 77; }
export TRM PYTHONPATH=$TRM_SOURCE_DIR/tests/support XDG_STATE_HOME=$PWD/home-state
clients=$TRM_SOURCE_DIR/tests/clients/mcp # the SDKs of both eras
if has_npm_packages clients/mcp && "$clients/node22" --version >/dev/null; then export MCP_CLIENTS=$clients; fi
python3 "$TRM_SOURCE_DIR/tests/e2e/mcp.py" || exit 1
