#!/bin/bash
# Actions on the command line: built-in ones, programs, plugins that crash, hang, leak or write rubbish, and what may not run.
source "$(dirname "$0")/support.bash"
[ -x "$(dirname "$TRM")/trm-agent" ] || {
  echo "this build has no trm-agent"
  exit 77
}
puzzle=53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79

# -- what there is --
run 0 "$TRM" action list
says '^solve  .*checks the answer'
run 0 "$TRM" action list --format openai
json 'all(t["type"] == "function" and t["function"]["parameters"] for t in v) and len(v) >= 9'
run 0 "$TRM" action list --format mcp
json 'all(t["inputSchema"] for t in v)'
run 0 "$TRM" action list --format http
json '"/v1/actions/solve" in v'

# -- built in --
run 0 "$TRM" action call solve "{\"puzzle\": \"$puzzle\", \"history\": true}"
json 'v["correct"] is True and v["answer"][:9] == "534678912" and len(v["history"]) == v["steps"]'
answer=$(python3 -c 'import json; print(json.load(open("out"))["answer"])')
run 0 "$TRM" action call check "{\"puzzle\": \"$puzzle\", \"answer\": \"$answer\"}"
json 'v["verdict"] == "right"'
run 0 "$TRM" action call check "{\"puzzle\": \"$puzzle\", \"answer\": \"1${answer:1}\"}"
json 'v["verdict"] == "wrong" and v["fault"]'
run 0 "$TRM" action call hint "{\"puzzle\": \"$puzzle\"}"
json 'v["by"] == "rules" and v["row"] in range(1, 10)'
run 0 "$TRM" action call generate '{"size": 6, "seed": 3}'
cp out first
run 0 "$TRM" action call generate '{"seed": 3, "size": 6}'
check_same() { cmp -s out first || fail "the same seed gave another puzzle"; }
check_same
refuse 3 'input/puzzel: unknown key; did you mean "puzzle"' "$TRM" action call solve '{"puzzel": 1}'
refuse 3 'input/max_steps: found 0, expected at least 1' "$TRM" action call solve "{\"puzzle\": \"$puzzle\", \"max_steps\": 0}"
refuse 3 'validation: .*puzzle' "$TRM" action call solve '{"puzzle": "what is this?"}'
refuse 3 'input:1:' "$TRM" action call solve '{"puzzle":'
refuse 2 'did you mean solve' "$TRM" action call slove
refuse 2 'expected an action' "$TRM" action call
refuse 2 'did you mean --allow' "$TRM" action call solve --alow x

# -- time and signals --
run 1 "$TRM" action call sleep '{"seconds": 60}' --timeout-s 0.2 --json
json 'v["error"]["type"] == "timeout" and v["attempts"] == 1 and v["seconds"] < 30'
"$TRM" action call sleep '{"seconds": 60}' >out 2>err &
sleeper=$!
sleep 1
kill -INT $sleeper 2>/dev/null || kill -TERM $sleeper
wait $sleeper
[ $? = 1 ] && grep -q cancelled err || fail "a signal did not cancel: $(cat err)"

# -- files --
mkdir root && echo inside >root/a && echo outside >secret && ln -s ../secret root/link && ln -s . root/self
root=$PWD/root
run 0 "$TRM" action call file '{"op": "read", "path": "a"}' --roots "$root"
json 'v["text"] == "inside\n"'
run 0 "$TRM" action call file '{"op": "write", "path": "self/b", "text": "new"}' --roots "$root"
[ "$(cat root/b)" = new ] || fail "nothing was written"
for path in ../secret link "$PWD/secret" self/../../secret "$root/../secret" /etc/passwd; do
  refuse 2 'out of the folders|in no folder' "$TRM" action call file "{\"op\": \"read\", \"path\": \"$path\"}" --roots "$root"
done
refuse 2 'in no folder' "$TRM" action call file '{"op": "read", "path": "a"}'
refuse 3 'has no "text"' "$TRM" action call file '{"op": "write", "path": "a"}' --roots "$root"

# -- programs --
refuse 2 'not on the list of programs' "$TRM" action call command '{"argv": ["/bin/echo", "a"]}'
refuse 3 'matches \^/' "$TRM" action call command '{"argv": ["echo"]}' --allow /bin/echo
run 0 "$TRM" action call command '{"argv": ["/bin/cat"], "stdin": "a\u0001"}' --allow /bin/true,/bin/cat
json 'v == {"code": 0, "stdout": "a\x01", "stderr": ""}'
python=/usr/bin/python3
define() { # name, python code, more fields
  python3 - "$python" "$@" >"$1.json" <<'PY'
import json, sys
python, name, code, *more = sys.argv[1:]
print(json.dumps({"trm": 1, "kind": "action", "name": name, "description": name, "command": [python, "-c", code],
                  "output": {"type": "object", "required": ["n"], "properties": {"n": {"type": "integer"}}},
                  **json.loads(more[0] if more else "{}")}, indent=1))
PY
}
call() { # name, options: with its definition
  local name=$1
  shift
  "$TRM" action call "$name" '{"n": 1}' --definitions "$name.json" --allow "$python" "$@"
}
define good 'import json, sys; print(json.dumps({"n": json.load(sys.stdin)["n"] + 1}))'
run 0 call good
json 'v["n"] == 2'
refuse 2 'not on the list' "$TRM" action call good '{}' --definitions good.json
define badly 'print("{\"n\": \"x\"}")'
refuse 4 'internal: output/n: found "x", expected a whole number' call badly
define rubbish 'import sys; sys.stdout.buffer.write(bytes(range(256)))'
refuse 1 'wrote no JSON' call rubbish
define silent 'pass'
refuse 1 'wrote no JSON' call silent
define crash 'import os; os.abort()'
refuse 1 'signal 6' call crash
define fails 'import sys; sys.exit("no such thing")'
refuse 1 'exit code 1: no such thing' call fails --retries 3
define flood 'while True: print("x" * 100000)'
refuse 1 'wrote more than 4 MiB' call flood
define hungry 'x = bytearray(2 << 30)' '{"memory_bytes": 300000000}'
refuse 1 'MemoryError' call hungry
define hang 'import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); time.sleep(600)'
run 1 call hang --timeout-s 2 --json
json 'v["error"]["type"] == "timeout" and v["seconds"] < 60'
# what it starts itself is gone with it, though it has another session and the pipe open
define forks 'import subprocess, json; p = subprocess.Popen(["/bin/sleep", "654"]); print(json.dumps({"n": p.pid}), flush=True)'
run 0 call forks
child=$(python3 -c 'import json; print(json.load(open("out"))["n"])')
sleep 0.3
[ "$(cut -d' ' -f3 "/proc/$child/stat" 2>/dev/null || echo Z)" = Z ] || fail "process $child outlived its action"
define again 'import os, sys, json
n = int(open("count").read()) if os.path.exists("count") else 0
open("count", "w").write(str(n + 1))
sys.exit(75) if n < 2 else print(json.dumps({"n": n}))'
run 0 call again --retries 2 --json
json 'v["output"]["n"] == 2 and v["attempts"] == 3'
define undone 'import sys; print("{\"error\": {\"message\": \"half done\"}}"); sys.exit(1)' \
  "{\"undo\": [\"$python\", \"-c\", \"import sys; open('undo', 'a').write(sys.stdin.read() + '\\\\n'); print('{}')\"]}"
run 1 call undone --json
json 'v["error"]["message"] == "half done" and v["undone"] is True'
[ "$(wc -l <undo)" = 1 ] && grep -q '"input":{"n":1}' undo && grep -q 'half done' undo || fail "undone: $(cat undo)"

# -- plugins --
if command -v cc >/dev/null; then
  cc -shared -fPIC -o reverse.so "$TRM_SOURCE_DIR/examples/actions/plugin.c" || fail "the example does not compile"
  echo "{\"trm\":1,\"kind\":\"action\",\"name\":\"reverse\",\"description\":\"x\",\"plugin\":\"$PWD/reverse.so\"}" >reverse.json
  reverse() { "$TRM" action call reverse "$1" --definitions reverse.json --allow "$PWD/reverse.so"; }
  run 0 reverse '{"text": "abc"}'
  json 'v["text"] == "cba"'
  refuse 1 'expected \{"text"' reverse '{}'
  refuse 2 'not on the list' "$TRM" action call reverse '{}' --definitions reverse.json
  for fault in '*(volatile int *)0 = 1' 'for (;;) continue' 'printf("noise\n"); *output = "rubbish"' 'return 1'; do
    printf '#include <stdio.h>\n#include <stdlib.h>\nint trm_plugin_call(const char *a, const char *i, char **output) { %s; return 0; }\n' \
      "$fault" >bad.c
    cc -w -shared -fPIC -o reverse.so bad.c || fail "bad.c does not compile"
    run 1 "$TRM" action call reverse '{}' --definitions reverse.json --allow "$PWD/reverse.so" --timeout-s 3 --json
    json 'v["error"]["type"] in ("execution", "timeout")'
  done
  echo nonsense >reverse.so
  refuse 1 'exit code 2' reverse '{}'
fi

# -- trm check --
run 0 "$TRM" check "$TRM_SOURCE_DIR/examples/actions/words.json" good.json
says '^good.json: action good$'
run 0 "$TRM" action call count_words '{"text": "a b  c"}' --definitions "$TRM_SOURCE_DIR/examples/actions/words.json" --allow /usr/bin/python3
json 'v["words"] == 3'
sed 's/"description"/"descripton"/' good.json >bad.json
refuse 3 'bad.json:5: /descripton: unknown key; did you mean "description"' "$TRM" check bad.json
printf '{"trm": 1,\n "kind": "action",\n' >cut.json
refuse 3 'cut.json:3:' "$TRM" check cut.json
refuse 3 'absent.json' "$TRM" check absent.json
done_testing
