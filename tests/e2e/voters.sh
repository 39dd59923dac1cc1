#!/bin/bash
# Models that vote: two that were trained differently, each as it solves alone; the same answers at any batch and thread
# count; level B by the halting head; and what does not fit is refused in a line.
source "$(dirname "$0")/support.bash"
unset TRM_MODELS
run 0 "$TRM" data make --size 4 --no-minimal --max-clues 12 --train 200 --test 40 --seed 3 --out d --quiet
# shellcheck disable=SC2086 # $tiny is several arguments
run 0 "$TRM" train d --run a $tiny --augment --batch 24 --steps 200 --seed 1 --quiet
# shellcheck disable=SC2086
run 0 "$TRM" train d --run b $tiny --augment --batch 24 --steps 170 --seed 2 --hidden-size 48 --quiet
run 0 "$TRM" data export d --split test --out d.csv
python3 -c 'import csv
for row in csv.DictReader(open("d.csv")): print(row["question"])' >questions.txt

# -- each as it solves alone: what either solves is solved, by the one that is quicker --
for model in a b; do
  run '[01]' "$TRM" solve --model $model --search 0 --json questions.txt
  cp out $model.json
done
run '[01]' "$TRM" solve --model a --model b --json questions.txt
cp out both.json
python3 - <<'PY' || fail "the votes are not what the models say alone"
import json
a, b, both = ([json.loads(line) for line in open(name + ".json")] for name in ("a", "b", "both"))
won = {"a": 0, "b": 0}
for x, y, v in zip(a, b, both):
    assert v["solved"] == (x["solved"] or y["solved"]) and v["chains"] == 2 and v["level"] == "C", v
    won[v["answered_by"]] += v["solved"]
    winner = {"a": x, "b": y}[v["answered_by"]]
    if v["solved"]:
        assert v["answer"] == winner["answer"] and v["chain_steps"] == winner["steps"] and v["halted_by"] == "rules", v
        assert winner is x if not y["solved"] or (x["solved"] and x["steps"] <= y["steps"]) else winner is y
assert won["a"] and won["b"], won
PY
for options in "--threads 1 --batch 1" "--threads 2 --batch 3" "--threads 2 --batch 64"; do
  # shellcheck disable=SC2086
  run '[01]' "$TRM" solve --model=a -m b --json $options questions.txt
  cmp out both.json || fail "other answers with $options"
done
question=$(python3 -c 'import json
print(next(v["question"] for v in map(json.loads, open("both.json")) if v["answered_by"] == "b" and v["solved"]))')
run 0 "$TRM" solve --model a --model b -v "$question"
says '^correct: all rules hold, solved by chain 2 of b in [0-9]+ steps$'
grep -q '^values of b: halts over' err || fail "-v says nothing of the second model: $(cat err)"

# -- measured: the models' union; with images and rollouts; the same in another word order --
run 0 "$TRM" eval --model a --model b d --rules-halt --json --quiet
json 'v["model"].startswith("a/") and v["voters"] == ["a", "b"] and v["search"]["level"] == "C" and v["search"]["wrong"] == 0'
json "v['search']['right'] == $(grep -cE '"solved": ?true' both.json) == v['exact']"
json 'v["search"]["steps_at_most"] == 32 and v["engine"]["computed"] == v["engine"]["steps"]'
run 0 "$TRM" eval a d --model b --rules-halt -v
says '^voters +b$'
says '^search +C: answers checked by rules, 32 steps at most$'
for by in first confident majority; do
  for options in "--threads 1 --batch 1" "--threads 2 --batch 7"; do
    # shellcheck disable=SC2086
    run 0 "$TRM" eval a d --model b --votes 3 --rollouts 2 --noise 0.5 --level B --vote-by $by --json --quiet $options
    json 'v["search"]["level"] == "B" and v["search"]["steps_at_most"] == 192 and v["puzzles"] == 40'
    python3 -c 'import json
v = json.load(open("out"))
print([v[k] for k in ("exact", "right_tokens", "mean_steps", "search", "halting")])' >"$by.${options##* }"
  done
  cmp "$by.1" "$by.7" || fail "other results at another batch"
done

# -- level B: the halting head ends a search, with --halt and without --
run 0 "$TRM" eval a d --search 100 --level B --json --quiet
cp out without.json
run 0 "$TRM" eval a d --search 100 --level B --halt --json --quiet
python3 - <<'PY' || fail "level B is not the halting head's"
import json
x, y = (json.load(open(name)) for name in ("without.json", "out"))
assert x["search"] == y["search"] and x["exact"] == y["exact"] and x["mean_steps"] == y["mean_steps"] < 100
assert x["search"]["steps_median"] < 16 and x["search"]["right"] > 0
PY
run 0 "$TRM" eval a d --search 100 --level B --no-halt --quiet
grep -q -- '--no-halt: has no effect, as the halting head decides at level B' err || fail "nothing is said of --no-halt"
run 0 "$TRM" eval a d --votes 3 --level B --vote-by majority --no-halt --quiet
[ ! -s err ] || fail "a warning of what has an effect: $(cat err)"

# -- what does not fit or cannot be: one line, with file, field and what to do --
models=$TRM_SOURCE_DIR/models
refuse 3 "$models/maze-9.safetensors: task: found maze 9x9, expected Sudoku 9x9 as in $models/sudoku-9x9.safetensors; .* leave one of them out" \
  "$TRM" solve --model "$models/sudoku-9x9.safetensors" --model "$models/maze-9.safetensors" "$(printf "%081d" 0)"
refuse 3 'task: found Sudoku 9x9, expected Sudoku 4x4 as in a/' "$TRM" eval a d --model "$models/sudoku-9x9.safetensors" --quiet
refuse 3 'gone' "$TRM" solve --model a --model gone questions.txt
refuse 3 'd: a dataset, expected a model file' "$TRM" eval a d --model d --quiet
head -c 3000 a/last.safetensors >cut.safetensors
refuse 3 'cut.safetensors' "$TRM" eval a d --model cut.safetensors --quiet
refuse 2 'search: found 40 beside models that vote' "$TRM" solve --model a --model b --search 40 questions.txt
refuse 2 'level: found A, one trajectory, beside 2 models' "$TRM" solve --model a --model b --level A questions.txt
refuse 2 'model: given beside another, but --choose-threshold is about one' "$TRM" eval a d --model b --choose-threshold
refuse 2 'model: given 2 times, expected one' "$TRM" explain --model a --model b "$question"
refuse 2 'model: given 2 times, expected one' "$TRM" sudoku hint --model a --model b "$question"
refuse 2 'identifier' "$TRM" solve --model a --model b --identifier 3 questions.txt
done_testing
