#!/bin/bash
# The pages of trm explain in headless Chromium: keys, mouse and links go through the steps, and what stands in the page
# at each is what the object says; nothing is loaded; a phone's width is enough. PICTURES=folder keeps pictures to look at.
source "$(dirname "$0")/support.bash"
: "${TRM_SOURCE_DIR:?}"
export TRM_MODELS=$TRM_SOURCE_DIR/models PYTHONPATH=$TRM_SOURCE_DIR/tests/e2e PYTHONDONTWRITEBYTECODE=1
if ! python3 -c 'import browser, sys; sys.exit(not browser.find_browser())'; then
  echo "skipped: no Chromium; tools/setup --pages installs it"
  exit 77
fi
page() { # NAME ARGUMENT...: a page and its object
  local name=$1
  shift
  run '[01]' "$TRM" explain "$@" -o "$name.html"
  run '[01]' "$TRM" explain "$@" -o "$name.json" --json
}
page nine 6....19...53.96....913......6...9...3..42...75..8...9...5..21..........87.6...5..
# As of a search: a chain that failed, and the fifth, which answered.
python3 - <<'PY'
import json
v, page = json.load(open("nine.json")), open("nine.html").read()
old = page[page.index('id="data">') + 10:page.index("</script>")]
v["steps"] = v["steps"][:3] + [dict(step, chain=5) for step in v["steps"]]
v["chain"] = 5
json.dump(v, open("chains.json", "w"))
open("chains.html", "w").write(page.replace(old, json.dumps(v)))
PY
mkdir '<' # so that the path has a closing tag
printf '53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79\n' >'</script><b>&.txt'
page named --no-rules-halt --search 0 '</script><b>&.txt'

# Mazes, of a network that has learned nothing: every kind of cell comes up, and most of them are wrong.
python3 - <<'PY'
import random
random.seed(4)
rows = ["question,answer"]
for _ in range(6):
    cells = [random.choice("#  ") for _ in range(49)]
    cells[0], cells[48] = "S", "G"
    for i in list(range(1, 7)) + list(range(13, 48, 7)):
        cells[i] = " "
    rows.append("".join(cells) + "," + "".join("o" if i in range(1, 7) or i in range(13, 48, 7) else c for i, c in enumerate(cells)))
open("mazes.csv", "w").write("\n".join(rows) + "\n")
PY
run 0 "$TRM" data import mazes.csv --out mazes --test-fraction 0 --quiet
# shellcheck disable=SC2086 # options
run 0 "$TRM" train mazes --run maze $tiny --steps 3 --quiet
page maze --model maze --max-steps 3 mazes.csv
python3 "$TRM_SOURCE_DIR/tests/e2e/explain_pages.py" "$work" ${PICTURES:+"$PICTURES"} >out 2>err || fail "a page is not as it should be: $(tail -5 err)"
checks=$((checks + $(cat out)))
done_testing
