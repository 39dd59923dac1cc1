#!/usr/bin/env python3
"""The PyTorch peer of the benchmarks: the same network, timed on request, so that trm and PyTorch run in turn.

bench/bench starts this program and talks to it in lines of JSON. First it writes what it is:
  {"peer": "PyTorch 1.13.1", "network": "written plainly", "blas": "openblas-openmp/libblas.so.3"}
Then each request is answered by one line, {"seconds": S}, the time of one run, or {"error": TEXT}:
  {"seq_len", "vocab_size", "prefix", "hidden_size", "heads", "layers", "latent_cycles", "cycles", "inner_d", "inner_l",
   "expansion", "mixer", "dtype", "training", "batch", "threads", "runs"}

The network is written plainly below. With --original FOLDER it is the original implementation's own code
(bench/original.py). Tuned means: OpenMP BLAS, large malloc thresholds (both set by the caller), weights cast to the
forward type once.
"""
import argparse
import json
import os
import sys
import time

TOO_SLOW = 0.25  # of the rate of float32: products of a type that run so slowly have no kernel in this PyTorch


class Plain:
    """One set of weights and the recursion over them."""

    def __init__(self, torch, c):
        self.torch, self.c = torch, c
        self.dtype = getattr(torch, c["dtype"])
        D, L = c["hidden_size"], c["prefix"] + c["seq_len"]
        weight = lambda o, i: (torch.randn(o, i) / i**0.5).to(self.dtype).requires_grad_()
        self.layers = [
            dict(mix=[weight(2 * c["inner_l"], L), weight(L, c["inner_l"])] if c["mixer"] else
                 [weight(3 * D, D), weight(D, D)],
                 mlp=[weight(2 * c["inner_d"], D), weight(D, c["inner_d"])])
            for _ in range(c["layers"])
        ]
        self.embed, self.head = weight(c["vocab_size"], D), weight(c["vocab_size"], D)
        if not c["mixer"]:
            d = D // c["heads"]
            angle = torch.outer(torch.arange(L).float(), 10000 ** (-torch.arange(0, d, 2).float() / d))
            self.cos, self.sin = torch.cat([angle.cos()] * 2, -1), torch.cat([angle.sin()] * 2, -1)
        self.tokens = torch.randint(0, c["vocab_size"], (c["batch"], c["seq_len"]))
        self.y, self.z = (torch.randn(c["batch"], L, D).to(self.dtype) for _ in range(2))

    def rms(self, v):
        v = v.float()
        return (v * self.torch.rsqrt(v.square().mean(-1, keepdim=True) + 1e-5)).to(self.dtype)

    def swiglu(self, v, w):
        F = self.torch.nn.functional
        g, u = F.linear(v, w[0]).chunk(2, -1)
        return F.linear(F.silu(g) * u, w[1])

    def rotate(self, v):
        half = v.shape[-1] // 2
        turned = self.torch.cat([-v[..., half:], v[..., :half]], -1)
        return (v * self.cos + turned * self.sin).to(self.dtype)

    def attention(self, v, w):
        torch, heads = self.torch, self.c["heads"]
        B, L, D = v.shape
        q, k, x = torch.nn.functional.linear(v, w[0]).view(B, L, 3, heads, D // heads).permute(2, 0, 3, 1, 4)
        p = torch.softmax(self.rotate(q) @ self.rotate(k).transpose(-1, -2) / (D // heads) ** 0.5, -1)
        return torch.nn.functional.linear((p @ x).transpose(1, 2).reshape(B, L, D), w[1])

    def call(self, h, injected):
        h = h + injected
        for layer in self.layers:
            if self.c["mixer"]:
                t = h.transpose(1, 2)
                h = self.rms(t + self.swiglu(t, layer["mix"])).transpose(1, 2)
            else:
                h = self.rms(h + self.attention(h, layer["mix"]))
            h = self.rms(h + self.swiglu(h, layer["mlp"]))
        return h

    def cycle(self, y, z, e):
        for _ in range(self.c["latent_cycles"]):
            z = self.call(z, y + e)
        return self.call(y, z), z

    def step(self):
        torch, F, P = self.torch, self.torch.nn.functional, self.c["prefix"]
        e = self.c["hidden_size"] ** 0.5 * F.pad(F.embedding(self.tokens, self.embed), (0, 0, P, 0))
        y, z = self.y, self.z
        with torch.no_grad():
            for _ in range(self.c["cycles"] - 1):
                y, z = self.cycle(y, z, e)
        with torch.set_grad_enabled(self.c["training"]):
            y, z = self.cycle(y, z, e)
            logits = F.linear(y[:, P:], self.head)
            if self.c["training"]:
                F.cross_entropy(logits.float().reshape(-1, self.c["vocab_size"]), self.tokens.reshape(-1)).backward()


def blas():
    """The library behind the products in fp32, from what is mapped into this process."""
    with open("/proc/self/maps", encoding="utf-8") as maps:
        paths = {line.split()[-1] for line in maps if "libblas" in line}
    return ", ".join(sorted("/".join(os.path.realpath(p).split("/")[-2:]) for p in paths)) or "not found"


def product_rate(torch, dtype):
    a, b = torch.randn(64, 256).to(dtype), torch.randn(256, 256).to(dtype)
    best = 1e9
    for _ in range(5):
        begin = time.perf_counter()
        torch.nn.functional.linear(a, b)
        best = min(best, time.perf_counter() - begin)
    return 2e-9 * 64 * 256 * 256 / best


class Peer:
    def __init__(self, torch, make):
        self.torch, self.make = torch, make
        self.networks, self.slow = {}, {}

    def refused(self, dtype):
        if dtype not in self.slow:
            rate, normal = product_rate(self.torch, getattr(self.torch, dtype)), product_rate(self.torch, self.torch.float32)
            self.slow[dtype] = f"{dtype} products run at {rate:.1f} GFLOP/s" if rate < TOO_SLOW * normal else None
        return self.slow[dtype]

    def answer(self, request):
        self.torch.set_num_threads(request["threads"])
        if request["dtype"] != "float32" and self.refused(request["dtype"]):
            return {"error": self.refused(request["dtype"])}
        runs = request.pop("runs")
        key = json.dumps({k: v for k, v in request.items() if k != "threads"})
        if key not in self.networks:
            while len(self.networks) > 1:  # two that take turns are kept; more may not fit
                self.networks.pop(next(iter(self.networks)))
            self.networks[key] = self.make(self.torch, request)
            self.networks[key].step()
        network = self.networks[key]
        begin = time.perf_counter()
        for _ in range(runs):
            network.step()
        return {"seconds": (time.perf_counter() - begin) / runs}


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--original", default="")
    args = args.parse_args()
    out = os.fdopen(os.dup(1), "w")  # what libraries print must not get between the lines
    os.dup2(2, 1)
    tell = lambda value: print(json.dumps(value), file=out, flush=True)
    try:
        import torch
        make, name = Plain, "written plainly"
        if args.original:
            sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
            import original
            make, name = original.load(torch, args.original), "the original's own code"
    except Exception as e:  # whatever keeps the peer from working, the benchmark goes on without
        tell({"error": f"{type(e).__name__}: {e}"})
        return
    torch.nn.functional.linear(torch.ones(8, 8), torch.ones(8, 8))
    tell({"peer": "PyTorch " + torch.__version__, "network": name, "blas": blas()})
    peer = Peer(torch, make)
    for line in sys.stdin:
        try:
            tell(peer.answer(json.loads(line)))
        except Exception as e:
            tell({"error": f"{type(e).__name__}: {e}"})


if __name__ == "__main__":
    main()
