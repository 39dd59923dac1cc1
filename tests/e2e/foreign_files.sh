#!/bin/bash
# Files that other tools wrote, and files that have moved: arrays, models and runs.
source "$(dirname "$0")/support.bash"
write_puzzles
# shellcheck disable=SC2086 # $tiny is several arguments
run 0 "$TRM" train six.csv --run run $tiny --steps 3 --quiet
cat >resave.py <<'PY'
import json, struct, sys
data = open(sys.argv[1], "rb").read()
size = struct.unpack("<Q", data[:8])[0]
header, body = json.loads(data[8:8 + size]), data[8 + size:]
meta = header.pop("__metadata__")
tensors = {k: (v["dtype"], v["shape"], body[slice(*v["data_offsets"])]) for k, v in header.items()}
def save(name, meta, tensors):
    head, body = {"__metadata__": meta}, b""
    for k, (dtype, shape, x) in tensors.items():
        head[k] = {"dtype": dtype, "shape": shape, "data_offsets": [len(body), len(body) + len(x)]}
        body += x
    text = json.dumps(head).encode()
    open(name, "wb").write(struct.pack("<Q", len(text)) + text + body)
numbers = lambda x: struct.unpack("<%df" % (len(x) // 4), x)
save("sorted.safetensors", dict(meta, format="pt"), {k: tensors[k] for k in sorted(tensors)})
save("half.safetensors", meta, {k: ("F16", s, struct.pack("<%de" % (len(x) // 4), *numbers(x))) for k, (_, s, x) in tensors.items()})
save("bare.safetensors", {"format": "pt"}, {"_orig_mod.model." + k: v for k, v in tensors.items()})
PY
python3 resave.py run/last.safetensors || fail resave.py

# -- models: what was compared is said --
run 0 "$TRM" info run --json
id=$(python3 -c 'import json; print(json.load(open("out"))["id"])')
run 0 "$TRM" info sorted.safetensors --json
json "v['id'] == '$id' and v['checked']"
run 0 "$TRM" info half.safetensors --json
json "v['id'] != '$id' and not v['checked']"
run 0 "$TRM" info half.safetensors
says 'unchecked: another tool changed the type'
run 0 "$TRM" convert half.safetensors -o whole.safetensors
run 0 "$TRM" info whole.safetensors
says 'its checksum is right'

# -- the original's tensors: the options say what their shapes do not --
run 0 "$TRM" info run --json
python3 - >flags <<'PY'
import json
c = json.load(open("out"))["config"]
names = ["seq_len", "num_heads", "H_cycles", "L_cycles", "activation", "expansion", "halt_max_steps", "pos_encodings"]
print(*("--%s %s" % (n.replace("_", "-"), c[n]) for n in names if n != "pos_encodings" or not c["mlp_t"]))
PY
refuse 3 'no "trm.version"' "$TRM" info bare.safetensors
# shellcheck disable=SC2046 # several arguments
run 0 "$TRM" import bare.safetensors -o adopted.safetensors $(cat flags)
says '^adopted.safetensors$'
grep -q 'from the options: .*H_cycles' err || fail "import does not say what no tensor tells"
"$TRM" solve --model run --json ...41.2..3...... >one
"$TRM" solve --model adopted.safetensors --json ...41.2..3...... >two
cmp one two || fail "the adopted model answers otherwise"
refuse 3 'trm import' "$TRM" convert bare.safetensors -o x.safetensors
refuse 2 'is a trm model' "$TRM" import sorted.safetensors -o x.safetensors --L-cycles 9

# -- a project moves, all of it or only its data --
mkdir a && mv six.csv a/
# shellcheck disable=SC2086 # $tiny is several arguments
(cd a && run 0 "$TRM" train six.csv --run one $tiny --steps 3 --quiet) || exit 1
mv a b
run 0 "$TRM" train --resume b/one --steps 4 --quiet
mv b/six.csv c.csv
refuse 3 'six.csv: does not exist; name the data of this run with --data' "$TRM" train --resume b/one --steps 5 --quiet
sed '2d' c.csv >other.csv
refuse 3 'is not the data that this run was started with' "$TRM" train --resume b/one --data other.csv --quiet
run 0 "$TRM" train --resume b/one --data c.csv --steps 5 --quiet
printf '\357\273\277' | cat - b/one/config.json >config && mv config b/one/config.json # as an editor may save it
run 0 "$TRM" train --resume b/one --steps 6 --quiet
done_testing
