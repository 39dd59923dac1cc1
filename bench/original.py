"""The original implementation as the peer: its model, loss and layers are imported from a folder given from outside;
what PyTorch 1.13 or a bare machine lacks is supplied here (nn.Buffer, scaled_dot_product_attention, einops, pydantic)."""
import contextlib
import sys
import types


def supply_missing(torch):
    if not hasattr(torch.nn, "Buffer"):
        torch.nn.Buffer = lambda tensor, persistent=True: tensor  # enough for computing: attributes, not state
    if not hasattr(torch.nn.functional, "scaled_dot_product_attention"):
        def attention(query, key, value, is_causal=False):
            assert not is_causal
            return torch.softmax(query @ key.transpose(-1, -2) * query.shape[-1] ** -0.5, -1) @ value
        torch.nn.functional.scaled_dot_product_attention = attention
    if int(torch.__version__.split(".")[0]) < 2:
        plain_no_grad = torch.no_grad  # newer ones decorate without parentheses too
        torch.no_grad = lambda function=None: plain_no_grad()(function) if function else plain_no_grad()
    optimizer = sys.modules["torch.optim.optimizer"]  # torch.optim deletes the attribute
    if not hasattr(optimizer, "ParamsT"):
        optimizer.ParamsT = object
    try:
        import einops
    except ImportError:
        def rearrange(x, pattern):
            assert pattern in ("B S H D -> B H S D", "B H S D -> B S H D")
            return x.transpose(1, 2).contiguous()
        sys.modules["einops"] = types.SimpleNamespace(rearrange=rearrange)
    try:
        import pydantic
    except ImportError:
        class BaseModel:
            def __init__(self, **values):
                self.__dict__.update(values)
        sys.modules["pydantic"] = types.SimpleNamespace(BaseModel=BaseModel)


class Original:
    """One supervision step: forward, with gradients, or the original trainer's whole update."""

    def __init__(self, torch, modules, optimizer, c):
        trm, losses = modules
        self.torch, self.c, self.loss = torch, c, losses.stablemax_cross_entropy
        self.device, self.update = c.get("device", "cpu"), c.get("update") and c["training"]
        positions = "none" if c["mixer"] else "rope"
        config = dict(batch_size=c["batch"], seq_len=c["seq_len"], puzzle_emb_ndim=c["hidden_size"] if c["prefix"] else 0,
                      num_puzzle_identifiers=1, vocab_size=c["vocab_size"], H_cycles=c["cycles"],
                      L_cycles=c["latent_cycles"], H_layers=0, L_layers=c["layers"], hidden_size=c["hidden_size"],
                      expansion=c["expansion"], num_heads=c["heads"], pos_encodings=positions, rms_norm_eps=1e-5,
                      rope_theta=10000.0, halt_max_steps=16, halt_exploration_prob=0.1, forward_dtype=c["dtype"],
                      mlp_t=c["mixer"], puzzle_emb_len=c["prefix"], no_ACT_continue=True)
        with on_device(torch, self.device):
            self.model = losses.ACTLossHead(trm.TinyRecursiveReasoningModel_ACTV1(config), "stablemax_cross_entropy")
            self.inner = self.model.model.inner
            self.model.train(c["training"])
            tokens = torch.randint(0, c["vocab_size"], (c["batch"], c["seq_len"]))
            self.batch = dict(inputs=tokens, puzzle_identifiers=torch.zeros(c["batch"], dtype=torch.long))
            if self.update:  # fp32 weights, cast where they are used, as the original trains
                self.batch["labels"] = tokens.clone()
                self.carry = self.model.initial_carry(self.batch)
                self.optimizer = optimizer(torch, self.model.parameters())
            else:
                for parameter in self.inner.parameters():
                    parameter.data = parameter.data.to(getattr(torch, c["dtype"]))  # cast once
                self.carry = self.inner.reset_carry(torch.ones(c["batch"], dtype=torch.bool), self.inner.empty_carry(c["batch"]))
        self.compile(c.get("compile"))

    def compile(self, how):
        if how == "layers":
            self.inner.L_level = self.torch.compile(self.inner.L_level, dynamic=False)
        if how == "model":
            self.model = self.torch.compile(self.model, dynamic=False)
            self.inner = self.torch.compile(self.inner, dynamic=False)

    def step(self):
        if self.update:
            self.train()
        else:
            self.once()

    def train(self):
        self.carry, loss, _, _, _ = self.model(carry=self.carry, batch=self.batch, return_keys=[])
        (loss / self.c["batch"]).backward()
        self.optimizer.step()

    def once(self):
        torch = self.torch
        with torch.set_grad_enabled(self.c["training"]):
            _, logits, (q, _) = self.inner(self.carry, self.batch)
            if self.c["training"]:
                labels = self.batch["inputs"]
                right = (logits.argmax(-1) == labels).all(-1).float()
                halt = torch.nn.functional.binary_cross_entropy_with_logits(q, right, reduction="sum")
                (self.loss(logits, labels).mean(-1).sum() + 0.5 * halt).div(self.c["batch"]).backward()


def on_device(torch, device):
    """What tensors are made on; PyTorch 1.13 has no such setting and computes on the CPU."""
    return contextlib.nullcontext() if device == "cpu" else torch.device(device)


def load(torch, folder, optimizer=None):
    """A maker of networks from the folder that holds the original's `models` package."""
    supply_missing(torch)
    sys.path.insert(0, folder)
    from models import losses
    from models.recursive_reasoning import trm
    return lambda torch, c: Original(torch, (trm, losses), optimizer, c)
