#!/bin/bash
# Ranks that do not fit together, that do not answer or that cannot write end the run in one clear line: two builds of trm,
# other options, other data, a process that stands still, a full disk.
source "$(dirname "$0")/ranks.bash"
# -- ranks that do not fit together ----------------------------------------------------------------------------------------
pair() { # FIRST... : SECOND...
  mpirun --quiet --oversubscribe --mca mpi_yield_when_idle 1 -n 1 "$@"
}
cp "$TRM" other
cp "$TRM_BUILD_DIR/trm-mpi.so" .
echo >>other
refuse 2 'rank 1 on .* runs trm .* build [0-9a-f]{12}, rank 0 on .* runs trm .* build [0-9a-f]{12}: install the same' \
  pair "$TRM" train "${plain[@]}" --run pair : -n 1 ./other train "${plain[@]}" --run pair
refuse 2 'rank 1 has seed 2, rank 0 has seed 1' \
  pair "$TRM" train "${plain[@]}" --seed 1 --run pair : -n 1 "$TRM" train "${plain[@]}" --seed 2 --run pair
run 0 "$TRM" data make --size 4 --train 19 --test 6 --seed 4 --out e4 --quiet
refuse 2 'rank 1 has other data than rank 0: CRC-32 is [0-9a-f]{8} there, [0-9a-f]{8} here' \
  pair "$TRM" train "${plain[@]}" --run pair : -n 1 "$TRM" train e4 "${plain[@]:1}" --run pair
[ ! -e pair ] || fail "a run that was refused left a folder"

# -- a rank that stands still, and a full disk ----------------------------------------------------------------------------
"$TRM" train "${plain[@]}" --steps 4000 --schedule-steps 6 --run still --ranks 2 --rank-timeout 2 >out 2>err &
launcher=$!
when still 3
still=$(ranks_of $launcher | tail -1)
kill -STOP "$still"
wait $launcher
code=$?
kill -9 "$still" 2>/dev/null
[ $code = 4 ] || fail "a rank that stands still: code $code"
grep -qE 'rank 1 on .* has not answered rank 0 on .* for [0-9]+ s.*checkpoint is .*still/checkpoints/step-' err ||
  fail "the rank is not named"

run '[34]' mpirun --quiet --oversubscribe --mca btl tcp,self -n 1 bash -c 'ulimit -f 24; exec "$@"' - \
  "$TRM" train "${plain[@]}" --run full : -n 1 "$TRM" train "${plain[@]}" --run full
grep -qE '^trm train: .*full/' err || fail "the full disk is not told"
[ "$(wc -l <err)" = 1 ] || fail "more than one line of a full disk"
done_testing
