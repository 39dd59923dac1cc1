#!/bin/bash
# The program itself, stopped and killed again and again while it trains, ends with the bytes of a run that nobody touched.
# resume.c does this to the library, inside its writes; here are the signals, the limit on time, other numbers of threads,
# and folders that move between two attempts. ROUNDS=40 makes more runs (6), SEED=n others (1).
source "$(dirname "$0")/../e2e/support.bash"
code=0
python3 "$TRM_SOURCE_DIR/tests/crash/kills.py" "$TRM" "${ROUNDS:-6}" "${SEED:-1}" || code=$?
[ $code = 0 ] || fail "kills.py: exit code $code"
checks=$((checks + ${ROUNDS:-6}))
done_testing
