#!/usr/bin/env python3
"""The JSON and the tables of tools/gpu_run. Plain Python 3.8, nothing else.

  report.py merge RESULTS PART KEY FILE   RESULTS.PART.KEY = what FILE holds; atomic
  report.py csv FILE                      the first row of nvidia-smi's CSV as JSON
  report.py tests FILE                    name, status, seconds, tool (tabs between) as JSON
  report.py card RUN RESULTS DATA         the card of a model that RUN trained, as JSON
  report.py smoke RUN RUN EVAL EVAL       two runs that should be one, one model on the device and on the CPU; exit code 1: not so
  report.py agree METRICS METRICS         the first updates of two runs, nearly; exit code 1 and why: not so
  report.py alike EVAL EVAL               two evaluations, nearly; the same
  report.py same UPDATE UPDATE            the first updates of two answers of bench/update.py, exactly; the same
  report.py field FILE KEY                a number, 0 where there is none
  report.py verdict FILE PRESET DEVICE TEXT   adds it to bench/update.py's answer, or is all of the answer
  report.py choose FILE CARD PRESET OPTIONS [UPDATE]   the options of the device for this preset on this card
  report.py chosen FILE CARD PRESET [--json]   these, or those of the preset chosen for last; exit code 1: none
  report.py rate FILE CARD PRESET UPDATE [OPTIONS]   what was measured with the choice, where it is these options, to UPDATE
  report.py plan UPDATE SECONDS           options of trm train for a whole schedule in that time; why on stderr
  report.py reserve UPDATE PUZZLES        seconds that exporting and evaluating the best and the last weights take
  report.py table PART RESULTS            what a person wants to know of it
"""
import datetime
import json
import os
import sys


def load(path, default=None):
    try:
        with open(path, encoding="utf-8") as f:
            return json.load(f)
    except (OSError, ValueError):
        return {} if default is None else default


def merge(results, part, key, path):
    with open(path, encoding="utf-8") as f:
        value = json.load(f)
    everything = load(results)
    everything.setdefault(part, {})[key] = value
    everything[part]["date"] = datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")
    with open(results + ".new", "w", encoding="utf-8") as f:
        json.dump(everything, f, indent=1)
    os.replace(results + ".new", results)


def csv(path):
    lines = open(path, encoding="utf-8").read().splitlines()
    names, values = ([w.strip() for w in line.split(",")] for line in lines[:2])
    print(json.dumps(dict(zip(names, values))))


def tests(path):
    rows = [line.rstrip("\n").split("\t") for line in open(path, encoding="utf-8")]
    print(json.dumps([dict(name=r[0], status=r[1], seconds=int(r[2]), tool=r[3].strip()) for r in rows]))


def smoke(first, second, device, cpu):
    read = lambda run: open(os.path.join(run, "last.safetensors"), "rb").read()
    same = read(first) == read(second)
    a, b = load(device)["lm_loss"], load(cpu)["lm_loss"]
    difference = abs(a - b) / b
    print(json.dumps({"same_bytes_twice": same, "lm_loss_device": a, "lm_loss_cpu": b, "relative_difference": difference}))
    if not same or not difference <= 1e-3:
        sys.exit(1)


# -- tuning ------------------------------------------------------------------------------------------------------------

# Between the CPU's kernels in bf16 (plain C, AVX2) losses of the first three updates differ by up to 0.3 %, gradient norms by
# 0.2 %; between fp32 and bf16 by 0.5 and 1.5 %.
LOSS, NORM = 0.02, 0.06


def differ(a, b, most):
    return a is None or b is None or not abs(a - b) <= most * abs(a)


def agree(expected, found):
    expected, found = json_lines(expected), json_lines(found)
    if not expected or len(expected) != len(found):
        return f"wrong: {len(found)} updates instead of {len(expected)}"
    for a, b in zip(expected, found):
        for key, most in ("loss", LOSS), ("grad_norm", NORM):
            if differ(a[key], b[key], most):
                return f"wrong: {key} {b[key]} after update {a['step']}, the CPU's is {a[key]}"


def alike(expected, found):
    a, b = load(expected).get("lm_loss"), load(found).get("lm_loss")
    return f"wrong: evaluation's lm_loss {b}, the CPU's is {a}" if differ(a, b, LOSS) else None


def same(first, second):
    pairs = list(zip(load(first).get("first", []), load(second).get("first", [])))
    if not pairs:
        return "failed: no updates to compare"
    for i, (a, b) in enumerate(pairs):
        if a != b:
            return f"wrong: not the same twice: loss and gradient norm {a} in update {i + 1}, then {b}"
    print("right")


def verdict(path, preset, device, text):
    with open(path + ".new", "w", encoding="utf-8") as f:
        json.dump({"preset": preset, "device": device, **load(path), "verdict": text}, f)
    os.replace(path + ".new", path)


def name_of(card):
    return load(card).get("name", "none")


def choose(path, card, preset, options, update=None):
    choices = load(path)
    if choices.get("card") != name_of(card):
        choices = {"card": name_of(card), "presets": {}}
    choice = choices["presets"].setdefault(preset, {})
    choice["options"] = options
    if update:
        choice["update"] = load(update)
    choices["last"] = preset
    with open(path + ".new", "w", encoding="utf-8") as f:
        json.dump(choices, f, indent=1)
    os.replace(path + ".new", path)


def choice_of(path, card, preset, any_preset=True):
    choices = load(path)
    if choices.get("card") != name_of(card):
        return {}
    presets = choices["presets"]
    return presets.get(preset, presets.get(choices["last"], {}) if any_preset else {})


def chosen(path, card, preset, how=None):
    choice = choice_of(path, card, preset)
    if not choice:
        sys.exit(1)
    print(json.dumps(choice) if how else choice["options"])


def rate(path, card, preset, update, options=None):
    choice = choice_of(path, card, preset, any_preset=False)
    if not choice or options not in (None, choice["options"]):
        sys.exit(1)
    with open(update, "w", encoding="utf-8") as f:
        json.dump(choice["update"], f)


STEPS = 16    # of an evaluation
SHARE = 0.94  # of the time is planned: a little is for what starts, saves and varies


def plan(path, seconds):
    """How many updates fit, and what depends on their number. Schedules by progress scale themselves."""
    u, seconds = load(path), float(seconds)
    own, rate, mean = u["preset_values"], u["updates_per_second"], u["mean_cost"]
    fit = SHARE * seconds * rate  # in updates as measured
    validations = max(2, min(10, int(fit / mean / 400)))
    puzzles = 1024 if validations * 1024 * STEPS * u["step_cost"] <= 0.05 * fit else 512
    # And the thresholds of best and last model are chosen on these puzzles.
    validating = min((validations + 2) * puzzles * STEPS * u["step_cost"], 0.3 * fit)
    steps = max(1, min(own["steps"], int((fit - validating) / mean)))
    part = steps / own["steps"]
    warmup = min(own["lr_warmup_steps"], max(round(part * own["lr_warmup_steps"]), 100), max(1, steps // 5))
    average_from = round(part * own["ema_from"])
    # An average over more than a twentieth of the run would hold early weights.
    decay = min(own["ema_decay"], 1 - 1 / max(10, steps / 20)) if own["ema_decay"] > 0.9 else own["ema_decay"]
    every = max(1, -(-steps // validations))
    options = {"steps": steps, "lr-warmup-steps": warmup, "ema-from": average_from, "ema-decay": f"{decay:.6g}",
               "eval-every": every, "eval-limit": puzzles, "save-every": every}
    if steps == own["steps"]:
        options = {k: options[k] for k in ("eval-every", "eval-limit", "save-every")}
        text = f"all {steps:,} updates of the preset fit into {seconds / 60:.3g} minutes"
    else:
        text = (f"{steps:,} of the preset's {own['steps']:,} updates fit into {seconds / 60:.3g} minutes: warm-up {warmup:,}, "
                f"average from {average_from:,} with {decay:.6g}")
    print(f"   {text}; {rate:.3g} updates/s{f', later ones cost more, {mean:.3g} times as much on average' if mean > 1.01 else ''}, "
          f"a validation of {puzzles:,} puzzles every {every:,}", file=sys.stderr)
    for key, value in options.items():
        print(f"--{key}={value}")


def reserve(path, puzzles):
    u = load(path)
    each = int(puzzles) * STEPS * u["step_cost"] / u["updates_per_second"] if u.get("updates_per_second") else 15
    print(int(20 + 2 * each))


# -- the card ----------------------------------------------------------------------------------------------------------


def json_lines(path):
    lines = []
    try:
        for line in open(path, encoding="utf-8"):
            try:
                lines.append(json.loads(line))
            except ValueError:
                pass  # a line that is being written
    except OSError:
        pass
    return lines


def sessions(run):
    """The summaries of this run's calls of trm train, which gpu_run appends."""
    try:
        text = open(run + ".sessions", encoding="utf-8").read()
    except OSError:
        return []
    found, decoder, at = [], json.JSONDecoder(), 0
    while at < len(text):
        value, end = decoder.raw_decode(text, at)
        found.append(value)
        at = end + len(text[end:]) - len(text[end:].lstrip())
    return found


def accuracy(result):
    keep = ("puzzles", "exact", "exact_accuracy", "interval", "token_accuracy", "max_steps", "dtype", "rating_name", "bands")
    return {"data": os.path.basename(result.get("data", "")), **{k: result[k] for k in keep if k in result}}


def card(run, results, data):
    config, metrics = load(os.path.join(run, "config.json")), json_lines(os.path.join(run, "metrics.jsonl"))
    everything, train = load(results).get("train", {}), config.get("train", {})
    measured = {k: accuracy(everything[k]) for k in ("best", "last") if k in everything}
    last = next((m for m in reversed(metrics) if "loss" in m), {})  # behind it there may be lines about thresholds
    validations = sum("valid_exact" in m for m in metrics)
    seconds = sum(s.get("seconds") or 0 for s in sessions(run)) or last.get("seconds", 0)
    preset = os.path.basename(run.rstrip("/"))
    print(json.dumps({
        "data": {"train": os.path.basename(train.get("data", "")), "valid": os.path.basename(train.get("valid", "")),
                 "puzzles": count_rows(os.path.join(data, "train.csv")),
                 "protocol": "1k: 1,000 base puzzles and their augmentations; valid.csv stands in for the published test set"},
        "run": preset, "seed": train.get("seed"), "steps": last.get("step"), "batch": train.get("batch"),
        "minutes": round(seconds / 60, 2), "examples_per_second": last.get("examples_per_second"),
        "gpu": everything.get("card", {}).get("name", "none"), "trm": config.get("trm"),
        "date": datetime.datetime.now(datetime.timezone.utc).strftime("%Y-%m-%d"),
        "init_from": os.path.basename(train.get("init_from", "")) or None,
        "selection": f"best: the most exact of {validations} validations on the first {train.get('eval_limit') or 'all'} puzzles of valid; last: none; "
                     "the halting threshold of both: chosen on these puzzles",
        "accuracy": measured, "weights": "the average (EMA), stored in bfloat16",
        "model": config.get("model"), "training": {k: v for k, v in train.items() if k not in ("data", "valid", "run", "init_from")},
    }, indent=1))


def count_rows(path):
    try:
        return sum(1 for line in open(path, encoding="utf-8") if line.strip()) - 1
    except OSError:
        return None


# -- tables ------------------------------------------------------------------------------------------------------------


def number(x, digits=3):
    return "-" if x is None or x != x else f"{x:,.0f}" if abs(x) >= 1000 else f"{x:.{digits}g}"


def percent(x):
    return "-" if x is None or x != x else f"{100 * x:.0f} %"


def rows(lines):
    widths = [max(len(str(line[i])) for line in lines) for i in range(len(lines[0]))]
    for line in lines:
        print("  " + "  ".join(str(x).ljust(w) if i == 0 else str(x).rjust(w) for i, (x, w) in enumerate(zip(line, widths))).rstrip())


def print_card(part):
    c = part.get("card", {})
    if c.get("name", "none") != "none":
        print("  " + ", ".join(f"{k} {v}" for k, v in c.items()))


def print_tests(part):
    for key in sorted(k for k in part if k.startswith("tests")):
        found = part[key]
        count = lambda *s: sum(t["status"] in s for t in found)
        print(f"  {key.replace('_', ', ')}: {count('passed')} programs passed, {count('skipped')} skipped, "
              f"{len(found) - count('passed', 'skipped')} not")
        for t in found:
            if t["status"] not in ("passed", "skipped"):
                print(f"    {t['name']}: {t['status']}")


def print_ceilings(part):
    for k, v in part.get("ceilings", {}).items():
        print(f"  {k:32} {v}")


def table_check(part):
    print_card(part)
    d = part.get("doctor", {})
    print(f"  trm {d.get('version')} on {d.get('device')}")
    for k, v in part.get("smoke", {}).items():
        print(f"  {k:32} {v}")
    print_ceilings(part)
    print_tests(part)


def table_updates(part):
    products = [v for k, v in part.get("ceilings", {}).items() if k.startswith("product_bfloat16")]
    ceiling = max(products, default=None)
    lines = [("updates (everything of training)", "batch", "updates/s", "TFLOP/s", "of ceiling", "to PyTorch", "its batch")]
    for key, u in part.items():
        if key.startswith("update_"):
            share = u.get("tflops", 0) / ceiling if ceiling and u.get("tflops") else None
            options = u.get("device", "").partition(",")[2]
            lines.append((u["preset"] + (", " + options if options else ""), u.get("batch", "-"), number(u.get("updates_per_second")),
                          number(u.get("tflops")), percent(share), number(u.get("ratio")), number(u.get("peer", {}).get("batch"))))
    rows(lines)


def table_bench(part):
    print_card(part)
    print_ceilings(part)
    table_updates(part)
    lines = [("networks and solving", "type", "rate", "of ceiling", "to PyTorch", "note")]
    for key, report in part.items():
        if key.startswith("networks_"):
            by = ", cublaslt" if key.endswith("_cublaslt") else ""
            for section in report.get("sections", []):
                for r in section["rows"]:
                    lines.append((r["what"] + by, r.get("type", ""), f"{number(r.get('rate'))} {r.get('unit', '')}",
                                  percent(r.get("share_of_ceiling")), number(r.get("ratio_to_pytorch")), r.get("note", "")[:60]))
    rows(lines)


def table_tune(part):
    print_card(part)
    lines = [("updates", "with", "updates/s", "TFLOP/s", "verdict")]
    for key, u in part.items():
        if key.startswith("update_"):
            lines.append((u["preset"], u["device"].partition(",")[2] or "-", number(u.get("updates_per_second")),
                          number(u.get("tflops")), u["verdict"][:60]))
    rows(lines)
    for key, e in part.items():
        if key.startswith("puzzle_"):
            print(f"  one puzzle, 4 short steps, {key[7:].replace('_', ', ')}: {number(1000 / e['puzzles_per_second'])} ms")
    for key, c in part.items():
        if key.startswith("choice_"):
            print(f"  chosen for {key[7:]}: {c['options'] or 'no options'}")


def table_accuracy(name, e):
    low, high = e.get("interval", [None, None])
    print(f"  {name}: {100 * e['exact_accuracy']:.2f} % exact ({e['exact']} of {e['puzzles']}; 95 % interval "
          f"{100 * low:.2f} to {100 * high:.2f} %), tokens {100 * e['token_accuracy']:.2f} %, mean steps {number(e.get('mean_steps'))}, "
          f"{number(e.get('puzzles_per_second'))} puzzles/s")
    lines = [(e.get("rating_name") or "rating", "puzzles", "exact", "%")]
    for b in e.get("bands", []):
        if b["puzzles"]:
            name = f"{b['low']:g}" + (f"-{b['high']:g}" if b["high"] is not None and b["high"] != b["low"] else "" if b["high"] is not None else " and more")
            lines.append((name, b["puzzles"], b["exact"], f"{100 * b['exact'] / b['puzzles']:.1f}"))
    if len(lines) > 1:
        rows(lines)


def table_train(part):
    print_card(part)
    r = part.get("run")
    if r:
        print(f"  {r['run']}: step {r['step']}{', stopped and saved' if r['stopped'] else ''}, {number(r['seconds'] / 60)} minutes in this "
              f"call, best validation {number(100 * (r['best_exact'] or 0))} % at step {r['best_step']}")
    for key in ("best", "last"):
        if key in part:
            table_accuracy(key, part[key])


def table_eval(part):
    print_card(part)
    for key in ("all_steps", "halting"):
        if key in part:
            table_accuracy(key.replace("_", " "), part[key])


def table_sanitize(part):
    print_card(part)
    print_tests(part)


def table(part, results):
    found = load(results).get(part)
    if not found:
        sys.exit(1)
    globals()["table_" + part](found)


if __name__ == "__main__":
    command, arguments = (sys.argv[1:2] or [""])[0], sys.argv[2:]
    known = dict(merge=merge, csv=csv, tests=tests, card=card, smoke=smoke, verdict=verdict, choose=choose, chosen=chosen,
                 rate=rate, plan=plan, reserve=reserve, table=table)
    tests_of_two = dict(agree=agree, alike=alike, same=same)
    if command == "field":
        print(load(arguments[0]).get(arguments[1]) or 0)
    elif command in tests_of_two:
        answer = tests_of_two[command](*arguments)
        if answer:
            print(answer)
            sys.exit(1)
    elif command in known:
        known[command](*arguments)
    else:
        sys.exit(__doc__)
