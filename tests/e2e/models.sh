#!/bin/bash
# trm convert, model cards, and the model that is used when none is named.
source "$(dirname "$0")/support.bash"
write_puzzles
unset TRM_MODELS
# shellcheck disable=SC2086 # $tiny is several arguments
run 0 "$TRM" train six.csv --run run $tiny --steps 400 --forward-dtype bfloat16 --quiet
good=4.322314...33.4.

# -- convert: half the bytes, the same answers --
run 0 "$TRM" convert run -o narrow.safetensors --dtype bfloat16
says '^narrow.safetensors$'
run 0 "$TRM" info narrow.safetensors --tensors --json
json '{t["dtype"] for t in v["tensors"] if len(t["shape"]) > 1} == {"BF16"} and v["config"]["forward_dtype"] == "bfloat16"'
json 'v["card"] is None'
[ "$(stat -c %s narrow.safetensors)" -lt "$(($(stat -c %s run/last.safetensors) * 2 / 3))" ] || fail "the file is not smaller"
run 0 "$TRM" eval run/last.safetensors six.csv --json --quiet
cp out wide.json
run 0 "$TRM" eval narrow.safetensors six.csv --json --quiet
json '(lambda w: all(v[k] == w[k] for k in v if k not in ("model", "engine", "seconds", "puzzles_per_second")))(json.load(open("wide.json")))'
run 0 "$TRM" convert narrow.safetensors -o wide.safetensors --dtype float32
run 0 "$TRM" info wide.safetensors --tensors --json
json '{t["dtype"] for t in v["tensors"]} == {"F32"}'
refuse 2 'exists; --force' "$TRM" convert run -o narrow.safetensors
run 0 "$TRM" convert run -o narrow.safetensors --dtype bfloat16 --force
refuse 2 'no file to write' "$TRM" convert run
refuse 2 'keep.*float32.*bfloat16' "$TRM" convert run -o x --dtype int8
run 0 "$TRM" quantize run -o small.safetensors --quiet
refuse 2 'int8 weights' "$TRM" convert small.safetensors -o x.safetensors --dtype bfloat16

# -- the checksum: as docs/spec.md describes it, in every file that is written; the id does not depend on the card --
cat >sha.py <<'PY'
import hashlib, json, struct, sys
data = open(sys.argv[1], "rb").read()
size = struct.unpack("<Q", data[:8])[0]
header, body, total = json.loads(data[8:8 + size]), data[8 + size:], hashlib.sha256()
number = lambda n: total.update(struct.pack("<Q", n))
def piece(bytes):
    number(len(bytes))
    total.update(bytes)
telling = ["trm." + key for key in ("sha256", "card", "version", "step", "seed", "quantized_from")]
entries = sorted((k.encode(), v.encode()) for k, v in header.pop("__metadata__").items() if k[:4] == "trm." and k not in telling)
piece(b"trm model")
number(len(entries))
for key, value in entries: piece(key), piece(value)
number(len(header))
for name in sorted(header, key=str.encode):
    t = header[name]
    piece(name.encode()), piece(t["dtype"].encode())
    piece(b"".join(struct.pack("<q", n) for n in t["shape"]))
    piece(body[t["data_offsets"][0]:t["data_offsets"][1]])
print(total.hexdigest())
PY
sha() { python3 sha.py "$1"; }
checkpoint=$(ls -d run/checkpoints/step-*)
for file in run/last.safetensors "$checkpoint/model.safetensors" narrow.safetensors wide.safetensors small.safetensors; do
  run 0 "$TRM" info "$file" --json
  json "v['sha256'] == '$(sha "$file")' and v['id'] == v['sha256'][:12] and 'trm.sha256' not in v['provenance']"
done
run 0 "$TRM" info narrow.safetensors
says "^id +$(sha narrow.safetensors | cut -c 1-12) "

# -- damage: one bit of a number, of the configuration or of the file's length is refused by every command --
# flip FILE TO BYTE BIT: a copy with one bit turned over; BYTE may count from the end.
flip() {
  python3 -c 'import sys
data = bytearray(open(sys.argv[1], "rb").read())
data[int(sys.argv[3])] ^= 1 << int(sys.argv[4])
open(sys.argv[2], "wb").write(data)' "$@"
}
flip run/last.safetensors bad.safetensors -2 0
damage='bad.safetensors: damaged: its checksum is [0-9a-f]{64}, recorded is [0-9a-f]{64}; get it again'
refuse 3 "$damage" "$TRM" info bad.safetensors
refuse 3 "$damage" "$TRM" eval bad.safetensors six.csv --quiet
refuse 3 "$damage" "$TRM" solve --model bad.safetensors $good
refuse 3 "$damage" "$TRM" convert bad.safetensors -o x.safetensors
refuse 3 "$damage" "$TRM" quantize bad.safetensors -o x.safetensors
# shellcheck disable=SC2086
refuse 3 "$damage" "$TRM" train six.csv --run tuned --init-from bad.safetensors $tiny --forward-dtype bfloat16 --steps 2 --quiet
flip run/last.safetensors bad.safetensors 0 3
refuse 3 'bad.safetensors[:,]' "$TRM" info bad.safetensors
sed 's/\\"halt_max_steps\\":16/\\"halt_max_steps\\":17/' run/last.safetensors >bad.safetensors
cmp -s run/last.safetensors bad.safetensors && fail "the configuration is not where it was"
refuse 3 "$damage" "$TRM" info bad.safetensors
# A file of format 1 has none: it opens, and info says so.
python3 - <<'PY'
import json, struct
data = open("run/last.safetensors", "rb").read()
size = struct.unpack("<Q", data[:8])[0]
header = json.loads(data[8:8 + size])
for key in "trm.sha256", "trm.format": del header["__metadata__"][key]
text = json.dumps(header).encode()
open("old.safetensors", "wb").write(struct.pack("<Q", len(text)) + text + data[8 + size:])
PY
run 0 "$TRM" info old.safetensors
says '^id +none: no checksum'
run 0 "$TRM" info old.safetensors --json
json 'v["sha256"] is None and v["id"] is None'
run 0 "$TRM" eval old.safetensors six.csv --quiet

# -- a run whose best model is damaged says so before it goes on; without it the next validation makes another --
# shellcheck disable=SC2086
run 0 "$TRM" train six.csv --valid six.csv --run checked $tiny --steps 20 --eval-every 10 --quiet
flip checked/best.safetensors checked/best.safetensors -2 0
refuse 3 'checked/best.safetensors: damaged: .* or remove it' "$TRM" train --resume checked --steps 30 --quiet
refuse 3 'checked/best.safetensors: damaged: ' "$TRM" eval checked six.csv --quiet
rm checked/best.safetensors
run 0 "$TRM" train --resume checked --steps 30 --quiet
grep -q 'best.safetensors is gone' err || fail "nothing is said of the model that is gone"
run 0 "$TRM" info checked/best.safetensors --json
json 'v["provenance"]["trm.step"] == "30"'

# -- the card: in the file, or beside it --
cat >card.json <<'JSON'
{"name": "six", "data": {"train": "six.csv", "protocol": "by heart"}, "recipe": "none", "seed": 0, "minutes": 0.1,
 "note": "line\u001b[31m",
 "accuracy": {"exact_accuracy": 0.5, "interval": [0.2, 0.8], "bands": [{"low": 0, "high": 10, "puzzles": 4, "exact": 3},
  {"low": 11, "high": null, "puzzles": 2, "exact": 0}, {"low": 21, "puzzles": 2, "exact": 1e300},
  {"low": 31, "puzzles": 2, "exact": -1}]}}
JSON
run 0 "$TRM" convert narrow.safetensors -o carded.safetensors --card card.json
run 0 "$TRM" info carded.safetensors --json
json 'v["card"] == json.load(open("card.json")) and "trm.card" not in v["provenance"]'
json "v['sha256'] == '$(sha narrow.safetensors)'"
run 0 "$TRM" info carded.safetensors
says '^card:$'
says '^  recipe +none$'
says '^    interval +\[0.2, 0.8\]$'
says '^ +0-10 +3 of 4 puzzles, 75.0 %$'
says '^ +from 11 +0 of 2 puzzles, 0.0 %$'
grep -qE 'from [23]1' out && fail "a band with more exact answers than puzzles, or fewer than none, is shown"
grep -q $'\033' out && fail "the card commands the terminal"
cp narrow.safetensors beside.safetensors
cp card.json beside.json
run 0 "$TRM" info beside.safetensors --json
json 'v["card"]["name"] == "six"'
echo '[1]' >list.json
refuse 3 'list.json: is a list|list.json: is an array' "$TRM" convert narrow.safetensors -o x.safetensors --card list.json
refuse 3 'absent.json' "$TRM" convert narrow.safetensors -o x.safetensors --card absent.json
[ ! -e x.safetensors ] || fail "a file was written all the same"

# -- no model named --
mkdir -p bare/bin
cp "$TRM" bare/bin/trm
refuse 2 'no model is installed .*bare/bin/../share/trm/models.*--model FILE, or train one' bare/bin/trm solve $good
refuse 2 'no model is installed' bare/bin/trm eval six.csv
mkdir -p prefix/bin prefix/share/trm/models named
cp "$TRM" prefix/bin/trm
cp carded.safetensors prefix/share/trm/models/four.safetensors
run 0 prefix/bin/trm solve $good
says '4 1'
run 0 prefix/bin/trm eval six.csv --json --quiet
json 'v["model"].endswith("prefix/bin/../share/trm/models/four.safetensors") and v["puzzles"] == 6'
refuse 2 'no installed model solves puzzles of 81 cells; there are: Sudoku 4x4; name one' prefix/bin/trm info
cp narrow.safetensors named/mine.safetensors
TRM_MODELS=$work/named run 0 prefix/bin/trm eval six.csv --json --quiet
json 'v["model"].endswith("named/mine.safetensors")'
printf 'question,answer\n1%080d,1%080d\n' 0 0 | sed 's/0/./g' >nine.csv
refuse 2 '81 cells' prefix/bin/trm eval nine.csv

# -- the model that ships: its card says what it is, it solves a newspaper's puzzle, and most of 200 new ones --
if [ -n "${TRM_SOURCE_DIR:-}" ]; then
  run 0 "$TRM" info --json
  json "v['sha256'] == '$(sha "$TRM_SOURCE_DIR/models/sudoku-extreme.safetensors")'"
  json 'v["model"].endswith("models/sudoku-extreme.safetensors")'
  json 'all(v["card"][k] for k in ("data", "recipe", "steps", "minutes", "accuracy"))'
  run 0 "$TRM" solve 53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79 --json
  json 'v["answer"] == "534678912672195348198342567859761423426853791713924856961537284287419635345286179"'
  run 0 "$TRM" data make --out fresh --size 9 --train 1 --test 200 --no-minimal --min-clues 35 --max-clues 40 --seed 77 --quiet
  run 0 "$TRM" eval fresh --halt --json --quiet
  json 'v["puzzles"] == 200 and v["exact"] >= 194 and v["mean_steps"] < 8'
fi

# -- for 9x9 the model for extreme Sudoku comes before others, and a program in its build folder takes the source's --
tiny9="--hidden-size 32 --L-layers 1 --H-cycles 1 --L-cycles 1 --expansion 1 --batch 2"
if [ -e "${TRM_SOURCE_DIR:-/nonexistent}/../shared/data/sudoku/train.csv" ]; then
  head -5 "$TRM_SOURCE_DIR/../shared/data/sudoku/train.csv" >hard.csv
  # shellcheck disable=SC2086
  run 0 "$TRM" train hard.csv --preset sudoku-mlp --run nine $tiny9 --steps 2 --quiet
  mkdir -p source/models build
  cp "$TRM" build/trm
  echo "CMAKE_HOME_DIRECTORY:INTERNAL=$work/source" >build/CMakeCache.txt
  cp nine/last.safetensors source/models/another.safetensors
  run 0 build/trm info --json
  json 'v["model"].endswith("source/models/another.safetensors")'
  cp nine/last.safetensors source/models/sudoku-extreme.safetensors
  run 0 build/trm info --json
  json 'v["model"].endswith("source/models/sudoku-extreme.safetensors")'
  run 0 build/trm eval hard.csv --json --quiet --max-steps 1
  json 'v["model"].endswith("source/models/sudoku-extreme.safetensors")'
fi
done_testing
