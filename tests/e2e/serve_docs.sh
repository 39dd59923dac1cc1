#!/bin/bash
# Every curl of docs/serve.md, on a server of our own: it answers with 2xx, and what it answers is JSON where that is said.
source "$(dirname "$0")/support.bash"
[ -x "$(dirname "$TRM")/trm-server" ] || { echo "this build has no server"; exit 77; }
export PYTHONPATH=$TRM_SOURCE_DIR/tests/support
python3 - "$TRM_SOURCE_DIR/docs/serve.md" "$TRM_SOURCE_DIR/src/serve/routes.c" <<'PY' || exit 1
import json, re, subprocess, sys
from served import Server
page = open(sys.argv[1], encoding="utf-8").read()
blocks = [b for b in re.findall(r"```sh\n(.*?)```", page, re.S) if "curl" in b]
assert len(blocks) >= 7, len(blocks)
with Server() as s:
    for block in blocks:
        script = block.replace("127.0.0.1:8080", f"127.0.0.1:{s.port}").replace("curl -s", "curl --fail-with-body -s")
        run = subprocess.run(["bash", "-euo", "pipefail", "-c", script], stdout=subprocess.PIPE, stderr=subprocess.STDOUT, check=False)
        assert run.returncode == 0, f"{script}\n{run.stdout.decode()[:2000]}"
routes = re.findall(r'\{TRM__\w+,\s+"(/[^"]+)"', open(sys.argv[2], encoding="utf-8").read())
missing = [r for r in routes if r not in page.replace("$S", "{id}")]
assert not missing, f"not in the page: {missing}"
print(f"{len(blocks)} blocks of commands, {len(routes)} routes")
PY
