#!/bin/bash
# What operators deploy, as far as it goes without a container: deploy.py says what is asked. Skipped (77) in a build without the server.
source "$(dirname "$0")/support.bash"
[ -x "$(dirname "$TRM")/trm-server" ] || { echo "this build has no server"; exit 77; }
export PYTHONPATH=$TRM_SOURCE_DIR/tests/support:$TRM_SOURCE_DIR/bench
python3 "$TRM_SOURCE_DIR/tests/e2e/deploy.py" || exit 1
