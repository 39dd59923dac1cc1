#!/bin/bash
# A job that takes the whole server down each time ends, and takes nobody with it: serve_poison.py. Skipped (77) without the server.
source "$(dirname "$0")/../e2e/support.bash"
[ -x "$(dirname "$TRM")/trm-server" ] || { echo "skipped: this build has no server"; exit 77; }
export PYTHONPATH=$TRM_SOURCE_DIR/tests/support
python3 "$TRM_SOURCE_DIR/tests/crash/serve_poison.py" || exit 1
