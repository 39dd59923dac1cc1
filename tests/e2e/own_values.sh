#!/bin/bash
# A model's own values: training chooses a halting threshold, the file keeps it, solving uses it, an option wins over it;
# and every command says which value is in force and where it comes from.
source "$(dirname "$0")/support.bash"
unset TRM_MODELS
write_puzzles
run 0 "$TRM" data make --size 4 --no-minimal --max-clues 12 --train 200 --test 40 --seed 3 --out d --quiet
# shellcheck disable=SC2086 # $tiny is several arguments
run 0 "$TRM" train d --valid d --run r $tiny --augment --batch 24 --steps 200 --eval-every 50
says '^halting threshold chosen on the validation data: [0-9.]+, after [0-9.]+ steps on average'
grep -q 'choosing the halting threshold' err || fail "nothing is said of the choice while it is made"
good=4.322314...33.4.

# curve RUN MODEL KEY: what the line of metrics.jsonl about this model says of the key
curve() { python3 -c 'import json, sys
for line in map(json.loads, open(sys.argv[1] + "/metrics.jsonl")):
    if line.get("model") == sys.argv[2]: print(json.dumps(line[sys.argv[3]]))' "$@"; }

# -- training: both models have their threshold, the record has the curve that it follows from --
for name in best last; do
  threshold=$(curve r $name.safetensors halt_threshold)
  [[ $threshold =~ ^[0-9.]+$ ]] || fail "no threshold was chosen for $name: $threshold"
  run 0 "$TRM" info r/$name.safetensors --json
  json "v['values']['halt_threshold'] == {'value': $threshold, 'from': 'model'} and 'trm.halt_threshold' not in v['provenance']"
  json "v['values']['max_steps'] == {'value': 16, 'from': 'default'} and v['values']['H_cycles'] == {'value': 2, 'from': 'model'}"
  run 0 "$TRM" info r/$name.safetensors
  says "^values +halts over $threshold \(model\), 16 steps \(default\), T 2 \(model\), n 2 \(model\)$"
  # any evaluation of the curve's thresholds on the same puzzles finds the same
  run 0 "$TRM" eval r/$name.safetensors d --halt --json --quiet
  json "(lambda c: abs(v['exact_accuracy'] - c[-2][1]) < 1e-5 and abs(v['mean_steps'] - c[-2][2]) < 1e-4 and c[-2][0] == $threshold)($(curve r $name.safetensors halt_curve | sed 's/null/None/g'))"
  json "v['values']['halt_threshold'] == {'value': $threshold, 'from': 'model'}"
  run 0 "$TRM" eval r/$name.safetensors d --json --quiet
  json "(lambda c: abs(v['exact_accuracy'] - c[-1][1]) < 1e-5 and c[-1][0] is None and c[-1][2] == 16)($(curve r $name.safetensors halt_curve | sed 's/null/None/g'))"
done
threshold=$(curve r best.safetensors halt_threshold)

# -- solving: the model's own, and an option wins --
run '[01]' "$TRM" solve --model r $good -v
grep -q "^values: halts over $threshold (model), 16 steps (default), T 2 (model), n 2 (model)$" err || fail "-v: $(cat err)"
run '[01]' "$TRM" solve --model r $good --verbose --halt-threshold -3 --max-steps 5 --H-cycles 1 --latent-cycles 3
grep -q "^values: halts over -3 (option), 5 steps (option), T 1 (option), n 3 (option)$" err || fail "-v: $(cat err)"
run '[01]' "$TRM" solve --model r $good
[ ! -s err ] || fail "without --verbose something is said"
run '[01]' "$TRM" solve --model r $good --json --no-rules-halt --halt-threshold 1000 --max-steps 3
json 'v["steps"] == 3 and not v["halted"]'
run '[01]' "$TRM" solve --model r $good --json --no-rules-halt --halt-threshold=-1000
json 'v["steps"] == 1 and v["halted"]'
q=$(python3 -c 'import json; print(json.load(open("out"))["q"])')
run '[01]' "$TRM" solve --model r $good --json --no-rules-halt --halt-threshold=-1000 --H-cycles 4
json "v['q'] != $q"
run '[01]' "$TRM" solve --model r $good --json --no-rules-halt --halt-threshold=-1000 --H-cycles 2 --L-cycles 2 --max-steps 16
json "v['q'] == $q"
run 0 "$TRM" eval r d --quiet --halt --verbose --halt-threshold model
says "^values +halts over $threshold \(model\)"
refuse 2 '--L-cycles: found 1025, expected 0 to 1024' "$TRM" solve --model r $good --L-cycles 1025
refuse 2 '--H-cycles: found -1' "$TRM" eval r d --H-cycles=-1
refuse 2 '--halt-threshold: found 1001, expected -1000 to 1000' "$TRM" solve --model r $good --halt-threshold 1001
refuse 2 '--halt-threshold: found "nan"' "$TRM" solve --model r $good --halt-threshold nan
refuse 2 '--max-steps: found 100001' "$TRM" solve --model r $good --max-steps 100001

# -- without validation data, or when not wanted: the default --
# shellcheck disable=SC2086
run 0 "$TRM" train d --run plain $tiny --augment --batch 24 --steps 200 --quiet
run 0 "$TRM" info plain
says '^values +halts over 0 \(default\)'
# shellcheck disable=SC2086
run 0 "$TRM" train d --valid d --run unwanted $tiny --steps 3 --no-choose-threshold --json --quiet
json 'v["halt_threshold"] is None'
grep -q halt_threshold unwanted/metrics.jsonl && fail "a threshold is recorded that nobody wanted"
# shellcheck disable=SC2086
refuse 2 '--choose-threshold: has no effect without validation data' "$TRM" train d --run x $tiny --choose-threshold --steps 3

# -- choosing later: the same rule finds the same, and writes only when asked --
cp r/best.safetensors again.safetensors
run 0 "$TRM" eval again.safetensors d --choose-threshold --json --quiet
json "v['halt_threshold'] == $threshold and not v['written'] and v['puzzles'] == 40 and v['max_steps'] == 16"
json "[[p['threshold'], round(p['exact_accuracy'], 5)] for p in v['curve']] == [[t, round(a, 5)] for t, a, s in $(curve r best.safetensors halt_curve | sed 's/null/None/g')[:-1]]"
cmp -s r/best.safetensors again.safetensors || fail "the file was written without --write"
cp plain/last.safetensors later.safetensors
run 0 "$TRM" eval later.safetensors d --choose-threshold --write --quiet
says '^threshold +[0-9.]+, written$'
run 0 "$TRM" info later.safetensors --json
json 'v["values"]["halt_threshold"]["from"] == "model"'
cmp -s plain/last.safetensors later.safetensors && fail "--write wrote nothing"
run 0 "$TRM" eval later.safetensors d --choose-threshold --max-steps 8 --write --json --quiet
json 'v["max_steps"] == 8 and v["written"] and v["before"]["max_steps"]["from"] == "option"'
json 'len(v["hopeless"]) == 7 and v["hopeless_lost"] == 0 and v["hopeless_steps"] <= v["solved_steps"] <= 8'
cp out chosen
run 0 "$TRM" info later.safetensors --json
json 'v["values"]["max_steps"] == {"value": 8, "from": "model"}'
json 'v["hopeless"] == json.load(open("chosen"))["hopeless"]'
run 0 "$TRM" info later.safetensors
says '^hopeless +after step 1, 2, \.\.\. when q is under( (-|-?[0-9.]+)){7}$'
run 0 "$TRM" eval later.safetensors d --rules-halt --json --quiet
cp out rules
run 0 "$TRM" eval later.safetensors d --rules-halt --stop-hopeless --json --quiet # the puzzles that it was learned on
json 'v["stop_hopeless"] and v["exact"] == json.load(open("rules"))["exact"]'
json "abs(v['mean_steps'] - json.load(open('chosen'))['hopeless_steps']) < 1e-9"
refuse 2 '--stop-hopeless: .*hold for 8 steps at most, found max_steps 9' "$TRM" eval later.safetensors d --stop-hopeless --max-steps 9
refuse 2 '--stop-hopeless: .*has learned no bounds' "$TRM" eval plain/last.safetensors d --stop-hopeless
refuse 2 '--stop-hopeless: has no effect beside --choose-threshold' "$TRM" eval r d --stop-hopeless --choose-threshold
refuse 2 '--merge: has no effect without --parallel-latents' "$TRM" eval r d --merge best
refuse 2 '--parallel-latents: found 0' "$TRM" eval r d --parallel-latents 0
refuse 2 '--fixed-point: found -1' "$TRM" eval r d --fixed-point=-1
run 0 "$TRM" eval later.safetensors d --keep best --fixed-point 0.01 --parallel-latents 2 --merge best --json --quiet
json 'v["puzzles"] == 40 and v["mean_steps"] <= 8'
refuse 2 '--write: has no effect without --choose-threshold' "$TRM" eval r d --write
refuse 2 '--halt: has no effect beside --choose-threshold' "$TRM" eval r d --halt --choose-threshold
refuse 2 '--write: .* own T and n' "$TRM" eval later.safetensors d --choose-threshold --write --L-cycles 3 --quiet

# -- where no answer is right nothing is chosen, and nothing written --
# shellcheck disable=SC2086
run 0 "$TRM" train d --valid d --run untrained $tiny --steps 1 --lr 0 --quiet --json
json 'v["halt_threshold"] is None'
cp untrained/last.safetensors untouched.safetensors
run 1 "$TRM" eval untouched.safetensors d --choose-threshold --write --quiet
says '^threshold +none'
cmp -s untrained/last.safetensors untouched.safetensors || fail "the file was written without a threshold"

# -- interrupted: nothing is chosen, and nothing written --
if [ -n "${TRM_SOURCE_DIR:-}" ]; then
  cp "$TRM_SOURCE_DIR/models/sudoku-9x9.safetensors" shipped.safetensors
  run 0 "$TRM" data make --size 9 --train 1 --test 3000 --no-minimal --min-clues 23 --max-clues 40 --out nine --quiet
  run 1 timeout --preserve-status -s INT 2 "$TRM" eval shipped.safetensors nine --choose-threshold --write
  grep -q 'nothing is chosen' err || fail "nothing is said of the interruption"
  [ ! -s out ] || fail "something was printed"
  cmp -s "$TRM_SOURCE_DIR/models/sudoku-9x9.safetensors" shipped.safetensors || fail "the file was written all the same"
fi

# -- copies keep the values --
run 0 "$TRM" quantize later.safetensors -o small.safetensors --quiet
run 0 "$TRM" convert later.safetensors -o narrow.safetensors --dtype bfloat16
run 0 "$TRM" info later.safetensors --json
values=$(python3 -c 'import json; print(json.load(open("out"))["values"])')
for file in small narrow; do
  run 0 "$TRM" info $file.safetensors --json
  json "v['values'] == $values"
done

# -- a file whose value is no value is refused, and the field named; the checksum covers it --
# spoil KEY VALUE SUM: later.safetensors with another value; SUM keep: with the old checksum
spoil() { python3 - "$@" <<'PY'
import json, struct, sys
data = open("later.safetensors", "rb").read()
size = struct.unpack("<Q", data[:8])[0]
header = json.loads(data[8:8 + size])
header["__metadata__"][sys.argv[1]] = sys.argv[2]
if sys.argv[3] != "keep":
    for key in "trm.sha256", "trm.format": del header["__metadata__"][key]
text = json.dumps(header).encode()
open("bad.safetensors", "wb").write(struct.pack("<Q", len(text)) + text + data[8 + size:])
PY
}
spoil trm.halt_threshold 7 keep
refuse 3 'damaged.*: its checksum' "$TRM" info bad.safetensors
spoil trm.halt_threshold inf drop
refuse 3 'trm.halt_threshold is "inf", expected a number from -1000 to 1000' "$TRM" solve --model bad.safetensors $good
spoil trm.max_steps 0 drop
refuse 3 'trm.max_steps is "0", expected a whole number from 1 to 100000' "$TRM" solve --model bad.safetensors $good

done_testing
