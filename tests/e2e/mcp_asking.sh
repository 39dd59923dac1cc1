#!/bin/bash
# What an MCP server asks of its client: mcp_asking.py says what is looked at. Where tools/setup --peers has installed it,
# the conformance suite of the protocol runs too.
source "$(dirname "$0")/support.bash"
fixture=$TRM_BUILD_DIR/tests/mcp_fixture
[ -x "$fixture" ] || { echo "this build has no server"; exit 77; }
export TRM PYTHONPATH=$TRM_SOURCE_DIR/tests/support
python3 "$TRM_SOURCE_DIR/tests/e2e/mcp_asking.py" "$fixture" || exit 1
clients=$TRM_SOURCE_DIR/tests/clients/mcp
has_npm_packages clients/mcp || { echo "not run: the conformance suite; tools/setup --peers installs it"; exit 0; }
"$clients/node22" --version >/dev/null || { echo "not run: the conformance suite"; exit 0; }
"$clients/suite" "$fixture" || exit 1
