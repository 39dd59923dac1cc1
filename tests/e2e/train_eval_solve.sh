#!/bin/bash
# The main job: make and import data, train, evaluate, solve, describe, draw; every --json is parsed.
source "$(dirname "$0")/support.bash"
write_puzzles

# -- data --
run 0 "$TRM" data make --size 4 --no-minimal --max-clues 12 --train 40 --test 10 --seed 3 --out made
says '^train +40 '
says '^test +10 '
run 0 "$TRM" data make --size 4 --no-minimal --max-clues 12 --train 40 --test 10 --seed 3 --threads 1 --out again --json
json 'v["splits"]["train"]["examples"] == 40 and v["task"]["kind"] == "sudoku"'
for split in train test; do cmp "made/$split/all__inputs.npy" "again/$split/all__inputs.npy" || fail "not the same puzzles"; done
run 0 "$TRM" data check made
says 'no problem was found'
run 0 "$TRM" data import six.csv --out imported --test-fraction 0 --quiet
run 0 "$TRM" data info imported --json
json 'v["splits"]["train"]["examples"] == 6 and v["seq_len"] == 16 and v["vocab_size"] == 6'
run 0 "$TRM" data info six.csv
says 'Sudoku 4x4'
# every ending that the library reads is one to the program
python3 -c 'import csv, json
for row in csv.DictReader(open("six.csv")): print(json.dumps({"question": row["question"], "answer": row["answer"]}))' >six.jsonl
cp six.jsonl six.ndjson
for file in six.csv six.jsonl six.ndjson; do
  run 0 "$TRM" data info $file --json
  json 'v["splits"]["file"]["examples"] == 6'
done
run 0 "$TRM" data check six.csv --json
json 'v["ok"] and v["not_unique"] == 0 and v["examples"] == 6'

# -- train --
# shellcheck disable=SC2086 # $tiny is several arguments
run 0 "$TRM" train six.csv --run run $tiny --steps 1000 --stop-at 1 --valid six.csv --eval-every 20 --save-every 70
says '^trained after [0-9]+ steps'
says 'next:'
grep -q 'preset sudoku-4x4' err || fail "the preset is not named"
for file in config.json metrics.jsonl best.safetensors; do [ -s "run/$file" ] || fail "run/$file is missing"; done
python3 -c 'import json
for line in open("run/metrics.jsonl"): assert isinstance(json.loads(line), dict)' || fail "metrics.jsonl"
ls run/events.out.tfevents.* >/dev/null || fail "no TensorBoard events"

# -- an option wins over the preset's value, also where the preset says it in another way --
# shellcheck disable=SC2086
run 0 "$TRM" train six.csv --run epochs --preset sudoku-4x4 $tiny --epochs 6 --quiet --json
json 'v["step"] == 3' # 6 passes over 6 puzzles in batches of 12, not the preset's 300 updates

# -- the options of the recipes, together and resumed --
# shellcheck disable=SC2086
run 0 "$TRM" train six.csv --run recipes $tiny --steps 9 --save-every 5 --L-cycles 2 --activation rms_gate --damping 0.05 \
  --latents 2 --start-noise 0.2 --latent-noise 0.01 --cycles-schedule 0:1x1,0.5:2x2 --step-decay 0.8 --optimizer muon
run 0 "$TRM" train --resume recipes --steps 12
run 0 "$TRM" info recipes --json
json 'v["config"]["activation"] == "rms_gate" and v["config"]["damping"] == 0.05'
run 0 "$TRM" eval recipes six.csv --start-noise 0.2 --latent-noise 0.01 --damping 0.1 --seed 3 --json
json 'v["puzzles"] == 6'
# shellcheck disable=SC2086
run 2 "$TRM" train six.csv --run refused $tiny --steps 9 --cycles-schedule 0:9x1
grep -q 'L_cycles is' err || fail "the schedule's error does not name L_cycles"
[ ! -e refused ] || fail "a refused run left a directory"

# -- a model trained with softmax is judged by it, in every copy: the loss of a puzzle is that of its cells' confidences --
# shellcheck disable=SC2086
run 0 "$TRM" train six.csv --run soft $tiny --steps 400 --loss softmax --quiet
run 0 "$TRM" quantize soft -o soft8.safetensors --quiet
run 0 "$TRM" convert soft -o soft16.safetensors --dtype bfloat16
head -2 six.csv >one.csv
for model in soft soft/checkpoints/step-400/model.safetensors soft8.safetensors soft16.safetensors; do
  run 0 "$TRM" info "$model" --json
  json 'v["loss"] == "softmax"'
done
for model in soft run; do
  run 0 "$TRM" eval $model one.csv --json --quiet --max-steps 16
  cp out one.json
  run 0 "$TRM" solve --model $model --no-halt --max-steps 16 --explain --json 4.322314...33.4.
  json 'v["answer"] == "4132231414233241" and (lambda loss, math: abs(loss + sum(map(math.log, v["cell_confidence"])) / 16) < 1e-5)(json.load(open("one.json"))["lm_loss"], __import__("math"))'
done
run 0 "$TRM" eval soft six.csv --json --quiet
json 'v["exact"] == 6 and v["lm_loss"] < 0.01'
run 0 "$TRM" info soft
says '^loss +softmax'
run 0 "$TRM" info run
says '^loss +stablemax'

# -- evaluate --
run 0 "$TRM" eval run/best.safetensors six.csv
says '^exact +[0-9.]+ % '
says '^over 100 +1 '
run 0 "$TRM" eval run six.csv --json --threads 1
json 'v["puzzles"] == 6 and v["exact_accuracy"] == v["exact"] / 6 and v["exact_accuracy"] == 1'
json '0 <= v["interval"][0] <= v["exact_accuracy"] <= v["interval"][1] <= 1 and v["mean_steps"] == 16'
json 'len(v["bands"]) == 6 and sum(b["puzzles"] for b in v["bands"]) == 6 and 0 <= v["token_accuracy"] <= 1'
json 'set(v["halting"]) >= {"right", "wrong"} and v["halt"] is False'
cp out first
run 0 "$TRM" eval run six.csv --json --threads 2 --batch 2
json '(lambda w: all(v[k] == w[k] for k in ("exact", "right_tokens", "halting")))(json.load(open("first")))'
run 0 "$TRM" eval run made --split train --limit 5 --max-steps 2 --halt --json
json 'v["puzzles"] == 5 and v["mean_steps"] <= 2 and v["halt"]'

# -- solve --
best=$(python3 - <<'PY'
import csv
print(*[r["question"] for r in csv.DictReader(open("six.csv"))], sep="\n")
PY
)
echo "$best" >puzzles.txt
"$TRM" solve --model run puzzles.txt --json --max-steps 16 --no-halt >lines 2>err
code=$?
[ "$(wc -l <lines)" = 6 ] || fail "expected six lines of JSON"
solved=$(python3 -c '
import json, csv
rows = list(csv.DictReader(open("six.csv")))
lines = [json.loads(l) for l in open("lines")]
for i, (r, l) in enumerate(zip(rows, lines)):
    assert l["puzzle"] == i and l["question"] == r["question"] and l["solved"] == (l["answer"] == r["answer"]), l
    assert l["steps"] == 16 and not l["halted"] and l["keeps_rules"] in (True, False) and 0 <= l["confidence"] <= 1, l
print(next(r["question"] for r, l in zip(rows, lines) if l["solved"]))
assert all(l["solved"] for l in lines) == ('$code' == 0)
') || fail "JSON of solve"
for file in six.csv six.jsonl six.ndjson; do # tables of puzzles, by the library's endings
  "$TRM" solve --model run $file --json --max-steps 1 >table 2>err
  [ "$(wc -l <table)" = 6 ] || fail "solve $file: $(cat err)"
done
run 0 "$TRM" solve --model run/best.safetensors --no-halt "$solved"
says '^ ----\+----$'
[ "$(head -1 out)" = 'correct: all rules hold' ] || fail "the verdict does not come first"
says '^after 16 steps \(step limit\), confidence [0-9.]+ % \(how sure the network is\)$'
grep -q 'logit' out && fail "numbers of the network without -v"
run 0 "$TRM" solve --model run/best.safetensors --no-halt -v "$solved"
says '^halting logit q -?[0-9.]+, halts over [0-9.]+; least certain cell [0-9.]+ %$'
run 0 "$TRM" solve --model run --no-halt --explain "$solved"
says '^question'
[ "$(head -1 out)" = 'correct: all rules hold' ] || fail "the verdict does not come first with --explain"
says 'steps? 1(-[0-9]+)?: [0-9.]+ %'
says '\*[1-4]'
grep -q $'\033' out && fail "colours in a file"
run 0 "$TRM" solve --model run --no-halt --explain --json "$solved"
json 'len(v["trace"]) == 16 and v["trace"][15]["answer"] == v["answer"] and len(v["cell_confidence"]) == 16'
json '[v["checked"], v["correct"], v["solutions"], v["recursion"]] == [True, True, 1, "trm"]'
# A puzzle with several solutions or none is not solved whatever the answer is, and the model's grid is not shown unasked.
run 1 "$TRM" solve --model run 1...............
[ "$(head -1 out)" = 'several solutions: the clues leave more than one answer' ] || fail "several solutions"
grep -q '[1-4] [1-4]' out && fail "a grid of a puzzle with several solutions"
run 1 "$TRM" solve --model run --explain 1...............
says '^question'
run 1 "$TRM" solve --model run --json 1...............
json '[v["checked"], v["solutions"], v["solved"]] == [True, 2, False]'
run 1 "$TRM" solve --model run --json 12.3..4.........
json '[v["checked"], v["correct"], v["solutions"], v["solved"]] == [True, False, 0, False]'
run 1 "$TRM" solve --model run 12.3..4.........
[ "$(head -1 out)" = 'no solution: no answer keeps all rules and clues' ] || fail "no solution"
grep -q '[1-4] [1-4]' out && fail "a grid of a puzzle without a solution"
printf '%s\n' "$solved" 1............... 12.3..4......... >three.txt
run 1 "$TRM" solve --model run --no-halt three.txt
[ "$(cut -c 1-11 out | sed 3q | tr -d ' \n')" = correctseveralnosolution ] || fail "verdicts of a list"
says '^several .* 1\.{15}$'
says '^solved 1 of 3 puzzles'
says '^%: confidence, how sure the network is$'
run 0 "$TRM" info run
says '^rules       each row, column and box holds each digit once$'
run 0 "$TRM" solve --model run --no-halt --json "$solved"
json 'v["verdict"] == "right" and v["keeps_rules"] and v["keeps_clues"]'
# What is wrong in a grid is marked: the first step of a model that has learned nothing breaks rules.
# shellcheck disable=SC2086
run 0 "$TRM" train six.csv --run blank $tiny --steps 1 --quiet
run 1 "$TRM" solve --model blank --max-steps 1 --search 0 4.322314...33.4.
says '^wrong: [0-9]+ (cells conflict in (row|column|box) [1-4]|clues? )'
says '^!: breaks a rule or changes a clue$'
says '![1-4]'
# Rules halt: a right answer ends a puzzle, a wrong one does not, whatever the head says; the same whatever the batch.
cat >hard.txt <<'PUZZLES'
98...31...4...5..3.......5..26...391.....46.2..9.2..74....6.....5....7...17.8....
.....85...75..1..2.6.......3...6........846.5...3.2..9..8..5.9...2...7.85...23.4.
.3.6.9.57.......9.....346...61..8..3..4.6....5...4271....196.7..4..23..5...4....1
.95..3..2.4...9.6...628...1.24365.........534..39.12......9....9..1..6....14..8..
6..1.98.......8.54..86.......2..79.147......6.......3.79..1.....2..3..7.....82...
..1....987...48...3....2.........7.9.6.5...2.....9.83.8.....67.....8.5.35..2.3.84
53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79
PUZZLES
shipped=$TRM_SOURCE_DIR/models/sudoku-9x9.safetensors
run '[01]' "$TRM" solve --model "$shipped" hard.txt --json --search 0 --batch 1 --threads 1
cp out hard.json
run '[01]' "$TRM" solve --model "$shipped" hard.txt --json --search 0 --batch 4 --threads 2
cmp hard.json out || fail "rules halt depends on the batch"
run '[01]' "$TRM" solve --model "$shipped" hard.txt --json --no-rules-halt --halt-threshold=-1000
cp out head.json
run '[01]' "$TRM" solve --model "$shipped" hard.txt --json --no-halt
python3 - <<'PY' || fail "rules halt in JSON"
import json
rules, head, every = ([json.loads(line) for line in open(name)] for name in ("hard.json", "head.json", "out"))
assert all(l["halted_by"] == ("rules" if l["correct"] else None) and l["solved"] == l["correct"] for l in rules)
assert all(l["correct"] or l["steps"] == 16 for l in rules) and 0 < sum(l["correct"] for l in rules) < 7
assert all(l["halted_by"] == "head" and l["steps"] == 1 for l in head)
assert all(l["halted_by"] is None and not l["halted"] and l["steps"] == 16 for l in every)
PY
# Where nothing is right there is no mean of steps until it was.
(echo question,answer && sed -n '$s/.*/&,534678912672195348198342567859761423426853791713924856961537284287419635345286179/p' hard.txt) >one.csv
run 0 "$TRM" eval "$shipped" one.csv --search 20 --noise-control --quiet
says '^answers +0 right, 0 wrong, 1 '
grep -qi nan out && fail "a mean of nothing is printed"
# Search: by default what one trajectory gets wrong is searched for, with the same answers and counts whatever the batch.
run '[01]' "$TRM" solve --model "$shipped" hard.txt --json --search 300 --batch 1 --threads 1
cp out search.json
run '[01]' "$TRM" solve --model "$shipped" hard.txt --json --search 300 --batch 7 --threads 2
cmp search.json out || fail "a search depends on the batch"
python3 - <<'PY' || fail "search in JSON"
import json
plain, found = ([json.loads(line) for line in open(name)] for name in ("hard.json", "search.json"))
assert sum(l["correct"] for l in found) > sum(l["correct"] for l in plain)
for p, f in zip(plain, found):
    assert f["correct"] == f["solved"] and 1 <= f["chain"] <= f["chains"] and f["chain_steps"] <= f["steps"] <= 300
    assert f["steps"] == 300 or f["correct"]
    assert not p["correct"] or (f["chain"], f["steps"], f["answer"]) == (1, p["steps"], p["answer"])
assert any(f["correct"] and f["chain"] > 1 for f in found)
PY
while read -r puzzle; do # the first that is solved by a later chain
  "$TRM" solve --model "$shipped" "$puzzle" --search 300 >out 2>err </dev/null
  head -1 out | grep -qE 'by chain' && break
done <hard.txt
says '^correct: all rules hold, solved by chain [0-9]+ in [0-9]+ steps$'
run 0 "$TRM" solve --model "$shipped" "$puzzle" --search 300 --explain=all --json
json 'sorted({s["chain"] for s in v["trace"]}) == [1, v["chain"]]'
json 'v["trace"][-1]["answer"] == v["answer"] and v["trace"][-1]["step"] == v["chain_steps"]'
run '[01]' "$TRM" solve --model "$shipped" hard.txt --search 20 --seed 3
says "^don't know +20 steps "
refuse 2 'search: found 3, expected the step limit, 16, or more, or 0' "$TRM" solve --model "$shipped" hard.txt --search 3
refuse 2 'search: found 40 beside votes' "$TRM" solve --model "$shipped" hard.txt --search 40 --votes 4
refuse 2 'rollouts: found 4 without noise' "$TRM" solve --model "$shipped" hard.txt --rollouts 4
run 0 "$TRM" eval run six.csv --search 40 --json --quiet --max-steps 4
json 'v["search"]["right"] + v["search"]["wrong"] + v["search"]["dont_know"] == v["puzzles"]'
json 'v["search"]["level"] == "C" and v["search"]["wrong"] == 0 and v["search"]["right"] == v["exact"]'
run 0 "$TRM" eval run six.csv --votes 3 --rollouts 2 --noise 0.5 --vote-by majority --level B --quiet --max-steps 4
says '^search +B: the halting head decides'
run 0 "$TRM" eval run six.csv --rules-halt --json --quiet
json 'v["rules_halt"] and not v["halt"] and (v["mean_steps"] < v["max_steps"]) == (v["exact"] > 0)'
run 0 "$TRM" eval run six.csv --rules-halt --quiet
says '^steps     halting by rules, at most [0-9]+$'
# The same puzzle in other notations, from a file and from standard input.
echo "$solved" | fold -w 4 | sed 's/../& | /; s/\./0/g' | sed '2a\ ---+---' >drawn.txt
run 0 "$TRM" solve --model run --no-halt drawn.txt
echo "$solved" | tr . _ | "$TRM" solve --model run --no-halt >out 2>err || fail "standard input"

# -- a task without rules: every verdict says so --
printf '%s\n' question,answer ab.d,abcd bc.a,bcda cd.b,cdab da.c,dabc >words.csv
run 0 "$TRM" data import words.csv --out words --test-fraction 0 --quiet
run 0 "$TRM" data check words
says '^answers that break rules or change clues +no rules known$'
says '^no rules known: no answer was judged'
run 0 "$TRM" data check words --json
json 'v["unjudged"] == 4 and v["rules"] == "no rules known" and v["ok"]'
run 0 "$TRM" train words --run plain --steps 1 --batch 4 --hidden-size 16 --num-heads 2 --L-layers 1 --quiet
run 0 "$TRM" info plain
says '^rules       no rules known$'
run 0 "$TRM" info plain --json
json 'v["rules"] == "no rules known"'
run '[01]' "$TRM" solve --model plain ab.d
says '^not checked: no rules known; the network takes its answer for (right|wrong)$'
run '[01]' "$TRM" solve --model plain ab.d --json
json 'v["verdict"] == "no rules known" and v["keeps_rules"] is None and v["keeps_clues"] is None'
json '[v["checked"], v["correct"], v["solutions"]] == [False, None, None]'
run '[01]' "$TRM" solve --model plain words.csv
[ "$(grep -c '^unchecked ' out)" = 4 ] || fail "not each line says that nothing was checked"
says '^not checked, as no rules are known: solved means that the network says right$'
[ ! -s err ] || fail "rules halt was not asked for by name: $(cat err)"
run '[01]' "$TRM" solve --model plain --rules-halt ab.d
grep -q '^trm solve: warning: --rules-halt: has no effect, as no rules are known of ' err || fail "silent: $(cat err)"
run 0 "$TRM" eval plain words.csv --rules-halt --quiet
grep -q '^trm eval: warning: --rules-halt: has no effect, as no rules are known of ' err || fail "silent: $(cat err)"

# -- info and plot --
run 0 "$TRM" info run/best.safetensors
says '^parameters  +[0-9,]+$'
run 0 "$TRM" info run --tensors --json
json 'v["config"]["hidden_size"] == 32 and v["parameters"] > 0 and v["task"]["kind"] == "sudoku"'
json 'any(t["name"] == "inner.embed_tokens.embedding_weight" for t in v["tensors"]) and v["variant"] == "ema"'
run 0 "$TRM" plot run -o curves.svg
python3 -c 'import xml.dom.minidom as m; assert m.parse("curves.svg").documentElement.tagName == "svg"' || fail "curves.svg"
run 0 "$TRM" doctor --json
json 'v["cores"] >= 1 and v["isa"] in v["isa_available"].split() and v["version"]'
json 'not set(r["name"] for r in v["isa_refused"]) & set(v["isa_available"].split())'
json 'v["cuda_driver"] is None or v["cuda_driver"]'
mkdir tools && printf '#!/bin/sh\n' >tools/nvcc && chmod +x tools/nvcc # a compiler is no driver
PATH=$PWD/tools:$PATH run 0 "$TRM" doctor --json
json 'v["cuda_compiler"]'
PATH=$PWD/tools:$PATH run 0 "$TRM" doctor
says "^nvcc      .*nvcc: only building with 'make CUDA=1' needs it"
[ -e /proc/driver/nvidia/version ] || says '^driver    no NVIDIA driver is loaded: computing on a card needs one$'
TRM_ISA=ref run 0 "$TRM" doctor --json
json 'v["isa"] == "ref"'

done_testing
