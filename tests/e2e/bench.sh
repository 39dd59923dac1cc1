#!/bin/bash
# The benchmark still runs and tells what it should: in its smallest mode, on one thread (by processor time, so that a
# busy machine changes little), on two, and beside PyTorch where a Python here has it. How fast anything is, is not
# tested.
source "$(dirname "$0")/support.bash"
: "${TRM_SOURCE_DIR:?}" "${TRM_BUILD_DIR:?}"
[ -x "$TRM_BUILD_DIR/bench/bench" ] || fail "$TRM_BUILD_DIR/bench/bench is not built"

cat >rows.py <<'PYTHON'
import json, math, sys
report = json.load(open(sys.argv[1]))
sections, threads, shares = sys.argv[2].split(","), int(sys.argv[3]), sys.argv[4] == "shares"
WANT = {  # section, and parts of the names of rows that it must have
    "ceilings": ["registers", "reading from L2", "reading from memory"],
    "fork and join": ["pool"],
    "products of the networks": ["channel MLP in, gated", "mixer in, gated", "mixer out", "attention qkv",
                                 "gradient of weights", "gradient of input", "attention head,", "attention head, backward"],
    "kernels that stream": ["pack B", "norm of rows", "norm of columns", "Adam-atan2", "EMA"],
    "networks": [f"{c}, {p}" for c in ("sudoku-mlp", "sudoku-att", "maze")
                 for p in ("forward, batch 1", "forward, batch 8", "forward, batch 32", "training, batch 8")],
    "solving": ["one puzzle", "20 puzzles"],
}
problems = []
for name, wanted in WANT.items():
    if sections != ["all"] and name not in sections:
        continue
    found = [s for s in report["sections"] if s["section"].startswith(name)]
    rows = [r for s in found for r in s["rows"]]
    for part in wanted:
        if not any(part in r["what"] for r in rows):
            problems.append(f"{name}: no row for {part}")
    for r in rows:
        numbers = {k: v for k, v in r.items() if isinstance(v, (int, float))}
        wrong = {k: v for k, v in numbers.items() if not (math.isfinite(v) and v > 0)}
        if wrong or "rate" not in r:
            problems.append(f"{name}: {r['what']}: {wrong or 'no rate'}")
        if r["what"].split(",")[0] in ("sudoku-mlp", "maze") and "puzzles" not in r["what"] and "share_of_ceiling" not in r:
            problems.append(f"{name}: {r['what']}: no share of the ceiling")
        if shares and not 0 < r.get("share_of_ceiling", 1) < 1.5:
            problems.append(f"{name}: {r['what']}: {r['share_of_ceiling']} of the ceiling")
        if name == "products of the networks" and "ratio_to_plain_c" not in r:
            problems.append(f"{name}: {r['what']}: no ratio to plain C")
        if name == "networks" and r["type"] == "f32" and (report["pytorch"] is None) == ("ratio_to_pytorch" in r):
            problems.append(f"{name}: {r['what']}: the peer is {report['pytorch']}, the row says {r}")
machine = report["machine"]
if not (machine["processor"] and machine["cores"] >= 1 and report["threads"] == threads):
    problems.append(f"machine: {machine}")
print("\n".join(problems))
sys.exit(bool(problems))
PYTHON

run 0 "$TRM_BUILD_DIR/bench/bench" --tiny --threads 1 --json one.json
says 'NO RATIOS to .*PyTorch'
python3 rows.py one.json all 1 shares >wrong || fail "one thread: $(head -20 wrong)"
run 0 "$TRM_BUILD_DIR/bench/bench" --tiny --threads 2 --only ceilings,forkjoin,networks --json two.json
python3 rows.py two.json "ceilings,fork and join,networks" 2 - >wrong || fail "two threads: $(head -20 wrong)"
run 0 "$TRM_SOURCE_DIR/tools/run_bench" "$TRM_BUILD_DIR" --tiny --threads 1 --only networks --json peer.json
says '^ratios over 1'
python3 rows.py peer.json networks 1 - >wrong || fail "beside PyTorch: $(head -20 wrong)"
grep -q '"pytorch": null' peer.json && echo "note: no Python here imports torch; its side is not tested"
run 2 "$TRM_BUILD_DIR/bench/bench" --unknown
# -- a device: its own rows only, and a machine without the card says so without failing --
run 0 "$TRM_BUILD_DIR/bench/bench" --tiny --device cpu --presets sudoku-mlp --json device.json
python3 - <<'PYTHON' || fail "the rows of a device"
import json
report = json.load(open("device.json"))
rows = {s["section"].split(",")[0]: [r["what"] for r in s["rows"]] for s in report["sections"]}
assert report["device"] == "cpu" and set(rows) == {"ceilings of the device", "networks", "solving with halting"}, rows
assert rows["networks"] == ["sudoku-mlp, forward, batch 1", "sudoku-mlp, forward, batch 12", "sudoku-mlp, training, batch 12"], rows
assert len(rows["solving with halting"]) == 2, rows
PYTHON
if [ ! -e /dev/nvidiactl ]; then
  run 0 "$TRM_BUILD_DIR/bench/bench" --tiny --device cuda --json absent.json
  says 'device cuda: nothing measured'
fi
run 4 "$TRM_BUILD_DIR/bench/bench" --tiny --device abacus
run 4 "$TRM_BUILD_DIR/bench/bench" --tiny --isa nothing

# -- whole updates: a device's are looked at in heaps, a peer may be too slow --
python3 - "$TRM_SOURCE_DIR/bench" <<'PYTHON' || fail "the rate of updates"
import sys
sys.dont_write_bytecode = True
sys.path.insert(0, sys.argv[1])
import update
heaps = [dict(step=10 * h + i + 1, seconds=0.2 + h + 1e-5 * i) for h in range(6) for i in range(10)]
assert abs(update.rate_of(heaps) - 10) < 1e-9, update.rate_of(heaps)
assert abs(update.rate_of([dict(step=1 + i, seconds=0.5 * i + 3) for i in range(6)]) - 2) < 1e-9
assert update.rate_of(heaps[:10]) is None
config = dict(model=dict(hidden_size=512, puzzle_emb_len=16, puzzle_emb_ndim=512, seq_len=81, expansion=4, mlp_t=True, L_layers=2,
                         vocab_size=11, H_cycles=3, L_cycles=6), train=dict(cycles_schedule="0:2x1,0.3:4x2,0.6:6x3"))
parts = update.phases(config)
assert [round(share, 9) for share, _ in parts] == [0.3, 0.3, 0.4] and parts[2][1] == update.cost(config["model"])
assert abs(sum(share * each for share, each in parts) / parts[0][1] - 22.7 / 9) < 0.01
PYTHON
mkdir slow
cp "$TRM_SOURCE_DIR/bench/update.py" slow/
cat >slow/network.py <<'PYTHON'
import time
print('{"peer": "slow"}', flush=True)
open("asked", "w").close()
time.sleep(600)
PYTHON
write_puzzles
python3 slow/update.py --trm "$TRM" --preset sudoku-mlp --data six.csv --device cpu --tiny >out 2>err &
waiter=$!
for _ in $(seq 600); do [ -e asked ] && break; sleep 0.1; done
kill $waiter
wait $waiter || fail "update.py in want of time ended with an error"
json 'v["peer"]["error"] == "out of time" and v["updates_per_second"] > 0 and len(v["first"]) > 1'
run 4 "$TRM_BUILD_DIR/bench/bench" --tiny --only forkjoin --json /nonexistent/x
done_testing
