#!/usr/bin/env python3
"""A task of one's own in a few lines: binary addition, written down as at school. A puzzle has four rows of 12 columns: the
carries, the two numbers, and their sum. The question leaves carries and sum blank.

    addition.py FOLDER [TRAIN [BITS]]     writes train.jsonl (TRAIN sums, 20,000), valid.jsonl and test.jsonl into FOLDER

No sum of valid.jsonl or test.jsonl is in train.jsonl, not even with the numbers exchanged. Those to train on have numbers of
at most BITS bits (11). "bits" says how long the longer number is, for whoever looks for the long ones; trm passes it over."""
import json
import os
import random
import sys

COLUMNS = 12  # numbers of 11 bits and less


def puzzle(a, b):
    """Question and answer, each a list of rows."""
    numbers = [format(n, f"0{COLUMNS}b") for n in (a ^ b ^ (a + b), a, b, a + b)]
    blank = "." * COLUMNS
    return [blank, numbers[1], numbers[2], blank], numbers


def draw(bits, randoms):
    """Two numbers, the longer of so many bits."""
    pair = [randoms.randrange(1 << (bits - 1), 1 << bits), randoms.randrange(1 << bits)]
    return tuple(pair if randoms.randrange(2) else reversed(pair))


def held_out(each, taken, randoms):
    """For every length so many sums, at most an eighth of all there are; they are added to those taken."""
    found = []
    for bits in range(2, COLUMNS):
        wanted = len(found) + min(each, 3 * 4 ** bits // 64)
        while len(found) < wanted:
            pair = draw(bits, randoms)
            if frozenset(pair) not in taken:
                taken.add(frozenset(pair))
                found.append(pair)
    return found


def make(train=20000, longest=COLUMNS - 1, seed=1):
    """The pairs of numbers of the three files."""
    randoms, taken = random.Random(seed), set()
    pairs = {"test": held_out(200, taken, randoms), "valid": held_out(50, taken, randoms), "train": []}
    while len(pairs["train"]) < train:
        pair = draw(1 + randoms.randrange(longest), randoms)
        if frozenset(pair) not in taken:
            pairs["train"].append(pair)
    return pairs


def main(folder, *numbers):
    os.makedirs(folder, exist_ok=True)
    for name, pairs in make(*map(int, numbers)).items():
        with open(os.path.join(folder, name + ".jsonl"), "w", encoding="ascii") as file:
            for a, b in pairs:
                question, answer = puzzle(a, b)
                print(json.dumps({"question": question, "answer": answer, "bits": max(a, b).bit_length()}), file=file)


if __name__ == "__main__":
    if not 2 <= len(sys.argv) <= 4:
        sys.exit("usage: addition.py FOLDER [TRAIN [BITS]]")
    main(*sys.argv[1:])
