#!/usr/bin/env python3
"""Digests of the numbers in data sets, runs, models and results: one line "what sha256" each. Arguments: folders, .json and
.safetensors files. Times, paths and metadata are left out (same_bytes.sh says why)."""
import hashlib
import json
import os
import struct
import sys

RECORD = ("step loss lm_loss halt_loss q_halt exact_accuracy token_accuracy mean_steps lr grad_norm valid_exact valid_token "
          "best_exact").split()
RESULT = ("question answer solved keeps_rules keeps_clues steps halted q confidence least_confidence trace cell_confidence "
          "puzzles exact exact_accuracy token_accuracy mean_steps lm_loss").split()


def digest(*pieces):
    total = hashlib.sha256()
    for piece in pieces:
        piece = piece if isinstance(piece, bytes) else str(piece).encode()
        total.update(struct.pack("<Q", len(piece)) + piece)
    return total.hexdigest()


def tensors(path):
    with open(path, "rb") as file:
        data = file.read()
    size = struct.unpack("<Q", data[:8])[0]
    header, body = json.loads(data[8:8 + size]), data[8 + size:]
    header.pop("__metadata__", None)
    pieces = []
    for name in sorted(header):
        begin, end = header[name]["data_offsets"]
        pieces += [name, header[name]["dtype"], header[name]["shape"], body[begin:end]]
    return digest(*pieces)


def values(line, keys):
    for step in line.get("trace", []):
        step.pop("chain", None)  # younger than the digests
    return json.dumps([[key, line[key]] for key in keys if key in line], sort_keys=True)


def digest_file(path):
    if path.endswith(".safetensors"):
        return tensors(path)
    if path.endswith(".npy"):
        with open(path, "rb") as file:
            return digest(file.read())
    with open(path, encoding="utf-8") as file:
        text = file.read()
    if path.endswith(".jsonl"):
        lines = [json.loads(line) for line in text.splitlines()]
        return digest(*(values(line, RECORD) for line in lines if "loss" in line))  # the others are about thresholds
    return digest(values(json.loads(text), RESULT))


def wanted(path):
    return path.endswith((".safetensors", ".npy", ".jsonl"))


def main():
    for argument in sys.argv[1:]:
        paths = [argument]
        if os.path.isdir(argument):
            found = (os.path.join(place, name) for place, _, names in os.walk(argument) for name in names)
            paths = sorted(path for path in found if wanted(path))
        for path in paths:
            print(path, digest_file(path))


main()
