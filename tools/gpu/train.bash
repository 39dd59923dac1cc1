# Training, what becomes of its weights, and the lease, which does everything and then trains.

part_train() {
  local preset=${1:-} minutes=${2:-} name run code exporter options most grace=20 # a stopped run saves first
  [[ -n $preset && $minutes =~ ^[0-9]+(\.[0-9]+)?$ ]] || { fail "usage: gpu_run train PRESET MINUTES"; return; }
  [ -z "$init_from" ] || [ -e "$init_from" ] || { fail "$init_from is missing"; return; }
  name=${run_name:-$preset} run=$runs/${run_name:-$preset}
  [[ $name =~ ^[A-Za-z0-9._-]+$ ]] || { fail "--run: \"$name\" has letters that a file's name here may not have"; return; }
  awk "BEGIN { exit !($minutes * 60 + 60 > $limit) }" && note "$minutes minutes leave no time within --limit $limit for the evaluation"
  mkdir -p "$runs"
  [ -z "$fresh" ] || [ -n "$dry" ] || rm -rf "$run" "$run.sessions"
  card_facts train
  with_choice "$preset"
  options=(--device "$device" --max-minutes "$minutes" --json)
  if ls -d "$run"/checkpoints/step-* >/dev/null 2>&1; then
    [ -z "$init_from" ] || note "$run exists and goes on; --init-from is for a new run (--fresh, or --run NAME)"
    note "going on with $run and its own number of updates"
    options+=(--resume "$run")
  else
    [ -n "$dry" ] || rm -rf "$run"
    options+=("$folder/data/train.csv" --valid "$folder/data/valid.csv" --preset "$preset" --run "$run" --log-every 10 --keep 1
      --eval-every 500 --eval-limit 1024 --save-every 500 ${init_from:+--init-from "$init_from"})
    fit "$preset" "$minutes"
    [ -z "$tiny" ] || options+=(--hidden-size 32 --L-cycles 1 --H-cycles 1 --expansion 1 --batch 8 --eval-every 5
      --eval-limit 8 --save-every 5 --log-every 1 --halt-max-steps 2)
  fi
  export_while "$run" "$name" $$ &
  exporter=$!
  most=$(($(left) - 4)) # to export what it leaves
  capture $((most > 0 ? most : 1)) "$work/train.json" "$trm" train "${options[@]}" ${extra[@]+"${extra[@]}"}
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

# A schedule that ends within the minutes: a rate that has not come down, or an average that has not begun, when time is
# out would be worth little. From the rate that tune measured, or one that is measured now.
fit() { # PRESET MINUTES
  local own= planned
  [[ " ${extra[*]-} " != *" --steps"* ]] || return 0 # who says so knows
  [[ $device != *,* ]] || own=${device#*,}
  if [ ${#extra[@]} -gt 0 ] || ! report rate "$runs/choice.json" "$work/card.json" "$1" "$work/rate.json" "$own"; then
    note "how many updates a second?"
    measure 60 "$1" "$device" "$work/rate.json" ${extra[@]+"${extra[@]}"} || {
      [ -n "$interrupted" ] || fail "train: the rate was not measured, so that the preset's own number of updates is begun"
      return
    }
    [ -z "$dry" ] || return 0
  fi
  keep train rate "$work/rate.json"
  mapfile -t planned < <(report plan "$work/rate.json" "$(awk "BEGIN { print 60 * $2 }")")
  options+=("${planned[@]}")
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

# -- lease ------------------------------------------------------------------------------------------------------------

within() { # PERCENT PART...: a part with so much of --limit
  local now whole=$limit limit=$((limit * $1 / 100))
  now=$(date +%s)
  [ -z "$interrupted" ] || return 0
  [ "$limit" -le $((lease_end - now)) ] || limit=$((lease_end - now))
  [ "$limit" -gt $((whole / 50)) ] || { note "no time left for $2"; return 0; }
  run_part "${@:2}"
}

published() { # the preset whose network a variation has, as the original's code computes it
  case $1 in sudoku-mlp-*) echo sudoku-mlp ;; *) echo "$1" ;; esac
}

# What one call can do, in the order of what it would be worst not to know; time that a part leaves over is for training.
lease() {
  local preset=${1:-sudoku-mlp-fast} lease_end=$(($(date +%s) + limit - SECONDS)) brief=1 spare reserve puzzles=2048
  [ $# -le 1 ] || { fail "usage: gpu_run lease [PRESET] [--minutes M]"; return; }
  [ -z "$tiny" ] || puzzles=8
  within 20 check
  within 23 tune "$preset"
  [ -z "$interrupted" ] || return
  if [ -z "$dry" ] && ! report rate "$runs/choice.json" "$work/card.json" "$preset" "$work/rate.json"; then
    note "no kernels are known to be right for $preset: the rest of the time is for finding out why"
    within 100 sanitize
    return
  fi
  within 17 bench "$(published "$preset")"
  if [ -z "$minutes" ] && [ -z "$dry" ]; then
    spare=$((lease_end - $(date +%s))) reserve=$(report reserve "$work/rate.json" $puzzles)
    [ "$reserve" -lt $((spare / 3)) ] || reserve=$((spare / 3)) # slow kernels: rather train than evaluate
    minutes=$(awk "BEGIN { printf \"%.2f\", ($spare - $reserve) / 60 }")
  fi
  minutes=${minutes:-5}
  awk "BEGIN { exit !($minutes > 0) }" || { note "no time for training"; return; }
  within 100 train "$preset" "$minutes"
}
