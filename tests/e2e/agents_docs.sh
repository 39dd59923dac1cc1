#!/bin/bash
# Every snippet of docs/agents-quickstart.md, as far as a machine without these hosts goes: configurations are read as a host
# reads them, and what they name is started and called; the messages by hand are sent by hand.
source "$(dirname "$0")/support.bash"
[ -x "$(dirname "$TRM")/trm-server" ] || { echo "this build has no server"; exit 77; }
export TRM PYTHONPATH=$TRM_SOURCE_DIR/tests/support XDG_STATE_HOME=$PWD/home-state PATH=$(dirname "$TRM"):$PATH
python3 - "$TRM_SOURCE_DIR/docs/agents-quickstart.md" <<'PY' || exit 1
import json, os, re, shlex, shutil, subprocess, sys
from mcp_client import CURRENT, HttpClient, StdioClient
from served import Server
page = open(sys.argv[1], encoding="utf-8").read()
Q = "53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79"
started = 0


def start(command, arguments):
    """As a host does: the command is looked for in PATH."""
    global started
    assert shutil.which(command) == os.environ["TRM"] and arguments[0] == "mcp", (command, arguments)
    for current in (True, False):
        with StdioClient(*arguments[1:], current=current) as c:
            assert c.call("solve_sudoku", {"puzzle": Q})["solved"]
            assert c.close() == 0
    started += 1


configurations = [json.loads(b) for b in re.findall(r"```json\n(.*?)```", page, re.S)]
for configuration in configurations:
    (server,) = (configuration.get("mcpServers") or configuration["servers"]).values()
    if "url" in server:
        with Server() as s:
            assert server["url"].replace(":8080", f":{s.port}") == f"http://127.0.0.1:{s.port}/mcp"
            assert HttpClient(s).call("solve_sudoku", {"puzzle": Q})["solved"]
    else:
        start(server["command"], server["args"])
shells = re.findall(r"```sh\n(.*?)```", page, re.S)
(added,) = re.findall(r"^claude mcp add trm -- (.*)$", page, re.M)
start(shlex.split(added)[0], shlex.split(added)[1:])
for block in shells:
    if block.startswith("trm mcp <<"):
        run = subprocess.run(["bash", "-euc", block], stdout=subprocess.PIPE, check=True)
        assert json.loads(run.stdout.splitlines()[-1])["result"]["structuredContent"]["verdict"] == "right", run.stdout
with StdioClient("--alone") as c:
    documented = re.findall(r"^\| `(\w+)` \| [^|]+ \| [^|]+ \|$", page, re.M)
    assert documented == list(c.tools()), documented
    assert CURRENT in page
print(f"{len(configurations)} configurations, {started} commands, {len(shells)} blocks")
PY
