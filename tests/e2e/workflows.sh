#!/bin/bash
# Workflows on the command line: graphs that cannot be run, branches, failures that are undone, kill -9 and going on, pictures.
source "$(dirname "$0")/support.bash"
[ -x "$(dirname "$TRM")/trm-agent" ] || {
  echo "this build has no trm-agent"
  exit 77
}
python=/usr/bin/python3
example=$TRM_SOURCE_DIR/examples/workflows/puzzles.json

# -- the example --
run 0 "$TRM" check "$example"
says ': workflow puzzles$'
run 0 "$TRM" workflow show "$example"
says '^3  judge .*after make, solve$'
run 0 "$TRM" workflow show "$example" --svg
says '^<svg '
"$python" -c 'import xml.dom.minidom as m; m.parse("out")' || fail "the picture is not well formed"
run 0 "$TRM" workflow run "$example" '{"seed": 4}'
json 'v["correct"] is True and len(v["answer"]) == 81'
refuse 3 'input: /seed: found "x", expected a whole number' "$TRM" workflow run "$example" '{"seed": "x"}'
refuse 2 'expected a workflow' "$TRM" workflow run

# -- what cannot be run --
flow() { # name, steps as JSON, more keys
  echo "{\"trm\": 1, \"kind\": \"workflow\", \"name\": \"$1\", ${3:-} \"steps\": $2}" >"$1.json"
}
flow cycle '{"a": {"action": "noop", "after": ["c"]},
 "b": {"action": "noop", "input": {"$from": "/steps/a/result"}},
 "c": {"action": "noop", "if": {"op": "exists", "path": "/steps/b/result"}},
 "d": {"action": "noop", "after": ["a"]}}'
refuse 3 'cycle.json:[123]: step .: depends on itself: (a -> b -> c -> a|b -> c -> a -> b|c -> a -> b -> c)' "$TRM" check cycle.json
flow self '{"a": {"action": "noop", "after": ["a"]}}'
refuse 3 'depends on itself: a -> a' "$TRM" check self.json
flow unknown '{"first": {"action": "noop"},
 "b": {"action": "noop", "after": ["frist"]}}'
refuse 3 'unknown.json:2: step b: depends on frist, which is no step; did you mean first' "$TRM" check unknown.json
flow action '{"a": {"action": "slove"}}'
refuse 3 'step a: no action is called "slove"; did you mean solve' "$TRM" workflow run action.json
flow key '{"a": {"action": "noop", "afer": []}}'
refuse 3 'unknown key; did you mean "after"' "$TRM" check key.json
flow pointer '{"a": {"action": "noop", "input": {"$from": "/step/b"}}}'
refuse 3 'expected /input' "$TRM" check pointer.json

# -- branches --
flow branch '{"left": {"action": "noop", "input": 1, "if": {"op": "lt", "path": "/input/n", "value": 5}},
 "right": {"action": "noop", "input": 2, "if": {"op": "ge", "path": "/input/n", "value": 5}},
 "left2": {"action": "noop", "input": 3, "after": ["left"]},
 "both": {"action": "noop", "input": 4, "after": ["left2", "right"]}}'
run 0 "$TRM" workflow run branch.json '{"n": 3}'
json 'v == {"left": 1, "left2": 3, "both": 4}'
run 0 "$TRM" workflow run branch.json '{"n": 7}'
json 'v == {"right": 2, "both": 4}'

# -- effects that a test sees: each action appends a line, its undo another --
cat >effect.py <<'PY'
import json, os, sys, time
what = sys.argv[1]
v = json.load(sys.stdin)
v = v.get("input", v) if what == "undo" else v
with open(v["file"], "a") as f:
    f.write(what + " " + v["name"] + "\n")
    f.flush()
    os.fsync(f.fileno())
time.sleep(v.get("sleep", 0))
if what == "do" and v.get("fail"):
    sys.exit("told to fail")
print(json.dumps({"name": v["name"]}))
PY
echo "{\"trm\": 1, \"kind\": \"action\", \"name\": \"effect\", \"description\": \"x\", \"command\": [\"$python\", \"$PWD/effect.py\", \"do\"], \"undo\": [\"$python\", \"$PWD/effect.py\", \"undo\"]}" >effect.json
effects() { "$TRM" workflow run "$@" --definitions effect.json --allow "$python"; }
step() { # name, more keys of its input, after
  echo "\"$1\": {\"action\": \"effect\", \"input\": {\"name\": \"$1\", \"file\": \"$PWD/effects\"${2:-}}, \"after\": [${3:-}]}"
}
flow saga "{$(step a), $(step b '' '"a"'), $(step c ', "fail": true' '"b"'), $(step d '' '"c"')}"
run 1 effects saga.json --json
json 'v["status"] == "failed" and v["step"] == "c" and v["undone"] == ["b", "a"] and "told to fail" in v["error"]["message"]'
[ "$(tr '\n' , <effects)" = "do a,do b,do c,undo c,undo b,undo a," ] || fail "effects: $(cat effects)"

# -- kill -9 and going on --
rm -f effects
flow chain "{$(step a), $(step b '' '"a"'), $(step c ', "sleep": 4' '"b"'), $(step d '' '"c"')}"
effects chain.json --journal state >out 2>err &
for _ in $(seq 200); do
  sleep 0.1
  grep -q 'do c' effects 2>/dev/null && break
done
pkill -9 -P $! 2>/dev/null || true
kill -9 $!
wait $! 2>/dev/null
run 0 "$TRM" workflow show chain.json --journal state
says '^2  b .*done'
says '^4  d .*waiting'
run 3 "$TRM" workflow run chain.json '{"other": 1}' --journal state --definitions effect.json
grep -q 'another input; name a new one with --run' err || fail "another input was taken: $(cat err)"
run 0 effects chain.json --journal state
json 'list(v) == ["a", "b", "c", "d"]'
[ "$(grep -c 'do [ab]$' effects)" = 2 ] || fail "a recorded step ran again: $(cat effects)"
[ "$(grep -c 'do d' effects)" = 1 ] || fail "effects: $(cat effects)"
before=$(wc -l <effects)
run 0 effects chain.json --journal state
json 'list(v) == ["a", "b", "c", "d"]'
[ "$(wc -l <effects)" = "$before" ] || fail "an ended run ran again"
run 0 "$TRM" workflow show chain.json --journal state --svg
says 'd - done|effect - done'

# -- time, and signals --
flow slow '{"a": {"action": "sleep", "input": {"seconds": 60}}, "b": {"action": "noop", "after": ["a"]}}' '"timeout_s": 0.5,'
run 1 "$TRM" workflow run slow.json --json
json 'v["error"]["type"] == "timeout"'
flow wait '{"a": {"action": "sleep", "input": {"seconds": 60}}, "b": {"action": "noop", "after": ["a"]}}'
"$TRM" workflow run wait.json --json >out 2>err &
sleep 1
kill -TERM $!
wait $!
[ $? = 1 ] || fail "a signal gave another exit code"
json 'v["error"]["cancelled"] is True'

# -- many steps at the same time --
"$python" -c 'import json
print(json.dumps({"trm": 1, "kind": "workflow", "name": "wide", "parallel": 16, "steps": {
  **{"s%d" % i: {"action": "sleep", "input": {"seconds": 0.5}} for i in range(16)},
  **{"n%d" % i: {"action": "noop", "input": i, "after": ["s%d" % (i % 16)]} for i in range(1000)}}}))' >wide.json
run 0 "$TRM" workflow run wide.json
json 'len(v) == 1016 and v["n999"] == 999'
done_testing
