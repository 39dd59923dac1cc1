#!/bin/bash
# tools/gpu_run in a short lease, without a card: what it chooses when kernels are wrong, hang or fail, how long it trains,
# and that it ends in time, whatever happens.
source "$(dirname "$0")/support.bash"
# shellcheck source=tests/e2e/gpu_support.bash
source "$TRM_SOURCE_DIR/tests/e2e/gpu_support.bash"

# -- a packed folder, made by hand --
mkdir -p card/{bin,bench,data,helpers}
cp "$TRM_SOURCE_DIR"/bench/*.py card/bench/
cp data/sudoku/*.csv card/data/
cp "$TRM_SOURCE_DIR/tools/gpu_run" card/
cp "$TRM_SOURCE_DIR"/tools/gpu/*.{bash,py} card/helpers/
: >card/tests.list
mkdir -p programs/bin
ln -s "$TRM_BUILD_DIR/bench/bench" programs/bin/bench
XZ_OPT=-0 tar -C programs -chJf card/programs.tar.xz bin

# -- as many updates as fit --
planned() { # SECONDS OPTIONS
  run 0 python3 card/helpers/report.py plan measured.json "$1"
  [ "$(tr '\n' ' ' <out)" = "$2" ] || fail "planned for $1 s: $(tr '\n' ' ' <out), expected $2"
}
measured() { # RATE MEAN_COST STEPS WARMUP FROM DECAY
  printf '{"updates_per_second": %s, "mean_cost": %s, "step_cost": 0.0015, "preset_values": {"steps": %s, "lr_warmup_steps": %s, "ema_from": %s, "ema_decay": %s}}\n' "$@" >measured.json
}
measured 10 1 8000 100 5000 0.9
planned 240 "--steps=2169 --lr-warmup-steps=100 --ema-from=1356 --ema-decay=0.9 --eval-every=434 --eval-limit=512 --save-every=434 "
planned 3600 "--eval-every=800 --eval-limit=1024 --save-every=800 "
measured 10 2.5 65104 2000 0 0.999
planned 240 "--steps=863 --lr-warmup-steps=100 --ema-from=0 --ema-decay=0.976825 --eval-every=432 --eval-limit=1024 --save-every=432 "
planned 1 "--steps=2 --lr-warmup-steps=1 --ema-from=0 --ema-decay=0.9 --eval-every=1 --eval-limit=512 --save-every=1 "

# -- a lease, on a card that there is not: its options say how fast and how well it computes --
export REAL_TRM=$TRM TRM_THREADS=1 HANG=600.$$
cat >card/bin/trm <<'EOF'
#!/bin/bash
on='' arguments=() updates=90
for word; do
  [[ $word != cuda* ]] || { on=${word#cuda}; on=${on#,}; word=cpu; }
  arguments+=("$word")
done
measured=$(printf '%s\n' "$*" | grep -c -- '--save-every 1000000')
case ${CARD:-}$on in
broken*) [[ "$*" != train*sudoku-mlp*--device\ cuda* ]] || { echo "kernel products failed" >&2; exit 4; } ;;
unfused | hung*) [[ $1 != train ]] || exec sleep "$HANG" ;;
unfused,cublaslt) updates=200; [[ $1 != train ]] || arguments+=(--lr 0.5) ;;             # wrong each time
sm80) updates=300; [ "$measured" = 0 ] || arguments+=(--seed $RANDOM) ;; # another each time
cublaslt=64) updates=120 ;;
cublaslt=1) updates=110 ;;
cublaslt=65) updates=150 ;;
cublaslt=65,chunk=12*) updates=160 ;;
*chunk=0) echo "kernel products failed" >&2; exit 4 ;;
'') updates=100; [[ "$*" != *"--batch 1 "* ]] || exit 4 ;;
esac
[ "$measured" = 1 ] || exec "$REAL_TRM" "${arguments[@]}"
"$REAL_TRM" "${arguments[@]}" || exit
run=$(printf '%s\n' "$@" | sed -n '/^--run$/{n;p}')
awk -v rate=$updates '{ sub(/"seconds": [0-9.e-]*/, "\"seconds\": " NR / rate); print }' "$run/metrics.jsonl" >"$run/m"
mv "$run/m" "$run/metrics.jsonl"
EOF
chmod +x card/bin/trm
(cd card && find . -type f ! -name MANIFEST -printf '%P\0' | xargs -0 sha256sum >MANIFEST)
lease() { card/gpu_run lease sudoku-mlp --tiny --python none "$@"; }
verdicts() { # OPTIONS VERDICT...
  local expected=
  while [ $# -gt 1 ]; do
    expected+="('$1', '$2'), "
    shift 2
  done
  results leased "all(r['tune']['update_sudoku-mlp_' + of]['verdict'].startswith(to_be) for of, to_be in [$expected])"
}
run 1 lease --minutes 0.05 --out leased --run leased
verdicts plain right cublaslt slower unfused 'failed: hung' unfused,cublaslt 'wrong:' sm80 'wrong: not the same twice' \
  cublaslt=64 'faster' cublaslt=2 'slower' cublaslt=65 right cublaslt=65,chunk=0 'failed: exit code 1: kernel products failed' \
  cublaslt=65,chunk=12 right
says 'FAILED: tune: one puzzle, cuda: exit code 4'
says 'chosen for sudoku-mlp: cublaslt=65,chunk=12,separate$'
says 'device cuda,cublaslt=65,chunk=12,separate, as tune chose'
results leased '"update_sudoku-mlp" in r["bench"] and "doctor" in r["check"]'
results leased 'r["train"]["best"]["puzzles"] == 8 and 0 < r["train"]["run"]["step"]'
# 160 a second for 3 s, of which 6 % are not planned for and two validations have their part
results leased '250 < json.load(open("gpu-runs/leased/config.json"))["train"]["steps"] < 451'
trained leased leased
[ -z "$(pgrep -f "sleep $HANG")" ] || fail "what hung was left behind"
run 1 card/gpu_run bench sudoku-mlp --tiny --python none --out again --device cuda,chunk=0
grep -q 'as tune chose' out && fail "a device with options is another one"
CARD=broken run 1 lease --out broken --runs broken-runs
says 'FAILED: tune: nothing is right for sudoku-mlp on this card'
results broken '"train" not in r and "check" in r'

# -- in time: a part may be cut short, but not what comes after it --
in_time() { # SECONDS OPTIONS...
  local began=$SECONDS
  lease --limit "$@" >out 2>err
  [ $? -le 1 ] || fail "another exit code than 0 or 1"
  checks=$((checks + 1))
  [ $((SECONDS - began)) -le $(($1 + 8)) ] || fail "a lease of $1 s took $((SECONDS - began))"
}
run 0 card/gpu_run tune sudoku-mlp --device cpu --tiny --python none --out short --runs short-runs
in_time 14 --device cpu --out short --runs short-runs
results short 'r["train"]["run"]["step"] > 0'
trained short sudoku-mlp
CARD=hung in_time 6 --out hung --runs hung-runs
results hung '"train" not in r'

# Interrupted anywhere, it keeps what it has.
for at in "^disk " "sudoku-mlp: unfused$"; do
  rm -rf stopped
  mkdir stopped
  card/gpu_run lease sudoku-mlp --tiny --python none --out stopped --runs stopped-runs >stopped.log 2>&1 &
  waiter=$!
  for _ in $(seq 600); do grep -q "$at" stopped.log && break; sleep 0.1; done
  kill -TERM $waiter
  wait $waiter
  [ $? = 1 ] || fail "interrupted at $at: another exit code: $(tail -3 stopped.log)"
  grep -q 'was interrupted' stopped.log || fail "interrupted at $at: not told"
  results stopped '"doctor" in r["check"] and "train" not in r'
done
results stopped 'r["tune"]["update_sudoku-mlp_plain"]["verdict"] == "right"'
[ -z "$(pgrep -f "sleep $HANG")" ] || fail "what hung was left behind"
[ -s stopped-runs/choice.json ] || fail "what was chosen by then was not kept"

done_testing
