"""PyTorch opens the weights, and the network written in PyTorch from docs/spec.md computes what the library computes: q and
the probability of each cell after a step, within the bounds of the golden tensors (ten times the deviation of PyTorch's own
fp32 from its fp64, at least 2e-6), for the shipped mixer model and for one with attention and RoPE, trained here a little."""
import json
import math
import unittest

import numpy as np

import trm
from support import MODEL, SOURCE, main, program, puzzles, skip

try:
    import torch
except ImportError:
    skip("PyTorch is not there (tools/setup --bench)")
import torch.nn.functional as F


class Network:
    """The network of a model file in one number type: step(tokens) -> logits [S][V], q, of the first supervision step."""

    def __init__(self, model, dtype):
        self.w = {name.removeprefix("inner."): t.to(dtype) for name, t in trm.to_torch(model).items()}
        self.c = {k: float(v) if v[0] in "0123456789.-" else v for k, v in model.config.items()}
        self.eps, self.D = self.c["rms_norm_eps"], int(self.c["hidden_size"])

    def rms(self, v):
        return v * torch.rsqrt(v.square().mean(-1, keepdim=True) + self.eps)

    def mlp(self, v, name):
        g, u = F.linear(v, self.w[name + ".gate_up_proj.weight"]).chunk(2, -1)
        h = F.silu(g) * u if self.c["activation"] == "silu" else torch.sigmoid(g) * self.rms(g * u)
        return F.linear(h, self.w[name + ".down_proj.weight"])

    def rope(self, v):
        d, positions = v.shape[-1], torch.arange(v.shape[-2], dtype=torch.float64)
        angle = positions[:, None] * self.c["rope_theta"] ** (-2 * torch.arange(d // 2, dtype=torch.float64) / d)
        cos, sin = (f(angle).repeat(1, 2).to(v.dtype) for f in (torch.cos, torch.sin))
        return v * cos + torch.cat([-v[..., d // 2:], v[..., :d // 2]], -1) * sin

    def attention(self, h, name):
        L, H = h.shape[0], int(self.c["num_heads"])
        q, k, v = F.linear(h, self.w[name + ".qkv_proj.weight"]).view(L, 3, H, -1).permute(1, 2, 0, 3)
        if self.c["pos_encodings"] == "rope":
            q, k = self.rope(q), self.rope(k)
        scores = torch.softmax(q @ k.transpose(-1, -2) / math.sqrt(q.shape[-1]), -1)
        return F.linear((scores @ v).permute(1, 0, 2).reshape(L, -1), self.w[name + ".o_proj.weight"])

    def f(self, h, injected):
        h = h + injected
        for i in range(int(self.c["L_layers"])):
            name = f"L_level.layers.{i}."
            if self.c["mlp_t"] == "true":
                h = self.rms(h.T + self.mlp(h.T, name + "mlp_t")).T
            else:
                h = self.rms(h + self.attention(h, name + "self_attn"))
            h = self.rms(h + self.mlp(h, name + "mlp"))
        return h

    def step(self, tokens):
        rows = self.w["embed_tokens.embedding_weight"][torch.from_numpy(tokens).long()]
        prefix = int(self.c["puzzle_emb_len"]) or math.ceil(self.c["puzzle_emb_ndim"] / self.D)
        if prefix:
            row = self.w["puzzle_emb.weights"][0]
            rows = torch.cat([F.pad(row, (0, prefix * self.D - len(row))).view(prefix, self.D), rows])
        e = math.sqrt(self.D) * rows
        y, z = (self.w[name].expand_as(e) for name in ("H_init", "L_init"))
        for _ in range(int(self.c["H_cycles"])):
            for _ in range(int(self.c["L_cycles"])):
                z = self.f(z, y + e)
            y = self.f(y, z)
        logits = F.linear(y[prefix:], self.w["lm_head.weight"])
        return logits, (F.linear(y[0], self.w["q_head.weight"]) + self.w["q_head.bias"])[0]


def certainty(logits, loss):
    """Probability of the greatest logit of each cell."""
    a = logits.double()
    s = torch.where(a >= 0, a + 1, 1 / (1 - a + 1e-30)) if loss == "stablemax" else (a - a.max(-1, keepdim=True).values).exp()
    return (s.max(-1).values / s.sum(-1)).numpy()


def distance(a, b):
    """Relative L2 distance of a from b."""
    return float(np.linalg.norm(np.asarray(a, float) - b) / np.linalg.norm(b))


class Weights(unittest.TestCase):
    def compare(self, path, questions):
        model = trm.Model(path)
        nets = [Network(model, dtype) for dtype in (torch.float64, torch.float32)]
        loss, ours, exact, single = model.metadata.get("trm.loss", "stablemax"), [], [], []
        with trm.Solver(model, dtype="float32", halt=False, threads=1) as solver:
            for question in questions:
                tokens, _ = solver.task.read(question)
                step = next(solver.steps(question))
                logits, q = nets[0].step(tokens)
                best = logits.argmax(-1).numpy()
                self.assertTrue((best == step.tokens).all())
                ours.append(np.append(step.confidence, step.q))
                exact.append(np.append(certainty(logits, loss), q))
                logits, q = nets[1].step(tokens)
                single.append(np.append(certainty(logits, loss), q))
        bound = max(10 * distance(single, exact := np.array(exact)), 2e-6)
        found = distance(ours, exact)
        print(f"{path}: distance from fp64 {found:.2e}, PyTorch's own fp32 {distance(single, exact):.2e}, bound {bound:.2e}")
        self.assertLessEqual(found, bound)
        wrong = nets[0]
        name = next(n for n in wrong.w if n.endswith("mlp.down_proj.weight"))
        wrong.w[name] = 1.01 * wrong.w[name]  # a network that is a little another is noticed
        tokens, _ = model.task.read(questions[0])
        self.assertGreater(distance(certainty(wrong.step(tokens)[0], loss), exact[0][:-1]), bound)

    def test_mixer_that_ships(self):
        self.compare(MODEL, [p.question for p in puzzles(8)])

    def test_attention_with_prefix(self):
        trm.make_dataset("four", size=4, train=16, test=8)
        result = trm.train(data="four", run="run", hidden_size=32, num_heads=2, L_layers=2, expansion=2, mlp_t=False,
                           pos_encodings="rope", puzzle_emb_ndim=32, puzzle_emb_len=2, H_cycles=2, L_cycles=2, batch=8, steps=6,
                           lr=1e-3, forward_dtype="float32", threads=1)
        self.compare(result.model, [e.question for e in list(trm.load_dataset("four"))[:8]])


with torch.no_grad():
    main()
