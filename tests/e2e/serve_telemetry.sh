#!/bin/bash
# What the server tells of itself unasked: StatsD lines and its log. serve_telemetry.py says what is asked.
source "$(dirname "$0")/support.bash"
[ -x "$(dirname "$TRM")/trm-server" ] || { echo "skipped: this build has no server"; exit 77; }
export PYTHONPATH=$TRM_SOURCE_DIR/tests/support
python3 "$TRM_SOURCE_DIR/tests/e2e/serve_telemetry.py" || exit 1
