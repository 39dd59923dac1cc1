#!/bin/bash
# Rules of one's own: an import that declares size, pad, symmetries and a judge; a judge that trm solve and trm eval ask, and
# all the ways in which one may fail; and that no file makes a program run.
source "$(dirname "$0")/support.bash"
: "${TRM_SOURCE_DIR:?}"
export PYTHONDONTWRITEBYTECODE=1
cp "$TRM_SOURCE_DIR/examples/brackets.py" .
judge="python3 brackets.py judge"

# -- import: puzzles of several lengths, the task's own words in task.json, every answer judged --
cat >few.jsonl <<'JSON'
{"question": "a=b+c]", "answer": "a=b[c]"}
{"question": "b=a+d]", "answer": "b=a[d]"}
{"question": "c=d+a]", "answer": "c=d[a]"}
{"question": "a=1;b-2", "answer": "a=1;b=2"}
JSON
declared=(--width 8 --height 1 --pad . --symmetries "symbols:abcd" --judge "$judge")
run 0 "$TRM" data import few.jsonl --out few "${declared[@]}" --test-fraction 0.25 --quiet
python3 - <<'PY' || fail "task.json"
import json
task = json.load(open("few/task.json"))
assert (task["kind"], task["width"], task["height"]) == ("generic", 8, 1), task
assert task["alphabet"][task["pad"] - 1] == "." and task["symmetries"] == "symbols:abcd", task
assert task["judge"] == "python3 brackets.py judge", task
PY
run 0 "$TRM" data export few -o few.csv
grep -qE '^a=1;b-2\.,a=1;b=2\.' few.csv || grep -qE '^a=b\+c\]\.\.,a=b\[c\]\.\.' few.csv || fail "a puzzle is not filled"
# the first three are the same but for names, so they are on one side and one group
run 0 "$TRM" data info few --json
json '{v["splits"]["train"]["groups"], v["splits"]["test"]["groups"]} == {1}'
json 'sorted(v["splits"][s]["puzzles"] for s in ("train", "test")) == [1, 3]'
run 0 "$TRM" data check few
run 0 "$TRM" data import few.jsonl --out apart --width 8 --height 1 --pad . --test-fraction 0.25 --quiet # nothing declared
run 0 "$TRM" data info apart --json
json 'v["splits"]["train"]["groups"] == 3'
printf '{"question": [[1, 2]], "answer": [[2, 1]]}\n{"question": [[1, 2], [2, 1]], "answer": [[2, 1], [1, 2]]}\n' >numbers.jsonl
run 0 "$TRM" data import numbers.jsonl --out numbers --width 2 --height 2 --pad 0 --symmetries "rows columns" --test-fraction 0 --quiet
run 0 "$TRM" data export numbers -o numbers.out.csv
grep -q '^1200,2100' numbers.out.csv || fail "rows of numbers are not filled: $(cat numbers.out.csv)"

# -- what does not fit: one line, exit code 3, and nothing written --
no() { # PATTERN OPTION...
  local pattern=$1
  shift
  refuse 3 "$pattern" "$TRM" data import few.jsonl --out none --width 8 --height 1 --pad . --quiet "$@"
  [ ! -e none ] || fail "$*: something was written"
}
no 'few.jsonl: symmetries: "dihedrel" is not known, did you mean dihedral\?' --symmetries dihedrel
no 'symmetries: "rows" does not fit a grid of 1 row' --symmetries rows
no 'symmetries: "stacks:3" does not fit a grid of 8 columns' --symmetries stacks:3
no "symmetries: \"symbols:abx\" has 'x', which is no symbol of the task" --symmetries symbols:abx
no "symmetries: \"symbols:a.\" has '.', which fills the grid" --symmetries symbols:a.
no 'few.jsonl, puzzle 1: the judge takes its answer for wrong: no' \
  --judge "while read -r l; do echo '{\"right\": false, \"why\": \"no\"}'; done"
no 'judge "exit 3": ended with exit code 3' --judge "exit 3"
no 'judge "python3 -c 1/0": ended with exit code 1.*it said: ZeroDivisionError' --judge "python3 -c 1/0"
no 'judge "sleep 30": has not answered for 0.3 seconds' --judge "sleep 30" --judge-seconds 0.3
no 'answered yes, expected [{]"right": true' --judge "while read -r l; do echo yes; done"
no 'judge "no-such-judge": ended with exit code 127' --judge no-such-judge
refuse 3 'the question has 6 cells, expected 1 rows of 5, or fewer or shorter' "$TRM" data import few.jsonl --out none --width 5 \
  --height 1 --pad . --quiet
refuse 2 'pad: found without width and height' "$TRM" data import few.jsonl --out none --pad . --quiet
refuse 2 'pad: found "ab", expected one symbol' "$TRM" data import few.jsonl --out none --width 8 --height 1 --pad ab --quiet
head -1 few.jsonl >ragged.jsonl
printf '{"question": "a=b+c]", "answer": "a=b[c"}\n' >>ragged.jsonl
refuse 3 'ragged.jsonl:2:1: the answer has 5 cells, expected 6 as in its question' "$TRM" data import ragged.jsonl --out none \
  --width 8 --height 1 --pad . --quiet
write_puzzles
refuse 3 'symmetries: found in a task of kind sudoku' "$TRM" data import six.csv --out none --symmetries rows --quiet
[ ! -e none ] || fail "something was written"

# -- a model whose task names a judge: nothing runs it by itself --
sed "s|\"judge\": .*|\"judge\": \"touch ran; $judge\"|" few/task.json >task.json
mv task.json few/task.json
run 0 "$TRM" train few --preset grid-small --augment --hidden-size 16 --num-heads 1 --L-layers 1 --expansion 1 --batch 4 --steps 3 \
  --run run --quiet
run 0 "$TRM" info run --json
json 'v["task"]["judge"].startswith("touch ran; ") and v["task"]["symmetries"] == "symbols:abcd"'
run '[01]' "$TRM" solve --model run 'a=b+c]'
grep -q "judge is touch ran; $judge; --judge COMMAND runs one" err || fail "no word of the judge"
says '^not checked: no rules known'
run 0 "$TRM" eval run few --quiet
[ ! -e ran ] || fail "a file made a program run"

# -- asked: verdicts, reasons, a search that ends with what the judge takes --
run 1 "$TRM" solve --model run --judge "$judge" --search 32 'a=b+c]'
says "^don't know: .* steps, .* chains; surest: (.* cells are changed, expected 1|found .*)"
always="while read -r l; do echo '{\"right\": true}'; done"
run 0 "$TRM" solve --model run --judge "$always" 'a=b+c]'
says '^correct: the judge says so$'
run 0 "$TRM" solve --model run --judge "$always" --json 'a=b+c]' few.jsonl
[ "$(grep -c '"correct":true' out)" = 5 ] || fail "not all five are correct: $(cat out)"
# the third answer of a chain is taken: three steps
third="n=0; while read -r l; do n=\$((n+1)); [ \$n -ge 3 ] && echo '{\"right\": true}' || echo '{\"right\": false}'; done"
run 0 "$TRM" solve --model run --judge "$third" --json 'a=b+c]'
json 'v["steps"] == 3 and v["correct"]'
run 0 "$TRM" eval run few --judge "$always" --json --quiet
json 'v["metrics"]["judged"]["puzzles"] == v["puzzles"]'
run 0 "$TRM" eval run few --judge "$judge" --search 40 --max-steps 4 --json --quiet
json 'v["search"]["level"] == "C" and v["search"]["wrong"] == 0 and v["search"]["right"] == v["metrics"]["judged"]["puzzles"]'

# -- a judge that fails: one line, exit code 3 --
for command in solve eval; do
  if [ $command = solve ]; then puzzle='a=b+c]'; else puzzle=few.jsonl; fi
  ask() { "$TRM" $command --model run "$puzzle" --judge "$@"; }
  refuse 3 'judge "exit 3": ended with exit code 3' ask "exit 3"
  refuse 3 'judge "sleep 30": has not answered for 0.2 seconds' ask "sleep 30" --judge-seconds 0.2
  refuse 3 'answered .., expected' ask "while read -r l; do echo '{}'; done"
  refuse 3 'wrote more than one line' ask "while read -r l; do printf 'a\nb\n'; done"
  refuse 3 'ended with exit code 0' ask "read -r l; echo '{\"right\": false}'"
  refuse 3 'was ended by signal 9' ask 'kill -9 $$'
done
refuse 2 'judge: no command' "$TRM" solve --model run --judge ' ' 'a=b+c]'
refuse 2 'judge: found for a task of kind sudoku' "$TRM" solve --model "$TRM_SOURCE_DIR/models/sudoku-9x9.safetensors" --judge cat \
  53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79
refuse 2 'judge: is not for --server' "$TRM" solve --server http://127.0.0.1:1 --judge cat 'a=b+c]'
refuse 2 'judge: has no effect beside --choose-threshold' "$TRM" eval run few --judge cat --choose-threshold

# -- kill -9 of trm: its judge comes to the end of its input and goes --
mkfifo pipe
"$TRM" solve --model run --judge "echo \$\$ >judge.pid; while read -r l; do echo '{\"right\": false}'; done" - \
  <pipe >/dev/null 2>&1 &
solver=$!
exec 9>pipe
echo 'a=b+c]' >&9
for _ in $(seq 300); do [ -s judge.pid ] && break; sleep 0.1; done
[ -s judge.pid ] || fail "the judge never began"
kill -9 $solver
wait $solver 2>/dev/null
for _ in $(seq 300); do kill -0 "$(cat judge.pid)" 2>/dev/null || break; sleep 0.1; done
kill -0 "$(cat judge.pid)" 2>/dev/null && fail "the judge outlived trm"
exec 9>&-
wait

# -- text: shorter puzzles are filled, longer ones refused with their place --
printf 'a=b+c]\n\nb=1+2\na=[b+c]+2\n' >three.txt
run 3 "$TRM" solve --model run three.txt
grep -q 'three.txt:4:9: 9 cells, expected at most 8' err || fail "not refused: $(cat err)"
[ "$(grep -c '^unchecked' out)" = 2 ] || fail "two are not solved"
refuse 3 "argument 1, line 1, column 3: found 'x', expected one of" "$TRM" solve --model run 'a=x'
done_testing
