#!/bin/bash
# trm sudoku: new, check, hint, rate, as text and as JSON, with their exit codes; and README's table of what the model that
# ships solves, against the model's card.
source "$(dirname "$0")/support.bash"
: "${TRM_SOURCE_DIR:?}"
export TRM_MODELS=$TRM_SOURCE_DIR/models
easy=53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79
hard=8..........36......7..9.2...5...7.......457.....1...3...1....68..85...1..9....4..
clash=55${easy#53}

# -- the group --
run 0 "$TRM" sudoku --help
for command in new check hint rate; do says "^  $command "; done
refuse 2 'new, check, hint or rate' "$TRM" sudoku
refuse 2 'did you mean sudoku hint' "$TRM" sudoku hnt
run 0 "$TRM" help sudoku rate
says '^usage: trm sudoku rate'

# -- check --
run 0 "$TRM" sudoku check $easy
says '^the puzzle has exactly one solution$'
run 3 "$TRM" sudoku check $clash
says '^clue 5 stands twice in row 1, .*: r1c1, r1c2$'
run 3 "$TRM" sudoku check $clash --json
json 'v["solutions"] == 0 and v["cells"] == ["r1c1", "r1c2"] and "twice" in v["problem"] and len(v["question"]) == 81'
run 3 "$TRM" sudoku check ".${hard#8}" --json
json 'v["solutions"] == 2 and len(v["cells"]) > 3 and "can be" in v["problem"]'
run 3 "$TRM" sudoku check "1${hard#8}"
says '^no solution: '
run 0 "$TRM" sudoku check 4.322314...33.4. --json
json 'v["solutions"] == 1 and v["problem"] is None and v["cells"] == []'
refuse 3 'has 5 cells, expected 16, 36, 81 or 256' "$TRM" sudoku check 53..7
refuse 3 'cannot open' "$TRM" sudoku check nowhere.txt
printf '%s\n' $easy 53..7..5 $clash >three.txt
run 3 "$TRM" sudoku check three.txt --json
python3 - <<'PYTHON' || fail "three.txt"
import json
a, b, c = [json.loads(line) for line in open("out")]
assert a["solutions"] == 1 and a["where"] == "three.txt:1" and "three.txt:2" in b["where"] and b["error"], (a, b)
assert c["solutions"] == 0 and len(c["cells"]) == 2, c
PYTHON

# -- hint --
run 0 "$TRM" sudoku hint $easy
says '^r5c5 is 5: its row, column and box leave no other digit$'
says '^by: rules \(naked single\)$'
run 0 "$TRM" sudoku hint $easy --json
json '(v["cell"], v["row"], v["column"], v["digit"], v["by"]) == ("r5c5", 5, 5, "5", "rules") and v["probability"] is None'
json 'v["technique"] == "naked single" and v["before"] == [] and v["reason"].startswith("r5c5 is 5: ")'
run 0 "$TRM" sudoku hint $hard --json
json 'v["by"] == "network checked by rules" and 0 < v["probability"] <= 1 and v["technique"] is None'
solved=812753649943682175675491283154237896369845721287169534521974368438526917796318452
json "\"$solved\"[9 * (v['row'] - 1) + v['column'] - 1] == v['digit']"
run 1 "$TRM" sudoku hint $hard --no-network
says '^no hint: logic ends here$'
run 1 "$TRM" sudoku hint $solved --json
json 'v["cell"] is None and v["by"] is None and v["reason"] == "no cell is empty"'
run 3 "$TRM" sudoku hint $clash
says 'r1c1, r1c2$'
run 3 "$TRM" sudoku hint "1${hard#8}" --json
json 'v["solutions"] == 0 and v["problem"].startswith("no solution")'
refuse '[23]' 'nowhere' "$TRM" sudoku hint $hard --model nowhere.safetensors
# Hint by hint, until logic ends; there is no model of this size to ask.
large=$("$TRM" sudoku new --size 16 --guesses 100- --seed 1)
for _ in {1..256}; do
  "$TRM" sudoku hint "$large" --json >out 2>err
  code=$?
  [ $code = 0 ] || break
  large=$(python3 -c 'import json
v = json.load(open("out"))
q, i = v["question"], 16 * (v["row"] - 1) + v["column"] - 1
assert v["by"] == "rules" and q[i] == "."
print(q[:i] + v["digit"] + q[i + 1:])') || fail "a hint that is none"
done
[ $code = 1 ] || fail "expected logic to end with exit code 1, found $code"
json 'v["cell"] is None and v["reason"] == "logic ends here"'
grep -q 'no installed model solves Sudoku 16x16; there are: .*; name one with --model' err || fail "not said that there is no model"
run 0 "$TRM" sudoku check "$large" # none of them was wrong

# -- rate: the number that the generator and the data have --
run 0 "$TRM" sudoku rate $easy
says '^clues +30$'
says '^guesses +0 '
says '^logic +solves it; the hardest step: naked single$'
says '^minimal +no: [0-9]+ clues'
run 0 "$TRM" sudoku rate $hard --json
json 'v["clues"] == 21 and v["guesses"] > 5 and v["minimal"] and v["needless"] == 0 and v["left"] == 60 and v["hardest"] is None'
run 3 "$TRM" sudoku rate $clash
run 0 "$TRM" sudoku new --guesses 3-9 --seed 7 --json --count 3
cp out made.jsonl
run 0 "$TRM" data import made.jsonl --out imported --test-fraction 0 --quiet
while read -r line; do
  echo "$line" >out
  json '3 <= v["guesses"] <= 9 and v["clues"] == sum(c != "." for c in v["question"]) and v["size"] == 9 and v["seed"] == 7'
  question=$(python3 -c 'import json; print(json.load(open("out"))["question"])')
  guesses=$(python3 -c 'import json; print(json.load(open("out"))["guesses"])')
  run 0 "$TRM" sudoku rate "$question" --json
  json "v['guesses'] == $guesses and v['solutions'] == 1"
done <made.jsonl
[ "$(wc -l <made.jsonl)" = 3 ] || fail "expected three puzzles"

# -- new --
run 0 "$TRM" sudoku new
says '^[.1-9]{81}$'
cp out first
run 0 "$TRM" sudoku new
cmp -s out first && fail "twice the same puzzle without a seed"
run 0 "$TRM" sudoku new --clues 30 --guesses 0 --seed 5 --count 4
cp out first
[ "$(tr -cd '1-9\n' <out | awk 'length == 30' | wc -l)" = 4 ] || fail "not 30 clues each"
run 0 "$TRM" sudoku new --clues 30 --guesses 0 --seed 5 --count 4
cmp out first || fail "the same seed made other puzzles"
"$TRM" sudoku new --count 3 --size 6 | "$TRM" sudoku check --json >out || fail "new | check"
[ "$(grep -c '"solutions":1' out)" = 3 ] || fail "new | check: not three sound puzzles"
refuse 3 'none of 20 puzzles was as wanted' "$TRM" sudoku new --clues 18 --tries 20
refuse 2 '17 or more' "$TRM" sudoku new --clues 12
refuse 2 'expected a number or a range' "$TRM" sudoku new --guesses many
refuse 2 'expected a number or a range' "$TRM" sudoku new --clues -
refuse 2 'smaller number first' "$TRM" sudoku new --guesses 9-3
refuse 2 'expected 4, 6, 9 or 16' "$TRM" sudoku new --size 5
(timeout -s INT 1 "$TRM" sudoku new --guesses 100000- --quiet >out 2>err; echo $? >code)
grep -qE 'stopped after [0-9]+ puzzles' err || fail "SIGINT: the search does not say that it was stopped"

# -- README's table and the model's card --
run 0 "$TRM" info "$TRM_MODELS/sudoku-extreme.safetensors" --json
python3 - "$TRM_SOURCE_DIR/README.md" <<'PYTHON' || fail "README.md: the table of what the model solves is not its card's"
import json, re, sys
card, readme = json.load(open("out"))["card"], open(sys.argv[1], encoding="utf-8").read()
rows = {re.sub(r" to (\d+) clues", r"-\1", a): (int(n.replace(",", "")), float(p))
        for a, n, p in re.findall(r"^\| ([^|]+?) \| ([\d,]+) \| ([\d.]+) % \|$", readme, re.M)}
want = dict(card["accuracy_by_clues"], **{"Sudoku-Extreme, which it never saw": card["accuracy_extreme"]})
want = {name: (v["puzzles"], round(100 * v["exact"] / v["puzzles"], 1)) for name, v in want.items()}
sys.exit(f"README {rows}, card {want}" if rows != want else 0)
PYTHON
done_testing
