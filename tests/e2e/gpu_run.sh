#!/bin/bash
# tools/gpu_run without a card: the folder is packed from this build, and every part goes through on the CPU with the
# smallest networks, is interrupted in each way, and leaves what it promises.
source "$(dirname "$0")/support.bash"
# shellcheck source=tests/e2e/gpu_support.bash
source "$TRM_SOURCE_DIR/tests/e2e/gpu_support.bash"

# -- pack --
mkdir -p golden/small
echo '{}' >golden/small/meta.json
pack() { "$TRM_SOURCE_DIR/tools/gpu_run" pack "$work/gpu" --build "$TRM_BUILD_DIR" --no-build --data "$work/data" --golden "$work/golden" "$@"; }
run 0 pack
says 'files, [0-9.]+ MiB, with [0-9.]+ MiB of the repository [0-9.]+ of 64; newest symbols of the C library: GLIBC_2'
(cd gpu && sha256sum --quiet -c MANIFEST) || fail "the manifest is wrong"
for file in bin/trm programs.tar.xz bench/network.py bench/update.py data/train.csv data/valid.csv golden/small/meta.json gpu_run; do
  [ -e gpu/$file ] || fail "$file was not packed"
done
run 1 pack --limit 1
grep -q 'more than 1 MiB' err || fail "the limit is not told"
mkdir precious
run 1 "$TRM_SOURCE_DIR/tools/gpu_run" pack "$work/precious" --build "$TRM_BUILD_DIR" --no-build --data "$work/data"
run 0 pack

# -- usage --
run 2 gpu/gpu_run
run 2 gpu/gpu_run fly
run 2 gpu/gpu_run check --fast
run 2 gpu/gpu_run check --limit soon
run 2 gpu/gpu_run lease --minutes few
run 2 gpu/gpu_run train sudoku-mlp --minutes 5
run 0 gpu/gpu_run --help
says '^  tools/gpu_run train PRESET MINUTES'

gpu() { gpu/gpu_run "$1" --device cpu --tiny --python none "${@:2}"; }

# -- a dry run names every command and misses no file --
for part in check tune bench "train sudoku-mlp 5" "eval gpu/MANIFEST" sanitize all lease; do
  # shellcheck disable=SC2086 # a part and its arguments
  run 0 gpu/gpu_run $part --dry-run --out dry --python none
  says 'has bin/trm'
done
[ -z "$(ls dry)" ] || fail "a dry run left something: $(ls dry)"
mv gpu/programs.tar.xz away
run 1 gpu/gpu_run bench --dry-run --out dry --python none
says 'programs.tar.xz is missing'
mv away gpu/programs.tar.xz
echo >>gpu/data/train.csv
run 1 gpu check --out tampered
says 'not what was packed'
run 0 pack

# -- check and bench --
run 0 gpu check --out checked
says 'trm [0-9.]+ on cpu'
results checked 'r["check"]["doctor"]["device"] == "cpu"'
results checked 'r["check"]["smoke"]["same_bytes_twice"] and r["check"]["smoke"]["relative_difference"] == 0'
may_leave checked
run 0 gpu bench sudoku-mlp --out benched
says '^ +sudoku-mlp +4 +[0-9.]+ '
says 'sudoku-mlp, one puzzle, 16 steps'
results benched 'r["bench"]["update_sudoku-mlp"]["updates_per_second"] > 0'
results benched '{x["what"] for s in r["bench"]["networks_sudoku-mlp"]["sections"] for x in s["rows"]} >= {"sudoku-mlp, forward, batch 1", "sudoku-mlp, training, batch 12"}'
may_leave benched

# -- train: to its end, interrupted, and again --
begun() { # until the run has a checkpoint
  for _ in $(seq 600); do
    [ -e gpu-runs/"$1"/best.safetensors ] && ls gpu-runs/"$1"/checkpoints/step-* >/dev/null 2>&1 && return
    sleep 0.1
  done
  fail "the run $1 does not begin: $(tail -5 "$1.log")"
}
run 0 gpu train sudoku-mlp 5 --out whole -- --steps 12
says 'best: [0-9.]+ % exact \([0-9]+ of 8'
trained whole sudoku-mlp
run 0 "$TRM" info whole/sudoku-mlp-best.safetensors --json
json 'v["card"]["accuracy"]["best"]["puzzles"] == 8 and len(v["card"]["accuracy"]["best"]["interval"]) == 2'
for signal in TERM INT; do
  # A process group of its own, so that the signal goes to all of it, and no signal ignored, as from a terminal.
  python3 -c 'import os, signal, sys
signal.signal(signal.SIGINT, signal.SIG_DFL)
os.setsid()
os.execv(sys.argv[1], sys.argv[1:])' gpu/gpu_run train sudoku-mlp 1 --run "by-$signal" --out "by-$signal" --device cpu --tiny --python none >"by-$signal.log" 2>&1 &
  waiter=$!
  begun "by-$signal"
  kill -"$signal" -- "-$waiter"
  wait $waiter
  [ $? = 1 ] || fail "SIG$signal: another exit code: $(tail -3 "by-$signal.log")"
  grep -q 'was interrupted' "by-$signal.log" || fail "SIG$signal: not told"
  trained "by-$signal" "by-$signal"
  "$TRM" train --resume "gpu-runs/by-$signal" --max-minutes 0.01 --quiet >/dev/null || fail "SIG$signal: nothing to go on with"
done
run 0 gpu train sudoku-mlp 0.02 --run by-TERM --out again
says 'going on with .*by-TERM'
trained again by-TERM
run 0 gpu train sudoku-mlp 1 --run limited --out limited --limit 8
says 'limit came before the 1 minutes; stopped and saved'
trained limited limited
run 0 gpu train sudoku-mlp 1 --run from --init-from limited/limited-last.safetensors --out from -- --steps 2
run 1 gpu train sudoku-mlp 1 --run none --init-from absent.safetensors --out none
says 'absent.safetensors is missing'
run 1 gpu train sudoku-mlp --out none
says 'usage: gpu_run train'

run 0 gpu train sudoku-mlp 0.05 --run fitted --out fitted
says "of the preset's 500,000 updates fit into 0.05 minutes"
results fitted 'r["train"]["run"]["step"] <= json.load(open("gpu-runs/fitted/config.json"))["train"]["steps"] < 500000'

# Killed without a word: weights had left before. What still trains is ended here.
gpu/gpu_run train sudoku-mlp 1 --run killed --out killed --device cpu --tiny --python none >killed.log 2>&1 &
child=$!
begun killed
for _ in $(seq 600); do [ -e killed/killed-last.safetensors ] && break; sleep 0.1; done
kill -9 $child
wait $child 2>/dev/null
for process in $(pgrep -f "$work/gpu-runs/killed"); do kill "$process" 2>/dev/null; done
trained killed killed

# -- eval, and sanitize without a sanitizer --
run 0 gpu eval whole/sudoku-mlp-best.safetensors --out evaluated
says 'all steps: [0-9.]+ % exact'
results evaluated 'r["eval"]["all_steps"]["puzzles"] == 8 and r["eval"]["all_steps"]["max_steps"] == 16 and r["eval"]["halting"]["halt"]'
if ! command -v compute-sanitizer >/dev/null && ! ls /usr/local/cuda*/bin/compute-sanitizer >/dev/null 2>&1; then
  run 1 gpu sanitize --out sanitized
  says 'no compute-sanitizer here: nothing was checked'
fi
for _ in $(seq 100); do pgrep -f "$work/gpu-runs" >/dev/null || break; sleep 0.1; done
done_testing
