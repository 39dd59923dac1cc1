#!/usr/bin/env python3
"""The network beside its peer: runs bench_network and the same network written plainly in PyTorch, in turn and on the
same number of threads, and prints both rates and their ratio. Without PyTorch the title says that there is no ratio.

usage: bench/network.py BENCH_NETWORK [--json FILE] [--threads N] [--repeats N] [CONFIG...]
"""
import argparse, json, math, os, platform, statistics, subprocess, sys, time

CONFIGS = {  # S, V, P, D, layers, n, T, heads, mixer (the published configurations)
    "sudoku-mlp": (81, 11, 16, 512, 2, 6, 3, 8, True),
    "sudoku-att": (81, 11, 16, 512, 2, 6, 3, 8, False),
    "maze": (900, 6, 16, 512, 2, 4, 3, 8, False),
    "arc": (900, 12, 16, 512, 2, 4, 3, 8, False),
}


def inner(width):
    return math.ceil(round(4 * width * 2 / 3) / 256) * 256


def operations(name, training):
    S, V, P, D, layers, n, T, heads, mixer = CONFIGS[name]
    L = P + S
    call = 2 * L * 3 * D * inner(D)
    call += 2 * D * 3 * L * inner(L) if mixer else 2 * L * 4 * D * D + 4 * L * L * D
    call *= layers
    head = 2 * L * D * V + 4 * D
    step = T * (n + 1) * call + head
    return step + 2 * ((n + 1) * call + head) if training else step


def torch_seconds(name, batch, training, repeats):
    import torch
    from torch.nn import functional as F

    S, V, P, D, layers, n, T, heads, mixer = CONFIGS[name]
    L, d = P + S, D // heads
    weight = lambda o, i: (torch.randn(o, i) / i**0.5).requires_grad_()
    net = [
        dict(mix=[weight(2 * inner(L), L), weight(L, inner(L))] if mixer else [weight(3 * D, D), weight(D, D)],
             mlp=[weight(2 * inner(D), D), weight(D, inner(D))])
        for _ in range(layers)
    ]
    embed, head = weight(V, D), weight(V, D)
    angle = torch.outer(torch.arange(L).float(), 10000 ** (-torch.arange(0, d, 2).float() / d))
    cos, sin = torch.cat([angle.cos()] * 2, -1), torch.cat([angle.sin()] * 2, -1)
    rms = lambda v: v * torch.rsqrt(v.square().mean(-1, keepdim=True) + 1e-5)
    turn = lambda v: v * cos + torch.cat([-v[..., d // 2:], v[..., : d // 2]], -1) * sin

    def swiglu(v, w):
        g, u = F.linear(v, w[0]).chunk(2, -1)
        return F.linear(F.silu(g) * u, w[1])

    def attention(v, w):
        q, k, x = F.linear(v, w[0]).view(-1, L, 3, heads, d).permute(2, 0, 3, 1, 4)
        p = torch.softmax(turn(q) @ turn(k).transpose(-1, -2) / d**0.5, -1)
        return F.linear((p @ x).transpose(1, 2).reshape(-1, L, D), w[1])

    def f(h, injected):
        h = h + injected
        for layer in net:
            if mixer:
                t = h.transpose(1, 2)
                h = rms(t + swiglu(t, layer["mix"])).transpose(1, 2)
            else:
                h = rms(h + attention(h, layer["mix"]))
            h = rms(h + swiglu(h, layer["mlp"]))
        return h

    tokens = torch.randint(0, V, (batch, S))
    y, z = torch.randn(batch, L, D), torch.randn(batch, L, D)

    def cycle(y, z, e):
        for _ in range(n):
            z = f(z, y + e)
        return f(y, z), z

    def step():
        e = D**0.5 * F.pad(F.embedding(tokens, embed), (0, 0, P, 0))
        with torch.no_grad():
            a, b = y, z
            for _ in range(T - 1):
                a, b = cycle(a, b, e)
        with torch.set_grad_enabled(training):
            a, b = cycle(a, b, e)
            logits = F.linear(a[:, P:], head)
            if training:
                F.cross_entropy(logits.reshape(-1, V), tokens.reshape(-1)).backward()

    step()
    times = []
    for _ in range(repeats):
        begin = time.perf_counter()
        step()
        times.append(time.perf_counter() - begin)
    return statistics.median(times)


def cpu():
    try:
        lines = open("/proc/cpuinfo").read().splitlines()
        return next(l.split(":", 1)[1].strip() for l in lines if l.startswith("model name"))
    except (OSError, StopIteration):
        return platform.machine()


def main():
    args = argparse.ArgumentParser()
    args.add_argument("bench")
    args.add_argument("--json")
    args.add_argument("--threads", type=int, default=len(os.sched_getaffinity(0)))
    args.add_argument("--repeats", type=int, default=5)
    args.add_argument("configs", nargs="*")
    args = args.parse_intermixed_args()
    try:
        import torch
        torch.set_num_threads(args.threads)
        peer = "PyTorch " + torch.__version__
    except ImportError:
        peer = None
    rows = []
    for name in args.configs or CONFIGS:
        out = subprocess.run([args.bench, "--json", "--threads", str(args.threads), "--repeats", str(args.repeats), name],
                             check=True, stdout=subprocess.PIPE, text=True).stdout
        for case in json.loads(out)["cases"]:
            if peer:
                seconds = torch_seconds(name, case["batch"], case["pass"] == "training", args.repeats)
                case["peer_gflops"] = case["batch"] / seconds * operations(name, case["pass"] == "training") * 1e-9
                case["ratio"] = case["gflops"] / case["peer_gflops"]
            rows.append(case)
        isa = json.loads(out)["isa"]
    print(f"{cpu()}, {args.threads} threads, {isa}, float32, medians of {args.repeats}; "
          + (f"peer {peer}, float32, same run" if peer else "NO RATIOS: PyTorch is not installed"))
    print(f"{'config':<12}{'pass':<10}{'batch':>5}{'examples/s':>12}{'GFLOP/s':>9}{'peer':>8}{'ratio':>7}")
    for r in rows:
        tail = f"{r['peer_gflops']:8.1f}{r['ratio']:7.2f}" if peer else f"{'-':>8}{'-':>7}"
        print(f"{r['config']:<12}{r['pass']:<10}{r['batch']:>5}{r['examples_per_second']:>12.2f}{r['gflops']:>9.1f}" + tail)
    if args.json:
        with open(args.json, "w") as f:
            json.dump({"machine": cpu(), "threads": args.threads, "isa": isa, "dtype": "float32", "peer": peer,
                       "repeats": args.repeats, "cases": rows}, f, indent=1)
            f.write("\n")


if __name__ == "__main__":
    sys.exit(main())
