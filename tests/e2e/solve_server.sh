#!/bin/bash
# trm solve --server: what it prints is what trm solve prints; solve_server.py says what is asked, and what servers may do.
# Skipped (77) in a build without the server.
source "$(dirname "$0")/support.bash"
[ -x "$(dirname "$TRM")/trm-server" ] || { echo "this build has no server"; exit 77; }
"$TRM" data make --size 9 --train 1 --test 60 --no-minimal --min-clues 26 --max-clues 36 --seed 9 --out nine --quiet || exit 1
"$TRM" data export nine --split test --out nine.csv || exit 1
export PYTHONPATH=$TRM_SOURCE_DIR/tests/support
python3 "$TRM_SOURCE_DIR/tests/e2e/solve_server.py" || exit 1
