#!/bin/bash
# The systemd unit that ships: systemd-analyze finds nothing wrong with it and calls its exposure at most 1.5 of 10, where that
# program is installed; its times are those of the server's defaults; what its ExecStart says is a command of trm.
source "$(dirname "$0")/support.bash"
[ -x "$(dirname "$TRM")/trm-server" ] || { echo "this build has no server"; exit 77; }
unit=$TRM_SOURCE_DIR/examples/serve/trm.service
"$TRM" serve --log json --print-config --data-dir here >config.json || exit 1
for line in Type=notify 'ExecReload=/bin/kill -HUP $MAINPID' WatchdogSec=30 NoNewPrivileges=yes 'ExecStart=/usr/bin/trm serve --log json'; do
  grep -qxF "$line" "$unit" || { echo "the unit does not say $line"; exit 1; }
done
python3 - "$unit" <<'PY' || exit 1
import json, re, sys
config, unit = json.load(open("config.json")), open(sys.argv[1]).read()
stop = int(re.search(r"^TimeoutStopSec=(\d+)$", unit, re.M)[1])
assert stop > config["drain_delay_s"] + config["drain_s"] + 10, f"TimeoutStopSec={stop} cuts a drain off"
PY
if command -v systemd-analyze >tool; then
  sed "s|/usr/bin/trm|$TRM|" "$unit" >trm.service
  SYSTEMD_UNIT_PATH=$PWD: systemd-analyze verify --man=no "$PWD/trm.service" >said 2>&1 || { cat said; exit 1; }
  [ ! -s said ] || { cat said; exit 1; }
  systemd-analyze security --offline=true --threshold=15 "$PWD/trm.service" >said 2>&1 || { cat said; exit 1; }
  tail -1 said
fi
