"""PyTorch opens the weights, and the network written in PyTorch from docs/spec.md computes what the library computes: q and
the probability of each cell after a step, within the bounds of the golden tensors (ten times the deviation of PyTorch's own
fp32 from its fp64, at least 2e-6), for the shipped mixer model and for one with attention and RoPE, trained here a little."""
import unittest

from torch_network import compare, torch

import trm
from support import MODEL, main, puzzles


class Weights(unittest.TestCase):
    def test_mixer_that_ships(self):
        compare(self, MODEL, [p.question for p in puzzles(8)])

    def test_attention_with_prefix(self):
        trm.make_dataset("four", size=4, train=16, test=8)
        result = trm.train(data="four", run="run", hidden_size=32, num_heads=2, L_layers=2, expansion=2, mlp_t=False,
                           pos_encodings="rope", puzzle_emb_ndim=32, puzzle_emb_len=2, H_cycles=2, L_cycles=2, batch=8, steps=6,
                           lr=1e-3, forward_dtype="float32", threads=1)
        compare(self, result.model, [e.question for e in list(trm.load_dataset("four"))[:8]])


with torch.no_grad():
    main()
