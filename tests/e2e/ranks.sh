#!/bin/bash
# Several processes train as one, by MPI: 1, 2, 4 and 8 ranks, and three, end with the same bytes as one process.
source "$(dirname "$0")/ranks.bash"
# -- any number of ranks ------------------------------------------------------------------------------------------------
run 0 "$TRM" train "${plain[@]}" --slices 8 --run alone
for n in 1 2 4 8; do
  run 0 "$TRM" train "${plain[@]}" --run "ranks-$n" --ranks "$n"
  says '^trained after 6 steps'
  [ "$(grep -c '^trained' out)" = 1 ] || fail "more than one rank speaks"
  [ ! -s err ] || fail "something on standard error"
  same "ranks-$n"
done
refuse 2 'ranks: 3 ranks cannot share 8 slices evenly: take 1, 2, 4 or 8; --any-ranks' "$TRM" train "${plain[@]}" --run three --ranks 3
[ ! -e three ] || fail "a run that was refused left a folder"
run 0 "$TRM" train "${plain[@]}" --run three --ranks 3 --any-ranks
same three
refuse 2 'ranks: 8 ranks cannot share 4 slices' "$TRM" train "${plain[@]}" --run none --ranks 8 --slices 4
refuse 2 'slices: found 6, expected a power of two' "$TRM" train "${plain[@]}" --run none --slices 6
refuse 2 '--elastic: has no effect without --ranks' "$TRM" train "${plain[@]}" --run none --elastic
# A run of one process has one slice, as ever, and stays with one.
run 0 "$TRM" train "${plain[@]}" --run single
cmp -s single/last.safetensors alone/last.safetensors && fail "one slice and eight have the same bits"
refuse 2 'cannot share a run of one slice' "$TRM" train --resume single --steps 7 --ranks 2
done_testing
