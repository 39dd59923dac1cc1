#!/bin/bash
# The numbers stay the same to the last bit. Made data, two short trainings and the solving and evaluating of puzzles, all in
# plain C (TRM_ISA=ref), with one thread and with two, give the digests in same_bytes.txt. Those are of commit 44238bf,
# compiled with gcc 12 against glibc 2.36; with another compiler or C library only the numbers of threads are compared. A change
# that is meant to change numbers says so and replaces the file: RECORD=1 prints what belongs there.
#
# Digests are of numbers, not of files, so that a format may gain a key: of a model or checkpoint the tensors by name, type
# and shape; of a record or result the keys that same_bytes.py lists.
source "$(dirname "$0")/support.bash"
here=$TRM_SOURCE_DIR/tests/e2e
export TRM_ISA=ref
shipped=$TRM_SOURCE_DIR/models/sudoku-9x9.safetensors
write_puzzles

# digests THREADS: the whole sequence in a folder of its own; one line a result.
digests() {
  export TRM_THREADS=$1
  mkdir "t$1" && cd "t$1" || exit 1
  run 0 "$TRM" data make --size 6 --train 200 --test 24 --seed 3 --out d6 --quiet
  # Mixer, Muon, gate with norm, EMA, symmetries drawn on the fly, a validation, two checkpoints.
  run 0 "$TRM" train d6 --valid d6 --run mixer --preset sudoku-6x6 --steps 8 --batch 24 --eval-every 4 --save-every 4 --quiet
  # Attention, rotary positions, Adam-atan2, bf16, softmax, two latents, noise, damping, micro-batches.
  run 0 "$TRM" train ../six.csv --run attention --no-augment --no-mlp-t --pos-encodings rope --num-heads 2 --hidden-size 32 \
    --L-layers 2 --expansion 2 --H-cycles 2 --L-cycles 2 --halt-max-steps 4 --batch 12 --micro-batch 5 --steps 6 --lr 1e-3 \
    --lr-warmup-steps 2 --forward-dtype bfloat16 --loss softmax --latents 2 --start-noise 0.1 --latent-noise 0.1 \
    --damping 0.2 --quiet
  run 0 "$TRM" eval mixer/best.safetensors d6 --json --quiet
  cp out eval.json
  run 0 "$TRM" solve --model "$shipped" --explain --json 53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79
  cp out shipped.json
  run 1 "$TRM" solve --model "$shipped" --explain --json --search 0 --max-steps 3 1....7.9..3..2...8..96..5....53..9...1..8...26....4...3......1..4......7..7...3..
  cp out extreme.json
  run 0 "$TRM" quantize attention/last.safetensors -o int8.safetensors --quiet
  python3 "$here/same_bytes.py" d6 mixer attention eval.json shipped.json extreme.json int8.safetensors >../digests.$1 ||
    fail "same_bytes.py"
  cd ..
}

digests 1
digests 2
cmp digests.1 digests.2 || fail "one thread and two give different bits: $(diff digests.1 digests.2)"
checks=$((checks + $(wc -l <digests.1)))
[ -z "${RECORD:-}" ] || cat digests.1
compiler=${TRM_COMPILER:-} library=$(getconf GNU_LIBC_VERSION 2>/dev/null)
if [[ $compiler == "GNU 12."* && $library == "glibc 2.36" && $(uname -m) == x86_64 && -z ${TRM_SANITIZE:-} ]]; then
  diff "$here/same_bytes.txt" digests.1 >&2 || fail "the numbers are not those of commit 44238bf"
  checks=$((checks + $(wc -l <digests.1)))
else
  echo "thread counts compared only: the recorded digests are of gcc 12 and glibc 2.36 on x86-64, this is $compiler, $library"
fi
done_testing
