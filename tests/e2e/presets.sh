#!/bin/bash
# Which recipe data is trained by when none is named: the one of its kind and size, and for every other grid grid-small.
source "$(dirname "$0")/support.bash"

write_puzzles
# shellcheck disable=SC2086 # $tiny is several arguments
run 0 "$TRM" train six.csv $tiny --steps 1
grep -q 'Sudoku 4x4: preset sudoku-4x4$' err || fail "Sudoku has not its own preset"
[ -d runs/sudoku-4x4-1 ] || fail "the run is not named by its preset"

printf 'question,answer\nabc,cba\ncab,bac\n' >own.csv
python3 -c 'print("question,answer")
for i in range(4): print("%s,%s" % ("x%dzw" % i * 10, "%dxzw" % i * 10))' >wide.csv
for data in own wide; do
  run 0 "$TRM" train $data.csv --steps 2
  grep -q 'preset grid-small$' err || fail "$data: another preset"
  grep -q sudoku err && fail "$data: a grid of one's own is called a Sudoku"
done
[ -d runs/grid-small-2 ] || fail "runs are not named by their preset"
run 0 "$TRM" info runs/grid-small-2 --json
json 'v["config"]["seq_len"] == 40 and v["config"]["vocab_size"] == 8'
python3 -c 'import json, sys
config = json.load(open("runs/grid-small-1/config.json"))["train"]
sys.exit(config["augment"])' || fail "a grid of one's own is augmented"
run 0 "$TRM" train own.csv --preset grid-small --steps 1 --run named --quiet
run 2 "$TRM" train own.csv --preset grid --steps 1 --run no --quiet
grep -q 'known: .*grid-small' err || fail "the preset is not listed"
done_testing
