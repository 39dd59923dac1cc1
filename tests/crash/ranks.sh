#!/bin/bash
# A run of several ranks that is stopped, whose ranks are killed at random moments, and that goes on with another number of
# them ends with the same bytes as one process; one that is elastic does so by itself. ROUNDS=50: so many kills (make test: 1).
source "$(dirname "$0")/../e2e/ranks.bash"
RANDOM=${SEED:-1}
run 0 "$TRM" train "${plain[@]}" --slices 8 --run alone

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
