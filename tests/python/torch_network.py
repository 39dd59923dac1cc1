"""The network of docs/spec.md in PyTorch, and how near the library's answers must be to it: tests that need PyTorch share
it. Importing this ends the test as skipped where PyTorch is not there."""
import math

import numpy as np

import trm
from support import skip

try:
    import torch
except ImportError:
    skip("PyTorch is not there (tools/setup --bench)")
import torch.nn.functional as F


class Network:
    """The network in one number type: step(tokens) -> logits [S][V], q, of the first supervision step. weights: tensors by
    the names of the model file; config: as trm.Model.config."""

    def __init__(self, weights, config, dtype):
        self.w = {name.removeprefix("inner."): t.to(dtype) for name, t in weights.items()}
        self.c = {k: float(v) if v[0] in "0123456789.-" else v for k, v in config.items()}
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


def answers(model, questions, step_of):
    """What a network says of each question, in one array: certainties of the cells and q, by step_of(tokens)."""
    loss, found = model.metadata.get("trm.loss", "stablemax"), []
    for question in questions:
        tokens, _ = model.task.read(question)
        logits, q = step_of(tokens)
        found.append(np.append(certainty(logits, loss), q))
    return np.array(found)


def ours(model, questions):
    found, tokens = [], []
    with trm.Solver(model, dtype="float32", halt=False, threads=1) as solver:
        for question in questions:
            step = next(solver.steps(question))
            found.append(np.append(step.confidence, step.q))
            tokens.append(step.tokens)
    return np.array(found), tokens


def compare(test, path, questions, weights=None):
    """The library's answers with the model at path against PyTorch's with these weights (None: the file's), within the bounds
    of the golden tensors; returns what PyTorch says in double."""
    model = trm.Model(path)
    weights = weights or trm.to_torch(model)
    nets = [Network(weights, model.config, dtype) for dtype in (torch.float64, torch.float32)]
    exact, single = (answers(model, questions, net.step) for net in nets)
    found, tokens = ours(model, questions)
    for question, given in zip(questions, tokens):
        logits, _ = nets[0].step(model.task.read(question)[0])
        test.assertTrue((logits.argmax(-1).numpy() == given).all())
    bound = max(10 * distance(single, exact), 2e-6)
    away = distance(found, exact)
    print(f"{path}: distance from fp64 {away:.2e}, PyTorch's own fp32 {distance(single, exact):.2e}, bound {bound:.2e}")
    test.assertLessEqual(away, bound)
    name = next(n for n in nets[0].w if n.endswith("mlp.down_proj.weight"))
    nets[0].w[name] = 1.01 * nets[0].w[name]  # a network that is a little another is noticed
    test.assertGreater(distance(answers(model, questions[:1], nets[0].step), exact[:1]), bound)
    return exact
