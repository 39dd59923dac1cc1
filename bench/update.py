#!/usr/bin/env python3
"""One whole training update, trm's and PyTorch's, one after the other on the same device in one call.

trm: `trm train` for some seconds, everything included (loading, augmentation, halting, optimizer, average); the rate is
that of the later half of its time. "first" are loss and gradient norm of the first updates, "preset_values" what the preset
trains with. In updates as measured, "mean_cost" is what one costs on average over a whole run (more than 1 where cycles
grow), "step_cost" a step of one example without gradients. PyTorch: bench/network.py's "update" on the same
configuration and batch, random tokens already on the device: the network with gradients, carry and halting, Adam-atan2,
average; nothing is loaded. One line of JSON on standard output; SIGTERM while PyTorch is at work leaves out the ratio
alone."""
import argparse
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import tempfile


def inner(expansion, width):
    return -(-round(expansion * width * 2 / 3) // 256) * 256


def costs(m, n, T):
    """Operations of a step and of a training step of one example with n latent and T recursion cycles: products and
    attention, two a multiply-add."""
    D = m["hidden_size"]
    prefix = m["puzzle_emb_len"] or -(-m["puzzle_emb_ndim"] // D)
    L = prefix + m["seq_len"]
    mlp = 2 * L * 3 * D * inner(m["expansion"], D)
    mix = 2 * D * 3 * L * inner(m["expansion"], L) if m["mlp_t"] else 2 * L * 4 * D * D + 4 * L * L * D
    call, head = m["L_layers"] * (mlp + mix), 2 * L * D * m["vocab_size"] + 4 * D
    step = T * (n + 1) * call + head
    return step, step + 2 * ((n + 1) * call + head)


def cost(m):
    return costs(m, m["L_cycles"], m["H_cycles"])[1]


def phases(config):
    """The parts of a run with the operations of a training step in each."""
    m, schedule = config["model"], config["train"].get("cycles_schedule")
    if not schedule:
        return [(1, cost(m))]
    found = []
    for phase in schedule.split(","):
        begin, cycles = phase.split(":")
        n, T = cycles.split("x")
        found.append((float(begin), costs(m, int(n), int(T))[1]))
    ends = [begin for begin, _ in found[1:]] + [1]
    return [(end - begin, each) for (begin, each), end in zip(found, ends)]


def stand_in(a, folder):
    """Random grids of the preset's size, for presets without data at hand: what is computed does not depend on them."""
    random.seed(1)
    path = os.path.join(folder, "random.csv")
    grid = lambda symbols: "".join(random.choice(symbols) for _ in range(900))
    symbols = "# SGo" if a.preset.startswith("maze") else "0123456789"
    with open(path, "w", encoding="utf-8") as f:
        print("question,answer", file=f)
        for _ in range(64 if a.tiny else 2048):
            print(f"{grid(symbols)},{grid(symbols)}", file=f)
    a.options.append("--no-augment")
    return path


def rate_of(lines):
    """Updates a second over the later half of the time; None when there are too few. A device's updates are looked at in
    heaps, about one a second, all of a heap at once: only at its last one is the clock that of an update."""
    each = lines[-1]["seconds"] / len(lines)
    ends = [a for a, b in zip(lines, lines[1:]) if b["seconds"] - a["seconds"] > 0.1 * each] + lines[-1:]
    half = [e for e in ends if e["seconds"] >= lines[-1]["seconds"] / 2]
    half = half if len(half) > 1 else ends[-2:]
    return (half[-1]["step"] - half[0]["step"]) / (half[-1]["seconds"] - half[0]["seconds"]) if len(half) > 1 else None


def train(a, folder):
    """(config.json, updates a second, lines of metrics.jsonl) of a short run."""
    run = os.path.join(folder, "run")
    data = stand_in(a, folder) if a.preset.startswith(("maze", "arc")) else a.data
    command = [a.trm, "train", data, "--preset", a.preset, "--run", run, "--device", a.device, "--max-minutes",
               str(a.seconds / 60), "--save-every", "1000000", "--log-every", "1", "--json", "--quiet"]
    if a.tiny:
        command += ["--hidden-size", "32", "--H-cycles", "1", "--expansion", "1", "--batch", "4"]
    child = subprocess.Popen(command + a.options, stdout=subprocess.DEVNULL, stderr=sys.stderr)
    try:
        code = child.wait()
    except OutOfTime:
        child.kill()
        sys.exit("update.py: ended while trm trained")
    if code:
        sys.exit(f"update.py: trm train ended with {code}")
    config = json.load(open(os.path.join(run, "config.json"), encoding="utf-8"))
    lines = [json.loads(line) for line in open(os.path.join(run, "metrics.jsonl"), encoding="utf-8")]
    return config, rate_of(lines) if lines else None, lines


def ask_peer(a, m, batch):
    """What bench/network.py answers to the same update; {"error": ...} when it cannot."""
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "network.py")
    command = [sys.executable, script, "--device", a.device.partition(",")[0].split(":")[0], "--compile", a.compile]
    if a.original:
        command += ["--original", a.original]
    peer = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
    try:
        return talk(peer, m, batch)
    except OutOfTime:
        peer.kill()
        return {"error": "out of time"}


def talk(peer, m, batch):
    hello = json.loads(peer.stdout.readline() or '{"error": "it did not start"}')
    if "error" in hello:
        return hello
    D = m["hidden_size"]
    prefix = m["puzzle_emb_len"] or -(-m["puzzle_emb_ndim"] // D)
    request = dict(seq_len=m["seq_len"], vocab_size=m["vocab_size"], prefix=prefix, hidden_size=D, heads=m["num_heads"],
                   layers=m["L_layers"], latent_cycles=m["L_cycles"], cycles=m["H_cycles"], inner_d=inner(m["expansion"], D),
                   inner_l=inner(m["expansion"], prefix + m["seq_len"]), expansion=m["expansion"], mixer=m["mlp_t"],
                   dtype=m["forward_dtype"], training=True, update=True, batch=batch, threads=os.cpu_count())
    best, answer = None, {}
    for runs in (1, 2, 5, 5, 5):  # the first warms up
        peer.stdin.write(json.dumps(dict(request, runs=runs)) + "\n")
        peer.stdin.flush()
        answer = json.loads(peer.stdout.readline() or '{"error": "it ended"}')
        if "error" in answer:
            break
        best = answer["seconds"] if best is None or runs < 5 else min(best, answer["seconds"])
    peer.stdin.close()
    peer.wait()
    return {**hello, **answer, **({"seconds": best} if best else {})}


class OutOfTime(Exception):
    pass


def out_of_time(*_):
    raise OutOfTime


def main():
    signal.signal(signal.SIGTERM, out_of_time)
    args = argparse.ArgumentParser(description=__doc__)
    args.add_argument("--trm", required=True)
    args.add_argument("--preset", required=True)
    args.add_argument("--data", required=True)
    args.add_argument("--device", default="cuda")
    args.add_argument("--original", default="")
    args.add_argument("--compile", default="model")
    args.add_argument("--seconds", type=float, default=25)
    args.add_argument("--work", default=None)
    args.add_argument("--tiny", action="store_true")
    args.add_argument("--no-peer", action="store_true", help="trm alone")
    args.add_argument("options", nargs="*", help="for trm train, after --")
    a = args.parse_args()
    a.seconds = min(a.seconds, 0.3) if a.tiny else a.seconds
    run = tempfile.mkdtemp(prefix="update-", dir=a.work)
    try:
        config, rate, lines = train(a, run)
        if not rate:  # slow ones are given more time
            shutil.rmtree(os.path.join(run, "run"))
            print(f"update.py: only {len(lines)} updates in {a.seconds} s", file=sys.stderr)
            a.seconds *= 5
            config, rate, lines = train(a, run)
        if not rate:
            sys.exit(f"update.py: only {len(lines)} updates in {a.seconds} s")
    finally:
        shutil.rmtree(run, ignore_errors=True)
    model, batch, parts = config["model"], config["train"]["batch"], phases(config)
    step, measured = costs(model, model["L_cycles"], model["H_cycles"])[0], parts[0][1]
    result = {"preset": a.preset, "device": a.device, "batch": batch, "micro_batch": config["resolved"]["micro_batch"],
              "updates_per_second": rate, "examples_per_second": rate * batch, "tflops": 1e-12 * rate * batch * measured,
              "steps": lines[-1]["step"], "forward_dtype": model["forward_dtype"],
              "first": [[line["loss"], line["grad_norm"]] for line in lines[:8]],
              "mean_cost": sum(part * each for part, each in parts) / measured, "step_cost": step / (batch * measured),
              "preset_values": {"steps": config["resolved"]["steps"],
                                **{k: config["train"][k] for k in ("lr_warmup_steps", "ema_from", "ema_decay")}}}
    print(f"update.py: {a.preset}: {rate:.3g} updates/s of {batch}, {result['tflops']:.3g} TFLOP/s", file=sys.stderr)
    result["peer"] = {"error": "not asked"} if a.no_peer else ask_peer(a, model, batch)
    if a.no_peer:
        pass
    elif "error" in result["peer"]:
        print(f"update.py: no ratio to PyTorch: {result['peer']['error']}", file=sys.stderr)
    else:
        result["ratio"] = rate * result["peer"]["seconds"]
        print(f"update.py: {result['ratio']:.3g} times PyTorch ({result['peer']['how']})", file=sys.stderr)
    print(json.dumps(result))


if __name__ == "__main__":
    main()
