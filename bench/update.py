#!/usr/bin/env python3
"""One whole training update, trm's and PyTorch's, one after the other on the same device in one call.

trm: `trm train` for some seconds, everything included (loading, augmentation, halting, optimizer, average); the rate is
that of the later half of its updates. PyTorch: bench/network.py's "update" on the same configuration and batch, random
tokens already on the device: the network with gradients, carry and halting, Adam-atan2, average; nothing is loaded. One
line of JSON on standard output."""
import argparse
import json
import os
import random
import shutil
import subprocess
import sys
import tempfile


def inner(expansion, width):
    return -(-round(expansion * width * 2 / 3) // 256) * 256


def cost(m):
    """Operations of a training step of one example: products and attention, two a multiply-add."""
    D = m["hidden_size"]
    prefix = m["puzzle_emb_len"] or -(-m["puzzle_emb_ndim"] // D)
    L = prefix + m["seq_len"]
    mlp = 2 * L * 3 * D * inner(m["expansion"], D)
    mix = 2 * D * 3 * L * inner(m["expansion"], L) if m["mlp_t"] else 2 * L * 4 * D * D + 4 * L * L * D
    call, head = m["L_layers"] * (mlp + mix), 2 * L * D * m["vocab_size"] + 4 * D
    return m["H_cycles"] * (m["L_cycles"] + 1) * call + head + 2 * ((m["L_cycles"] + 1) * call + head)


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


def train(a, folder):
    """(config.json, updates a second, batch): of the later half of a short run."""
    run = os.path.join(folder, "run")
    data = stand_in(a, folder) if a.preset.startswith(("maze", "arc")) else a.data
    command = [a.trm, "train", data, "--preset", a.preset, "--run", run, "--device", a.device, "--max-minutes",
               str(a.seconds / 60), "--save-every", "1000000", "--log-every", "1", "--json", "--quiet"]
    if a.tiny:
        command += ["--hidden-size", "32", "--H-cycles", "1", "--L-cycles", "1", "--expansion", "1", "--batch", "4", "--steps", "20"]
    done = subprocess.run(command + a.options, stdout=subprocess.PIPE, stderr=sys.stderr, check=False)
    if done.returncode:
        sys.exit(f"update.py: trm train ended with {done.returncode}")
    config = json.load(open(os.path.join(run, "config.json"), encoding="utf-8"))
    lines = [json.loads(line) for line in open(os.path.join(run, "metrics.jsonl"), encoding="utf-8")]
    half = lines[len(lines) // 2:]
    if len(half) < 2:
        sys.exit(f"update.py: only {len(lines)} updates in {a.seconds} s")
    rate = (half[-1]["step"] - half[0]["step"]) / (half[-1]["seconds"] - half[0]["seconds"])
    return config, rate, lines[-1]


def ask_peer(a, m, batch):
    """What bench/network.py answers to the same update; {"error": ...} when it cannot."""
    script = os.path.join(os.path.dirname(os.path.abspath(__file__)), "network.py")
    command = [sys.executable, script, "--device", a.device.split(":")[0], "--compile", a.compile]
    if a.original:
        command += ["--original", a.original]
    peer = subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True)
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


def main():
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
    run = tempfile.mkdtemp(prefix="update-", dir=a.work)
    try:
        config, rate, last = train(a, run)
    finally:
        shutil.rmtree(run, ignore_errors=True)
    model, batch = config["model"], config["train"]["batch"]
    result = {"preset": a.preset, "device": a.device, "batch": batch, "micro_batch": config["resolved"]["micro_batch"],
              "updates_per_second": rate, "examples_per_second": rate * batch, "tflops": 1e-12 * rate * batch * cost(model),
              "steps": last["step"], "forward_dtype": model["forward_dtype"]}
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
