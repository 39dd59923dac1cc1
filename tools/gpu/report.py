#!/usr/bin/env python3
"""The JSON and the tables of tools/gpu_run. Plain Python 3.8, nothing else.

  report.py merge RESULTS PART KEY FILE   RESULTS.PART.KEY = what FILE holds; atomic
  report.py csv FILE                      the first row of nvidia-smi's CSV as JSON
  report.py tests FILE                    name, status, seconds, tool (tabs between) as JSON
  report.py card RUN RESULTS DATA         the card of a model that RUN trained, as JSON
  report.py smoke RUN RUN EVAL EVAL       two runs that should be one, one model on the device and on the CPU; exit code 1: not so
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
    last = metrics[-1] if metrics else {}
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
        "selection": f"best: the most exact of {validations} validations on the first {train.get('eval_limit') or 'all'} puzzles of valid; last: none",
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


def table_products(part):
    print_card(part)
    table_updates(part)


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
    known = dict(merge=merge, csv=csv, tests=tests, card=card, smoke=smoke, table=table)
    if command not in known:
        sys.exit(__doc__)
    known[command](*arguments)
