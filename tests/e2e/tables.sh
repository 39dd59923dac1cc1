#!/bin/bash
# Tables of all kinds through the program: what a file is, its content says and not its name; standard input, pipes, gzip and
# UTF-16; questions alone; what is left out or taken for something is said; show, export, augment; an import that is
# stopped leaves nothing.
source "$(dirname "$0")/support.bash"
export TRM_MODELS=$TRM_SOURCE_DIR/models
p=53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79
a=534678912672195348198342567859761423426853791713924856961537284287419635345286179
printf 'puzzle,solution\n%s,%s\n' $p $a >plain.csv
[ "$(printf 'Id;Puzzle;Solution\r\n1;%s;%s\r\n' $p $a | tee SEMI.TXT | wc -l)" = 2 ]
printf 'sep=\t\n%s\t%s\n' $p $a >tabs
printf '[{"quizzes": "%s",\n  "solutions": "%s"}]' $p $a >array.dat
printf '{"input": "%s", "output": "%s"}\n' $p $a >lines.NDJSON
iconv -f UTF-8 -t UTF-16 plain.csv >wide.csv
iconv -f UTF-8 -t UTF-16BE plain.csv >wide-be
gzip -k plain.csv lines.NDJSON

# every FILE...: data info, data check and solve read the same from it, as a file, a pipe and standard input.
every() {
  local file
  for file in "$@"; do
    run 0 "$TRM" data info "$file" --json
    json "v['task']['kind'] == 'sudoku' and v['splits']['file']['examples'] == 1"
    json "v['splits']['file']['first_question'] == '$p'"
    run 0 "$TRM" data check "$file" --quiet
    says 'no problem was found'
    run '[01]' "$TRM" solve --json --max-steps 1 "$file"
    grep -q "\"question\":\"$p\"" out || fail "solve $file: $(cat out err)"
    "$TRM" solve --json --max-steps 1 - <"$file" >out 2>err
    grep -q "\"question\":\"$p\"" out || fail "solve - <$file: $(cat out err)"
    "$TRM" data info - --json <"$file" >out 2>err || fail "data info - <$file: $(cat err)"
    json "v['splits']['file']['first_question'] == '$p'"
    "$TRM" data info <(cat "$file") --json >out 2>err || fail "data info <(cat $file): $(cat err)"
    json "v['splits']['file']['first_question'] == '$p'"
  done
}
every plain.csv SEMI.TXT tabs array.dat lines.NDJSON wide.csv wide-be
if "$TRM" data info plain.csv.gz >/dev/null 2>err; then every plain.csv.gz lines.NDJSON.gz
else grep -q 'plain.csv.gz: packed with gzip, which this build cannot unpack' err || fail "plain.csv.gz: $(cat err)"; fi

# -- questions alone: enough for solve, not for what needs answers --
printf 'nr,quizzes\n1,%s\n' $p >questions.csv
run '[01]' "$TRM" solve --json --max-steps 1 questions.csv
grep -q "\"question\":\"$p\"" out || fail "questions.csv"
refuse 3 'questions.csv:1:1: the header has no answer column: found nr, quizzes; expected' "$TRM" data info questions.csv
refuse 3 'questions.csv:1:1: the header has no answer column' "$TRM" data import questions.csv --out no --quiet
printf 'nr,first,last\n1,%s,%s\n' $p $a >named.csv
refuse 3 'named.csv:1:1: the header has no question column: found nr, first, last; .*--question-column' "$TRM" data import named.csv --out no
run 0 "$TRM" data import named.csv --question-column FIRST --answer-column last --test-fraction 0 --out named --quiet
printf '\20\0\0\0\0\0\0\0{"__metadata__":{}   }' >model.safetensors
refuse 3 'model.safetensors: this is a model' "$TRM" data info model.safetensors

# -- what is said --
printf 'puzzle,solution,difficulty\n%s,%s,Easy\n' "${p//./?}" $a >said.csv
run 0 "$TRM" data import said.csv --out said --test-fraction 0 --quiet
grep -q "^trm data import: warning: said.csv: '[?]' is taken for a blank\$" err || fail "blank: $(cat err)"
grep -q 'warning: said.csv: 1 of 1 ratings are no numbers and were left out, the first in line 2: "Easy"' err || fail "rating: $(cat err)"
run 0 "$TRM" data info said.csv --json
grep -qF "'?' is taken" err || fail "data info says nothing"
printf 'question,answer\nab,ba\nab,bb\n' >two.csv
run 3 "$TRM" data check two.csv
says 'questions that have another answer elsewhere +1'
grep -q '^trm data check: two.csv: example 2: its question has another answer in example 1$' err || fail "two: $(cat err)"
run 3 "$TRM" data check two.csv --json
json "v['conflicts'] == 1 and not v['ok'] and v['rules'] == 'no rules known'"

# -- show, export, augment --
run 0 "$TRM" data show plain.csv
says '^example 1 of 1$'
says '5 3 4 \| 6 7 8 \| 9 1 2'
run 0 "$TRM" data show plain.csv 1 --json
json "v == {'example': 1, 'question': '$p', 'answer': '$a', 'rating': None}"
refuse 2 'found example 2, expected 1 to 1' "$TRM" data show plain.csv 2
refuse 2 'expected the number of an example' "$TRM" data show plain.csv x
run 0 "$TRM" data augment plain.csv --copies 3 --seed 5 --out four --quiet
says '^four: Sudoku 9x9, 4 training examples in 1 groups$'
run 0 "$TRM" data augment plain.csv --copies 3 --seed 5 --out again --quiet
cmp four/train/all__inputs.npy again/train/all__inputs.npy || fail "the same seed gives other images"
refuse 2 'not empty' "$TRM" data augment plain.csv --out four
refuse 3 'no known symmetries' "$TRM" data augment two.csv --out no
run 0 "$TRM" data show four 3 --count 2
says '^example 4 of 4$'
run 0 "$TRM" data export four --out four.csv
says '^four.csv$'
refuse 2 'four.csv' "$TRM" data export four --out four.csv
run 0 "$TRM" data import four.csv --out back --test-fraction 0 --quiet
cmp four/train/all__inputs.npy back/train/all__inputs.npy && cmp four/train/all__labels.npy back/train/all__labels.npy ||
  fail "an export does not read back the same"
run 0 "$TRM" data export plain.csv -o /dev/stdout
printf 'question,answer\n%s,%s\n' $p $a | cmp - out || fail "export to standard output"

# -- a long array on one line, with little memory --
python3 - $p <<'PY'
import json, sys
json.dump([{"question": sys.argv[1]}] * 200000, open("long.json", "w"))
PY
(ulimit -v 400000; "$TRM" solve --json --max-steps 1 --threads 1 long.json 2>err | head -3 >out)
[ "$(grep -c "\"question\":\"$p\"" out)" = 3 ] || fail "an array on one line: $(cat out err)"

# -- an import that is stopped while it waits for a pipe leaves nothing --
mkfifo slow
"$TRM" data import slow --out stopped --quiet >out 2>err </dev/null &
importer=$!
exec 9>slow
printf 'puzzle,solution\n' >&9
sleep 0.5
kill -TERM $importer
wait $importer
[ $? = 1 ] && grep -q '^trm data import: slow: stopped while it was read, before anything was written$' err || fail "a stopped import: $(cat err)"
exec 9>&-
[ -z "$(find . -name 'stopped*')" ] || fail "a stopped import left $(find . -name 'stopped*')"
done_testing
