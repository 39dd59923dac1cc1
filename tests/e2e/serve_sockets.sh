#!/bin/bash
# Sockets that somebody else has opened for the server (LISTEN_FDS, as systemd hands them over), and few descriptors:
# serve_sockets.py says what is asked.
source "$(dirname "$0")/support.bash"
[ -x "$(dirname "$TRM")/trm-server" ] || { echo "skipped: this build has no server"; exit 77; }
export PYTHONPATH=$TRM_SOURCE_DIR/tests/support
python3 "$TRM_SOURCE_DIR/tests/e2e/serve_sockets.py" || exit 1
