#!/bin/bash
# Programs of others, from npm, read what the server says of itself: tests/clients/peers.mjs. The server answers on the
# loopback; nothing else is asked.
source "$(dirname "$0")/support.bash"
[ -x "$(dirname "$TRM")/trm-server" ] || { echo "skipped: this build has no server"; exit 77; }
command -v node >/dev/null || { echo "skipped: node is not there; tools/setup --peers installs it"; exit 77; }
has_npm_packages clients || { echo "skipped: no packages from npm; tools/setup --peers installs them"; exit 77; }
export PYTHONPATH=$TRM_SOURCE_DIR/tests/support
python3 - "$TRM_SOURCE_DIR/tests/clients/peers.mjs" <<'PY' || exit 1
import subprocess, sys
from served import Server
with Server() as s:
    code = subprocess.run(["node", sys.argv[1], f"http://127.0.0.1:{s.port}"], check=False, timeout=300).returncode
    assert s.stop() == 0, s.text()
sys.exit(code)
PY
