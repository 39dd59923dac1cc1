#!/bin/bash
# A run of several ranks that is stopped, whose ranks are killed at random moments, and that goes on with another number of
# them ends with the same bytes as one process; one that is elastic does so by itself. ROUNDS=50: so many kills (make test: 1).
source "$(dirname "$0")/../e2e/support.bash"
: "${TRM_BUILD_DIR:?}" "${TRM_SOURCE_DIR:?}"
if [ ! -e "$TRM_BUILD_DIR/trm-mpi.so" ] || ! command -v mpirun >/dev/null; then
  echo "trm is built without MPI, or there is no mpirun (tools/setup --mpi)"
  exit 77
fi
export TRM_THREADS=1 OMPI_ALLOW_RUN_AS_ROOT=1 OMPI_ALLOW_RUN_AS_ROOT_CONFIRM=1
export OMPI_MCA_btl_vader_single_copy_mechanism=none # containers forbid the other one, and MPI says so each time
RANDOM=${SEED:-1}
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

run 0 "$TRM" train "${plain[@]}" --slices 8 --run alone

ranks_of() { # of the launcher with this process id
  local mpirun
  mpirun=$(pgrep -P "$1") && pgrep -P "$mpirun"
}

# when RUN STEP: the run has this checkpoint, or a later one.
when() {
  local i step
  for ((i = 0; i < 1200; i++)); do
    for step in "$1"/checkpoints/step-*; do
      [[ $step =~ step-([0-9]+)$ && ${BASH_REMATCH[1]} -ge $2 ]] && return
    done
    sleep 0.05
  done
  fail "no checkpoint $2 of $1 after a minute"
}

"$TRM" train d4 --valid d4 "${recipe[@]}" --steps 4000 --schedule-steps 6 --save-every 3 --run stopped --ranks 4 >out 2>err &
launcher=$!
when stopped 3
kill -TERM $launcher
wait $launcher || fail "a run that was asked to stop ended with code $?"
says '^stopped and saved'
last=$(ls -d stopped/checkpoints/step-*)
[ -n "$last" ] || fail "no checkpoint"

for ((round = 1; round <= ${ROUNDS:-1}; round++)); do
  name=killed-$round
  rm -rf "$name"
  "$TRM" train "${plain[@]}" --save-every 1 --run "$name" --ranks 4 >out 2>err &
  launcher=$!
  when "$name" 1
  sleep 0.0$((RANDOM % 10))
  victims=($(ranks_of $launcher))
  kill -9 "${victims[RANDOM % 4]:-0}" 2>/dev/null && hit=1 || hit=0
  wait $launcher
  code=$?
  if [ $code = 4 ]; then
    grep -qE "ranks: one of 4 was (killed by signal|lost).*the last whole checkpoint is $name/checkpoints/step-[0-9]+; trm train --resume" err ||
      fail "the checkpoint is not named"
    [ "$(grep -c '^trm train' err)" = 1 ] || fail "more than one line"
    run 0 "$TRM" train --resume "$name" --quiet --ranks $((1 << RANDOM % 3))
  elif [ $code != 0 ] || [ $hit = 1 ]; then
    [ $code = 0 ] || fail "a killed rank: code $code"
  fi
  same "$name"
done

"$TRM" train "${plain[@]}" --save-every 1 --run elastic --ranks 2 --elastic >out 2>err &
launcher=$!
when elastic 1
kill -9 $(ranks_of $launcher | tail -1) 2>/dev/null
wait $launcher || fail "an elastic run ended with code $?"
same elastic
done_testing
