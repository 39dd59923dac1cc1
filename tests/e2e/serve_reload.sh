#!/bin/bash
# Versions of models while the server runs, attacked and under load: serve_reload.py. RELOADS=20 REQUESTS=10000 sends so
# many requests over so many reloads (4, 120); MEMORY=200 measures memory between reload 20 and so many. LONG=1 is all of
# these. Skipped (77) in a build without the server.
source "$(dirname "$0")/support.bash"
[ -x "$(dirname "$TRM")/trm-server" ] || { echo "this build has no server"; exit 77; }
"$TRM" data make --size 9 --train 1 --test 40 --no-minimal --min-clues 30 --max-clues 40 --seed 5 --out nine --quiet || exit 1
"$TRM" data export nine --split test --out nine.csv || exit 1
if [ -n "${LONG:-}" ]; then export RELOADS=${RELOADS:-20} REQUESTS=${REQUESTS:-10000} MEMORY=${MEMORY:-200}; fi
mkdir bin && cp "$TRM" "$(dirname "$TRM")/trm-server" bin/ && export TRM=$PWD/bin/trm || exit 1 # where no models are installed
export PYTHONPATH=$TRM_SOURCE_DIR/tests/support
python3 "$TRM_SOURCE_DIR/tests/e2e/serve_reload.py" "$@" || exit 1
