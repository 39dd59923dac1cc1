#!/bin/bash
# The server is killed again and again, an engine, the gateway or all of it, under clients that write down what was
# acknowledged: serve.py. ROUNDS=500 kills so often (5), SEED=2 chooses others. Skipped (77) without the server.
source "$(dirname "$0")/../e2e/support.bash"
[ -x "$(dirname "$TRM")/trm-server" ] || { echo "this build has no server"; exit 77; }
"$TRM" data make --size 9 --train 1 --test 200 --no-minimal --min-clues 26 --max-clues 34 --seed 6 --out nine --quiet >out || exit 1
"$TRM" data export nine --split test --out nine.csv >out || exit 1
export PYTHONPATH=$TRM_SOURCE_DIR/tests/support
python3 "$TRM_SOURCE_DIR/tests/crash/serve.py" || exit 1
