"""Files that a real PyTorch wrote are imported, and exported models are loaded by it: both formats of torch.save, three number
types, a compiled model's names, within other dicts, with strides and parameters. The library's answers with what was imported
are within the golden bounds of PyTorch's with what was saved. With TRM_ORIGINAL=FOLDER, where the original implementation's
packages lie, its own code loads what is exported: the same logits, bit for bit, as before the import."""
import os
import sys
import unittest

from torch_network import answers, compare, distance, ours, torch

import trm
from support import MODEL, SOURCE, main, program, puzzles

PREFIX = "_orig_mod.model."
ORIGINAL = os.environ.get("TRM_ORIGINAL")
try:
    import yaml
except ImportError:
    yaml = None


def options(config):
    """What no tensor tells, for trm import."""
    names = ["num_heads", "H_cycles", "L_cycles", "activation", "expansion", "halt_max_steps", "puzzle_emb_len", "seq_len",
             "forward_dtype"]
    names += [] if config["mlp_t"] == "true" else ["pos_encodings"]
    return [word for n in names for word in (f"--{n.replace('_', '-')}", config[n])]


def attention_model():
    """A tiny model with attention, RoPE and a puzzle embedding, trained a little."""
    if not os.path.exists("run"):
        trm.make_dataset("four", size=4, train=16, test=8)
        trm.train(data="four", run="run", hidden_size=64, num_heads=2, L_layers=2, expansion=4, mlp_t=False, pos_encodings="rope",
                  puzzle_emb_ndim=64, puzzle_emb_len=2, H_cycles=2, L_cycles=2, batch=8, steps=6, lr=1e-3,
                  forward_dtype="float32", threads=1)
    return os.path.join("run", "last.safetensors")


def rounded(weights, dtype):
    return {PREFIX + name: t.to(dtype) for name, t in weights.items()}


class Import(unittest.TestCase):
    def imported(self, name, value, config, *words, **how):
        torch.save(value, name, **how)
        program("import", name, "-o", name + ".safetensors", "--force", "--config", "none", *words, *options(config))
        return name + ".safetensors"

    def check(self, path, weights, questions):
        compare(self, path, questions, {k.removeprefix(PREFIX): t.float() for k, t in weights.items()})

    def test_formats_and_types(self):
        for model, questions in ((trm.Model(MODEL), [p.question for p in puzzles(2)]), (trm.Model(attention_model()), None)):
            questions = questions or [e.question for e in list(trm.load_dataset("four"))[:3]]
            weights = trm.to_torch(model)
            for dtype in (torch.float32, torch.bfloat16, torch.float16):
                saved = rounded(weights, dtype)
                files = []
                for new in (True, False):
                    name = f"{str(dtype)[6:]}-{'zip' if new else 'legacy'}"
                    files.append(self.imported(name, saved, model.config, _use_new_zipfile_serialization=new))
                self.check(files[0], saved, questions)
                for name in weights:
                    one, two = (trm.state_dict(f)[name] for f in files)
                    self.assertEqual(one.tobytes(), two.tobytes())
                    self.assertTrue((torch.from_numpy(one) == saved[PREFIX + name].float()).all())

    def test_what_else_people_save(self):
        model = trm.Model(attention_model())
        weights = trm.to_torch(model)
        questions = [e.question for e in list(trm.load_dataset("four"))[:2]]
        plain = {"inner." + n if not n.startswith("inner.") else n: t for n, t in weights.items()}
        module = torch.nn.Linear(3, 3)
        optimizer = torch.optim.AdamW(module.parameters())
        with torch.enable_grad():
            module(torch.ones(3)).sum().backward()
        optimizer.step()
        parameters = {n: torch.nn.Parameter(t) for n, t in plain.items()}
        whole = {"epoch": 3, "loss": 0.25, "done": False, "state_dict": parameters, "optimizer": optimizer.state_dict(), "names": ["a", None]}
        turned = {n: t.t().contiguous().t() if t.dim() == 2 else t for n, t in plain.items()}
        flat = torch.cat([t.flatten() for t in plain.values()])
        at, shared = 0, {}
        for n, t in plain.items():
            shared[n] = flat[at:at + t.numel()].view(t.shape)
            at += t.numel()
        for name, value in (("whole", whole), ("turned", turned), ("shared", shared), ("protocol", dict(plain))):
            how = {"pickle_protocol": 4} if name == "protocol" else {}
            path = self.imported(name, value, model.config, **how)
            for n, t in plain.items():
                self.assertTrue((torch.from_numpy(trm.state_dict(path)[n]) == t).all(), f"{name}: {n}")
        self.check(path, {PREFIX + n: t for n, t in plain.items()}, questions)

    def test_modules_are_refused(self):
        torch.save(torch.nn.Linear(2, 2), "module")
        found = program("import", "module", "-o", "x.safetensors", code=3)
        self.assertEqual(found, "")
        torch.save({"dtype": torch.float32, "device": torch.device("cpu")}, "objects")
        program("import", "objects", "-o", "x.safetensors", code=3)


class Export(unittest.TestCase):
    def test_torch_loads_it(self):
        source = attention_model()
        for dtype in ("float32", "bfloat16"):
            weights = trm.to_torch(source)
            program("import", self.saved(weights), "-o", "in.safetensors", "--force", "--config", "none",
                    *options({**trm.Model(source).config, "forward_dtype": dtype}))
            program("export", "in.safetensors", "-o", "out.pt", "--force")
            loaded = torch.load("out.pt", weights_only=True)
            self.assertEqual(list(loaded), [PREFIX + n for n in weights])
            for name, t in weights.items():
                start, found = name.endswith("_init"), loaded[PREFIX + name]
                self.assertEqual(found.dtype, getattr(torch, dtype) if start else torch.float32)
                self.assertTrue(found.is_contiguous())
                self.assertTrue((found == t.to(found.dtype)).all())

    def saved(self, weights):
        torch.save(rounded(weights, torch.float32), "saved.pt")
        return "saved.pt"


# -- the original's own code -------------------------------------------------------------------------------------------

def original():
    """Its model class; what PyTorch 1.13 lacks is supplied, nn.Buffer as state."""
    sys.path[:0] = [ORIGINAL, os.path.join(SOURCE, "bench")]
    import original as peer
    if not hasattr(torch.nn, "Buffer"):
        class Buffer:
            def __init__(self, tensor, persistent=True):
                self.tensor, self.persistent = tensor, persistent
        plain = torch.nn.Module.__setattr__

        def set_attribute(module, name, value):
            if isinstance(value, Buffer):
                module.register_buffer(name, value.tensor, persistent=value.persistent)
            else:
                plain(module, name, value)
        torch.nn.Module.__setattr__, torch.nn.Buffer = set_attribute, Buffer
    peer.supply_missing(torch)
    from models.recursive_reasoning.trm import TinyRecursiveReasoningModel_ACTV1
    return TinyRecursiveReasoningModel_ACTV1


@unittest.skipUnless(ORIGINAL and yaml, "TRM_ORIGINAL does not say where the original's code is, or there is no yaml")
class Original(unittest.TestCase):
    CONFIG = dict(H_cycles=2, L_cycles=3, H_layers=0, L_layers=2, hidden_size=64, num_heads=4, expansion=4.0, puzzle_emb_ndim=64,
                  pos_encodings="rope", halt_max_steps=16, halt_exploration_prob=0.1, mlp_t=False, puzzle_emb_len=3,
                  no_ACT_continue=True, rms_norm_eps=1e-5, rope_theta=10000.0)

    def build(self, config, state=None):
        model = original()({"batch_size": 4, "seq_len": 16, "vocab_size": 6, "num_puzzle_identifiers": 5, **config}).eval()
        if state is not None:
            missing = model.load_state_dict({k.removeprefix(PREFIX): v for k, v in state.items()}, strict=True)
            self.assertEqual((missing.missing_keys, missing.unexpected_keys), ([], []))
            for name, value in state.items():  # with assign=True, as the original loads, types are the file's
                self.assertEqual(dict(model.state_dict())[name.removeprefix(PREFIX)].dtype, value.dtype)
        return model

    def logits(self, model, tokens):
        batch = {"inputs": torch.from_numpy(tokens).long()[None], "puzzle_identifiers": torch.zeros(1, dtype=torch.long)}
        carry, found = model.initial_carry(batch), []
        for _ in range(3):
            carry, out = model(carry=carry, batch=batch)
            found.append((out["logits"][0].float(), out["q_halt_logits"][0]))
        return found

    def round_trip(self, **changes):
        config = {**self.CONFIG, **changes}
        torch.manual_seed(1)
        first = self.build(config)
        with torch.no_grad():  # the original begins with zeros there
            first.inner.q_head.weight.normal_(std=0.3)
            first.inner.puzzle_emb.weights.normal_(std=0.5)
        os.makedirs("checkpoints", exist_ok=True)
        torch.save({PREFIX + k: v for k, v in first.state_dict().items()}, "checkpoints/step_7")
        written = dict(arch={**config, "name": "recursive_reasoning.trm@TinyRecursiveReasoningModel_ACTV1",
                             "loss": {"name": "losses@ACTLossHead", "loss_type": "stablemax_cross_entropy"}},
                       data_paths=["data/four"], epochs=10, global_batch_size=4, ema=True, lr=1e-4, evaluators=[], run_name=None)
        with open("checkpoints/all_config.yaml", "w", encoding="utf-8") as file:
            yaml.dump(written, file)
        program("import", "checkpoints/step_7", "-o", "theirs.safetensors", "--force", "--seq-len", 16)
        os.makedirs("out", exist_ok=True)
        program("export", "theirs.safetensors", "-o", "out/step_8", "--force")
        again = self.written()
        keys = [k for k in again["arch"] if k in config]
        self.assertEqual({k: again["arch"][k] for k in keys}, {k: config[k] for k in keys})
        self.assertTrue(set(again["arch"]) >= set(config) and again["ema"] is True)
        self.assertTrue(all(isinstance(again[k], (int, float)) for k in ("lr", "weight_decay", "puzzle_emb_lr", "beta2")))
        second = self.build({k: v for k, v in again["arch"].items() if k not in ("name", "loss")},
                            torch.load("out/step_8", weights_only=True))
        questions = [e.question for e in list(trm.load_dataset("four"))[:3]]
        model = trm.Model("theirs.safetensors")
        for question in questions:
            tokens, _ = model.task.read(question)
            for (a, q), (b, r) in zip(self.logits(first, tokens), self.logits(second, tokens)):
                self.assertTrue((a == b).all() and (q == r).all())
        return model, second, questions

    def near(self, model, network, questions, bound=None):
        """The library's answers beside the original's own."""
        theirs = answers(model, questions, lambda tokens: self.logits(network, tokens)[0])
        away = distance(ours(model, questions)[0], theirs)
        print(f"distance from the original's own code: {away:.2e}")
        self.assertLessEqual(away, bound or 2e-5)

    def written(self):
        with open("out/all_config.yaml", encoding="utf-8") as file:
            return yaml.safe_load(file)

    def test_attention(self):
        attention_model()
        self.near(*self.round_trip(forward_dtype="float32"))

    def test_mixer(self):
        attention_model()
        self.near(*self.round_trip(forward_dtype="float32", mlp_t=True, pos_encodings="none"))

    def test_learned_positions(self):
        attention_model()
        self.near(*self.round_trip(forward_dtype="float32", pos_encodings="learned"))

    def test_bfloat16(self):
        attention_model()
        self.round_trip(forward_dtype="bfloat16")

    def test_trained_on_and_back(self):
        attention_model()
        model, _, questions = self.round_trip(forward_dtype="float32")
        trm.train(data="four", run="on", init_from="theirs.safetensors", hidden_size=64, num_heads=4, L_layers=2, expansion=4,
                  mlp_t=False, pos_encodings="rope", puzzle_emb_ndim=64, puzzle_emb_len=3, H_cycles=2, L_cycles=3, batch=8,
                  steps=10, lr=1e-3, lr_warmup_steps=1, forward_dtype="float32", threads=1)
        program("export", "on", "-o", "out/step_18", "--force")
        again = self.written()
        self.assertEqual(again["global_batch_size"], 8)
        trained = trm.Model("on")
        network = self.build({**{k: v for k, v in again["arch"].items() if k not in ("name", "loss")},
                              "num_puzzle_identifiers": again["num_puzzle_identifiers"]}, torch.load("out/step_18", weights_only=True))
        self.near(trained, network, questions)
        before, after = trm.state_dict(model), trm.state_dict(trained)
        self.assertTrue((before["inner.lm_head.weight"] != after["inner.lm_head.weight"]).any())


with torch.no_grad():
    main()
