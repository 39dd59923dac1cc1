#!/bin/bash
# The engine as seen from the program: signals end the work between two steps and lose nothing, statistics, the batch and
# puzzle identifiers.
source "$(dirname "$0")/support.bash"
export TRM_THREADS=1
write_puzzles
# shellcheck disable=SC2086 # $tiny is several arguments
run 0 "$TRM" train six.csv --run run $tiny --steps 60 --quiet
# shellcheck disable=SC2086
run 0 "$TRM" train six.csv --run prefixed $tiny --steps 4 --puzzle-emb-ndim 32 --quiet
python3 - <<'PY'
import csv, itertools
rows = list(csv.DictReader(open("six.csv")))
with open("many.txt", "w") as f:
    for row in itertools.islice(itertools.cycle(rows), 3000): print(row["question"], file=f)
with open("many.csv", "w") as f:
    print("question,answer", file=f)
    for row in itertools.islice(itertools.cycle(rows), 3000): print(row["question"] + "," + row["answer"], file=f)
PY

# start FILE COMMAND...: in the background, standard output to FILE; $child is its process.
start() {
  local to=$1
  shift
  rm -f "$to" err
  "$@" >"$to" 2>err </dev/null &
  child=$!
}

# begun: waits until the background child catches signals, which it does when it begins to solve.
begun() {
  for _ in $(seq 600); do
    [ "$(cat /proc/$child/comm)" = trm ] && [ $((0x$(awk '/^SigCgt/ {print $2}' /proc/$child/status) & 2)) = 2 ] && return
    sleep 0.05
  done
  fail "the program does not begin to solve"
}

# written FILE: waits until something is in it.
written() {
  for _ in $(seq 1200); do [ -s "$1" ] && return; sleep 0.05; done
  fail "nothing was written to $1"
}

# -- eval: statistics, and the same result at any batch --
run 0 "$TRM" eval run many.csv --limit 100 --halt --json --quiet
json 'v["engine"]["batch_origin"] == "measured" and v["engine"]["measured_batches"][0]["batch"] == 1'
json 'v["engine"]["computed"] == v["engine"]["steps"] == round(v["mean_steps"] * 100) and not v["interrupted"]'
cp out first
for batch in 1 7 64; do
  run 0 "$TRM" eval run many.csv --limit 100 --halt --json --quiet --batch $batch
  json "v['engine']['batch'] == $batch and v['engine']['batch_origin'] == 'given'"
  json 'v["engine"]["computed"] == v["engine"]["steps"]'
  json '(lambda w: all(v[k] == w[k] for k in v if k not in ("engine", "seconds", "puzzles_per_second")))(json.load(open("first")))'
done
run 0 "$TRM" eval run six.csv --quiet
grep -q '^engine' out && fail "the engine's line without -v"
run 0 "$TRM" eval run six.csv --quiet -v
says '^engine +[0-9]+ puzzles at once \(usual\), 96 steps in '

# -- eval and a signal: the result of what is finished, exit code 1 --
for signal in INT TERM; do
  start out "$TRM" eval run many.csv --json --max-steps 300 --batch 4
  begun
  kill -$signal $child
  wait $child
  [ $? = 1 ] || fail "eval after SIG$signal: exit code"
  json 'v["interrupted"] and v["puzzles"] < 3000 and v["engine"]["computed"] >= 300 * v["puzzles"]'
  grep -q 'warning: stopped after [0-9]* of 3000 puzzles' err || fail "eval does not say that it was interrupted"
done

# -- solve and a signal: whole lines, in order, each as in an undisturbed run --
head -200 many.txt | "$TRM" solve --model run --json --no-halt --max-steps 3 --batch 4 >whole 2>err
[ "$(wc -l <whole)" = 200 ] || fail "expected 200 lines"
start lines "$TRM" solve --model run many.txt --json --no-halt --max-steps 300 --batch 4
written lines
kill -TERM $child
wait $child
[ $? = 1 ] || fail "solve after SIGTERM: exit code"
grep -q 'warning: interrupted: [0-9]* puzzles finished, [0-9]* begun' err || fail "solve does not say that it was interrupted"
python3 - <<'PY' || fail "lines of an interrupted solve"
import json
lines = [json.loads(l) for l in open("lines")]
whole = {json.loads(l)["question"]: json.loads(l) for l in open("whole")}
assert 0 < len(lines) < 3000 and [l["puzzle"] for l in lines] == list(range(len(lines)))
cut = [l for l in lines if l["interrupted"]]
assert len(cut) <= 4 and all(l["steps"] == 300 for l in lines if not l["interrupted"]), cut
assert all(not l["interrupted"] and l["steps"] == 3 for l in whole.values())
answers = {}
for l in lines:
    if not l["interrupted"]: assert answers.setdefault(l["question"], l["answer"]) == l["answer"]
PY
first=$(head -1 many.txt)
start out "$TRM" solve --model run "$first" --no-halt --max-steps 100000
begun
kill -INT $child
wait $child
code=$?
grep -q '1 begun' err || fail "one puzzle after SIGINT: $code"
says 'after [0-9]+ steps \(interrupted\)'

# -- a second signal ends at once --
start out "$TRM" solve --model run many.txt --no-halt --max-steps 100000
begun
kill -TERM $child
kill -TERM $child 2>/dev/null
wait $child
case $? in 1 | 143) ;; *) fail "a second signal" ;; esac

# -- identifiers --
run 1 "$TRM" solve --model prefixed "$first" --identifier 0 --max-steps 1
refuse 2 'identifier.*found 1, prefixed.* knows 0 to 0' "$TRM" solve --model prefixed "$first" --identifier 1
refuse 2 'no puzzle embedding' "$TRM" solve --model run "$first" --identifier 1
refuse 2 'identifier.*found -1' "$TRM" solve --model run "$first" --identifier -1
refuse 2 'identifier.*found "x"' "$TRM" solve --model run "$first" --identifier x
done_testing
