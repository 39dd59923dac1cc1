#!/bin/bash
# trm explain without a browser: what is written and where, that the page holds the object that --json prints, and that
# names from outside cannot break out of it. explain_pages.sh looks at the pages.
source "$(dirname "$0")/support.bash"
: "${TRM_SOURCE_DIR:?}"
export TRM_MODELS=$TRM_SOURCE_DIR/models
easy=53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79
hard=..9..42..5......14.4......6.2.8....3..3.1....9..3.27..7...8.....9...35....5.2..6.

# -- the page and the object --
run 0 "$TRM" explain $easy
[ "$(cat out)" = explain.html ] || fail "the name of the page is not what was printed"
grep -q '^correct: all rules hold$' err || fail "the verdict is not on standard error"
run 0 "$TRM" explain $easy --json
json 'v["solved"] and v["verdict"] == "right" and v["message"] == "correct: all rules hold"'
json 'v["task"]["name"] == "sudoku" and v["task"]["width"] == 9 and len(v["question"]) == 81 and len(v["clues"]) == 30'
json '[s["step"] for s in v["steps"]] == list(range(1, v["steps_taken"] + 1))'
json 'all(len(s["answer"]) == len(s["confidence"]) == 81 for s in v["steps"])'
json 'v["answer"] == v["steps"][-1]["answer"] and v["steps"][-1]["correct"]'
json 'all(min(s["confidence"]) == s["least_confidence"] for s in v["steps"])'
json 'v["halted_by"] == "rules" and v["halt_threshold"] is None'
json 'all(0 < s["change"] < 100 for s in v["steps"])'
json 'v["model"].endswith("models/sudoku-extreme.safetensors")'
mv out object
python3 - <<'PY' || fail "the page does not hold the object that --json prints"
page, line = open("explain.html").read(), open("object").read().rstrip("\n")
assert page.count(line) == 1 and f'id="data">{line}</script>' in page
PY
run 0 "$TRM" explain $easy -o -
cmp -s out explain.html || fail "-o - does not write the page"
run 0 "$TRM" solve $easy --json --explain=all
python3 - <<'PY' || fail "trm solve --json and trm explain --json differ"
import json
a, b = json.load(open("out")), json.load(open("object"))
alphabet = b["task"]["alphabet"]
text = lambda tokens: "".join(alphabet[t - 1] for t in tokens)
assert [(s["step"], s["answer"], s["changed"], round(s["q"], 5)) for s in a["trace"]] == \
    [(s["step"], text(s["answer"]), s["changed"], round(s["q"], 5)) for s in b["steps"]]
assert all(a[k] == b[k] for k in ("solved", "verdict", "keeps_rules", "keeps_clues", "checked", "correct", "solutions", "halted_by"))
PY

run '[01]' "$TRM" explain $easy --json --no-rules-halt --search 0
json 'v["halted_by"] == "head" and v["steps"][-1]["q"] > v["halt_threshold"]'

# -- what is not solved --
run 1 "$TRM" explain $hard --json --max-steps 2 --search 0
json 'not v["solved"] and v["message"].startswith("wrong: ") and v["steps"][-1]["broken"] and v["steps"][-1]["fault"] in v["message"]'
run 1 "$TRM" explain $hard -o wrong.html --max-steps 2 --search 0
[ -s wrong.html ] || fail "no page of an unsolved puzzle"


run '[01]' "$TRM" explain $hard --json --max-steps 6 --search 0 --keep best
json 'v["answer"] == v["steps"][v["answer_step"] - 1]["answer"]'

# -- a search: the plain trajectory and the chain that answered --
run '[01]' "$TRM" explain $hard --json --search 400 --seed 1
json 'v["chains"] > 1 and v["steps"][0]["chain"] == 1 and {s["chain"] for s in v["steps"]} == {1, v["chain"]}'
json 'all([s["step"] for s in v["steps"] if s["chain"] == c] == list(range(1, 1 + sum(s["chain"] == c for s in v["steps"]))) for c in (1, v["chain"]))'
json 'all(s["changed"] == [i for i in range(81) if s["answer"][i] != b[i]] for c in (1, v["chain"]) for s, b in zip([s for s in v["steps"] if s["chain"] == c], [v["question"]] + [s["answer"] for s in v["steps"] if s["chain"] == c]))'
json 'v["answer"] in [s["answer"] for s in v["steps"] if s["chain"] == v["chain"]]'

# -- which puzzle --
printf '# three\n%s\n%s\n%s\n' $hard 55${easy#53} $easy >puzzles.txt
run 0 "$TRM" explain puzzles.txt --puzzle 3 --json
json 'v["where"] == "puzzles.txt:4" and v["solved"]'
refuse 3 'puzzles.txt:3.*row 1' "$TRM" explain puzzles.txt --puzzle 2 -o new.html
refuse 2 '--puzzle: found 4, there are 3' "$TRM" explain puzzles.txt --puzzle 4 -o new.html
"$TRM" explain - --json <puzzles.txt >out 2>err
json 'v["where"] == "standard input:2"'

# -- what is not replaced --
refuse 2 'explain.html exists; --force replaces it' "$TRM" explain $easy
run 0 "$TRM" explain $easy --force
mkdir folder
refuse 2 'folder is a folder' "$TRM" explain $easy -o folder
refuse 3 'nowhere' "$TRM" explain $easy -o nowhere/page.html
run 0 "$TRM" explain $easy -o /dev/stdout
cmp -s out explain.html || fail "-o /dev/stdout does not write the page alone"
run 0 "$TRM" explain $easy --json -o object.json
cmp -s object object.json || fail "--json -o does not write the object"
[ -z "$(find . -name '*.tmp')" ] || fail "temporary files are left"

refuse 3 '/dev/full' "$TRM" explain $easy -o /dev/full

# -- interrupted: nothing is written --
"$TRM" explain $hard --no-halt --max-steps 100000 -o interrupted.html >out 2>err &
sleep 1
kill -TERM $!
wait $!
[ $? = 1 ] || fail "an interrupted explanation did not give exit code 1"
grep -q '^trm explain: warning: interrupted: nothing is written$' err || fail "an interruption is not told"
[ ! -e interrupted.html ] || fail "an interrupted explanation wrote a page"

# -- names from outside --
name='<script>alert(1)<!--.txt'
printf '%s\n' $easy >"$name"
run 0 "$TRM" explain "$name" -o named.html
[ "$(grep -c 'alert(1)' named.html)" = 1 ] || fail "a file's name is not in its page"
grep -qF '<script>alert' named.html && fail "a file's name is not escaped"
[ "$(grep -c '<script' named.html)" = "$(grep -c '<script' explain.html)" ] || fail "a file's name opens a script"
run 0 "$TRM" explain "$name" --json
json 'v["where"] == "<script>alert(1)<!--.txt:1"'

# -- refused --
refuse 2 'no installed model solves puzzles of 5 cells; there are: |no model is installed' "$TRM" explain 12345 -o new.html
refuse 3 'absent.txt: cannot open' "$TRM" explain absent.txt -o new.html
refuse 3 'row 1' "$TRM" explain 55${easy#53} -o new.html
refuse 2 'did you mean --puzzle' "$TRM" explain $easy --puzzel 2
[ ! -e new.html ] || fail "a page of nothing was written"
done_testing
