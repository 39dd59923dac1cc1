#!/bin/bash
# The second worked example of docs/own-task.md: the script writes broken programs, none of which is on two sides; its judge
# takes what repairs them and nothing else; and the model that ships repairs programs that this test makes itself.
source "$(dirname "$0")/support.bash"
: "${TRM_SOURCE_DIR:?}"
export PYTHONDONTWRITEBYTECODE=1
cp "$TRM_SOURCE_DIR/examples/brackets.py" .
model=$TRM_SOURCE_DIR/models/brackets.safetensors
judge="python3 brackets.py judge"

# -- the script: the same each time, every question broken, every answer a repair, nothing on two sides --
run 1 python3 brackets.py
grep -q '^usage: brackets.py FOLDER' err || fail "no usage"
run 0 python3 brackets.py programs 800
run 0 python3 brackets.py again 800
for file in train valid test long; do cmp programs/$file.jsonl again/$file.jsonl || fail "another $file.jsonl at the second time"; done
cat >look.py <<'PY'
import json
import brackets
seen = {}
for name, count in ("train", 800), ("valid", 500), ("test", 2000), ("long", 2000):
    with open(f"programs/{name}.jsonl") as file:
        rows = [json.loads(line) for line in file]
    assert len(rows) == count, (name, len(rows))
    for row in rows:
        (question,), (answer,) = row["question"], row["answer"]
        least, most = (13, 24) if name == "long" else (5, 12)
        assert least <= len(question) == len(answer) <= most, question
        assert brackets.fault(question) and not brackets.fault(answer), (question, answer)
        assert sum(q != a for q, a in zip(question, answer)) == 1, (question, answer)
        assert seen.setdefault(brackets.shape(question), name) == name, "a program on two sides"
        if name != "train":
            assert seen.setdefault(question, 0) == 0, "a question stands twice"
            seen[question] = 1
for right in "a=1", "a=b[c]", "{a=(1+b)*c;d=2}", "a=1;{b=c}", "a=b[c[1]]-(2)":
    assert not brackets.fault(right), right
for wrong in "", "a", "a=", "a=1;", "(a=1)", "a=1[2]", "a=b(c)", "a=()", "{}", "a=1}", "a==1", "1=a", "a=b.c", "a=1 ", "a=bc", "a=b[c)":
    assert brackets.fault(wrong), wrong
assert not brackets.judge("a=b-c]....", "a=b[c]....") and brackets.judge("a=b-c]....", "a=b-c]....")
assert brackets.judge("a=b-c]....", "a=b[d]....") and brackets.judge("a=1]......", "a=1.......") == ""
PY
run 0 python3 look.py
printf '%s\n' '{"question": ["a=1+]...", "..."], "answer": ["a=1+2...", "..."]}' '{"question": ["a=1"], "answer": ["a=1"]}' >lines
python3 brackets.py judge <lines >out || fail "the judge does not run"
python3 -c 'import json, sys
found = [json.loads(line) for line in open("out")]
sys.exit(found != [{"right": True}, {"right": False, "why": "0 cells are changed, expected 1"}])' || fail "verdicts: $(cat out)"

# -- the model that ships: fresh programs, of no file of its training, with the judge in the search and without --
cat >fresh.py <<'PY'
import json, random, sys
import brackets
randoms = random.Random(20261201)
known = set()
for name in "valid", "test", "long":
    with open(f"programs/{name}.jsonl") as file:
        known |= {brackets.shape(json.loads(line)["question"][0]) for line in file}
with open("fresh.jsonl", "w") as file:
    for _ in range(300):
        question, answer = brackets.draw(randoms, brackets.LEAST, brackets.MOST)
        while brackets.shape(question) in known:
            question, answer = brackets.draw(randoms, brackets.LEAST, brackets.MOST)
        print(json.dumps({"question": [question], "answer": [answer]}), file=file)
PY
run 0 python3 fresh.py
run 0 "$TRM" eval "$model" fresh.jsonl --halt --judge "$judge" --json --quiet
json 'v["puzzles"] == 300 and v["metrics"]["judged"]["puzzles"] >= 276 and v["exact"] >= 270 and v["mean_steps"] < 2'
run 0 "$TRM" eval "$model" fresh.jsonl --search 64 --max-steps 4 --judge "$judge" --json --quiet
json 'v["search"]["wrong"] == 0 and v["search"]["right"] >= 282'
run 0 "$TRM" solve --model "$model" --judge "$judge" 'a=b*(c+d]'
says '^correct: the judge says so'
says '^a=b\*\(c\+d\)'
run 0 "$TRM" info "$model" --json
json 'v["card"]["name"] == "brackets" and v["card"]["accuracy"]["puzzles"] == 2000 and len(v["card"]["seeds"]) == 3'
json 'v["task"]["judge"] == "python3 examples/brackets.py judge" and v["task"]["symmetries"] == "symbols:abcd symbols:0123"'
[ "$(stat -c %s "$model")" -lt 600000 ] || fail "$model is no small file"
done_testing
