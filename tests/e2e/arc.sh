#!/bin/bash
# ARC from JSON to a submission: the dataset is what an independent script makes of names and tasks, votes and scores are
# what it counts from the answers one by one, tasks are adapted to without a change of the model, and bad input is told.
source "$(dirname "$0")/support.bash"
: "${TRM_SOURCE_DIR:?}"
again="$TRM_SOURCE_DIR/tests/e2e/arc.py"
python=python3 # Debian's packages are for its own Python, which need not be the first on PATH
$python -c 'import numpy' 2>/dev/null || python=/usr/bin/python3
$python -c 'import numpy' 2>/dev/null || { echo "needs NumPy"; exit 77; }
python3() { command "$python" "$@"; }
python3 "$again" tasks . || fail "no tasks were made"

# -- the dataset --
run 0 "$TRM" data arc b --test a_challenges.json --side 7 --augment 40 --out d --json
grep -q '^memory ' err || fail "memory is not told"
json 'v["tasks"] == 6 and v["evaluated"] == 4 and v["unknown"] == 0 and v["shared"] == 0'
cp out built
run 0 "$python" "$again" dataset d a_challenges.json b
cp out counted
python3 - <<'PYTHON' || fail "the report is not what was written"
import json
built, counted = json.load(open("built")), json.load(open("counted"))
assert built["identifiers"] == counted["identifiers"]
assert built["train_examples"] == counted["train"][0] and built["test_examples"] == counted["test"][0]
assert counted["train"][2] == 6 and counted["test"][2] == 4
PYTHON
run 0 "$TRM" data arc b --test a_challenges.json --side 7 --augment 40 --out same --threads 1 --quiet
diff -r d same || fail "another number of threads gave other bytes"
run 0 "$TRM" data arc b --test a_challenges.json --side 7 --augment 40 --no-translate --out still --quiet
run 0 "$python" "$again" dataset still a_challenges.json b
python3 -c 'import numpy as np; assert (np.load("still/train/all__inputs.npy")[:, 0] >= 2).all()' || fail "--no-translate moves"
run 0 "$TRM" data arc --test b --out large --augment 2 --quiet
run 0 "$python" "$again" dataset large b
run 0 "$TRM" data info large
says '^shape +900 tokens of a vocabulary of 12$'

# -- votes --
small="--halt-max-steps 2 --L-cycles 1 --H-cycles 1 --hidden-size 32 --L-layers 1 --expansion 2 --batch 16 --lr 4e-3
  --lr-warmup-steps 5 --puzzle-emb-ndim 32 --puzzle-emb-lr 0.01"
# shellcheck disable=SC2086 # several arguments
run 0 "$TRM" train d --run r $small --steps 60 --quiet
run 0 "$TRM" eval r d --submission s.json --json --quiet
cp out score
run 0 "$TRM" eval r d --predictions p.jsonl --quiet
run 0 "$python" "$again" votes d p.jsonl s.json
python3 - <<'PYTHON' || fail "scores are not those of the script: $(cat score out)"
import json
trm, again = json.load(open("score")), json.load(open("out"))
assert all(abs(trm["pass"][k] - again["pass"][k]) < 1e-9 for k in again["pass"]), (trm, again)
assert abs(trm["one_attempt"] - again["one"]) < 1e-9 and trm["scored_tests"] == 8
assert 0 < trm["copied_cells"] <= trm["cells"] and 0 <= trm["right_cells"] <= trm["cells"]
PYTHON
run 0 "$TRM" eval r d --quiet --threads 1 --submission s1.json
says '^pass@2 '
says 'the answer to the task as it is, without its identifier$'
cmp s.json s1.json || fail "another number of threads gave another submission"
refuse 2 's.json exists; --force replaces it' "$TRM" eval r d --submission s.json
refuse 2 '--submission: the images of d do not vote' "$TRM" eval r d --submission t.json --limit 3 --quiet

# a model that knows its puzzles by identifiers is not taken for one that comes without
mkdir m && cp r/last.safetensors m
refuse 2 'no installed model solves puzzles of 49 cells' env TRM_MODELS="$PWD/m" "$TRM" eval d --quiet

# -- tasks that the model has never seen --
model=$(sha256sum r/last.safetensors)
run 0 "$TRM" adapt r b --out new --augment 5 --steps 8 --batch 8 --quiet
says '^task first, test 2 of 2$'
says '^demonstration 1 '
says '^submission in new/submission.json$'
[ "$model" = "$(sha256sum r/last.safetensors)" ] || fail "adapting changed the model"
python3 - <<'PYTHON' || fail "new/submission.json"
import json
handed = json.load(open("new/submission.json"))
assert sorted(handed) == ["first", "paint"] and all(len(v) == 2 for v in handed.values())
assert all(sorted(a) == ["attempt_1", "attempt_2"] for v in handed.values() for a in v)
PYTHON
# nothing but embeddings was learned: all other tensors have the same bytes
python3 - <<'PYTHON' || fail "a frozen tensor changed"
import json, struct
def read(path):
    data = open(path, "rb").read()
    size = struct.unpack("<Q", data[:8])[0]
    head = json.loads(data[8:8 + size])
    return {k: data[8 + size + v["data_offsets"][0]:8 + size + v["data_offsets"][1]] for k, v in head.items() if k != "__metadata__"}
a, b = read("r/last.safetensors"), read("new/run/last.safetensors")
changed = [k for k in a if a[k] != b[k]]
assert changed == ["inner.puzzle_emb.weights"], changed
PYTHON
run 0 "$TRM" adapt r b/paint.json --out nothing --augment 2 --steps 0 --batch 8 --json --quiet
python3 - <<'PYTHON' || fail "--steps 0 is not the mean embedding"
import json, struct
import numpy as np
def rows(path):
    data = open(path, "rb").read()
    size = struct.unpack("<Q", data[:8])[0]
    t = json.loads(data[8:8 + size])["inner.puzzle_emb.weights"]
    a, b = t["data_offsets"]
    return np.frombuffer(data[8 + size + a:8 + size + b], "<f4").reshape(t["shape"])
mean, new = rows("r/last.safetensors").mean(0), rows("nothing/run/last.safetensors")
assert new.shape[0] == 4 and np.abs(new - mean).max() < 1e-6
PYTHON
run 0 "$TRM" adapt r b/paint.json --out all --augment 2 --steps 4 --batch 8 --all-weights --json --quiet
json 'v["tasks"] == 1 and v["submission"] == "all/submission.json"'
run 0 "$TRM" adapt r b/paint.json --out short --augment 2 --steps 100000 --max-minutes 0.02 --batch 8 --quiet
grep -q 'learning ended after' err || fail "--max-minutes is not told: $(cat err)"
[ -s short/submission.json ] || fail "after --max-minutes nothing voted"
refuse 2 'new/data' "$TRM" adapt r b --out new --quiet

# -- bad input: file, task, field --
refuse 3 'none.json' "$TRM" data arc none.json --out x --quiet
echo '{"t": {"train": [{"input": [[1, 2], [3]], "output": [[1]]}], "test": [{"input": [[1]]}]}}' >bad.json
refuse 3 'bad.json: task t, "input" of pair 1 of "train": row 2 has 1 cells' "$TRM" data arc bad.json --out x --quiet
refuse 3 'bad.json: task t' "$TRM" adapt r bad.json --out x2 --quiet
head -c 300 a_challenges.json >cut.json
refuse 3 'cut.json' "$TRM" data arc cut.json --out x --quiet
refuse 3 'task paint is also in b/paint.json' "$TRM" data arc b --test b/paint.json --out x --quiet
refuse 2 '--out DIR is needed' "$TRM" data arc b
refuse 2 'no tasks' "$TRM" data arc --out x
refuse 3 'more than 1 rows or columns' "$TRM" data arc b --side 1 --out x --quiet
[ ! -e x ] || fail "a refused build left something"
echo '{"open": {"train": [{"input": [[1]], "output": [[2]]}], "test": [{"input": [[3]]}]}}' >open.json
run 0 "$TRM" data arc --test open.json --side 7 --augment 3 --out o --quiet
grep -q '1 tests have no solution' err || fail "a missing solution is not told"
run 0 "$TRM" eval r o --submission o.json --quiet
says '^not scored'
python3 -c 'import json; assert list(json.load(open("o.json"))) == ["open"]' || fail "no prediction without a solution"
cp -r d broken && python3 - <<'PYTHON'
import json
names = json.load(open("broken/identifiers.json"))
names[3] = "mirror|||t9|||0123456789"
json.dump(names, open("broken/identifiers.json", "w"))
PYTHON
refuse 3 'identifiers.json: name 3 is' "$TRM" eval r broken --quiet
cp d/identifiers.json broken && echo '{"other": {"train": [{"input": [[1]], "output": [[2]]}], "test": [{"input": [[3]]}]}}' >broken/test_puzzles.json
refuse 3 'whose task is not in test_puzzles.json' "$TRM" eval r broken --quiet
refuse 3 'd: [0-9]+ puzzle identifiers' "$TRM" eval new/run d --quiet
run 0 "$TRM" data make --size 4 --no-minimal --max-clues 12 --train 20 --test 4 --out sudoku --quiet
# shellcheck disable=SC2086 # several arguments
run 0 "$TRM" train sudoku --run sr $tiny --steps 1 --quiet
refuse 3 "expected a model of ARC's grids" "$TRM" adapt sr b --out x2 --quiet

# -- killed in the middle: nothing, or all of it --
for wait in 0.02 0.05 0.1 0.3; do
  "$TRM" data arc b --test a_challenges.json --side 7 --augment 2000 --out killed --quiet 2>err &
  sleep $wait
  kill -9 $! 2>/dev/null
  wait $! 2>/dev/null
  if [ -e killed ]; then
    run 0 "$TRM" data info killed
    rm -r killed
  fi
done
(ulimit -f 20 && run 3 "$TRM" data arc b --test a_challenges.json --side 7 --augment 200 --out full --quiet) || exit 1
[ ! -e full ] || fail "a full disk left a dataset"
done_testing
