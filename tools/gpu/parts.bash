# The parts of tools/gpu_run. Each leaves its results in $out/results.json (tools/gpu/report.py) as soon as it has them.

keep() { # PART KEY FILE: the JSON file becomes results.PART.KEY
  [ -n "$dry" ] || [ ! -s "$3" ] || report merge "$out/results.json" "$1" "$2" "$3"
}

card_facts() {
  local fields=name,driver_version,memory.total,memory.used,clocks.max.sm,clocks.max.mem,power.limit,compute_cap,temperature.gpu,mig.mode.current
  if command -v nvidia-smi >/dev/null 2>&1; then
    capture 60 "$work/card.csv" nvidia-smi --query-gpu=$fields --format=csv,nounits || note "nvidia-smi failed"
    attempt 60 - nvidia-smi || true
    [ -n "$dry" ] || report csv "$work/card.csv" >"$work/card.json"
  else
    note "no nvidia-smi here"
    echo '{"name": "none"}' >"$work/card.json"
  fi
  keep "$1" card "$work/card.json"
}

# -- check ------------------------------------------------------------------------------------------------------------

part_check() {
  wanted=("$@")
  card_facts check
  capture 60 "$work/doctor.json" "$trm" doctor --device "$device" --json || fail "trm doctor --device $device"
  keep check doctor "$work/doctor.json"
  [ -n "$dry" ] || attempt 60 - "$trm" doctor --device "$device" || true
  smoke
  ceilings check
  run_tests check 240
}

# A small model trained twice on the device gives the same bytes; the device and the CPU evaluate it alike.
smoke() {
  local run options=(--preset sudoku-9x9 --steps 40 --device "$device" --quiet --json)
  [ -z "$tiny" ] || options+=(--steps 2 --hidden-size 32 --batch 4)
  for run in first second; do
    capture 120 "$work/smoke-$run.json" "$trm" train "$folder/data/train.csv" --run "$work/$run" "${options[@]}" ||
      { fail "smoke: trm train on $device"; return; }
  done
  for run in "$device" cpu; do
    capture 120 "$work/smoke-eval-$run.json" "$trm" eval "$work/first" "$folder/data/valid.csv" --limit 64 --device "$run" --json \
      --quiet || { fail "smoke: trm eval on $run"; return; }
  done
  [ -z "$dry" ] || return 0
  report smoke "$work/first" "$work/second" "$work/smoke-eval-$device.json" "$work/smoke-eval-cpu.json" >"$work/smoke.json" ||
    fail "smoke: $(cat "$work/smoke.json")"
  keep check smoke "$work/smoke.json"
}

ceilings() {
  [ -n "$torch_python" ] || return 0
  capture 150 "$work/ceilings.json" "$torch_python" "$folder/bench/network.py" --ceilings --device "${device%%:*}" ||
    fail "the ceilings were not measured"
  keep "$1" ceilings "$work/ceilings.json"
}

# The test programs of the folder, one after the other, each with its own time limit: run_tests PART SECONDS [TOOL...].
# Those whose names match one of the patterns in `wanted`, where there are any.
wanted=()
is_wanted() {
  local pattern
  [ ${#wanted[@]} -gt 0 ] || return 0
  # shellcheck disable=SC2053 # a pattern is meant
  for pattern in "${wanted[@]}"; do [[ $1 == $pattern ]] && return 0; done
  return 1
}
run_tests() {
  local part_name=$1 most=$2 test name code began status
  shift 2
  unpack_programs || return
  : >"$work/tests.tsv"
  while read -r test; do
    [ -n "$test" ] && is_wanted "$(basename "$test")" || continue
    need_program "$test" || continue
    name=$(basename "$test") began=$(date +%s)
    : >"$work/test.log"
    status=$most
    [ "$(left)" -ge "$most" ] || status=$(left)
    if [[ $device == cpu && $name == test_cuda_card_* ]]; then # they take the first card, and there is none
      code=77
    else
      attempt "$status" "$work/test.log" "$@" "$programs/$test"
      code=$?
    fi
    case $code in
    124) [ "$status" -gt 0 ] && status="out of time" || status="not run" ;;
    0) status=passed ;; 77) status=skipped ;; 137) status="out of time" ;; 130) status=interrupted ;; *) status=failed ;;
    esac
    [ -n "$dry" ] && continue
    printf '%-40s %-12s %4s s  %s\n' "$name" "$status" $(($(date +%s) - began)) "$(grep -aoE '[0-9]+ test\(s\) run|ERROR SUMMARY.*|RACECHECK SUMMARY.*' "$work/test.log" | tail -1)"
    printf '%s\t%s\t%s\t%s\n' "$name" "$status" $(($(date +%s) - began)) "${1:+$(basename "$1") }$(printf '%s ' "${@:2}")" >>"$work/tests.tsv"
    [ $code = 0 ] || [ $code = 77 ] || { fail "$name: $status (exit code $code)"; grep -av '^\[ *\(RUN\|OK\)' "$work/test.log" | tail -60; }
    report tests "$work/tests.tsv" >"$work/tests.json"
    keep "$part_name" "tests${run_tests_suffix:-}" "$work/tests.json"
  done < <(cat "$folder/tests.list" 2>/dev/null)
  [ -s "$folder/tests.list" ] || note "the folder has no CUDA tests"
}

# -- bench ------------------------------------------------------------------------------------------------------------

original_options() { # the original's own code as the peer, where it was packed
  [ ! -d "$folder/original/models" ] || printf '%s\n' --original "$folder/original"
}

part_bench() {
  local presets=("$@") preset peer=()
  [ ${#presets[@]} -gt 0 ] || presets=(sudoku-mlp sudoku-att maze arc)
  need bench/update.py bench/original.py
  unpack_programs || return
  need_program bin/bench
  mapfile -t peer < <(original_options)
  card_facts bench
  ceilings bench
  for preset in "${presets[@]}"; do # the whole update first: it is what matters most
    [ -z "$interrupted" ] || break
    bench_update "$preset"
    bench_networks "$preset"
  done
  has_cublaslt || return 0
  for preset in "${presets[@]}"; do
    [ -z "$interrupted" ] || break
    [ "$(left)" -gt 40 ] || { note "no time left for $preset by cuBLASLt (tools/gpu_run bench $preset)"; continue; }
    bench_cublaslt "$preset"
  done
}

has_cublaslt() {
  [ -n "$dry" ] || [[ $device == cuda* ]] || return 1
  [ -n "$dry" ] || "$trm" doctor --device "$device,cublaslt" >"$work/cublaslt.log" 2>&1 || {
    note "no cuBLASLt here: $(tail -1 "$work/cublaslt.log")"
    return 1
  }
}

# The same with the library's products, trm alone.
bench_cublaslt() {
  update_with bench "$1" cublaslt
  attempt "$(share)" - "$programs/bin/bench" --device "$device,cublaslt" --only networks,solving --presets "$1" \
    "$(networks_mode)" --json "$work/networks.json" || fail "bench: networks of $1 by cuBLASLt were not measured"
  keep bench "networks_$1_cublaslt" "$work/networks.json"
  rm -f "$work/networks.json"
}

update_with() { # PART PRESET OPTION: updates with one more option of the device, or none
  local key=update_$2${3:+_$3}
  capture "$(share)" "$work/update.json" "$plain_python" "$folder/bench/update.py" --trm "$trm" --preset "$2" --no-peer \
    --seconds 12 --data "$folder/data/train.csv" --device "$device${3:+,$3}" --work "$work" ${tiny:+--tiny} ||
    fail "$1: updates of $2 ${3:+with $3 }were not measured"
  keep "$1" "${key//[=,]/_}" "$work/update.json"
}

networks_mode() {
  if [ -n "$tiny" ]; then echo --tiny; else echo --quick; fi
}

# -- products ---------------------------------------------------------------------------------------------------------

# Whole updates with each kind of product by cuBLASLt, the others by trm's kernels: which is to make which? The bits are
# those of trm__cuda_epilogue: 1 stored, 2 gated, 4 residual, 8 transposed, 16 and normed, 32 gated backward, 64 weight
# gradients. A mixer's forward pass has products only where it is unfused.
part_products() {
  local presets=("$@") preset option
  [ ${#presets[@]} -gt 0 ] || presets=(sudoku-mlp sudoku-att)
  need bench/update.py
  card_facts products
  has_cublaslt || { fail "without cuBLASLt there is nothing to compare"; return; }
  for preset in "${presets[@]}"; do
    for option in "" cublaslt unfused unfused,cublaslt cublaslt={1,2,4,8,16,32,64}; do
      [ -z "$interrupted" ] || return
      update_with products "$preset" "$option"
    done
  done
}

share() { # of what is left, for each of two things a preset: the first presets may take most
  local seconds=$(($(left) * 6 / 10))
  [ "$seconds" -gt 30 ] || seconds=$(left)
  echo "$seconds"
}

bench_update() {
  capture "$(share)" "$work/update.json" "${torch_python:-$plain_python}" "$folder/bench/update.py" --trm "$trm" --preset "$1" \
    --data "$folder/data/train.csv" --device "$device" --compile model --work "$work" ${tiny:+--tiny} ${peer[@]+"${peer[@]}"} ||
    fail "bench: updates of $1 were not measured (tools/gpu_run bench $1 measures this one alone)"
  keep bench "update_$1" "$work/update.json"
}

bench_networks() {
  attempt "$(share)" - "$programs/bin/bench" --device "$device" --only networks,solving --presets "$1" "$(networks_mode)" \
    --json "$work/networks.json" --compile layers ${torch_python:+--python "$torch_python" --script "$folder/bench/network.py"} \
    ${peer[@]+"${peer[@]}"} || fail "bench: networks of $1 were not measured (tools/gpu_run bench $1 measures this one alone)"
  keep bench "networks_$1" "$work/networks.json"
  rm -f "$work/networks.json"
}

# -- train ------------------------------------------------------------------------------------------------------------

part_train() {
  local preset=${1:-} minutes=${2:-} name run code exporter options
  [[ -n $preset && $minutes =~ ^[0-9]+(\.[0-9]+)?$ ]] || { fail "usage: gpu_run train PRESET MINUTES"; return; }
  [ -z "$init_from" ] || [ -e "$init_from" ] || { fail "$init_from is missing"; return; }
  name=${run_name:-$preset} run=$runs/${run_name:-$preset}
  [[ $name =~ ^[A-Za-z0-9._-]+$ ]] || { fail "--run: \"$name\" has letters that a file's name here may not have"; return; }
  awk "BEGIN { exit !($minutes * 60 + 60 > $limit) }" && note "$minutes minutes leave no time within --limit $limit for the evaluation"
  mkdir -p "$runs"
  [ -z "$fresh" ] || [ -n "$dry" ] || rm -rf "$run" "$run.sessions"
  card_facts train
  options=(--device "$device" --max-minutes "$minutes" --save-every 500 --keep 1 --json)
  if ls -d "$run"/checkpoints/step-* >/dev/null 2>&1; then
    [ -z "$init_from" ] || note "$run exists and goes on; --init-from is for a new run (--fresh, or --run NAME)"
    note "going on with $run"
    options+=(--resume "$run")
  else
    [ -n "$dry" ] || rm -rf "$run"
    options+=("$folder/data/train.csv" --valid "$folder/data/valid.csv" --preset "$preset" --run "$run" --log-every 10
      --eval-every 500 --eval-limit 1024 ${init_from:+--init-from "$init_from"})
    [ -z "$tiny" ] || options+=(--hidden-size 32 --L-cycles 1 --H-cycles 1 --expansion 1 --batch 8 --eval-every 5
      --eval-limit 8 --save-every 5 --log-every 1 --halt-max-steps 2)
  fi
  export_while "$run" "$name" $$ &
  exporter=$!
  capture "$(left)" "$work/train.json" "$trm" train "${options[@]}" ${extra[@]+"${extra[@]}"}
  code=$?
  end_process "$exporter"
  case $code in
  0) ;;
  124) note "--limit came before the $minutes minutes; stopped and saved" ;;
  *) fail "trm train: exit code $code; what it had saved stands in $run" ;;
  esac
  [ ! -s "$work/train.json" ] || cat "$work/train.json" >>"$run.sessions"
  keep train run "$work/train.json"
  export_weights "$run" "$name"
  [ -n "$interrupted" ] || evaluate_trained "$run" "$name"
  note "this run goes on, on this machine, with: gpu_run train $preset MINUTES${run_name:+ --run $run_name}; elsewhere with --init-from $name-last.safetensors"
}

# The file of the run that holds these weights. A run writes last when it ends or is stopped; of one that still trains or was
# killed, last is its newest checkpoint's (not averaged).
weights_of() {
  local run=$1 which=$2 file=$1/$2.safetensors newest
  newest=$(ls -td "$run"/checkpoints/step-*/ 2>/dev/null | head -1)
  if [ "$which" = last ] && [ -n "$newest" ] && [ ! "$file" -nt "$newest" ]; then file=${newest}model.safetensors; fi
  [ ! -e "$file" ] || echo "$file"
}

# Weights in bf16 with the card that can be written now, for each of best and last that the run has.
export_weights() {
  local run=$1 name=$2 which file
  [ -z "$dry" ] || { note "would write $out/$name-{best,last}.safetensors, $name-card.json, $name-metrics.jsonl"; return; }
  report card "$run" "$out/results.json" "$folder/data" >"$work/card-model.json" || return 0
  cp "$work/card-model.json" "$out/$name-card.json"
  for which in best last; do
    file=$(weights_of "$run" "$which")
    [ -n "$file" ] || continue
    "$trm" convert "$file" -o "$out/$name-$which.safetensors" --dtype bfloat16 --force \
      --card "$work/card-model.json" >/dev/null || fail "$which was not exported"
  done
  [ ! -e "$run/metrics.jsonl" ] || tail -c $((15 << 20)) "$run/metrics.jsonl" >"$out/$name-metrics.jsonl"
}

# While the run goes on, newer weights leave it every half minute: whatever becomes of this program, they are there.
export_while() {
  local run=$1 name=$2 parent=$3 stamp= now pause=30
  trap 'exit 0' TERM
  [ -z "$dry" ] || return
  [ -z "$tiny" ] || pause=1
  while kill -0 "$parent" 2>/dev/null; do
    sleep "$pause" &
    wait $!
    now=$(stat -c %Y.%s "$run"/best.safetensors "$run"/checkpoints/* 2>/dev/null)
    [ "$now" = "$stamp" ] || { stamp=$now; export_weights "$run" "$name"; }
  done
}

evaluate_trained() {
  local which
  for which in best last; do
    [ -n "$dry" ] || [ -e "$out/$2-$which.safetensors" ] || continue
    [ "$(left)" -gt 10 ] || { note "no time left to evaluate $which; later: gpu_run eval $out/$2-$which.safetensors"; continue; }
    evaluate "$out/$2-$which.safetensors" "$which" train "$(left)"
  done
  export_weights "$1" "$2" # once more, as the card now has the accuracy
}

# evaluate MODEL KEY PART SECONDS
evaluate() {
  local most=()
  [ -z "$tiny" ] || most=(--limit 8)
  capture "$4" "$work/eval.json" "$trm" eval "$1" "$folder/data/valid.csv" --device "$device" --max-steps 16 --json --quiet \
    ${most[@]+"${most[@]}"} || fail "trm eval $1"
  keep "$3" "$2" "$work/eval.json"
}

# -- eval -------------------------------------------------------------------------------------------------------------

part_eval() {
  local model=${1:-$folder/models/sudoku-extreme.safetensors}
  if [ ! -e "$model" ] && [ $# = 0 ]; then
    note "the folder has no trained model; name one: gpu_run eval MODEL"
    [ -n "$dry" ] || echo '{}' >"$work/none.json"
    keep eval none "$work/none.json"
    return
  fi
  [ -e "$model" ] || { fail "$model is missing"; return; }
  card_facts eval
  evaluate "$model" all_steps eval "$(left)"
  capture "$(left)" "$work/eval.json" "$trm" eval "$model" "$folder/data/valid.csv" --device "$device" --max-steps 16 --halt \
    --json --quiet ${tiny:+--limit 8} || fail "trm eval --halt"
  keep eval halting "$work/eval.json"
}

# -- sanitize ---------------------------------------------------------------------------------------------------------

part_sanitize() {
  local sanitizer tool
  wanted=("$@")
  sanitizer=$(command -v compute-sanitizer || ls /usr/local/cuda*/bin/compute-sanitizer /usr/local/cuda*/compute-sanitizer/compute-sanitizer 2>/dev/null | head -1)
  card_facts sanitize
  if [ -z "$sanitizer" ] && [ -z "$dry" ]; then
    fail "no compute-sanitizer here: nothing was checked"
    return
  fi
  for tool in memcheck racecheck; do
    run_tests_suffix=_$tool
    run_tests sanitize 240 "${sanitizer:-compute-sanitizer}" --tool $tool --error-exitcode 9
  done
  run_tests_suffix=
}
