#!/bin/bash
# Runs beside each other: trm runs says how far they are, what came of them, where they differ, and what seeds of one
# configuration have in common; trm train --seeds makes such runs.
source "$(dirname "$0")/support.bash"

# write_run NAME SEED LR LINES...: a run of ten updates as config.json and metrics.jsonl tell of it.
write_run() {
  mkdir -p "$1"
  cat >"$1/config.json" <<JSON
{"model": {"hidden_size": 32}, "train": {"run": "$1", "data": "/d/$1", "seed": $2, "lr": $3}, "resolved": {"steps": 10}}
JSON
  printf '%s\n' "${@:4}" >"$1/metrics.jsonl"
}
write_run some/a 1 0.5 '{"step": 5, "loss": 2, "valid_exact": 0.25, "seconds": 3}' \
  '{"step": 8, "loss": 1.5, "valid_exact": 0.5, "seconds": 4}' '{"step": 10, "loss": 1.25, "valid_exact": 0.5, "seconds": 5}' \
  '{"step": 10, "model": "best.safetensors", "halt_threshold": 2, "seconds": 6}'
write_run some/b 2 0.5 '{"step": 10, "loss": 1, "valid_exact": 0.7, "seconds": 5}' '{"step": 11, "los'
write_run some/c 3 0.5 '{"step": 4, "loss": 1, "valid_exact": 0.6, "seconds": 5}'
write_run some/d 1 0.25 '{"step": 10, "loss": 1, "seconds": 5}'
mkdir some/no-run

run 0 "$TRM" runs some
says '^run +updates +best exact +at step +loss +time +seed +lr$'
says '^some/a +10 +50\.0 % +8 +1\.250 +0:06 +1 +0\.5$'
says '^some/b +10 +70\.0 % +10 '
says '^some/c +4 of 10 +60\.0 % +4 '
says '^some/d +10 +- +- +1\.000 +0:05 +1 +0\.25$'
says '^some/a and its 2 other seeds: best exact 60\.0 % on average, 50\.0 % to 70\.0 %, deviation 10\.0 points$'
[ "$(grep -c seeds out)" = 1 ] || fail "more than one configuration with several seeds"
run 0 "$TRM" runs some/a some/d --json
json 'v["differ"] == ["lr"] and len(v["runs"]) == 2 and len(v["groups"]) == 2'
json 'v["runs"][0]["finished"] and v["runs"][0]["best_step"] == 8 and v["runs"][0]["options"]["hidden_size"] == 32'
run 0 "$TRM" runs some --json
json 'v["groups"][0]["seeds"] == [1, 2, 3] and abs(v["groups"][0]["best_exact"]["deviation"] - 0.1) < 1e-12'
json 'v["groups"][1]["best_exact"]["mean"] is None and not v["runs"][2]["finished"]'
refuse 3 'absent: no such folder' "$TRM" runs absent
refuse 3 'no-run: no run in it' "$TRM" runs some/no-run
refuse 3 'runs: no such folder' "$TRM" runs

write_puzzles
run 0 "$TRM" train six.csv --run seeds $tiny --steps 4 --seeds 3,5 --valid six.csv --quiet
says '^all seeds: trm runs seeds$'
run 0 "$TRM" train six.csv --run alone $tiny --steps 4 --seed 5 --valid six.csv --quiet
cmp seeds/seed-5/last.safetensors alone/last.safetensors || fail "a seed of several has other weights than alone"
run 0 "$TRM" runs seeds --json
json '[r["run"] for r in v["runs"]] == ["seeds/seed-3", "seeds/seed-5"] and v["differ"] == ["seed"]'
json 'v["groups"][0]["best_exact"]["count"] == 2'
refuse 2 'seeds: found "x"' "$TRM" train six.csv --run no $tiny --steps 4 --seeds 1,x --quiet
refuse 2 'cannot be given with --seed' "$TRM" train six.csv --run no $tiny --steps 4 --seeds 1 --seed 2 --quiet
refuse 2 'cannot be given with --resume' "$TRM" train --resume alone --seeds 1
[ ! -e no ] || fail "a refused training made a folder"
done_testing
