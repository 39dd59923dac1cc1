"""What explain_pages.sh looks at. Arguments: the folder with NAME.html and NAME.json; a folder for pictures. Prints how
many things were compared."""
import json
import os
import sys
from decimal import ROUND_HALF_UP, Decimal

from browser import Browser

checks = 0
# What the page shows, read from its elements: number of the step, texts, each cell's symbol and marks.
STATE = """(() => {
  const text = id => document.getElementById(id).textContent;
  const cells = [...document.querySelectorAll(".cell")], over = [...document.querySelectorAll(".over")];
  const having = mark => over.map((cell, i) => cell.classList.contains(mark) ? i : -1).filter(i => i >= 0);
  return {
    step: text("step"), note: text("note"), spoken: text("spoken"), facts: text("facts"), hash: location.hash,
    rows: [...document.querySelectorAll("#rows li")].map(row => row.textContent),
    symbols: cells.map((cell, i) => (cell.querySelector("text") ?? over[i].querySelector("text")).textContent),
    changed: having("changed"), broken: having("broken"), clues: having("clue"), unsure: having("unsure"),
    slider: +document.getElementById("slider").value,
  };
})()"""


def check(what, found, expected):
    global checks
    checks += 1
    if found != expected:
        raise AssertionError(f"{what}: found {found!r}, expected {expected!r}")


def symbol(task, token):
    """As the page writes it, and in words."""
    letter = task["alphabet"][token - 1] if token else ""
    if letter == " " or (task["name"] == "sudoku" and letter == "."):
        letter = ""
    words = {"#": "wall", "S": "start", "G": "goal", "o": "path", "": "free"}
    return letter, words[letter] if task["name"] == "maze" else letter or "empty"


def percent(fraction):
    """As JavaScript rounds."""
    return f"{Decimal(100 * fraction).quantize(Decimal('0.1'), ROUND_HALF_UP)} %"


def check_step(browser, name, v, index):
    """The page shows the step `index` of those that it has; 0 is the question."""
    task, state = v["task"], browser.value(STATE)
    step = v["steps"][index - 1] if index else {"step": 0, "answer": v["question"], "changed": [], "broken": []}
    what = f"{name}, step {index}"
    check(f"{what}: slider", state["slider"], index)
    check(f"{what}: address", state["hash"], f"#step={index}")
    check(f"{what}: title", state["step"].startswith(f"Step {step['step']} of " if index else "Question"), True)
    check(f"{what}: symbols", state["symbols"], [symbol(task, t)[0] for t in step["answer"]])
    for mark in ("changed", "broken"):
        check(f"{what}: {mark}", state[mark], step[mark])
    check(f"{what}: clues", state["clues"], v["clues"])
    width = task["width"]
    words = [symbol(task, t)[1] for t in step["answer"]]
    check(f"{what}: rows", state["rows"], [" ".join(words[r:r + width]) for r in range(0, len(words), width)])
    if not index:
        return
    surest = max(step["confidence"])
    check(f"{what}: bars", state["unsure"], [i for i, c in enumerate(step["confidence"]) if c / surest < 0.95])
    for text in (percent(step["says_right"]), percent(step["mean_confidence"]), step["fault"]):
        check(f"{what}: {text} is told", text in state["facts"] and text in state["spoken"], True)
    check(f"{what}: the threshold is told", "halts over" in state["facts"], v["halt_threshold"] is not None)
    check(f"{what}: the distance is told", "to the last state" in state["facts"], isinstance(step["change"], float))
    check(f"{what}: changes are told", f"Changed: {len(step['changed'])} cell" in state["spoken"], True)
    new = index > 1 and v["steps"][index - 2]["chain"] != step["chain"]
    check(f"{what}: a new chain is told", "Begun again" in state["note"] and "Begun again" in state["spoken"], new)


def walk(browser, name, v):
    """By keys, to both ends and over them."""
    last = len(v["steps"])
    check_step(browser, name, v, 1 + [(s["chain"], s["step"]) for s in v["steps"]].index((v["chain"], v["answer_step"])))
    browser.key("End")
    browser.key("ArrowRight")
    check_step(browser, name, v, last)
    browser.key("Home")
    check_step(browser, name, v, 0)
    browser.key("ArrowLeft")
    check_step(browser, name, v, 0)
    for index in range(1, last + 1):
        browser.key("ArrowRight")
        check_step(browser, name, v, index)
    browser.key("ArrowLeft")
    check_step(browser, name, v, last - 1)
    browser.key("End")
    check_step(browser, name, v, last)


def middle(browser, selector, across=0.5):
    box = browser.value(f"(b => [b.x, b.y, b.width, b.height])(document.querySelector('{selector}').getBoundingClientRect())")
    return box[0] + across * box[2], box[1] + box[3] / 2


def mouse(browser, name, v):
    """Buttons, curves and the pointer over a cell."""
    for button, index in (("first", 0), ("forward", 1), ("forward", 2), ("back", 1), ("last", len(v["steps"]))):
        browser.click(*middle(browser, f"#{button}"))
        check_step(browser, name, v, index)
    x, y = middle(browser, ".curves circle")  # the curve's first dot is that of step 1
    browser.click(x, y)
    check_step(browser, name, v, 1)
    browser.point(*middle(browser, ".cell"))
    token, confidence = v["steps"][0]["answer"][0], v["steps"][0]["confidence"][0]
    check(f"{name}: hover", browser.value("document.getElementById('hover').textContent").split(", given")[0],
          f"row 1 column 1: {symbol(v['task'], token)[1]}, {percent(confidence)}")


def play(browser, name, v):
    """Space plays to the end, and stops."""
    waiting = "new Promise(done => { const look = () => %s ? done(true) : setTimeout(look, 20); look(); })"
    browser.key("Home")
    browser.key(" ")
    check(f"{name}: plays", browser.value("document.body.classList.contains('playing')"), True)
    browser.value(waiting % "!document.body.classList.contains('playing')")
    check_step(browser, name, v, len(v["steps"]))
    browser.key(" ")
    check_step(browser, name, v, 0)
    browser.key(" ")
    check(f"{name}: stops", browser.value("document.body.classList.contains('playing')"), False)


def look(browser, name, folder, pictures):
    """At every width nothing is cut off; light and dark differ; pictures for people."""
    seen = set()
    for width in (360, 768, 1400):
        for scheme in ("light", "dark"):
            browser.media(prefers_color_scheme=scheme)
            browser.size(width, 900)
            browser.open(f"file://{folder}/{name}.html#step=2")
            check(f"{name}: width {width}", browser.value("document.documentElement.scrollWidth"), width)
            board = browser.value("document.querySelector('.board').getBoundingClientRect().width")
            check(f"{name}: board at {width}", 280 <= board <= 700, True)
            seen.add(browser.value("getComputedStyle(document.body).backgroundColor"))
            if pictures:
                browser.size(width, browser.value("document.documentElement.scrollHeight"))
                browser.picture(os.path.join(pictures, f"{name}-{width}-{scheme}.png"))
    check(f"{name}: light and dark", len(seen), 2)
    before = browser.value("getComputedStyle(document.body).backgroundColor")
    browser.value("document.getElementById('theme').click()")
    check(f"{name}: the switch", browser.value("getComputedStyle(document.body).backgroundColor") in seen - {before}, True)
    browser.media(prefers_reduced_motion="reduce")
    moving = "[...document.querySelectorAll('svg *')].filter(e => getComputedStyle(e).transitionDuration !== '0s').length"
    check(f"{name}: reduced motion", browser.value(moving), 0)


def module(browser, folder):
    """web/board.js as a file of its own, in a page that is not ours, with a task that has no symbols."""
    source = os.path.join(os.environ["TRM_SOURCE_DIR"], "web", "board.js")
    task = {"name": "generic", "width": 3, "height": 2, "box_width": 0, "box_height": 0, "alphabet": ""}
    state = {"answer": [0, 7, 12, 255, 1, 2], "confidence": [1, 1, 0.5, 1, 1, 1], "changed": [2], "broken": [5]}
    with open(os.path.join(folder, "module.html"), "w", encoding="utf-8") as file:
        file.write(f"""<!doctype html><div id="one"></div><div id="two"></div><script type="module">
import {{ createBoard }} from "file://{source}";
for (const id of ["one", "two"]) createBoard(document.getElementById(id), {json.dumps(task)}, [4]).show({json.dumps(state)});
</script>""")
    browser.open(f"file://{folder}/module.html")
    having = "[...document.querySelectorAll('#two .over')].map(o => o.getAttribute('class'))"
    check("module: symbols", browser.value("[...document.querySelectorAll('#two text')].map(t => t.textContent)"),
          ["0", "7", "12", "255", "1", "2"])
    check("module: marks", browser.value(having),
          ["over", "over", "over changed unsure", "over", "over clue", "over broken"])
    names = browser.value("[...document.querySelectorAll('[id]')].map(e => e.id)")
    check("module: no name twice", len(set(names)), len(names))
    browser.events.clear()


def main():
    folder, pictures = os.path.realpath(sys.argv[1]), sys.argv[2] if len(sys.argv) > 2 else None
    if pictures:
        os.makedirs(pictures, exist_ok=True)
    browser = Browser()
    try:
        for name in ("nine", "chains", "named", "maze"):
            with open(os.path.join(folder, f"{name}.json"), encoding="utf-8") as file:
                v = json.load(file)
            browser.size(1200, 900)
            browser.open(f"file://{folder}/{name}.html")
            check(f"{name}: the object", browser.value("JSON.parse(document.getElementById('data').textContent)"), v)
            check(f"{name}: the verdict", browser.value("document.getElementById('verdict').textContent"), v["message"])
            check(f"{name}: where", browser.value("document.getElementById('source').textContent").split(" \u00b7")[0], v["where"])
            walk(browser, name, v)
            mouse(browser, name, v)
            check(f"{name}: troubles", browser.troubles(), [])
            browser.open(f"file://{folder}/{name}.html#step=2")
            check_step(browser, name, v, 2)
            browser.value("location.hash = '#step=999'")
            browser.value("new Promise(done => setTimeout(done, 100))")
            check_step(browser, name, v, len(v["steps"]))
            check(f"{name}: troubles", browser.troubles(), [])
        play(browser, name, v)
        module(browser, folder)
        for name in ("nine", "maze"):
            look(browser, name, folder, pictures)
    finally:
        browser.close()
    print(checks)


main()
