#!/usr/bin/env python3
"""The PyTorch peer of the benchmarks: the same network, timed on request, so that trm and PyTorch run in turn.

bench/bench starts this program and talks to it in lines of JSON. First it writes what it is:
  {"peer": "PyTorch 1.13.1", "network": "written plainly", "blas": "openblas-openmp/libblas.so.3"}
Then each request is answered by one line, {"seconds": S}, the time of one run, or {"error": TEXT}:
  {"seq_len", "vocab_size", "prefix", "hidden_size", "heads", "layers", "latent_cycles", "cycles", "inner_d", "inner_l",
   "expansion", "mixer", "dtype", "training", "update", "batch", "threads", "runs"}
  {"ceiling": "product", "dtype", "size", "runs"}: a square matrix product of that size
  {"ceiling": "copy", "bytes", "runs"}: a copy of so many bytes from the device's memory to itself

The network is written plainly below. With --original FOLDER it is the original implementation's own code
(bench/original.py). Tuned means: OpenMP BLAS, large malloc thresholds (both set by the caller), weights cast to the
forward type once.

--device cuda computes on a GPU and waits for it before the clock is read. --compile model|layers puts the network, or its
layers alone, through torch.compile; where that fails, the next simpler way is taken, and the answer's "how" says which.
"update" (with "training"): the whole update, which for the original's code includes its carry, halting and metrics, an
Adam-atan2 step and the average of the weights. A batch that does not fit in the device's memory is computed in parts; the
answer's "batch" is then the part's.

  bench/network.py --ceilings [--device cuda]      prints the device's ceilings as one line of JSON and ends
"""
import argparse
import json
import os
import sys
import time

TOO_SLOW = 0.25  # of the rate of float32: products of a type that run so slowly have no kernel in this PyTorch


class Plain:
    """One set of weights and the recursion over them."""

    def __init__(self, torch, c, wrap=lambda function: function):
        self.torch, self.c = torch, c
        self.device = c.get("device", "cpu")
        self.dtype = getattr(torch, c["dtype"])
        D, L = c["hidden_size"], c["prefix"] + c["seq_len"]
        weight = lambda o, i: (torch.randn(o, i) / i**0.5).to(self.device, self.dtype).requires_grad_()
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
            self.cos, self.sin = (torch.cat([f] * 2, -1).to(self.device) for f in (angle.cos(), angle.sin()))
        self.tokens = torch.randint(0, c["vocab_size"], (c["batch"], c["seq_len"])).to(self.device)
        self.y, self.z = (torch.randn(c["batch"], L, D).to(self.device, self.dtype) for _ in range(2))
        self.call = wrap(self.call)
        weights = [self.embed, self.head] + [w for l in self.layers for w in l["mix"] + l["mlp"]]
        self.optimizer = AdamAtan2(torch, weights) if c.get("update") else None

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
        if self.optimizer:
            self.optimizer.step()


class AdamAtan2:
    """The optimizer and the average of the weights, all tensors in a few calls."""

    def __init__(self, torch, weights, lr=1e-4, betas=(0.9, 0.95), decay=1.0, average=0.999):
        self.torch, self.weights, self.t = torch, list(weights), 0
        self.lr, self.betas, self.decay, self.average = lr, betas, decay, average
        self.m, self.v = ([torch.zeros_like(w) for w in self.weights] for _ in range(2))
        self.ema = [w.detach().clone() for w in self.weights]

    def step(self):
        torch, (b1, b2) = self.torch, self.betas
        self.t += 1
        with torch.no_grad():
            weights = [w.data for w in self.weights]
            grads = [w.grad if w.grad is not None else torch.zeros_like(w) for w in self.weights]
            torch._foreach_mul_(self.m, b1)
            torch._foreach_add_(self.m, grads, alpha=1 - b1)
            torch._foreach_mul_(self.v, b2)
            torch._foreach_addcmul_(self.v, grads, grads, value=1 - b2)
            roots = torch._foreach_sqrt(self.v)
            torch._foreach_div_(roots, (1 - b2**self.t) ** 0.5)
            torch._foreach_mul_(weights, 1 - self.lr * self.decay)
            turns = [torch.atan2(m, r) for m, r in zip(self.m, roots)]
            torch._foreach_add_(weights, turns, alpha=-self.lr / (1 - b1**self.t))
            torch._foreach_mul_(self.ema, self.average)
            torch._foreach_add_(self.ema, weights, alpha=1 - self.average)
            for w in self.weights:
                w.grad = None


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
    def __init__(self, torch, make, device, compiling):
        self.torch, self.make, self.device, self.compiling = torch, make, device, compiling
        self.networks, self.slow, self.ceilings = {}, {}, {}

    def refused(self, dtype):
        if self.device != "cpu":
            return None
        if dtype not in self.slow:
            rate, normal = product_rate(self.torch, getattr(self.torch, dtype)), product_rate(self.torch, self.torch.float32)
            self.slow[dtype] = f"{dtype} products run at {rate:.1f} GFLOP/s" if rate < TOO_SLOW * normal else None
        return self.slow[dtype]

    def wait(self):
        if self.device != "cpu":
            self.torch.cuda.synchronize()

    def seconds(self, function, runs):
        self.wait()
        begin = time.perf_counter()
        for _ in range(runs):
            function()
        self.wait()
        return (time.perf_counter() - begin) / runs

    def ceiling(self, request):
        key = json.dumps({k: v for k, v in request.items() if k != "runs"}, sort_keys=True)
        if key not in self.ceilings:
            torch, size = self.torch, request.get("size", 0)
            if request["ceiling"] == "product":
                a, b = (torch.randn(size, size).to(self.device, getattr(torch, request["dtype"])) for _ in range(2))
                c = a @ b
                self.ceilings[key] = lambda: torch.matmul(a, b, out=c)
            else:
                a = torch.zeros(request["bytes"] // 4, device=self.device)
                b = torch.empty_like(a)
                self.ceilings[key] = lambda: b.copy_(a)
        return {"seconds": self.seconds(self.ceilings[key], request["runs"])}

    def build(self, c):
        """A network whose first step has been done, and how it is compiled."""
        ways = {"model": ["model", "layers", ""], "layers": ["layers", ""]}.get(self.compiling, [""])
        for way in ways:
            try:
                if hasattr(self.torch, "_dynamo"):
                    self.torch._dynamo.reset()  # else it stops compiling after a few shapes
                network = self.make(self.torch, dict(c, device=self.device, compile=way))
                network.step()
                self.wait()
                return network, way
            except Exception as e:
                if way == "" or is_memory(e):
                    raise
                print(f"network.py: torch.compile of the {way} failed: {type(e).__name__}: {e}"[:2000], file=sys.stderr)

    def fit(self, c):
        """The largest part of the batch that fits in the device's memory."""
        batch = c["batch"]
        while True:
            try:
                return (*self.build(dict(c, batch=batch)), batch)
            except Exception as e:
                if self.device == "cpu" or batch == 1 or not is_memory(e):
                    raise
                batch = (batch + 1) // 2
            self.torch.cuda.empty_cache()

    def answer(self, request):
        if "ceiling" in request:
            return self.ceiling(request)
        self.torch.set_num_threads(request["threads"])
        if request["dtype"] != "float32" and self.refused(request["dtype"]):
            return {"error": self.refused(request["dtype"])}
        runs = request.pop("runs")
        key = json.dumps({k: v for k, v in request.items() if k != "threads"})
        if key not in self.networks:
            while len(self.networks) > (self.device == "cpu"):  # two that take turns are kept; more may not fit
                self.networks.pop(next(iter(self.networks)))
            self.ceilings.clear()
            if self.device != "cpu":
                self.torch.cuda.empty_cache()
            self.networks[key] = self.fit(request)
        network, way, batch = self.networks[key]
        parts = request["batch"] / batch
        seconds = self.seconds(network.step, runs) * parts
        how = f"torch.compile of the {way}" if way else "not compiled"
        return {"seconds": seconds, "how": how, "batch": batch}


def is_memory(e):
    return "out of memory" in str(e).lower()


def print_ceilings(torch, device):
    """Square products that are large enough, and copies of a quarter of a GiB there and back."""
    peer, big = Peer(torch, Plain, device, ""), device != "cpu"
    result = {"device": torch.cuda.get_device_name() if big else "cpu", "torch": torch.__version__}
    for dtype in ["bfloat16", "float16", "float32"] if big else ["float32"]:
        for size in (4096, 8192) if big else (256,):
            request = {"ceiling": "product", "dtype": dtype, "size": size, "runs": 2}
            peer.ceiling(request)
            best = min(peer.ceiling(dict(request, runs=10))["seconds"] for _ in range(7))
            result[f"product_{dtype}_{size}_tflops"] = round(2e-12 * size**3 / best, 3)
        peer.ceilings.clear()
    bytes_ = 1 << 28 if big else 1 << 22
    request = {"ceiling": "copy", "bytes": bytes_, "runs": 10}
    peer.ceiling(request)
    result["copy_read_and_written_tbps"] = round(2e-12 * bytes_ / min(peer.ceiling(request)["seconds"] for _ in range(7)), 4)
    print(json.dumps(result))


def hello(torch, name, args):
    if args.device == "cpu":
        torch.nn.functional.linear(torch.ones(8, 8), torch.ones(8, 8))
        return {"peer": "PyTorch " + torch.__version__, "network": name, "blas": blas()}
    card = torch.cuda.get_device_name()  # raises where there is none
    torch.backends.cuda.matmul.allow_tf32 = True
    compiling = {"model": "torch.compile", "layers": "torch.compile of the layers"}.get(args.compile, "not compiled")
    return {"peer": "PyTorch " + torch.__version__, "network": name, "blas": f"{compiling}; CUDA {torch.version.cuda}, {card}"}


def main():
    args = argparse.ArgumentParser()
    args.add_argument("--original", default="")
    args.add_argument("--device", default="cpu")
    args.add_argument("--compile", default="", choices=["", "none", "layers", "model"])
    args.add_argument("--ceilings", action="store_true")
    args = args.parse_args()
    args.device = args.device.partition(",")[0]  # behind the comma are trm's own options
    out = os.fdopen(os.dup(1), "w")  # what libraries print must not get between the lines
    os.dup2(2, 1)
    tell = lambda value: print(json.dumps(value), file=out, flush=True)
    try:
        import torch
        if args.ceilings:
            os.dup2(out.fileno(), 1)
            return print_ceilings(torch, args.device)
        make, name = lambda torch, c: Plain(torch, c, wrapper(torch, c)), "written plainly"
        if args.original:
            sys.path.insert(0, os.path.dirname(os.path.abspath(__file__)))
            import original
            make, name = original.load(torch, args.original, AdamAtan2), "the original's own code"
        greeting = hello(torch, name, args)
    except Exception as e:  # whatever keeps the peer from working, the benchmark goes on without
        tell({"error": f"{type(e).__name__}: {e}"})
        sys.exit(args.ceilings)
    tell(greeting)
    peer = Peer(torch, make, args.device, args.compile)
    for line in sys.stdin:
        try:
            tell(peer.answer(json.loads(line)))
        except Exception as e:
            tell({"error": f"{type(e).__name__}: {e}"[:2000]})


def wrapper(torch, c):
    return torch.compile if c["compile"] else lambda function: function


if __name__ == "__main__":
    main()
