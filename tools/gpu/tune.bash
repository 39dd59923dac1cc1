# The options of the device: which kernels are right on this card and make the fastest updates. What is chosen is left in
# $runs/choice.json, where bench and train of the same lease find it (with_choice).
timed=4     # seconds of updates
margin=1.01 # what is faster by less than this is not worth an option

# measure SECONDS PRESET DEVICE FILE [options of trm train]: updates a second, timed for $timed seconds, as JSON; what it
# said is in $work/measure.log.
measure() {
  local most=$1 preset=$2 on=$3 file=$4 code
  shift 4
  rm -f "$file"
  # shellcheck disable=SC2016 # expands in the inner shell
  attempt "$most" "$work/measure.log" bash -c 'exec "${@:2}" >"$1"' measure "$file" "$plain_python" "$folder/bench/update.py" \
    --trm "$trm" --preset "$preset" --no-peer --seconds "$timed" --data "$folder/data/train.csv" --device "$on" --work "$work" \
    ${tiny:+--tiny} -- "$@"
  code=$?
  [ -n "$dry" ] || cat "$work/measure.log"
  return $code
}

with_choice() { # PRESET: the device with what tune found for it, unless it was named with options
  local options
  [ -z "$dry" ] && [[ $device != *,* ]] || return 0
  options=$(report chosen "$runs/choice.json" "$work/card.json" "$1") || return 0
  device=$device${options:+,$options}
  note "device $device, as tune chose"
}

# -- is it right? -------------------------------------------------------------------------------------------------------

# The preset's layers with few cycles: a CPU of 16 cores has an update of that in a second or two. With fewer than 64 examples
# a large card would take the kernels for small products, not those of a whole batch. The first update tells of loss and
# gradients, the second of the optimizer.
small=(--H-cycles 2 --L-cycles 2 --cycles-schedule "" --lr-warmup-steps 0 --lr-min-ratio 1 --batch 64 --steps 2 --log-every 1
  --quiet --json)

small_training() { # PRESET DEVICE RUN
  rm -rf "$3"
  attempt 45 "$work/small.log" "$trm" train "$folder/data/train.csv" --preset "$1" --run "$3" --device "$2" "${small[@]}" \
    ${tiny:+--hidden-size 32 --expansion 1 --batch 8}
}

small_eval() { # DEVICE BATCH FILE: of the weights that the CPU trained, with batches of 1 or 64
  # shellcheck disable=SC2016 # expands in the inner shell
  attempt 30 "$work/small.log" bash -c 'exec "${@:2}" >"$1"' eval "$3" "$trm" eval "$work/reference/last.safetensors" \
    "$folder/data/valid.csv" --limit 64 --max-steps 4 --batch "$2" --device "$1" --json --quiet
}

why() { # CODE LOG: in few words
  case $1 in
  124 | 137) echo "hung" ;;
  *) echo "exit code $1: $(grep -av '^update.py: trm train ended' "$2" | tail -1 | cut -c1-160)" ;;
  esac
}

failed() { # WHAT CODE LOG: sets `verdict`. What the part's end cut off has not failed.
  verdict="failed: $1$(why "$2" "$3")"
  [[ $2 != 124 && $2 != 137 ]] || [ "$(left)" -gt 1 ] || verdict="no time"
  return 1
}

# What the CPU makes of it, once for all candidates.
reference() { # PRESET
  compared=
  note "$1: a small training on the CPU, to compare with"
  small_training "$1" cpu "$work/reference" && small_eval cpu 64 "$work/reference.json" && compared=1
  [ -n "$compared" ] || [ -n "$interrupted" ] || fail "tune: nothing to compare with: the CPU's small training failed: $(tail -1 "$work/small.log")"
}

# Losses and gradients of a small training and losses of an evaluation as on the CPU, and the first updates of the large
# one twice the same. Sets `verdict`.
is_right() { # PRESET OPTIONS
  local on=$device${2:+,$2} code
  verdict=right
  if [ -n "$compared" ]; then
    small_training "$1" "$on" "$work/small"
    code=$?
    [ $code = 0 ] || { failed "small training: " $code "$work/small.log"; return; }
    verdict=$(report agree "$work/reference/metrics.jsonl" "$work/small/metrics.jsonl") || return 1
    small_eval "$on" 64 "$work/small.json"
    code=$?
    [ $code = 0 ] || { failed "evaluation: " $code "$work/small.log"; return; }
    verdict=$(report alike "$work/reference.json" "$work/small.json") || return 1
  fi
  timed=1.5 measure 30 "$1" "$on" "$work/again.json"
  code=$?
  [ $code = 0 ] || { failed "the second time: " $code "$work/measure.log"; return; }
  verdict=$(report same "$work/update.json" "$work/again.json")
}

# -- which is fastest? --------------------------------------------------------------------------------------------------

# Updates with these options; their rate, 0 when there is none. Sets `verdict` and leaves $work/update.json.
clock() { # PRESET OPTIONS
  local code most=40 # a machine's first use of the card may take long
  [ -z "$found" ] || most=20
  [ -z "$tiny" ] || most=6
  verdict= rate[${2:-plain}]=0
  note "$1: ${2:-no options}"
  measure "$most" "$1" "$device${2:+,$2}" "$work/update.json"
  code=$?
  [ -z "$dry" ] || return 1
  [ -z "$interrupted" ] || return 1
  if [ $code = 0 ]; then
    rate[${2:-plain}]=$(report field "$work/update.json" updates_per_second)
    return 0
  fi
  failed "" $code "$work/measure.log"
}

settle() { # PRESET OPTIONS: its verdict becomes known
  [ -z "$dry" ] && [ -z "$interrupted" ] || return 0
  report verdict "$work/update.json" "$1" "$device${2:+,$2}" "$verdict"
  keep tune "update_$1_${2:-plain}" "$work/update.json"
  note "$1, ${2:-no options}: $verdict"
  case $verdict in
  failed* | wrong*)
    fail "tune: $device${2:+,$2}: $verdict"
    find_kernel "$1" "$2" ;;
  esac
}

# The name of the first kernel that fails, once: every launch is waited for.
find_kernel() { # PRESET OPTIONS
  [[ $device == cuda* && $verdict == *"exit code"* && -z $named ]] && [ "$(left)" -gt 30 ] || return 0
  named=1
  note "which kernel is it?"
  if small_training "$1" "$device${2:+,$2},check" "$work/small"; then
    note "none fails while each is waited for"
  else
    tail -5 "$work/small.log"
  fi
}

over() { awk "BEGIN { exit !($1 > $2 * $3) }"; } # A FACTOR B: A > FACTOR B?

# Whether there is time, and the option exists.
can_try() {
  [ -z "$interrupted" ] || return 1
  [[ -n $lt || $1 != *cublaslt* ]] || return 1
  [ "$(left)" -gt $((tiny ? 2 : 12)) ] || { untried+=" ${1:-plain}"; return 1; }
}

# A candidate: timed, and where that makes it the fastest so far, checked. Then it is the choice.
try() { # PRESET OPTIONS
  can_try "$2" || return 0
  if clock "$1" "$2"; then
    if over "${rate[${2:-plain}]}" "$margin" "$best_rate"; then
      if is_right "$1" "$2"; then
        best=$2 best_rate=${rate[${2:-plain}]} found=1
        report choose "$runs/choice.json" "$work/card.json" "$1" "$best" "$work/update.json"
      fi
    else
      verdict="slower, not checked"
    fi
  fi
  settle "$1" "$2"
}

# Each kind of product by the library alone, the others by trm's kernels: 1 stored, 2 gated, 4 residual, 8 transposed, 16
# and normed, 32 gated backward, 64 weight gradients (trm__cuda_epilogue). Those that gain something are put together. A
# mixer's forward pass has products only where it is unfused.
tune_products() { # PRESET
  local base=${best%cublaslt} bit bits=0
  base=${base%,}
  over "${rate[${base:-plain}]:-0}" 0 1 || return 0
  for bit in 64 1 4 2 32 8 16; do
    can_try "cublaslt=$bit" && [ "$(left)" -gt 30 ] || { untried+=" cublaslt=$bit"; continue; }
    if clock "$1" "${base:+$base,}cublaslt=$bit"; then
      verdict="slower, not checked"
      if over "${rate[${base:+$base,}cublaslt=$bit]}" 1.003 "${rate[${base:-plain}]}"; then
        bits=$((bits + bit))
        verdict="faster than without; to be combined"
      fi
    fi
    settle "$1" "${base:+$base,}cublaslt=$bit"
  done
  [ $bits = 0 ] || try "$1" "${base:+$base,}cublaslt=$bits"
}

# One puzzle goes through a kernel of its own, which `separate` leaves out: whether it is right and faster than without.
tune_one_puzzle() { # PRESET
  local which code answer fastest=0 choice=
  [ -n "$compared" ] && [ -z "$dry" ] && can_try separate || return 0
  for which in "" separate; do
    small_eval "$device${which:+,$which}" 1 "$work/one.json"
    code=$?
    [ -z "$interrupted" ] && [ "$(left)" -gt 1 ] || return 0
    if [ $code != 0 ]; then
      fail "tune: one puzzle, $device${which:+,$which}: $(why $code "$work/small.log")"
    elif ! answer=$(report alike "$work/reference.json" "$work/one.json"); then
      fail "tune: one puzzle, $device${which:+,$which}: $answer"
    else
      keep tune "puzzle_$1_${which:-plain}" "$work/one.json"
      over "$(report field "$work/one.json" puzzles_per_second)" "$margin" "$fastest" || continue
      fastest=$(report field "$work/one.json" puzzles_per_second) choice=$which
    fi
  done
  separate=${choice:+,$choice}
}

tune() { # PRESET
  local preset=$1 option best= best_rate=0 found= compared= named= untried= separate= verdict=
  local -A rate=()
  reference "$preset"
  if [[ $device != cuda* ]]; then
    try "$preset" ""
  else
    for option in "" cublaslt unfused unfused,cublaslt sm80; do try "$preset" "$option"; done
    if [ -z "$found" ] || [ -n "$dry" ]; then
      for option in sm80,cublaslt sm80,unfused sm80,unfused,cublaslt; do try "$preset" "$option"; done
    fi
    tune_one_puzzle "$preset"
    [ -z "$found$dry" ] || tune_products "$preset"
    [ -z "$found$dry" ] || for option in 0 50 12; do try "$preset" "${best:+$best,}chunk=$option"; done
  fi
  [ -z "$untried" ] || note "no time left for:$untried"
  [ -z "$dry" ] || return 0
  [ -n "$found" ] || { [ -n "$interrupted" ] || fail "tune: nothing is right for $preset on this card"; return; }
  [ -z "$separate" ] || best=${best:+$best,}${separate#,}
  report choose "$runs/choice.json" "$work/card.json" "$preset" "$best"
  report chosen "$runs/choice.json" "$work/card.json" "$preset" --json >"$work/choice.json"
  keep tune "choice_$preset" "$work/choice.json"
}

part_tune() {
  local presets=("$@") preset lt=1
  [ ${#presets[@]} -gt 0 ] || presets=(sudoku-mlp-fast)
  need bench/update.py data/valid.csv || return
  [[ $device != *,* ]] || { fail "tune looks for the options of a device: name it without, not $device"; return; }
  card_facts tune
  [ -n "$dry" ] || mkdir -p "$runs"
  has_cublaslt || lt=
  for preset in "${presets[@]}"; do
    [ -n "$interrupted" ] || tune "$preset"
  done
}
