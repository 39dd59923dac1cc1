#!/bin/bash
# Checkpoints of the original both ways, without PyTorch: files in torch.save's formats are written by
# tests/support/torch_files.py. What PyTorch itself writes and reads: python/checkpoints.
source "$(dirname "$0")/support.bash"
files="python3 $TRM_SOURCE_DIR/tests/support/torch_files.py"
yaml=1
strings -a "$TRM" | grep -q 'this build cannot read (it has no libyaml' && yaml=0
write_puzzles
# shellcheck disable=SC2086 # $tiny is several arguments
run 0 "$TRM" train six.csv --run run $tiny --steps 3 --puzzle-emb-ndim 32 --puzzle-emb-len 1 --activation silu --quiet
$files forms run/last.safetensors forms || fail torch_files.py
run 0 "$TRM" info run --json
python3 - >flags <<'PY'
import json
c = json.load(open("out"))["config"]
names = ["num_heads", "H_cycles", "L_cycles", "activation", "expansion", "halt_max_steps", "puzzle_emb_len", "forward_dtype"]
print(*("--%s %s" % (n.replace("_", "-"), c[n]) for n in names), *([] if c["mlp_t"] else ["--seq-len 16 --pos-encodings", c["pos_encodings"]]))
PY
flags=$(cat flags)

# import_form FORM [OPTIONS]: the model is FORM.safetensors
import_form() {
  local form=$1
  shift
  # shellcheck disable=SC2086 # several arguments
  run 0 "$TRM" import "forms/$form/step" -o "$form.safetensors" $flags "$@"
  says "^$form.safetensors$"
}

# -- one form like another --
for dtype in F32 BF16 F16 F64; do
  for form in bare zip legacy; do import_form $form-$dtype; done
  cmp bare-$dtype.safetensors zip-$dtype.safetensors || fail "zip archive of $dtype"
  cmp bare-$dtype.safetensors legacy-$dtype.safetensors || fail "legacy pickle of $dtype"
done
for form in prefix inner nested strided; do
  import_form $form-F32
  cmp bare-F32.safetensors $form-F32.safetensors || fail "$form"
done
cmp bare-F32.safetensors bare-F64.safetensors || fail "F64 of what was fp32 is not the same"
"$TRM" solve --model run/last.safetensors --json ...41.2..3...... >one
"$TRM" solve --model bare-F32.safetensors --json ...41.2..3...... >two
cmp one two || fail "the imported model answers otherwise"

# -- what is said of it --
# shellcheck disable=SC2086 # several arguments
run 0 "$TRM" import forms/zip-F32/step -o said.safetensors --json $flags
json "v['form'] == 'torch.save (zip archive)' and 'hidden_size 32' in v['tensors'] and 'L_cycles' in v['known'] and v['config'] is None"
run 0 "$TRM" import forms/nested-F32/step -o said.safetensors --force --seq-len 16 --expansion 2 --puzzle-emb-len 1
grep -q 'from the tensors: .*vocab_size 6' err || fail "the sizes of the tensors are not told"
grep -q 'from the options: .*expansion 2' err || fail "what the options say is not told"
grep -q 'by default, as nothing says it: .*H_cycles 3' err || fail "the defaults are not told"

# -- a table of puzzle embeddings larger than the memory: mapped, and converted piece by piece --
python3 - "$TRM_SOURCE_DIR" <<'PY' || fail "no large table"
import sys
sys.path.insert(0, sys.argv[1] + "/tests/support")
import torch_files as t
tensors = {k: ("F16", s, t.as_type(d, "F16")) for k, (_, s, d) in t.read_safetensors("run/last.safetensors").items()}
tensors["inner.puzzle_emb.weights"] = ("F16", [300000, 32], bytes(300000 * 32 * 2))
value, storages = t.state(tensors)
t.write_zip("large", t.pickled(value), storages)
PY
if [ -z "${TRM_SANITIZE:-}" ]; then
  # shellcheck disable=SC2086 # several arguments
  (ulimit -d 16000 && run 0 "$TRM" import large -o large.safetensors $flags) || exit 1
  [ "$(stat -c %s large.safetensors)" -gt 38400000 ] || fail "the table is not in the model"
fi
rm -f large large.safetensors

# -- several networks, averages --
refuse 2 'two-F32/step: has 2 networks, behind the prefixes "raw.", "ema."' "$TRM" import forms/two-F32/step -o x.safetensors
refuse 2 'there are: "raw.", "ema."' "$TRM" import forms/two-F32/step -o x.safetensors --prefix best.
import_form two-F32 --prefix ema.
cmp bare-F32.safetensors two-F32.safetensors || fail "two networks"
refuse 3 'averaged parameters alone' "$TRM" import forms/ema-F32/step -o x.safetensors
import_form zip-F32 --ema forms/ema-F32/step --force
run 0 "$TRM" info zip-F32.safetensors --json
json "v['variant'] == 'ema'"
refuse 3 'is of another run' "$TRM" import forms/zip-F32/step -o x.safetensors --ema forms/zip-F32/step --hidden-size 64

# -- out again, and in --
mkdir there
run 0 "$TRM" export bare-F32.safetensors -o there/step
says '^there/all_config.yaml$'
python3 - <<'PY' || fail "the archive is not what zip knows"
import zipfile
archive = zipfile.ZipFile("there/step")
assert archive.testzip() is None and archive.namelist()[0] == "archive/data.pkl"
assert all((i.header_offset + 30 + len(i.filename) + int.from_bytes(open("there/step", "rb").read()[i.header_offset + 28:][:2], "little")) % 64 == 0
           for i in archive.infolist()), "not aligned"
PY
refuse 2 'there/step exists; --force' "$TRM" export bare-F32.safetensors -o there/step
rm there/step
refuse 2 'all_config.yaml exists; --force' "$TRM" export bare-F32.safetensors -o there/step
run 0 "$TRM" export bare-F32.safetensors -o there/step --force
if [ $yaml = 1 ]; then
  run 0 "$TRM" import there/step -o again.safetensors
  [ ! -s err ] || grep -q 'from there/all_config.yaml: ' err || fail "the file of the configuration is not told"
  grep -q 'as nothing says it' err && ! grep -q 'by default, as nothing says it: damping 0, activation silu, recursion trm$' err &&
    fail "something of the configuration is not in all_config.yaml"
  cmp bare-F32.safetensors again.safetensors || fail "exported and imported again"
  sed 's/hidden_size: 32/hidden_size: 64/' there/all_config.yaml >other.yaml
  refuse 3 'tensors of hidden_size 32, but its configuration says 64' "$TRM" import there/step -o x.safetensors --config other.yaml
  sed 's/H_cycles: 2/H_cycles: 5/' there/all_config.yaml >five.yaml
  run 0 "$TRM" import there/step -o five.safetensors --config five.yaml --L-cycles 4
  run 0 "$TRM" info five.safetensors --json
  json "v['config']['H_cycles'] == 5 and v['config']['L_cycles'] == 4"
else
  refuse 4 'no libyaml' "$TRM" import there/step -o x.safetensors
fi
# shellcheck disable=SC2086 # several arguments
run 0 "$TRM" import there/step --config none -o again2.safetensors $flags
cmp bare-F32.safetensors again2.safetensors || fail "exported and imported again, by options"
run 0 "$TRM" export run -o there/of-run --force
grep -q '^global_batch_size: 12$' there/all_config.yaml || fail "values of the run are not in all_config.yaml"
grep -q '^lr: 0.004$' there/all_config.yaml || fail "the run's learning rate is not in all_config.yaml"

# -- trained on here, and out again --
run 0 "$TRM" train six.csv --init-from again2.safetensors --run on --halt-max-steps 16 --H-cycles 2 --no-augment --hidden-size 32 \
  --L-layers 1 --expansion 2 --batch 12 --puzzle-emb-ndim 32 --puzzle-emb-len 1 --activation silu --steps 10 --quiet
run 0 "$TRM" export on -o there/on --force
# shellcheck disable=SC2086 # several arguments
run 0 "$TRM" import there/on --config none -o on2.safetensors $flags
"$TRM" solve --model on --json ...41.2..3...... >one
"$TRM" solve --model on2.safetensors --json ...41.2..3...... >two
cmp one two || fail "what was trained on and exported answers otherwise"

# -- networks of others --
"$TRM" export run -o there/hrm --force >/dev/null
refuse 3 'is a checkpoint of PyTorch.*trm import' "$TRM" solve --model there/hrm ...41.2..3......
refuse 2 'is a trm model' "$TRM" import run/last.safetensors -o x.safetensors
refuse 3 'has no "trm.version"|trm import' "$TRM" convert forms/bare-F32/step -o x.safetensors
python3 - "$TRM_SOURCE_DIR" <<'PY'
import sys
sys.path.insert(0, sys.argv[1] + "/tests/support")
import torch_files as t
tensors = t.read_safetensors("run/last.safetensors")
def put(name, change):
    value, storages = t.state({k: v for k, v in change(tensors).items()})
    t.write_zip("there/" + name, t.pickled(value), storages)
both = lambda x: {**x, **{k.replace("L_level", "H_level"): v for k, v in x.items() if "L_level" in k}}
put("hrm", both)
put("baseline", lambda x: {k.replace("L_level", "H_level"): v for k, v in x.items()})
put("hier6", lambda x: {**x, "inner.L1_init": x["inner.L_init"]})
put("singlez", lambda x: {k: v for k, v in x.items() if "H_init" not in k})
put("buffers", lambda x: {**x, "inner.rotary_emb.cos_cached": x["inner.L_init"]})
put("more", lambda x: {**x, "inner.extra.weight": x["inner.L_init"]})
PY
rm there/all_config.yaml
refuse 3 'is a checkpoint of HRM, the Hierarchical Reasoning Model' "$TRM" import there/hrm -o x.safetensors
refuse 3 'the transformer that TRM was compared with' "$TRM" import there/baseline -o x.safetensors
refuse 3 'several latents' "$TRM" import there/hier6 -o x.safetensors
refuse 3 'single state' "$TRM" import there/singlez -o x.safetensors
# shellcheck disable=SC2086 # several arguments
run 0 "$TRM" import there/buffers -o buffers.safetensors $flags
# shellcheck disable=SC2086 # several arguments
refuse 3 'extra.weight" is not part' "$TRM" import there/more -o x.safetensors $flags

# -- what is refused --
$files hostile hostile || fail torch_files.py
while IFS=$'\t' read -r name said; do
  refuse 3 "$name: .*($said)" "$TRM" import "hostile/$name" -o x.safetensors
  [ ! -e RUN ] || fail "$name was run"
  [ ! -e x.safetensors ] || fail "$name left a file"
done <hostile/list
refuse 3 'cannot be opened|No such file' "$TRM" import absent -o x.safetensors

# -- all_config.yaml --
if [ $yaml = 1 ]; then
  original='arch: {name: "recursive_reasoning.trm@TinyRecursiveReasoningModel_ACTV1", loss: {loss_type: stablemax_cross_entropy}'
  # yaml PATTERN TEXT
  yaml() {
    printf '%b' "$2" >bad.yaml
    refuse 3 "bad.yaml: .*($1)" "$TRM" import forms/zip-F32/step -o x.safetensors --config bad.yaml
  }
  yaml 'line 1 has a tag' 'arch: !!python/object/apply:os.system [touch RUN]\n'
  yaml 'line 2 has a tag' 'a: 1\narch: !!map {}\n'
  yaml 'anchor' 'a: &a [1]\nb: [*a]\n'
  yaml 'alias|no YAML' 'b: *a\n'
  yaml 'there before' 'a: 1\na: 2\n'
  yaml 'second document' 'a: 1\n---\nb: 2\n'
  yaml 'deeper than 16' "$(printf '[%.0s' {1..40})$(printf ']%.0s' {1..40})\n"
  yaml 'no YAML' 'a: [1\n'
  yaml 'no YAML' '\x01\n'
  yaml 'is empty' ''
  yaml 'no text' '? [a]\n: b\n'
  yaml 'no mapping "arch"' 'lr: 1\n'
  yaml 'no mapping "arch"' 'arch: 7\n'
  yaml 'no arch.name' 'arch: {}\n'
  yaml 'HRM' 'arch: {name: "hrm.hrm_act_v1@HierarchicalReasoningModel_ACTV1"}\n'
  yaml 'does not compute' 'arch: {name: "recursive_reasoning.trm_singlez@TinyRecursiveReasoningModel_ACTV1"}\n'
  yaml 'loss_type' 'arch: {name: "a@TinyRecursiveReasoningModel_ACTV1", loss: {loss_type: mse}}\n'
  yaml 'refers to another' "$original, puzzle_emb_ndim: \"\${.hidden_size}\"}\n"
  yaml 'arch.memory' "$original, memory: 3}\n"
  yaml 'H_cycles' "$original, H_cycles: many}\n"
  yaml 'H_cycles' "$original, H_cycles: 0}\n"
  yaml 'forward_dtype' "$original, forward_dtype: float16}\n"
  head -c 1100000 /dev/zero | tr '\0' '#' >bad.yaml
  refuse 3 'bad.yaml' "$TRM" import forms/zip-F32/step -o x.safetensors --config bad.yaml
fi

# -- what the original cannot compute --
run 0 "$TRM" quantize run/last.safetensors -o int8.safetensors
refuse 2 'int8' "$TRM" export int8.safetensors -o x
# shellcheck disable=SC2086 # several arguments
run 0 "$TRM" train six.csv --run damped $tiny --steps 1 --damping 0.5 --activation silu --quiet
refuse 2 'damps its latent' "$TRM" export damped -o x
refuse 2 'prefix' "$TRM" export run -o x --prefix 'a b'
done_testing
