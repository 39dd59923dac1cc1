#!/bin/bash
# Memory, as the kernel measures it. Solving one 9x9 Sudoku with the published 5-million-weight mixer model takes less than
# 64 MiB beyond the weights: the mapped file and one prepared copy in the model's number type. Training takes what it
# predicted: allocations within 1 %, and the whole process within 12 MiB more (program, libraries, stacks).
source "$(dirname "$0")/support.bash"
[ -n "${TRM_SANITIZE:-}" ] && { echo "sanitizers take memory of their own: nothing is measured"; exit 77; }
export TRM_THREADS=2

# resident COMMAND...: runs it and writes its largest resident size in bytes to the file peak. (python3 is smaller than
# what is measured: the size before exec counts too.)
resident() {
  checks=$((checks + 1))
  python3 -c 'import os, sys
child = os.fork()
if not child: os.execv(sys.argv[1], sys.argv[1:])
_, status, usage = os.wait4(child, 0)
open("peak", "w").write(str(usage.ru_maxrss * 1024))
sys.exit(os.waitstatus_to_exitcode(status))' "$@" >out 2>err </dev/null
}

run 0 "$TRM" data make --size 9 --no-minimal --max-clues 45 --train 8 --test 2 --seed 3 --out nine --quiet
puzzle=....7..2.8.......6.1.2.5...9.54....8.........3....85.1...3.2.8.4.......9.7..6....

# -- solving: (file + copy, then 64 MiB) --
for dtype in float32 bfloat16; do
  run 0 "$TRM" train nine --preset sudoku-mlp --forward-dtype $dtype --run $dtype --batch 1 --steps 1 --H-cycles 1 \
    --L-cycles 1 --quiet
  run 0 "$TRM" info $dtype --json
  json '5e6 < v["parameters"] < 5.1e6 and v["config"]["forward_dtype"] == "'$dtype'"'
  parameters=$(python3 -c 'import json; print(json.load(open("out"))["parameters"])')
  bytes=$([ $dtype = float32 ] && echo 4 || echo 2)
  weights=$(($(stat -c %s $dtype/last.safetensors) + parameters * bytes))
  for options in "" "--batch 32 --explain"; do
    # shellcheck disable=SC2086
    resident "$TRM" solve --model $dtype --max-steps 2 $options $puzzle
    beyond=$(($(cat peak) - weights))
    echo "solve $dtype $options: $((weights / 1048576)) MiB of weights, $((beyond / 1048576)) MiB beyond"
    [ $beyond -gt 0 ] || fail "solve is said to take less than its weights"
    [ $beyond -lt $((64 * 1048576)) ] || fail "solve $dtype $options takes $((beyond / 1048576)) MiB beyond the weights"
  done
done

# -- training: small and medium, kept and recomputed activations, slices of the batch --
export TRM_THREADS=1
for shape in "--preset sudoku-9x9 --batch 8" "--preset sudoku-mlp --batch 4 --H-cycles 1 --L-cycles 2"; do
  for recompute in --no-recompute --recompute; do
    for micro in 1 4; do
      # shellcheck disable=SC2086
      resident "$TRM" train nine $shape $recompute --micro-batch $micro --steps 1 --run "train$checks" --quiet --json ||
        fail "train $shape $recompute"
      json "v['micro_batch'] == $micro"
      json '0.99 < v["peak_bytes"] / v["predicted_bytes"] < 1.01'
      json 'abs(int(open("peak").read()) - v["resident_bytes"]) < 2 << 20'
      json '-1 << 20 < v["resident_bytes"] - v["predicted_bytes"] < 12 << 20'
      python3 -c 'import json, sys
v = json.load(open("out"))
print(*sys.argv[1:], *("%s %.1f MB" % (k, v[k + "_bytes"] / 1e6) for k in ("predicted", "peak", "resident")))' \
        "$shape" $recompute $micro
    done
  done
done
done_testing
