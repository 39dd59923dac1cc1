#!/bin/bash
# What bad input gets: one line that names file and position, what was found and what was expected; the right exit code;
# nothing on standard output and nothing half-written.
source "$(dirname "$0")/support.bash"
write_puzzles
good=4.322314...33.4.
# shellcheck disable=SC2086 # $tiny is several arguments
run 0 "$TRM" train six.csv --run run $tiny --steps 2 --quiet
model=$work/run/last.safetensors
[ -s "$model" ] || fail "no model"
# Each case must leave the folder as it was.
listing() { find . -not -name out -not -name err -not -name before -not -name after | sort; }

# -- usage --
refuse 2 '^trm: sovle: unknown command; did you mean solve\?$' "$TRM" sovle
refuse 2 '^trm: frobnicate: unknown command' "$TRM" frobnicate
refuse 2 'data mkae: unknown command; did you mean data make\?' "$TRM" data mkae
refuse 2 '^trm: quantise: unknown command; did you mean quantize\?$' "$TRM" quantise
refuse 2 '^trm: convrt: unknown command; did you mean convert\?$' "$TRM" help convrt
refuse 2 '^trm: evaluate: unknown command; did you mean eval\?$' "$TRM" evaluate
refuse 2 '^trm: show: unknown command; did you mean data show\?$' "$TRM" show
# Every command, and every one of a group, is offered for a slip in its name; so it is by help.
for command in data train eval adapt solve explain sudoku info quantize convert import export runs plot serve mcp action workflow check doctor; do
  refuse 2 "^trm: ${command}x: unknown command; did you mean $command\?\$" "$TRM" ${command}x
  refuse 2 "did you mean $command\?\$" "$TRM" help "x$command"
done
for name in "data make" "data import" "data info" "data check" "data show" "data export" "data augment" "data arc" \
  "sudoku new" "sudoku check" "sudoku hint" "sudoku rate" "action list" "action call" "workflow run" "workflow show"; do
  group=${name% *} command=${name#* }
  refuse 2 "^trm: ${name}x: unknown command; did you mean $name\?\$" "$TRM" "$group" "${command}x"
  refuse 2 "did you mean $name\?\$" "$TRM" help "$group" "x$command"
done
refuse 2 'did you mean import\?$' "$TRM" improt # the command of its own before the one of data
refuse 2 'did you mean data make\?$' "$TRM" make
run 0 "$TRM" --help # the lists above are all of them
[ "$(grep -cE '^  (data|train|eval|adapt|solve|explain|sudoku|info|quantize|convert|import|export|runs|plot|serve|mcp|action|workflow|check|doctor) ' out)" = 20 ] &&
  [ "$(grep -cE '^  [a-z]+   *[a-z]' out)" = 20 ] || fail "--help lists other commands than those tried: $(cat out)"
for group in data=8 sudoku=4 action=2 workflow=2; do
  run 0 "$TRM" ${group%=*} --help
  [ "$(grep -cE '^  [a-z]+   *[a-z]' out)" = ${group#*=} ] || fail "${group%=*} --help lists other commands than those tried: $(cat out)"
done
refuse 2 '^trm data: expected make, import, check, info, show, export, augment or arc; ' "$TRM" data
refuse 2 '^trm train: --n-supervison: unknown option; did you mean --n-supervision\?$' "$TRM" train six.csv --n-supervison 8
refuse 2 '^trm train: --bacth: unknown option; did you mean --batch\?$' "$TRM" train six.csv --bacth 8
refuse 2 'did you mean --hidden-size\?' "$TRM" train six.csv --hiden_size=8
refuse 2 'did you mean --explain' "$TRM" solve --explan $good
refuse 2 'unknown option' "$TRM" eval --zzzzzzzz "$model" six.csv
refuse 2 'unknown option' "$TRM" --zzz
refuse 2 '^trm train: --batch: found "many", expected' "$TRM" train six.csv --batch many
refuse 2 '^trm train: --batch: found 0, expected' "$TRM" train six.csv --batch 0
refuse 2 '--optimizer: found "sgd", expected one of: adam_atan2' "$TRM" train six.csv --optimizer sgd
refuse 2 '--batch: a value must follow' "$TRM" train six.csv --batch
refuse 2 'unknown preset "sudoku"' "$TRM" train six.csv --preset sudoku
refuse 2 'expected a dataset' "$TRM" train
refuse 2 'expected a model and a dataset' "$TRM" eval
refuse 2 'one argument too many' "$TRM" eval "$model" six.csv more
TRM_MODELS=nowhere refuse 2 'model' "$TRM" solve $good
refuse 2 'TRM_THREADS: found "x"' env TRM_THREADS=x "$TRM" solve --model "$model" $good
refuse 2 'unknown|sse' env TRM_ISA=sse "$TRM" doctor
refuse 2 "TRM_ISA: unknown instruction set 'avx3'; did you mean 'avx2'" env TRM_ISA=ref+avx3 "$TRM" doctor
refuse 2 '--device: unknown device .tpu.; known are: ' "$TRM" eval --device tpu "$model" six.csv
refuse 2 'TRM_DEVICE: unknown device .tpu.' env TRM_DEVICE=tpu "$TRM" doctor
TRM_DEVICE=tpu run 0 "$TRM" eval --device cpu "$model" six.csv --quiet
refuse 2 '--out DIR is needed' "$TRM" data make --size 4
refuse 2 'size|7' "$TRM" data make --size 7 --out x

# -- puzzles --
refuse 3 'argument 1: found 15 cells, expected 16' "$TRM" solve --model "$model" ${good:1}
refuse 3 'argument 1: found 17 cells, expected 16' "$TRM" solve --model "$model" ${good}1
refuse 3 "argument 1, line 1, column 2: found 'y', expected 1-4" "$TRM" solve --model "$model" 4y322314...33.4.
refuse 3 'row 1, column 2: clue 4 stands twice in row 1' "$TRM" solve --model "$model" 44..............
refuse 3 'stands twice in box 1' "$TRM" solve --model "$model" 4....4..........
refuse 3 'stands twice in column 1' "$TRM" solve --model "$model" 4.......4.......
printf '%s\n%s\n' $good 4.322314...33.45 >bad.txt
run 3 "$TRM" solve --model "$model" bad.txt
grep -q "^trm solve: bad.txt:2:16: found '5'" err && [ "$(wc -l <err)" = 1 ] || fail "bad.txt: $(cat err)"
says '^solved [01] of 1 puzzles, .*; 1 could not be read$'
printf '4.32\n2314\n\n' >short.txt
refuse 3 'short.txt:1:1: 2 rows of 4 cells, expected 4' "$TRM" solve --model "$model" short.txt
printf '4.322314\0...33.4.\n' >nul.txt
refuse 3 'nul.txt:1:9: found byte 0x00' "$TRM" solve --model "$model" nul.txt
: >empty.txt
refuse 3 'empty.txt: no puzzle' "$TRM" solve --model "$model" empty.txt
refuse 3 'no/such.txt: cannot open' "$TRM" solve --model "$model" no/such.txt
refuse 3 'run: a model, expected a puzzle or a file of puzzles; name it with --model run' "$TRM" solve --model "$model" run
refuse 3 'last.safetensors: a model, expected a puzzle' "$TRM" solve "$model" $good
mkdir folder
refuse 3 'folder: is a directory' "$TRM" solve --model "$model" folder
refuse 3 'short.txt: a text file, expected a model file' "$TRM" solve --model short.txt $good
refuse 3 'puzzle.txt: cannot open' "$TRM" solve --model "$model" puzzle.txt
refuse 3 'puzzle.txt: cannot open' "$TRM" solve puzzle.txt
# What is wrong with a puzzle comes before the lack of a model.
printf '4.32\n231\n...3\n3.4.\n' >row.txt
refuse 3 'row.txt:2:1: row 2: 3 cells, expected 4' "$TRM" solve row.txt
refuse 3 'row.txt:2:1: row 2: 3 cells, expected 4' "$TRM" solve --model "$model" row.txt
printf '|4.|3|\n|23|14|\n|..|.3|\n|3.|4.|\n' >frame.txt
refuse 3 'frame.txt:1:1: row 1: 3 cells, expected 4' "$TRM" solve --model "$model" frame.txt
refuse 3 "argument 1, line 1, column 3: found '-1'" "$TRM" solve --model "$model" "4 -1 3 2 2 3 1 4 0 0 0 3 3 0 4 0"
refuse 3 'but words' "$TRM" solve --model "$model" hello
printf '\xff\xfe4\0.\0' >wide.txt # UTF-16
refuse 3 'wide.txt:1: found 2 cells, expected 16' "$TRM" solve --model "$model" wide.txt
run 3 "$TRM" solve --model "$model" --strict --json bad.txt
[ "$(grep -c '"answer"' out)" = 1 ] && [ "$(grep -c '"error"' out)" = 1 ] || fail "--strict: $(cat out)"
printf '4.32\n2314\n12\n' | run 3 "$TRM" solve --model "$model" --strict --json - $good
[ "$(grep -c '"answer"' out)" = 0 ] || fail "--strict read on: $(cat out)"
# Data that is nearly a known task, or whose shape is a guess.
printf 'question,answer\n4.322314...33.4.,1111222233334444\n' >nearly.csv
run 0 "$TRM" data info nearly.csv
grep -q 'warning: nearly.csv: taken as a grid without rules: size and symbols are those of Sudoku 4x4' err || fail "nearly a Sudoku: $(cat err)"
printf 'question,answer\nab.de.ghi,abcdefghi\n' >nine.csv
run 0 "$TRM" data info nine.csv
grep -qx 'taken as 3x3; --width 9 for a sequence (trm data import)' err || fail "nine cells: $(cat err)"
head -c 3000000 /dev/zero | tr '\0' 1 >long.txt
refuse 3 'long.txt:1: found 3000000 cells' "$TRM" solve --model "$model" long.txt

# -- models --
python3 - "$model" <<'PY'
import json, struct, sys
data = open(sys.argv[1], "rb").read()
n = struct.unpack("<Q", data[:8])[0]
header, body = json.loads(data[8:8 + n]), data[8 + n:]
def write(name, header, body=body, raw=None):
    text = raw if raw is not None else json.dumps(header).encode()
    open(name, "wb").write(struct.pack("<Q", len(text)) + text + body)
def changed(name, key, **fields):
    h = json.loads(json.dumps(header))
    h[key].update(fields)
    write(name, h)
names = [k for k in header if k != "__metadata__"]
key = names[-1]
begin, end = header[key]["data_offsets"]
open("cut.safetensors", "wb").write(data[:len(data) // 2])
open("cut8.safetensors", "wb").write(data[:5])
open("empty.safetensors", "wb").write(b"")
open("claim.safetensors", "wb").write(struct.pack("<Q", 4 << 30) + data[8:])
open("overflow.safetensors", "wb").write(b"\xff" * 8 + data[8:])
open("text.safetensors", "w").write("not a model at all, but long enough to have a header length\n")
changed("past.safetensors", key, data_offsets=[begin, end + (1 << 40)])
changed("overlap.safetensors", key, data_offsets=[0, end - begin])
changed("negative.safetensors", key, data_offsets=[-8, end - begin - 8])
changed("shape.safetensors", key, shape=[1 << 62, 4])
changed("dtype.safetensors", key, dtype="F99")
write("deep.safetensors", None, raw=b'{"a":' * 100000)
write("nul.safetensors", None, raw=json.dumps(header).encode()[:-1] + b"\0}")
h = json.loads(json.dumps(header)); del h[key]; write("missing.safetensors", h)
h = json.loads(json.dumps(header)); del h["__metadata__"]; write("plain.safetensors", h)
h = json.loads(json.dumps(header)); h["__metadata__"]["trm.config"] = '{"hidden_size": 999999999}'; write("config.safetensors", h)
h = json.loads(json.dumps(header)); h["__metadata__"]["trm.task"] = '{"kind": "sudoku", "width": 9}'; write("task.safetensors", h)
PY
for file in cut cut8 empty claim overflow text past overlap negative shape dtype deep nul missing plain config; do
  refuse 3 "^trm info: $file.safetensors" "$TRM" info $file.safetensors
  refuse 3 "^trm solve: $file.safetensors" "$TRM" solve --model $file.safetensors $good
done
refuse 3 'task.safetensors' "$TRM" solve --model task.safetensors $good
refuse 3 'absent.safetensors' "$TRM" info absent.safetensors
refuse 3 'absent' "$TRM" eval absent six.csv

# -- datasets --
data_case() { # NAME PATTERN: eval, train and check refuse it
  refuse 3 "$2" "$TRM" eval "$model" "$1" --quiet
  refuse 3 "$2" "$TRM" train "$1" --preset sudoku-4x4 --run new --steps 1 --quiet
  [ ! -e new ] || [ -z "$(find new -name '*.safetensors')" ] || fail "$1 left a run"
  rm -rf new
  refuse 3 "$2" "$TRM" data check "$1" --quiet
}
printf 'question,answer\n%s,41322314142332411\n' $good >length.csv
data_case length.csv 'length.csv:2'
printf 'question,answer\n%s,"4132231414233241\n' $good >quote.csv
data_case quote.csv 'quote.csv'
printf 'question,reply\n1,2\n' >columns.csv
data_case columns.csv 'columns.csv'
: >none.csv
data_case none.csv 'none.csv'
printf 'question,answer\n' >header.csv
data_case header.csv 'header.csv'
printf 'question,answer\n4.322314\0..33.4.,4132231414233241\n' >nul.csv
data_case nul.csv 'nul.csv'
printf '{"question": "4.322314...33.4.", "answer": "4132231414233241"\n' >brace.jsonl
data_case brace.jsonl 'brace.jsonl:1'
printf '{"question": "4.322314...33.4."}\n' >key.jsonl
data_case key.jsonl 'key.jsonl'
python3 -c 'print("[" * 100000)' >deep.jsonl
data_case deep.jsonl 'deep.jsonl'
data_case absent.csv 'absent.csv'
data_case absent 'absent'
run 0 "$TRM" data import six.csv --out set --test-fraction 0.34 --quiet
damage() { # NAME FILE PYTHON: a copy of the dataset with b, the file's bytes, changed
  rm -rf "$1"
  cp -r set "$1"
  python3 -c 'import sys, struct
b = bytearray(open(sys.argv[1], "rb").read())
exec(sys.argv[2])
open(sys.argv[1], "wb").write(b)' "$1/$2" "$3"
  refuse 3 "$1" "$TRM" eval "$model" "$1" --quiet
  refuse 3 "$1" "$TRM" data check "$1" --quiet
  refuse 3 "$1" "$TRM" data info "$1" # although the training split is sound
  refuse 3 "$1" "$TRM" data info "$1" --json
}
damage npy-cut test/all__inputs.npy 'b = b[:-3]'
damage npy-magic test/all__inputs.npy 'b[0] = 0'
damage npy-shape test/all__inputs.npy 'b = b.replace(b"(2, 16)", b"(9, 16)")'
damage npy-huge test/all__labels.npy 'b = b.replace(b"(2, 16), ", b"(99999999999999999999, 16), ")'
damage npy-order test/all__labels.npy 'b = b.replace(b"False", b"Fortr")'
damage npy-dtype test/all__labels.npy 'b = b.replace(b"|u1", b"|O1")'
damage npy-token test/all__inputs.npy 'b[-1] = 200'
damage npy-index test/all__puzzle_indices.npy 'b[-4:] = b"\xff\xff\xff\x7f"'
damage json-cut test/dataset.json 'b = b[:20]'
damage json-type test/dataset.json 'b = b.replace(b"16", b"\"16\"")'
damage json-negative test/dataset.json 'b = b.replace(b"16", b"-1")'
damage json-identifiers identifiers.json 'b = b.replace(b"\"<blank>\"", b"5")'
damage json-rating task.json 'b = b.replace(b"\"rating\"", b"\"stars\"")'
damage json-task task.json 'b = b.replace(b"sudoku", b"sudoko")'
# a split that lost its description, and a file of it that is gone
for lost in dataset.json all__labels.npy; do
  cp -r set "lost-$lost"
  rm "lost-$lost/test/$lost"
  refuse 3 "$lost" "$TRM" data info "lost-$lost"
  refuse 3 "$lost" "$TRM" data check "lost-$lost" --quiet
done
# splits of different shapes are no dataset
cp -r set mixed
run 0 "$TRM" data make --size 6 --train 2 --test 2 --out six6 --quiet
rm -r mixed/test mixed/task.json
cp -r six6/test mixed/test
refuse 3 'differ' "$TRM" data info mixed
# data of another shape
printf 'question,answer\n12..........34..............56......,123456456123234561561234345612612345\n' >six6.csv
refuse 3 'six6.csv' "$TRM" eval "$model" six6.csv
# answers that break the rules, questions with more than one solution
printf 'question,answer\n1...............,1234341221434321\n' >many.csv
run 3 "$TRM" data check many.csv --json
json 'v["not_unique"] == 1 and not v["ok"]'
grep -q 'more than one solution' err || fail "many.csv: $(cat err)"
refuse 2 'is the model: MODEL comes first, trm eval .*safetensors six.csv' "$TRM" eval six.csv "$model"
# a question of which the exact solver gives up is not taken for one with one solution
python3 - >hard.csv <<'PYTHON'
question = (
    "..34.678..BC.EFG.....A.......2....BC.EFG..34.678.....2.......A.."
    "..45678...CDEFG.....A.CD....2.45..CDEFG...45678.....2.45....A.CD"
    "34...8.ABC...G.2....BC......34..BC...G.234...8.A....34......BC.."
    "....89ABCD....2.8..............7...F..2...6...A......5..82......"
)
answer = "".join("123456789ABCDEFG"[(4 * (r % 4) + r // 4 + c) % 16] for r in range(16) for c in range(16))
print("question,answer\n%s,%s" % (question, answer))
PYTHON
run 3 "$TRM" data check hard.csv --json
json 'v["undecided"] == 1 and v["not_unique"] == 0 and v["bad_questions"] == 0 and not v["ok"]'
# outputs that exist
mkdir full && touch full/file
listing >before
refuse 2 'full' "$TRM" data import six.csv --out full --quiet
refuse 2 'full' "$TRM" data make --size 4 --no-minimal --max-clues 12 --train 4 --test 2 --out full --quiet
# shellcheck disable=SC2086
refuse 2 'already holds a run' "$TRM" train six.csv --run run $tiny --steps 2 --quiet
# Nothing is announced before it is checked: the refusal is the only line, without --quiet too, and comes before the work.
# shellcheck disable=SC2086
refuse 2 'already holds a run' "$TRM" train six.csv --run run $tiny --steps 2
# shellcheck disable=SC2086
refuse 3 'nowhere' "$TRM" train six.csv --run new --valid nowhere.csv $tiny --steps 2
refuse 2 'cannot change' "$TRM" train --resume run --lr 1
for out in full /proc/x; do # 100,000 minimal puzzles would take minutes
  refuse '[23]' "$out" timeout 20 "$TRM" data make --size 9 --train 100000 --test 2 --out $out
  refuse '[23]' "$out" "$TRM" data import six.csv --out $out
done
refuse 2 'full/file exists; --force' "$TRM" quantize "$model" -o full/file --data six.csv
refuse 3 'nowhere/x.* cannot be created' "$TRM" quantize "$model" -o nowhere/x --data six.csv
refuse 2 'full/file exists; --force' "$TRM" convert no-model.safetensors -o full/file
refuse 2 'full is a folder' "$TRM" convert "$model" -o full --force
listing >after
cmp before after || fail "something was written"

# -- run directories --
mkdir foreign && echo mine >foreign/notes.txt && echo mine >foreign/events.out.tfevents.1.host
# shellcheck disable=SC2086
refuse 2 'foreign: holds events.out.tfevents.1.host' "$TRM" train six.csv --run foreign $tiny --steps 2 --quiet
[ "$(ls foreign)" = $'events.out.tfevents.1.host\nnotes.txt' ] || fail "a refused run changed its folder: $(ls foreign)"
rm foreign/events.out.tfevents.1.host
# shellcheck disable=SC2086
run 0 "$TRM" train six.csv --run foreign $tiny --steps 2 --quiet
grep -q mine foreign/notes.txt || fail "a run touched a file that is not its own"
refuse 3 'no-run' "$TRM" train --resume no-run
cp -r run old
python3 - <<'PY'
import re
p = "old/config.json"
t = open(p).read()
n = re.sub(r'("format"\s*:\s*)\d+', r"\g<1>99", t, count=1)
assert n != t, "config.json names no format"
open(p, "w").write(n)
PY
refuse 3 'old.*99' "$TRM" train --resume old --steps 4 --quiet
cp -r run broken
find broken/checkpoints -type f -exec truncate -s 10 {} +
run 3 "$TRM" train --resume broken --steps 4 --quiet
tail -1 err | grep -q '^trm train: broken' || fail "broken: $(cat err)"
refuse 2 '--hidden-size: cannot change' "$TRM" train --resume run --hidden-size 64 --quiet
refuse 2 '--batch: cannot change' "$TRM" train --resume run --batch 7 --quiet
refuse 2 'one argument too many' "$TRM" train six.csv --resume run
refuse 2 '--preset: cannot change' "$TRM" train --resume run --preset sudoku-4x4 --quiet
refuse 2 '--run: cannot change' "$TRM" train --resume run --run other --quiet
refuse 2 '--eval-every: has no effect without validation' "$TRM" train --resume run --eval-every 5 --quiet

# -- options that were given and would do nothing --
idle() { # PATTERN OPTIONS...
  local pattern=$1
  shift
  # shellcheck disable=SC2086
  refuse 2 "^trm train: $pattern" "$TRM" train six.csv --run idle --preset sudoku-4x4 $tiny --quiet "$@"
  [ ! -e idle ] || fail "$*: a refused run left a directory"
}
idle '--epochs: has no effect beside --steps' --epochs 3 --steps 4
idle '--muon-lr: has no effect without --optimizer muon' --muon-lr 0.1 --optimizer adamw
idle '--muon-momentum: ' --muon-momentum 0.9 --optimizer adam_atan2
idle '--puzzle-emb-lr: has no effect without a puzzle embedding' --puzzle-emb-lr 0.1
idle '--patience: has no effect without validation data' --patience 2 --steps 4
idle '--eval-limit: ' --eval-limit 2 --steps 4
idle '--stop-at: ' --stop-at 0.5 --steps 4
idle '--memory: has no effect beside --micro-batch' --memory 100 --micro-batch 4
idle '--micro-batch: is more than --batch' --micro-batch 13
idle '--step-decay: has no effect where --halt-max-steps is 1' --step-decay 0.9 --halt-max-steps 1
idle '--lr-min-ratio: has no effect: the schedule ends' --lr-min-ratio 0.5 --steps 5
idle '--frozen: freezes every tensor' --frozen inner --steps 4
# a value of the network's configuration that this network does not use: only told
unused() { # PATTERN OPTIONS...
  local pattern=$1
  shift
  # shellcheck disable=SC2086
  run 0 "$TRM" train six.csv --run unused --preset sudoku-4x4 $tiny --steps 1 --quiet "$@"
  grep -qE "^trm train: warning: $pattern" err || fail "$*: no warning: $(cat err)"
  rm -r unused
}
unused '--num-heads: has no effect on a mixer' --num-heads 2
unused '--pos-encodings: rope has no effect on a mixer' --pos-encodings rope
unused '--rope-theta: has no effect without rotary' --no-mlp-t --num-heads 2 --pos-encodings learned --rope-theta 100
unused '--seq-len: comes from the data' --seq-len 81
# two trainers on one run directory
# shellcheck disable=SC2086
"$TRM" train six.csv --run busy $tiny --steps 1000000 --quiet >/dev/null 2>&1 </dev/null &
child=$!
for _ in $(seq 300); do [ -s busy/metrics.jsonl ] && break; sleep 0.1; done
refuse 3 'busy.*process' "$TRM" train --resume busy --quiet
kill $child
wait $child || fail "the first trainer ended with $?"

# -- disks --
run_full() { "$@" >/dev/full 2>err; }
for command in --version --help doctor "info $model" "eval $model six.csv --quiet" "solve --model $model $good --json"; do
  # shellcheck disable=SC2086
  run_full "$TRM" $command
  [ $? = 4 ] || fail "$command > /dev/full: exit code"
  grep -q 'No space left on device' err || fail "$command > /dev/full: $(cat err)"
  checks=$((checks + 1))
done
"$TRM" doctor >&- 2>err
[ $? = 4 ] || fail "closed standard output"
"$TRM" solve --model "$model" six.csv --json 2>err | head -0
[ "${PIPESTATUS[0]}" -le 4 ] || fail "a reader that leaves: exit code ${PIPESTATUS[0]}"
(ulimit -f 8; refuse 3 'large|space|limit' "$TRM" data make --size 6 --train 2000 --test 10 --no-minimal --out big --quiet) || exit 1
[ ! -e big ] || fail "a part of big was left behind"
# shellcheck disable=SC2086
(ulimit -f 32; refuse 3 'large|space|limit' "$TRM" train six.csv --run nospace $tiny --steps 4 --quiet) || exit 1
[ -z "$(find nospace -name '*.tmp*' 2>/dev/null)" ] || fail "a temporary file was left behind"
# Paths that are not UTF-8: config.json cannot hold them, and JSON output shows what it can of them.
odd=$(printf 'caf\351')
cp six.csv "$odd.csv"
# shellcheck disable=SC2086
refuse 2 'not UTF-8.*rename' "$TRM" train "$odd.csv" --run odd-data $tiny --steps 2 --quiet
# shellcheck disable=SC2086
refuse 2 'not UTF-8.*rename' "$TRM" train six.csv --run "$odd-run" $tiny --steps 2 --quiet
[ ! -e odd-data ] && [ ! -e "$odd-run" ] || fail "a run directory was left behind"
cp "$model" "$odd.safetensors"
"$TRM" info "$odd.safetensors" --json >out || fail "info of a path that is not UTF-8"
grep -q '"model": "caf?.safetensors"' out || fail "info --json: $(head -3 out)"
"$TRM" quantize "$odd.safetensors" -o odd-small.safetensors --quiet >out || fail "quantize of a path that is not UTF-8"
"$TRM" eval "$odd.safetensors" "$odd.csv" --limit 2 --max-steps 1 --quiet --json >out || fail "eval of paths that are not UTF-8"
grep -q '"data": "caf?.csv"' out || fail "eval --json: $(head -3 out)"
echo $good >"$odd.txt"
"$TRM" solve --model "$odd.safetensors" "$odd.txt" --max-steps 1 --json >out 2>err
[ $? -le 1 ] || fail "solve of paths that are not UTF-8: $(cat err)"
json 'v["where"] == "caf?.txt:1"'
printf '%s\351\n' $good >"$odd.txt"
run 3 "$TRM" solve --model "$odd.safetensors" "$odd.txt" --json
json 'v["where"] == "caf?.txt:1:17" and "byte 0xe9" in v["error"]'
# A name of ratings that the program does not know.
run 0 "$TRM" data make --size 4 --no-minimal --max-clues 12 --train 4 --test 2 --out named --quiet
sed -i 's/"guesses"/"r\u00e9\u00e9"/' named/task.json
refuse 3 'task.json: "rating_name": expected "rating" or "guesses"' "$TRM" data info named --json
if [ "$(id -u)" != 0 ]; then
  mkdir locked && chmod a-w locked
  refuse 3 'locked.*Permission denied' "$TRM" data make --size 4 --no-minimal --max-clues 12 --train 4 --test 2 --out locked/x --quiet
  # shellcheck disable=SC2086
  refuse 3 'locked.*Permission denied' "$TRM" train six.csv --run locked/x $tiny --steps 2 --quiet
else # root writes everywhere, but not into /proc
  refuse 3 '/proc' "$TRM" data make --size 4 --no-minimal --max-clues 12 --train 4 --test 2 --out /proc/x --quiet
  # shellcheck disable=SC2086
  refuse 3 '/proc' "$TRM" train six.csv --run /proc/x $tiny --steps 2 --quiet
fi
done_testing
