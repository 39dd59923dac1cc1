# The parts of tools/gpu_run. Each leaves its results in $out/results.json (tools/gpu/report.py) as soon as it has them.

keep() { # PART KEY FILE: the JSON file becomes results.PART.KEY
  [ -n "$dry" ] || [ ! -s "$3" ] || report merge "$out/results.json" "$1" "$2" "$3"
}

card_facts() {
  local fields=name,driver_version,memory.total,memory.used,clocks.max.sm,clocks.max.mem,power.limit,compute_cap,temperature.gpu,mig.mode.current
  if [ -s "$work/card.json" ]; then # of an earlier part
    :
  elif command -v nvidia-smi >/dev/null 2>&1; then
    capture 30 "$work/card.csv" nvidia-smi --query-gpu=$fields --format=csv,nounits || note "nvidia-smi failed"
    attempt 30 - nvidia-smi || true
    [ -n "$dry" ] || report csv "$work/card.csv" >"$work/card.json" || echo '{"name": "unknown"}' >"$work/card.json"
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
  capture 30 "$work/doctor.json" "$trm" doctor --device "$device" --json || fail "trm doctor --device $device"
  keep check doctor "$work/doctor.json"
  [ -n "$dry" ] || attempt 30 - "$trm" doctor --device "$device" || true
  smoke
  [ -n "$brief" ] || ceilings check
  run_tests check $((brief ? 25 : 240))
}

# A small model trained twice on the device gives the same bytes; the device and the CPU evaluate it alike.
smoke() {
  local run most=$((brief ? 20 : 120)) options=(--preset sudoku-9x9 --steps 40 --device "$device" --quiet --json)
  [ -z "$tiny" ] || options+=(--steps 2 --hidden-size 32 --batch 4)
  for run in first second; do
    capture $most "$work/smoke-$run.json" "$trm" train "$folder/data/train.csv" --run "$work/$run" "${options[@]}" ||
      { fail "smoke: trm train on $device"; return; }
  done
  for run in "$device" cpu; do
    capture $most "$work/smoke-eval-$run.json" "$trm" eval "$work/first" "$folder/data/valid.csv" --limit 64 --device "$run" --json \
      --quiet || { fail "smoke: trm eval on $run"; return; }
  done
  [ -z "$dry" ] || return 0
  report smoke "$work/first" "$work/second" "$work/smoke-eval-$device.json" "$work/smoke-eval-cpu.json" >"$work/smoke.json" ||
    fail "smoke: $(cat "$work/smoke.json")"
  keep check smoke "$work/smoke.json"
}

ceilings() {
  [ -n "$torch_python" ] || return 0
  capture $((brief ? 30 : 150)) "$work/ceilings.json" "$torch_python" "$folder/bench/network.py" --ceilings --device "${device%%:*}" ||
    fail "the ceilings were not measured"
  keep "$1" ceilings "$work/ceilings.json"
}

# The test programs of the folder, one after the other, each with its own time limit: run_tests PART SECONDS [TOOL...].
# Those whose names match one of the patterns in `wanted`, where there are any. What tells most comes first, as time may not
# be enough for all: variants of one computation against each other, each kernel that training needs, whole trainings.
telling=(kernels_variants kernels_products kernels_mixer kernels_attention kernels_gradients kernels_norm kernels_heads kernels_update
  train_golden backend_update train_trainer infer_solve kernels_solve)
tests_in_order() {
  local name
  [ -s "$folder/tests.list" ] || return 0
  {
    for name in "${telling[@]}"; do grep "_card_$name\$" "$folder/tests.list"; done
    cat "$folder/tests.list"
  } | awk '!seen[$0]++'
}
wanted=()
is_wanted() {
  local pattern
  [ ${#wanted[@]} -gt 0 ] || return 0
  # shellcheck disable=SC2053 # a pattern is meant
  for pattern in "${wanted[@]}"; do [[ $1 == $pattern ]] && return 0; done
  return 1
}
run_tests() {
  local part_name=$1 most=$2 test name code began status leave_out=
  shift 2
  unpack_programs || return
  : >"$work/tests.tsv"
  while read -r test; do
    [ -n "$test" ] && is_wanted "$(basename "$test")" || continue
    need_program "$test" || continue
    if [ -n "$brief" ] && [ -z "$dry" ] && [ "$(left)" -le 0 ]; then
      leave_out+=" $(basename "$test")"
      continue
    fi
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
  done < <(tests_in_order)
  [ -z "$leave_out" ] || note "no time left for$leave_out"
  [ -s "$folder/tests.list" ] || note "the folder has no CUDA tests"
}

# -- bench ------------------------------------------------------------------------------------------------------------

original_options() { # the original's own code as the peer, where it was packed
  [ ! -d "$folder/original/models" ] || printf '%s\n' --original "$folder/original"
}

part_bench() {
  local presets=("$@") preset peer=() plain=$device
  [ ${#presets[@]} -gt 0 ] || presets=(sudoku-mlp sudoku-att maze arc)
  need bench/update.py bench/original.py
  unpack_programs || return
  need_program bin/bench
  mapfile -t peer < <(original_options)
  card_facts bench
  [ -n "$brief" ] || ceilings bench
  for preset in "${presets[@]}"; do # the whole update first: it is what matters most
    [ -z "$interrupted" ] || break
    device=$plain
    with_choice "$preset"
    bench_update "$preset"
    bench_networks "$preset"
  done
  device=$plain
  if [ -n "$brief" ]; then
    [ "$(left)" -lt 15 ] || ceilings bench
    return
  fi
  [ ! -e "$runs/choice.json" ] || { note "tune has looked at cuBLASLt"; return; }
  has_cublaslt || return 0
  for preset in "${presets[@]}"; do
    [ -z "$interrupted" ] || break
    [ "$(left)" -gt 40 ] || { note "no time left for $preset by cuBLASLt (tools/gpu_run bench $preset)"; continue; }
    bench_cublaslt "$preset"
  done
}

has_cublaslt() {
  [ -n "$dry" ] || [[ $device == cuda* ]] || return 1
  [ -n "$dry" ] || attempt 30 "$work/cublaslt.log" "$trm" doctor --device "$device,cublaslt" || {
    note "no cuBLASLt here: $(tail -1 "$work/cublaslt.log")"
    return 1
  }
}

# The same with the library's products, trm alone.
bench_cublaslt() {
  timed=12 measure "$(share)" "$1" "$device,cublaslt" "$work/update.json" || fail "bench: updates of $1 by cuBLASLt were not measured"
  keep bench "update_$1_cublaslt" "$work/update.json"
  attempt "$(share)" - "$programs/bin/bench" --device "$device,cublaslt" --only networks,solving --presets "$1" \
    "$(networks_mode)" --json "$work/networks.json" || fail "bench: networks of $1 by cuBLASLt were not measured"
  keep bench "networks_$1_cublaslt" "$work/networks.json"
  rm -f "$work/networks.json"
}

networks_mode() {
  if [ -n "$tiny" ]; then echo --tiny; else echo --quick; fi
}

share() { # of what is left, for each of two things a preset: the first presets may take most
  local seconds=$(($(left) * 6 / 10))
  [ "$seconds" -gt 30 ] || seconds=$(left)
  echo "$seconds"
}

bench_update() {
  local how=(--compile model)
  [ -z "$brief" ] || how=(--compile layers --seconds 8) # compiling whole networks takes minutes
  capture "$(share)" "$work/update.json" "${torch_python:-$plain_python}" "$folder/bench/update.py" --trm "$trm" --preset "$1" \
    --data "$folder/data/train.csv" --device "$device" --work "$work" "${how[@]}" ${tiny:+--tiny} ${peer[@]+"${peer[@]}"} ||
    fail "bench: updates of $1 were not measured to the end (tools/gpu_run bench $1 measures this one alone)"
  keep bench "update_$1" "$work/update.json"
}

bench_networks() {
  local with=(--only networks,solving)
  [ -z "$torch_python" ] || with+=(--python "$torch_python" --script "$folder/bench/network.py" ${peer[@]+"${peer[@]}"})
  [ -z "$brief" ] || with=(--only solving)
  attempt "$(share)" - "$programs/bin/bench" --device "$device" --presets "$1" "$(networks_mode)" --json "$work/networks.json" \
    --compile layers "${with[@]}" || fail "bench: networks of $1 were not measured (tools/gpu_run bench $1 measures this one alone)"
  keep bench "networks_$1" "$work/networks.json"
  rm -f "$work/networks.json"
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
