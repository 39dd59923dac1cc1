#!/bin/bash
# The worked example of docs/own-task.md: the script writes sums, none of which is on two sides; trm trains on them; and the
# model that ships adds sums that this test makes itself and that were in no file of its training.
source "$(dirname "$0")/support.bash"
: "${TRM_SOURCE_DIR:?}"
export PYTHONDONTWRITEBYTECODE=1
script=$TRM_SOURCE_DIR/examples/addition.py
model=$TRM_SOURCE_DIR/models/addition.safetensors

# -- the script: right sums, the same each time, no sum on two sides, lengths as asked for --
run 1 python3 "$script"
grep -q '^usage: addition.py FOLDER' err || fail "no usage"
run 0 python3 "$script" sums 500 8
run 0 python3 "$script" again 500 8
for file in train valid test; do cmp sums/$file.jsonl again/$file.jsonl || fail "another $file.jsonl at the second time"; done
cat >look.py <<'PY'
import json
seen = {}
for name in "train", "valid", "test":
    with open(f"sums/{name}.jsonl") as file:
        rows = [json.loads(line) for line in file]
    for row in rows:
        carries, a, b, total = (int(text, 2) for text in row["answer"])
        assert a + b == total and carries == a ^ b ^ total and row["question"] == ["." * 12, *row["answer"][1:3], "." * 12]
        assert row["bits"] == max(a, b).bit_length() <= (8 if name == "train" else 11)
        assert seen.setdefault(frozenset((a, b)), name) == name, "a sum on two sides"
    assert len(rows) == {"train": 500, "valid": 363, "test": 1255}[name], len(rows)
PY
run 0 python3 look.py
run 0 "$TRM" data check sums/test.jsonl
says 'no problem was found'

# -- trained a little: everything from the files to the answer goes as the page says --
run 0 "$TRM" train sums/train.jsonl --valid sums/valid.jsonl --preset sudoku-6x6 --no-augment --hidden-size 32 --L-layers 1 \
  --expansion 2 --steps 30 --eval-limit 20 --run run --quiet
run 0 "$TRM" eval run sums/test.jsonl --limit 50 --max-steps 2 --json --quiet
json 'v["task"] == "generic" and v["puzzles"] == 50 and v["token_accuracy"] > 0.6'

# -- the model that ships: fresh sums, also the hard ones, in which one carry runs through all columns --
cat >fresh.py <<'PY'
import json, random, sys
sys.path.insert(0, sys.argv[1])
import addition
known = {frozenset(pair) for pairs in addition.make().values() for pair in pairs}
randoms, fresh = random.Random(20261130), []
while len(fresh) < 400:
    pair = addition.draw(6 + len(fresh) % 6, randoms) # of shorter ones there are few, and all are in a file
    if frozenset(pair) not in known:
        fresh.append(pair)
chains = [(2 ** bits - 1, 1) for bits in range(2, 12)] + [(1, 2 ** bits - 1) for bits in range(2, 12)]
for name, pairs in (("fresh", fresh), ("chains", chains)):
    with open(name + ".jsonl", "w") as file:
        for a, b in pairs:
            question, answer = addition.puzzle(a, b)
            print(json.dumps({"question": question, "answer": answer}), file=file)
PY
run 0 python3 fresh.py "$TRM_SOURCE_DIR/examples"
run 0 "$TRM" eval "$model" fresh.jsonl --halt --json --quiet
json 'v["puzzles"] == 400 and v["exact"] >= 384 and v["mean_steps"] < 2'
run 0 "$TRM" eval "$model" chains.jsonl --halt --json --quiet
json 'v["puzzles"] == 20 and v["exact"] >= 16'
run 0 "$TRM" info "$model" --json
json 'v["card"]["name"] == "addition" and v["card"]["accuracy"]["puzzles"] == 1255 and len(v["card"]["seeds"]) == 3'
json 'v["sha256"] and {v["config"]["hidden_size"]} == {64}'
[ "$(stat -c %s "$model")" -lt 600000 ] || fail "$model is no small file"

# -- and it is found by itself for puzzles like these, and for no others --
export TRM_MODELS=$TRM_SOURCE_DIR/models
printf '............\n000011011011\n000010110000\n............\n' >sum.txt
run 0 "$TRM" solve sum.txt
says '^not checked: no rules known; the network takes its answer for right$'
says '^000110001011$'
run 0 "$TRM" solve sum.txt --json
json 'v["model"].endswith("addition.safetensors") and v["answer"] == "000111100000000011011011000010110000000110001011"'
refuse 3 "column 22: found 'x', expected one of" "$TRM" solve ............000011011x11000010110000............
printf '{"question": "%s", "answer": "%s"}\n' 0123............................................ 012301230123012301230123012301230123012301230123 >other.jsonl
refuse 2 'no installed model solves puzzles of 48 cells; .*grid 12x4 of 3 symbols' "$TRM" eval other.jsonl --quiet
done_testing
