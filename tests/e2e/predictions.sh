#!/bin/bash
# What a model gets wrong: trm eval --predictions and --worst, and trm solve beside the answers of its data; of Sudoku,
# mazes and a task of one's own.
source "$(dirname "$0")/support.bash"
write_puzzles

# rows FILE EXPRESSION: the file's rows, each a dictionary of texts or of JSON's values, are v, for which it holds.
rows() {
  checks=$((checks + 1))
  python3 -c 'import csv, json, sys
name = sys.argv[1]
v = list(csv.DictReader(open(name))) if name.endswith(".csv") else [json.loads(line) for line in open(name)]
sys.exit(0 if eval(sys.argv[2]) else 1)' "$1" "$2" || fail "$1: not true: $2"
}

# shellcheck disable=SC2086 # $tiny is several arguments
run 0 "$TRM" train six.csv --run run $tiny --steps 60 --quiet
# -- the file: every puzzle in its order, the same with any number of threads and puzzles at once --
run 0 "$TRM" eval run six.csv --predictions p.jsonl --json
cp out eval.json
rows p.jsonl 'len(v) == 6 and [r["example"] for r in v] == [1, 2, 3, 4, 5, 6]'
rows p.jsonl 'sum(r["exact"] for r in v) == json.load(open("eval.json"))["exact"]'
rows p.jsonl 'sum(r["cells"] - r["wrong_cells"] for r in v) == json.load(open("eval.json"))["right_tokens"]'
rows p.jsonl 'all(r["wrong_cells"] == sum(a != b for a, b in zip(r["right_answer"], r["given_answer"])) for r in v)'
rows p.jsonl 'v[0]["question"] == "4.322314...33.4." and v[0]["right_answer"] == "4132231414233241" and v[5]["rating"] == 500'
rows p.jsonl 'all(r["checked"] and (r["verdict"] == "right") == r["correct"] and r["steps"] == 16 for r in v)'
for how in "--threads 1" "--threads 2 --batch 1" "--batch 4"; do
  # shellcheck disable=SC2086
  run 0 "$TRM" eval run six.csv --halt --predictions "halt $how.jsonl" $how --quiet
  cmp "halt --threads 1.jsonl" "halt $how.jsonl" || fail "other predictions with $how"
done
run 0 "$TRM" eval run six.csv --predictions p.csv --quiet
says '^predictions in p\.csv$'
rows p.csv '[(r["question"], r["given_answer"], r["wrong_cells"]) for r in v] == [(r["question"], r["given_answer"], str(r["wrong_cells"])) for r in map(json.loads, open("p.jsonl"))]'
run 0 "$TRM" eval run six.csv --search 20 --limit 3 --predictions search.csv --quiet
rows search.csv 'len(v) == 3 and all(int(r["steps"]) >= 1 for r in v)'
run 0 "$TRM" data import p.csv --answer-column right_answer --out again --test-fraction 0 --quiet
run 0 "$TRM" data info again --json
json 'v["splits"]["train"]["examples"] == 6'

# -- written as any output --
refuse 2 'p.csv exists; --force' "$TRM" eval run six.csv --predictions p.csv --quiet
run 0 "$TRM" eval run six.csv --predictions p.csv --force --quiet
refuse 2 'p.txt: found the ending ".txt", expected .csv or .jsonl' "$TRM" eval run six.csv --predictions p.txt --quiet
refuse 2 'is standard output' "$TRM" eval run six.csv --predictions - --quiet
refuse 2 'is standard output' "$TRM" eval run six.csv --predictions /dev/stdout --quiet
refuse 3 'absent/p.csv' "$TRM" eval run six.csv --predictions absent/p.csv --quiet
refuse 2 'the file of --events' "$TRM" eval run six.csv --predictions p --events p --quiet
refuse 2 'predictions: has no effect beside --choose-threshold' "$TRM" eval run six.csv --choose-threshold --predictions p --quiet
refuse 2 'worst: has no effect beside --choose-threshold' "$TRM" eval run six.csv --choose-threshold --worst 1 --quiet
mkdir far && ln -s far/p.jsonl link.jsonl
run 0 "$TRM" eval run six.csv --predictions link.jsonl --quiet
[ -L link.jsonl ] && cmp far/p.jsonl p.jsonl || fail "a link is not followed"
"$TRM" eval run six.csv --predictions /dev/fd/3 --quiet 3>&1 >/dev/null | cmp - p.jsonl || fail "another descriptor"
# interrupted: no file, and the one that was there stays
python3 -c 'rows = open("six.csv").read().split("\n", 1); print(rows[0]); print(rows[1] * 4000)' >many.csv
echo before >kept.jsonl
"$TRM" eval run many.csv --predictions kept.jsonl --force --max-steps 400 --quiet >out 2>err &
pid=$!
sleep 1
kill -INT $pid
wait $pid
[ $? = 1 ] || fail "an interrupted evaluation did not end with 1"
grep -q 'kept.jsonl is not written' err || fail "it is not said that nothing is written"
[ "$(cat kept.jsonl)" = before ] || fail "an interrupted evaluation wrote its predictions"
[ "$(find . -name '*.tmp' | wc -l)" = 0 ] || fail "a temporary is left"

# -- the worst, as boards and for programs --
run 0 "$TRM" eval run six.csv --worst 2 --quiet
if [ "$(python3 -c 'import json; print(json.load(open("eval.json"))["exact"])')" -lt 5 ]; then
  says '^the worst 2, the surest first; !: differs from the right answer$'
  [ "$(grep -c '^example ' out)" = 2 ] || fail "not two of the worst"
  says '^question +right answer +given answer$'
fi
run 0 "$TRM" eval run six.csv --worst 9 --json --quiet
json '[r["q"] for r in v["worst"]] == sorted([r["q"] for r in v["worst"]], reverse=True)'
json 'len(v["worst"]) == 6 - v["exact"] and all(r == [json.loads(l) for l in open("p.jsonl")][r["example"] - 1] for r in v["worst"])'
# shellcheck disable=SC2086
run 0 "$TRM" train six.csv --run good $tiny --steps 1000 --stop-at 1 --valid six.csv --eval-every 20 --quiet
run 0 "$TRM" eval good six.csv --worst 2 --quiet
says "^no answer differs from the data's$"

# -- mazes: another path is by the rules right, and comes last --
run 0 "$TRM" data make --task maze --size 6 --train 20 --test 8 --out mazes --quiet
run 0 "$TRM" train mazes --preset maze-9 --run maze --steps 5 --hidden-size 32 --quiet
run 0 "$TRM" eval maze mazes --worst 3 --predictions maze.csv --quiet
says 'by the rules wrong: '
rows maze.csv 'len(v) == 8 and all(len(r["given_answer"]) == 36 and r["rating"] for r in v)'
run 0 "$TRM" data export mazes --split test -o mazes.csv
run [01] "$TRM" solve --model maze mazes.csv --search 0
says 'data: [0-9]+ cells? differs?$'
says '^the same answer as the data has: 0 of 8$'

# -- a task of one's own, with symbols that tables must quote: nothing is checked, and the data still says what is right --
python3 -c 'import random
random.seed(1)
print("question,answer")
for i in range(20):
    q = "".join(random.choice("ab,") for _ in range(9))
    print("\"%s\",\"%s\"" % (q, q.replace(",", "b")))' >own.csv
run 0 "$TRM" train own.csv --run own --steps 40 --hidden-size 32 --quiet
run 0 "$TRM" eval own own.csv --predictions own.jsonl --worst 3
rows own.jsonl 'len(v) == 20 and not any(r["checked"] for r in v) and all(r["correct"] is None for r in v)'
run 0 "$TRM" eval own own.csv --predictions q.csv --quiet
rows q.csv '[r["question"] for r in v] == [r["question"] for r in map(json.loads, open("own.jsonl"))] and v[0]["verdict"] == "no rules known"'
run [01] "$TRM" solve --model own own.csv --no-halt
says '^the same answer as the data has: [0-9]+ of 20$'
says '^unchecked .*  data: '

# -- trm solve: what the data has is said beside the verdict, and decides nothing --
run 0 "$TRM" solve --model good six.csv
says '^correct .* 4132231414233241  data: the same$'
says '^the same answer as the data has: 6 of 6$'
run 0 "$TRM" solve --model good six.csv --json
[ "$(python3 -c 'import json; print(sum(json.loads(line)["exact"] for line in open("out")))')" = 6 ] || fail "exact in JSON"
printf 'question,answer\n4.322314...33.4.,4132231414233242\n' >slip.csv
run 0 "$TRM" solve --model good slip.csv
says '^correct: '
says '^the data has another answer: 1 cell differs$'
run 0 "$TRM" solve --model good slip.csv --json
json 'v["correct"] and not v["exact"] and v["wrong_cells"] == 1 and v["right_answer"] == "4132231414233242"'
printf 'question,answer\n4.322314...33.4.,broken\n' >broken.csv
run 0 "$TRM" solve --model good broken.csv --json
json 'v["correct"] and "exact" not in v'
run 0 "$TRM" solve --model good 4.322314...33.4. --json
json '"exact" not in v'
done_testing
