#!/bin/bash
# Several processes train as one, by MPI: 1, 2, 4 and 8 ranks, and three, end with the same bytes as one process.
source "$(dirname "$0")/support.bash"
: "${TRM_BUILD_DIR:?}" "${TRM_SOURCE_DIR:?}"
if [ ! -e "$TRM_BUILD_DIR/trm-mpi.so" ] || ! command -v mpirun >/dev/null; then
  echo "trm is built without MPI, or there is no mpirun (tools/setup --mpi)"
  exit 77
fi
export TRM_THREADS=1 OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_btl_vader_single_copy_mechanism=none # containers forbid the other one, and MPI says so each time
run 0 "$TRM" data make --size 4 --train 20 --test 6 --seed 3 --out d4 --quiet
recipe=(--preset sudoku-4x4 --hidden-size 16 --batch 9 --latent-noise 0.1 --lr-warmup-steps 2 --quiet)
plain=(d4 --valid d4 "${recipe[@]}" --steps 6 --save-every 3)

# same RUN: it ended with the bytes of the run of one process.
same() {
  local file
  for file in best last checkpoints/step-6/model checkpoints/step-6/optimizer checkpoints/step-6/carry; do
    cmp "alone/$file.safetensors" "$1/$file.safetensors" || fail "$1/$file.safetensors is not that of one process"
    checks=$((checks + 1))
  done
}

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
