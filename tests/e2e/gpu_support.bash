# What the tests of tools/gpu_run share: data in data/, and what may be said of what it leaves.
: "${TRM_SOURCE_DIR:?}" "${TRM_BUILD_DIR:?}"
[ -x "$TRM_BUILD_DIR/bench/bench" ] || fail "$TRM_BUILD_DIR/bench/bench is not built"
if [ -n "${TRM_SANITIZE:-}" ]; then
  echo "programs for a sanitizer are not for packing"
  exit 77
fi
unset OUT TRM_MODELS TRM_DEVICE

# Data: one solution under different names of the digits.
mkdir -p data/sudoku
python3 - <<'PY'
import random
random.seed(3)
solution = "".join(str((3 * (r % 3) + r // 3 + c) % 9 + 1) for r in range(9) for c in range(9))
for name, count in ("train", 40), ("valid", 20):
    with open(f"data/sudoku/{name}.csv", "w") as f:
        print("source,question,answer,rating", file=f)
        for i in range(count):
            answer = solution.translate(str.maketrans("123456789", "".join(random.sample("123456789", 9))))
            question = "".join(c if random.random() < 0.6 else "." for c in answer)
            print(f"test,{question},{answer},{i % 30}", file=f)
PY

# results OUT EXPRESSION: about the parts' results, r.
results() {
  checks=$((checks + 1))
  python3 -c 'import json, sys
r = json.load(open(sys.argv[1] + "/results.json"))
sys.exit(0 if eval(sys.argv[2]) else 1)' "$1" "$2" || fail "$1/results.json: not true: $2"
}
may_leave() { # OUT: few files with plain names, none too large
  checks=$((checks + 1))
  [ "$(find "$1" -type f | wc -l)" -le 8 ] || fail "too many files: $(ls "$1")"
  [ -z "$(find "$1" -size +16383k)" ] || fail "too large: $(ls -l "$1")"
  [ -z "$(find "$1" -type f | sed 's|.*/||' | grep -v '^[A-Za-z0-9._-]*$')" ] || fail "odd names: $(ls "$1")"
}
trained() { # OUT NAME: weights that can be used, with a card
  local which
  may_leave "$1"
  for which in best last; do
    run 0 "$TRM" info "$1/$2-$which.safetensors" --tensors --json
    json '{t["dtype"] for t in v["tensors"] if len(t["shape"]) > 1} == {"BF16"}'
    json 'v["card"]["data"]["train"] == "train.csv" and v["card"]["steps"] > 0 and v["card"]["seed"] == 0'
  done
}
