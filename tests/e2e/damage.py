#!/usr/bin/env python3
"""damage.py TRM WHOLE COUNT SEED [CASE]: changes one file of the folder WHOLE in one place, COUNT times, and runs a command
that reads it. Case i of a seed is always the same one. What must hold:
  - the program ends by itself, within LIMIT seconds, with one of its exit codes 0 to 4;
  - where it refuses, its message names the file, or the data set, run or model that the file belongs to, nothing new is left
    behind, and a run that was to go on is as it was;
  - where it accepts, the results are those of the whole file, byte for byte; times alone may differ;
  - or what it read is another whole file: a format without a checksum whose text or arrays are again well-formed. Whether
    they are is judged here, by readers of its own (the second half of this file), and each such class is listed at the end.
A model, a checkpoint and config.json have checksums, so for them there is no such class, except what the checksum leaves out
on purpose."""
import ast
import collections
import concurrent.futures
import csv
import io
import json
import math
import os
import random
import re
import resource
import shutil
import struct
import subprocess
import sys

LIMIT = 200 if os.environ.get("TRM_SANITIZE") else 20
WORKERS = 2
ENVIRONMENT = dict(os.environ, TRM_THREADS="1", ASAN_OPTIONS="exitcode=99", UBSAN_OPTIONS="exitcode=99")  # none of trm's own
MODEL, PUZZLE = "models/raw.safetensors", "4.322314...33.4."
SMALL = "--halt-max-steps 4 --H-cycles 1 --hidden-size 16 --L-layers 1 --expansion 2 --batch 8".split()

# -- the set of files, as {path: bytes} -------------------------------------------------------------------------------


def read_tree(root):
    tree = {}
    for place, _, names in os.walk(root):
        for name in names:
            path = os.path.join(place, name)
            with open(path, "rb") as file:
                tree[os.path.relpath(path, root)] = file.read()
    return tree


def write_tree(root, tree):
    shutil.rmtree(root, ignore_errors=True)
    for name, data in tree.items():
        path = os.path.join(root, name)
        os.makedirs(os.path.dirname(path), exist_ok=True)
        with open(path, "wb") as file:
            file.write(data)


def belongs_to(path):
    """What a user would name: a file, or the folder of a data set or run."""
    return path if path.startswith("models/") else path.split("/")[0]


# -- commands that read a file: name -> arguments, and what they write -----------------------------------------------


def commands(path):
    root = belongs_to(path)
    if root.startswith("models/"):
        if path.endswith(".json"):
            return {"info": ["info", MODEL, "--json"]}
        found = {
            "info": ["info", root, "--json"],
            "solve": ["solve", "--model", root, "--json", "--explain", PUZZLE],
            "eval": ["eval", root, "six.csv", "--json", "--quiet"],
            "convert": ["convert", root, "-o", "new.safetensors"],
            "quantize": ["quantize", root, "-o", "new.safetensors", "--data", "six.csv", "--json", "--quiet"],
            "train": ["train", "six.csv", "--run", "new", *SMALL, "--init-from", root, "--steps", "1", "--json", "--quiet"],
        }
        return {k: v for k, v in found.items() if k != "quantize" or root != "models/int8.safetensors"}
    if root == "run":
        found = {"resume": ["train", "--resume", "run", "--json", "--quiet"]}
        if path == "run/metrics.jsonl":
            found["plot"] = ["plot", "run", "-o", "new.svg"]
        if path == "run/best.safetensors":
            found["eval"] = ["eval", "run", "six.csv", "--json", "--quiet"]
        return found
    if root == "puzzles.txt":
        return {"solve": ["solve", "--model", MODEL, "--json", root]}
    found = {
        "data info": ["data", "info", root, "--json"],
        "data check": ["data", "check", root, "--json"],
        "train": ["train", root, "--run", "new", *SMALL, "--steps", "2", "--json", "--quiet"],
        "eval": ["eval", MODEL, root, "--json", "--quiet"],
    }
    if root == "made":
        found["resume"] = ["train", "--resume", "run", "--json", "--quiet"]
    if "." in root:
        found["data import"] = ["data", "import", root, "--out", "new", "--quiet"]
        found["solve"] = ["solve", "--model", MODEL, "--json", root]
    if root.startswith("letters"):
        del found["eval"]
        found.pop("solve", None)
    return found


def writes(command, path):
    """Whether a command may change this path."""
    return path.startswith("new") or command == "resume" and path.startswith("run/")


# -- running one and what came of it ----------------------------------------------------------------------------------

TIMES = re.compile(rb'"(seconds|\w+_seconds|\w+_per_second|bytes|\w+_bytes)": ?(null|[-+0-9.e]+)')


def without_times(path, data, slot):
    """A file or a result without times, checksums over times, and the folder it was made in."""
    data = data.replace(slot.encode(), b"SLOT")
    if path.endswith("state.json"):
        try:
            value = json.loads(data)
            value["history"].pop("seconds")
            value.pop("crc32")
            return json.dumps(value).encode()
        except (ValueError, KeyError, TypeError):
            return data
    if path.endswith((".json", ".jsonl")) or path == "stdout":
        return re.sub(rb'"(updates|cost_over_full_rounds|measured_batches|batch)": ?(\[[^\]]*\]|[-+0-9.e]+)', b'""',
                      TIMES.sub(b'""', data)) if path == "stdout" else TIMES.sub(b'""', data)
    return data


class Result:
    def __init__(self, program, slot, command, arguments, tree):
        write_tree(slot, tree)
        self.command, self.hung = command, False
        try:
            done = subprocess.run([program, *arguments], cwd=slot, stdin=subprocess.DEVNULL, capture_output=True,
                                  timeout=LIMIT, env=ENVIRONMENT)
            self.code, self.out, self.err = done.returncode, done.stdout, done.stderr.decode(errors="replace")
        except subprocess.TimeoutExpired:
            self.code, self.out, self.err, self.hung = -1, b"", "", True
        after = read_tree(slot)
        self.raw = after
        self.changed = sorted(p for p in set(tree) | set(after) if tree.get(p) != after.get(p))
        self.files = {p: without_times(p, after[p], slot) for p in after
                      if writes(command, p) and not p.endswith("/lock") and "events." not in p}
        self.stdout = without_times("stdout", self.out, slot)

    def same(self, whole, before, after, but=()):
        """The results of the whole file. A damaged file that a run did not need, or went on without, may lie there as it
        was; a model that others will use may only differ in what its checksum leaves out."""
        if self.code != whole.code or self.stdout != whole.stdout:
            return False
        for p in sorted((set(self.files) | set(whole.files)) - set(but)):
            if self.files.get(p) == whole.files.get(p):
                continue
            left = before.get(p) != after.get(p) and self.raw.get(p) == after.get(p)
            if not left or p.endswith(("best.safetensors", "last.safetensors")) and not same_model(before[p], after[p]):
                return False
        return True


# -- ways to damage: each returns the tree with one file changed, or None where it does not apply ---------------------


def flip(data, rng, _):
    if not data:
        return None
    at = rng.randrange(len(data))
    return data[:at] + bytes([data[at] ^ 1 << rng.randrange(8)]) + data[at + 1:]


def flip_early(data, rng, _):
    return flip(data[:400], rng, _) + data[400:] if data else None


def overwrite(fill):
    def change(data, rng, _):
        if not data:
            return None
        length = min(len(data), rng.choice([1, 2, 8, 64, 512]))
        at = rng.randrange(len(data) - length + 1)
        return data[:at] + fill(rng, length) + data[at + length:]
    return change


def truncate(data, rng, _):
    if not data:
        return None
    return data[:rng.choice([0, len(data) // 2, len(data) - 1, rng.randrange(len(data))])]


def extend(data, rng, _):
    return data + rng.choice([b"\0", b"\n", b" ", b"x", rng.randbytes(64), data])


def header_of(data):
    """The JSON text inside a file and where it is: the whole of it, a line, or the header of a model."""
    if len(data) > 8 and data[8:9] == b"{":
        size = struct.unpack("<Q", data[:8])[0]
        return 8, 8 + size
    return 0, len(data)


def json_change(replace):
    def change(data, rng, path):
        if not path.endswith((".json", ".jsonl", ".safetensors")):
            return None
        begin, end = header_of(data)
        text = replace(data[begin:end], rng)
        if text is None:
            return None
        size = struct.pack("<Q", len(text)) if begin else b""
        return size + text + data[end:]
    return change


def json_number(text, rng):
    found = list(re.finditer(rb'(?<=[:\[, ])-?\d+(\.\d+)?([eE][-+]?\d+)?(?=[,\]}\s])', text))
    if not found:
        return None
    m = rng.choice(found)
    value = rng.choice([b"99999999999999999999", b"4611686018427387904", b"2147483648", b"-1",
                        b"-9223372036854775808", b"NaN", b"1e308", b"1e999", b'"7"', b"[7]", b"{}",
                        b"null", b"true", b"0", b"0.5", b"1", b"17"])
    return text[:m.start()] + value + text[m.end():]


def json_duplicate(text, rng):
    found = list(re.finditer(rb'"[^"\\]+": ?("[^"\\]*"|-?[\d.]+)(?=[,}\s])', text))
    if not found:
        return None
    m = rng.choice(found)
    return text[:m.end()] + b", " + m.group(0) + text[m.end():]


def json_space(text, rng):
    found = [m.end() for m in re.finditer(rb'[,{] ?(?=")', text)]
    if not found:
        return None
    at = rng.choice(found)
    return text[:at] + b" " + text[at:]


def npy_type(data, rng, path):
    types = [b"|u1", b"|i1", b"<u2", b"<i2", b"<i4", b"<i8", b"<f8", b">i4", b"<f4", b"|O1", b"|b1", b"<c8", b"<u8", b"xxx"]
    return re.sub(rb"(?<='descr': ')[^']+", rng.choice(types), data, count=1) if path.endswith(".npy") else None


def npy_shape(data, rng, path):
    m = re.search(rb"'shape': \(([^)]*)\)", data[:200]) if path.endswith(".npy") else None
    if not m:
        return None
    old = [int(n) for n in m.group(1).split(b",") if n.strip()]
    new = list(old)
    at = rng.randrange(len(new))
    new[at] = rng.choice([0, -1, 1, new[at] - 1, new[at] + 1, 2 * new[at], 1 << 62, 10**20])
    new = rng.choice([new, new, new + [1], new[:-1], new[::-1], [math.prod(old)]])
    text = b"'shape': (" + b", ".join(b"%d" % n for n in new) + (b",)" if len(new) == 1 else b")")
    room = len(m.group(0)) - len(text)
    tail = data[m.end():]
    if room >= 0:
        return data[:m.start()] + text + tail.replace(b"}", b"}" + b" " * room, 1)
    return data[:m.start()] + text + tail.replace(b" " * -room, b"", 1)


def cut_character(data, rng, path):
    """Cuts inside a UTF-8 character: what is behind it goes, or one of its bytes."""
    if path.endswith((".npy", ".safetensors")):
        return None
    places = [i for i in range(1, len(data)) if data[i] & 0xc0 == 0x80]
    if not places:
        return None
    at = rng.choice(places)
    return data[:at] if rng.random() < 0.5 else data[:at] + data[at + 1:]


FILE_WAYS = {
    "flip a bit": flip,
    "flip a bit near the start": flip_early,
    "overwrite with random bytes": overwrite(lambda rng, n: rng.randbytes(n)),
    "overwrite with 0xff": overwrite(lambda rng, n: b"\xff" * n),
    "overwrite with zeros": overwrite(lambda rng, n: bytes(n)),
    "truncate": truncate,
    "extend": extend,
    "replace a JSON number": json_change(json_number),
    "duplicate a JSON key": json_change(json_duplicate),
    "add JSON space": json_change(json_space),
    "change an array's type": npy_type,
    "change an array's shape": npy_shape,
    "cut a UTF-8 character": cut_character,
}


def damage(tree, way, path, rng):
    """The changed tree, or None."""
    changed = dict(tree)
    if way == "delete":
        del changed[path]
    elif way == "swap two files":
        ending, root = os.path.splitext(path)[1], path.split("/")[0]
        others = sorted(p for p in tree if p != path and p.startswith(root + "/") and p.endswith(ending) and
                        "events." not in p)
        if not others:
            return None
        other = rng.choice(others)
        changed[path], changed[other] = tree[other], tree[path]
    else:
        data = {**FILE_WAYS, **KEPT_WAYS}[way](tree[path], rng, path)
        if data is None:
            return None
        changed[path] = data
    return changed if changed != tree else None


WAYS = [*FILE_WAYS, "delete", "swap two files"]

# -- readers of our own: what a file says, or ValueError -------------------------------------------------------------


def parse_json(data):
    def pairs(items):
        if len({k for k, _ in items}) != len(items):
            raise ValueError("a key twice")
        return dict(items)

    def refuse(text):
        raise ValueError(text)
    return json.loads(data.decode("utf-8"), object_pairs_hook=pairs, parse_constant=refuse)


def need(condition, what="not well-formed"):
    if not condition:
        raise ValueError(what)


OUTSIDE = {"trm.card", "trm.version", "trm.step", "trm.seed", "trm.quantized_from", "trm.sha256"}


def model_meaning(data, known):
    """Tensors, and of the metadata the keys that a whole file has and its checksum covers."""
    size = struct.unpack("<Q", data[:8])[0]
    header, body = parse_json(data[8:8 + size]), data[8 + size:]
    covered = {k: v for k, v in header.pop("__metadata__").items() if k in known and k not in OUTSIDE}
    return covered, {k: (t["dtype"], t["shape"], body[slice(*t["data_offsets"])]) for k, t in header.items()}


def same_model(before, after):
    size = struct.unpack("<Q", before[:8])[0]
    known = set(parse_json(before[8:8 + size])["__metadata__"])
    return model_meaning(before, known) == model_meaning(after, known)


NPY = {"|u1": ("B", 1), "|i1": ("b", 1), "<u2": ("H", 2), "<i2": ("h", 2), "<u4": ("I", 4), "<i4": ("i", 4), "<i8": ("q", 8),
       "<f8": ("d", 8), "<u1": ("B", 1), "<i1": ("b", 1)}


def read_npy(data, real=False):
    need(data[:6] == b"\x93NUMPY" and data[6] in (1, 2, 3) and data[7] == 0)
    begin, size = (10, struct.unpack("<H", data[8:10])[0]) if data[6] == 1 else (12, struct.unpack("<I", data[8:12])[0])
    try:
        header = ast.literal_eval(data[begin:begin + size].decode("ascii").strip())
    except (SyntaxError, MemoryError) as error:
        raise ValueError("header") from error
    need(isinstance(header, dict) and set(header) == {"descr", "fortran_order", "shape"})
    need(header["fortran_order"] is False)
    need(header["descr"] in NPY and (real or header["descr"] != "<f8"))
    code, item = NPY[header["descr"]]
    shape, body = header["shape"], data[begin + size:]
    need(all(isinstance(n, int) and n >= 0 for n in shape) and math.prod(shape) * item == len(body))
    return shape, struct.unpack(f"<{math.prod(shape)}{code}", body)


def growing(values, end):
    need(values and values[0] == 0 and values[-1] == end and all(a < b for a, b in zip(values, values[1:])))


ARRAYS = ["inputs", "labels", "puzzle_identifiers", "puzzle_indices", "group_indices"]


def read_split(tree, root, split):
    """dataset.json and the arrays of one split: (numbers, [questions, answers, identifiers, indices...], ratings)."""
    about = parse_json(tree[f"{root}/{split}/dataset.json"])
    integer = lambda key, low, high: need(type(about[key]) is int and low <= about[key] <= high, key)
    need(isinstance(about, dict) and isinstance(about["sets"], list) and about["sets"])
    integer("vocab_size", 2, 1 << 16)
    integer("seq_len", 1, 1 << 16)
    integer("num_puzzle_identifiers", 1, 2**31 - 1)
    integer("pad_id", 0, about["vocab_size"] - 1)
    integer("blank_identifier_id", 0, about["num_puzzle_identifiers"] - 1)
    integer("total_groups", 1, 2**31 - 1)
    if about.get("total_puzzles") is not None:
        integer("total_puzzles", 0, 2**63 - 1)
    if about.get("ignore_label_id") is not None:
        integer("ignore_label_id", -2**31 + 1, 2**31 - 1)
    need(type(about["mean_puzzle_examples"]) in (int, float) and about["mean_puzzle_examples"] > 0)
    vocab, cells, ignored = about["vocab_size"], about["seq_len"], about.get("ignore_label_id")
    arrays, ratings, groups = [], [], 0
    for name in about["sets"]:
        need(isinstance(name, str) and re.fullmatch(r"[A-Za-z0-9_-][A-Za-z0-9_.-]{0,63}", name))
        part = [read_npy(tree[f"{root}/{split}/{name}__{array}.npy"]) for array in ARRAYS]
        examples = part[0][0][0]
        need(part[0][0] == part[1][0] == (examples, cells) and examples > 0)
        need(all(0 <= t < vocab for t in part[0][1]) and all(0 <= t < vocab or t == ignored for t in part[1][1]))
        need(all(len(shape) == 1 for shape, _ in part[2:]))
        growing(part[3][1], examples)
        growing(part[4][1], len(part[2][1]))
        need(len(part[3][1]) == len(part[2][1]) + 1)
        need(all(0 <= i < about["num_puzzle_identifiers"] for i in part[2][1]))
        groups += len(part[4][1]) - 1
        file = tree.get(f"{root}/{split}/{name}__ratings.npy")
        if file is not None:
            shape, values = read_npy(file, real=True)
            need(shape == (examples,))
            ratings.append(values)
        arrays.append([values for _, values in part])
    need(groups == about["total_groups"])
    return about, arrays, ratings


SUDOKU = {(4, 6), (6, 8), (9, 11), (16, 18)}


def read_dataset(tree, root):
    """{part: what it says}; parts are named as classes of what was accepted."""
    said = {}
    for split in ("train", "test"):
        if any(p.startswith(f"{root}/{split}/") for p in tree):
            about, arrays, ratings = read_split(tree, root, split)
            said[f"{split} arrays"], said[f"{split} ratings"] = arrays, repr(ratings)
            said.update({f"dataset.json {key}": about.get(key) for key in about})
            said[f"{split} shape"] = (about["seq_len"], about["vocab_size"])
    need(said)
    shape = said.get("train shape") or said["test shape"]
    need(said.get("test shape", shape) == shape)
    if f"{root}/task.json" in tree:
        task = parse_json(tree[f"{root}/task.json"])
        need(isinstance(task, dict) and task["kind"] in ("sudoku", "generic") and task.get("rating_name", "rating") in
             ("rating", "guesses"))
        need(task["width"] * task["height"] == shape[0] and task["vocab_size"] == shape[1])
        symbols = task["alphabet"]
        need(len(set(symbols)) == len(symbols) in (0, shape[1] - 1) and all(" " <= c <= "~" for c in symbols))
        if task["kind"] == "sudoku":
            need((task["width"], task["vocab_size"]) in SUDOKU and symbols == ".123456789ABCDEFG"[:task["width"] + 1])
            need((task["box_width"], task["box_height"]) == (2, 2))
        for key in ("kind", "width", "height", "vocab_size", "alphabet", "rating_name"):
            said[f"task.json {key}"] = task.get(key)
    if f"{root}/identifiers.json" in tree:
        names = parse_json(tree[f"{root}/identifiers.json"])
        need(isinstance(names, list) and len(names) == said["dataset.json num_puzzle_identifiers"])
        need(all(isinstance(name, str) for name in names))
        said["identifiers.json"] = names
    return said


def dataset_puzzles(said):
    """All (question, answer) with 0 for a blank, when it is a Sudoku."""
    found = []
    for split in ("train", "test"):
        for part in said.get(f"{split} arrays", []):
            tokens = [[t - 1 for t in values] for values in part[:2]]
            found += [(tokens[0][i:i + 16], tokens[1][i:i + 16]) for i in range(0, len(tokens[0]), 16)]
    return found


def solutions(cells, limit=2):
    """How many ways there are to fill a 4x4 grid, up to the limit."""
    if 0 not in cells:
        return 1
    at = cells.index(0)
    r, c = divmod(at, 4)
    seen = {cells[4 * r + i] for i in range(4)} | {cells[4 * i + c] for i in range(4)} | \
        {cells[4 * (r // 2 * 2 + i // 2) + c // 2 * 2 + i % 2] for i in range(4)}
    count = 0
    for digit in range(1, 5):
        if digit not in seen and count < limit:
            count += solutions(cells[:at] + [digit] + cells[at + 1:], limit - count)
    return count


def keeps_rules(grid):
    lines = [[4 * i + j for j in range(4)] for i in range(4)] + [[4 * j + i for j in range(4)] for i in range(4)] + \
        [[4 * (i // 2 * 2 + j // 2) + i % 2 * 2 + j % 2 for j in range(4)] for i in range(4)]
    return all(sorted(grid[c] for c in line) == [1, 2, 3, 4] for line in lines)


def sound(puzzles):
    """Every answer keeps rules and clues, and every question has one solution."""
    return all(keeps_rules(a) and all(q in (0, v) for q, v in zip(question, a)) and solutions(list(question)) == 1
               for question, a in puzzles)


def number(text):
    need(re.fullmatch(r"\s*[-+]?(\d+(\.\d*)?|\.\d+)([eE][-+]?\d+)?\s*", text), "a rating that is no number")
    return float(text)


def read_text(data, path):
    """{"puzzles", "ratings", "others", "symbols"} of a CSV or JSON Lines file."""
    if path.endswith(".csv"):
        need(b"\0" not in data)
        text = data.removeprefix(b"\xef\xbb\xbf").decode("latin-1")
        rows = [row for row in csv.reader(io.StringIO(text, newline=""), strict=True) if row not in ([], [""])]
        names = [field.strip(" ").lower() for field in rows[0]]
        if "question" in names:
            need("answer" in names)
            places = names.index("question"), names.index("answer"), names.index("rating") if "rating" in names else -1
            rows = rows[1:]
        else:
            width = len(rows[0])
            need(width >= 2)
            source = width >= 4 or width == 3 and len(rows[0][1]) == len(rows[0][2])
            places = source, source + 1, source + 2 if width > source + 2 else -1
        need(rows and all(len(row) > max(places[:2]) for row in rows))
        pairs = [(row[places[0]], row[places[1]]) for row in rows]
        ratings = [number(row[places[2]]) if 0 <= places[2] < len(row) and row[places[2]] else None for row in rows]
        others = [[f for i, f in enumerate(row) if i not in places] for row in rows]
        pairs = [tuple(f.replace("\r", "").replace("\n", "") for f in pair) for pair in pairs]
    else:
        rows = [parse_json(line) for line in data.split(b"\n") if line.strip()]
        need(rows and all(isinstance(row, dict) for row in rows))
        pairs = [(row["question"], row["answer"]) for row in rows]
        ratings = [row.get("rating") for row in rows]
        others = [{k: v for k, v in row.items() if k not in ("question", "answer", "rating")} for row in rows]
    length = len(pairs[0][0])
    need(length > 0 and all(isinstance(t, str) and len(t) == length for pair in pairs for t in pair))
    need(all(" " <= c <= "~" for pair in pairs for t in pair for c in t))
    return {"puzzles": pairs, "ratings": ratings, "others": others,
            "symbols": sorted(set("".join(q + a for q, a in pairs)))}


def text_is_sudoku(said):
    return all(re.fullmatch("[.0_* 1234]{16}", q) and re.fullmatch("[1234]{16}", a) for q, a in said["puzzles"])


def text_puzzles(said):
    digit = lambda c: int(c) if c in "1234" else 0
    return [([digit(c) for c in q], [digit(c) for c in a]) for q, a in said["puzzles"]]


def read_lines(data):
    """The puzzles of a text file, one a line."""
    lines = data.decode("latin-1").split("\n")
    found = [line.strip("\r") for line in lines if line.strip("\r \t")]
    need(found and all(re.fullmatch(r"[.0_* 1234]{16}", line) for line in found))
    return found


# -- what else may be accepted: the class of it, or ValueError --------------------------------------------------------


def class_of(case, before, after, result, whole):
    path, command = case.path, case.command
    root = belongs_to(path)
    if root == "models/raw.json":
        return "a card beside the model: not part of it, and left out where it is no JSON object"
    if root.startswith("models/") and case.way == "swap two files" and path.endswith(".safetensors"):
        if after[path] in before.values():
            return "another whole model under the name"
    if root.startswith("models/"):
        need(same_model(before[path], after[path]), "a damaged model")
        need(command in ("info", "convert"), "another result from the same model")
        return "model: only what its checksum leaves out (card, version, step, seed, origin)"
    if root == "run":
        return class_of_run(case, before, after, result, whole)
    if root == "puzzles.txt":
        need(read_lines(after[path]) != read_lines(before[path]))
        return "puzzles, one a line: other whole puzzles"
    if "." in root:
        return class_of_text(command, before.get(path), after.get(path), path)
    said, was = read_dataset(after, root), read_dataset(before, root)
    need(command != "resume" or all(said.get(f"{s} arrays") == was.get(f"{s} arrays") for s in ("train", "test")),
         "a run goes on with other data")
    if command == "data check" and was.get("task.json kind") == "sudoku":
        need(sound(dataset_puzzles(said)), "data check calls unsound puzzles sound")
    parts = sorted(k for k in set(said) | set(was) if said.get(k) != was.get(k))
    need(parts, "another result from the same data")
    if case.way == "delete":
        return f"data set: without {os.path.basename(path)}, which may be left out"
    return "data set, no checksum: other whole " + ", ".join(parts)


def class_of_text(command, before, after, path):
    need(after is not None)
    said, was = read_text(after, path), read_text(before, path)
    parts = [k for k in ("puzzles", "ratings", "others") if said[k] != was[k]]
    need(parts, "another result from the same records")
    shown = "text, no checksum: "
    need(not path.endswith(".csv") or text_is_sudoku(said), "a symbol that no Sudoku has is taken for one of another task")
    if command == "data check" and text_is_sudoku(said):
        need(sound(text_puzzles(said)), "data check calls unsound puzzles sound")
    if said["puzzles"] == was["puzzles"][:len(said["puzzles"])] and len(said["puzzles"]) < len(was["puzzles"]):
        return shown + "cut at the end of a record"
    return shown + "other whole " + ", ".join(parts)


def class_of_run(case, before, after, result, whole):
    path, command = case.path, case.command
    if command == "plot":
        if path == "run/metrics.jsonl" and path in after:
            lines = [parse_json(line) for line in after[path].split(b"\n")[:-1]]
            need(lines and all(type(line["step"]) in (int, float) and line["step"] >= 0 for line in lines))
            return "metrics.jsonl, no checksum: other whole numbers in the picture"
    elif command == "eval":
        if after.get("run/best.safetensors") in before.values():
            return "another whole model under the name"
        need("run/best.safetensors" not in after)
        return "best.safetensors is gone: a run without one stands for last.safetensors"
    elif path.endswith("metrics.jsonl") or "events." in path:
        need(result.same(whole, before, after, but=["run/metrics.jsonl"]))
        return "metrics.jsonl: the record is cut at the damage, every other byte is that of the whole run"
    elif path == "run/best.safetensors" and case.way == "delete":
        need("run/best.safetensors is gone" in result.err)
        need(all(result.files[p] == whole.files[p] for p in whole.files if p.endswith("r.safetensors") or "last." in p))
        return "best.safetensors is gone: said, and sought anew"
    elif case.way == "swap two files" and after["run/best.safetensors"] != before["run/best.safetensors"]:
        return "another whole model under the name"
    raise ValueError("a damaged run goes on to another result")


# -- one case ---------------------------------------------------------------------------------------------------------

# Damage that once was accepted, or ended badly: (file, way, command, random seed).
KEPT = [
    ("run/config.json", "another schedule", "resume", 1),  # other rates, and so other weights
    ("run/config.json", "fewer steps", "resume", 1),
    ("six.csv", "blank in an answer", "data check", 1),  # once a task of its own alphabet, in which nothing was wrong
    ("run/config.json", "no validation", "resume", 1),  # a path, which the file's sum leaves out
]
KEPT_WAYS = {
    "another schedule": lambda data, *_: data.replace(b'"schedule_steps": 9', b'"schedule_steps": 8'),
    "fewer steps": lambda data, *_: data.replace(b'"steps": 9', b'"steps": 8'),
    "blank in an answer": lambda data, *_: data.replace(b"2134341212434321", b"2134341212034321"),
    "no validation": lambda data, *_: re.sub(rb'"valid": "[^"]*"', b'"valid": ""', data),
}

# How often a file is chosen, others being 1: those that are large in what they decide.
SHARES = {"run/config.json": 4, "run/metrics.jsonl": 2, "run/best.safetensors": 2, "run/checkpoints/step-6/state.json": 2,
          "six.csv": 6, "letters.jsonl": 3, "puzzles.txt": 3, MODEL: 6,
          "models/bf16.safetensors": 4, "models/int8.safetensors": 4}

Case = collections.namedtuple("Case", "number path way command seed")


def choose(whole, seed, number_, readable):
    """Case number_ of a seed, with the tree that it damages."""
    if number_ < len(KEPT):
        path, way, command, own = KEPT[number_]
        changed = damage(whole, way, path, random.Random(own))
        assert changed is not None, KEPT[number_]
        return Case(number_, path, way, command, own), changed
    rng = random.Random(f"{seed}/{number_}")
    while True:
        way = WAYS[number_ % len(WAYS)]
        path = rng.choices(list(readable), [SHARES.get(p, 1) for p in readable])[0]
        own = rng.randrange(1 << 32)
        changed = damage(whole, way, path, random.Random(own))
        if changed is not None:
            return Case(number_, path, way, rng.choice(sorted(readable[path])), own), changed


def judge(case, before, after, result, whole):
    """("refused", None), ("same", None) or ("accepted", class); AssertionError for what must not be."""
    if result.hung:
        raise AssertionError(f"still running after {LIMIT} s")
    if not 0 <= result.code <= 4:
        raise AssertionError(f"exit code {result.code}")
    foreign = [p for p in result.changed if not writes(case.command, p)]
    if foreign:
        raise AssertionError(f"changed {foreign}")
    if result.code in (2, 3, 4) and result.code != whole.code:
        names = {belongs_to(case.path), os.path.basename(case.path)}
        said = result.err
        if case.command == "solve":  # with --json what is wrong with a puzzle is on its line
            said += result.out.decode(errors="replace")
        if not any(name in said for name in names):
            raise AssertionError(f"the message names none of {sorted(names)}")
        left = [p for p in result.changed if p != "run/lock" and not p.endswith(".svg") and (p in after or "new" in p)]
        if left and case.command != "solve":
            raise AssertionError(f"refused, but changed {left}")
        return "refused", None
    if result.same(whole, before, after):
        return "same", None
    try:
        return "accepted", class_of(case, before, after, result, whole)
    except (ValueError, KeyError, TypeError, IndexError, struct.error, AttributeError, csv.Error) as error:
        raise AssertionError(f"accepted with another result: {type(error).__name__}: {error}") from error


def main():
    program, folder, count, seed = os.path.realpath(sys.argv[1]), sys.argv[2], int(sys.argv[3]), int(sys.argv[4])
    only = int(sys.argv[5]) if len(sys.argv) > 5 else None
    if not os.environ.get("TRM_SANITIZE"):  # a file that claims to be huge meets a limit, and not this machine's memory
        resource.setrlimit(resource.RLIMIT_AS, (4 << 30, 4 << 30))
    print(f"seed {seed}, {count} changes" if only is None else f"seed {seed}, change {only}")
    base = os.path.realpath(folder)
    slots = [f"{base}-slot{i}" for i in range(WORKERS)]
    tree = read_tree(base)
    trees = [dict(tree) for _ in slots]
    for moved, slot in zip(trees, slots):
        moved["run/config.json"] = moved["run/config.json"].replace(base.encode(), slot.encode())
    readable, wholes = {}, {}
    for path in sorted(tree):
        for command, arguments in commands(path).items():
            key = tuple(arguments)
            if key not in wholes:
                wholes[key] = [Result(program, s, command, arguments, t) for s, t in zip(slots, trees)]
                if wholes[key][0].code > 1 or not wholes[key][0].same(wholes[key][1], tree, tree):
                    sys.exit(f"{arguments} does not read the whole files, or not the same twice: {wholes[key][0].err}")
            readable.setdefault(path, {})[command] = arguments

    def work(slot, numbers):
        found = []
        for n in numbers:
            case, after = choose(trees[slot], seed, n, readable)
            arguments = readable[case.path][case.command]
            result = Result(program, slots[slot], case.command, arguments, after)
            try:
                verdict = judge(case, trees[slot], after, result, wholes[tuple(arguments)][slot])
            except AssertionError as error:
                verdict = "defect", f"{case}: {error}\n    {result.err.strip()[:400]}"
            if result.code in (2, 4) and verdict[0] == "refused":  # listed, for bad input is 3
                verdict = "refused", f"{case.way} in {case.path}: {result.err.strip()[:200]}"
            found.append((case, result.code, verdict))
            if only is not None:
                print(case, verdict, f"exit code {result.code}", result.out.decode(errors="replace"), result.err, sep="\n")
                for p in sorted(set(trees[slot]) | set(after)):
                    if trees[slot].get(p) != after.get(p):
                        print(f"{p}:\n  {trees[slot].get(p)!r:.3000}\n  {after.get(p)!r:.3000}")
        return found

    numbers = range(count) if only is None else [only]
    with concurrent.futures.ThreadPoolExecutor(WORKERS) as pool:
        parts = pool.map(work, range(WORKERS), [numbers[i::WORKERS] for i in range(WORKERS)])
        results = [entry for part in parts for entry in part]
    report(results)
    sys.exit(1 if any(verdict[0] == "defect" for _, _, verdict in results) or len(results) != len(numbers) else 0)


def report(results):
    kinds = ["refused", "same", "accepted", "defect"]
    print(f"{'':28}" + "".join(f"{kind:>10}" for kind in kinds))
    for way in [*WAYS, *KEPT_WAYS]:
        row = collections.Counter(verdict[0] for case, _, verdict in results if case.way == way)
        print(f"{way:28}" + "".join(f"{row[kind]:10}" for kind in kinds))
    row = collections.Counter(verdict[0] for _, _, verdict in results)
    print(f"{'all':28}" + "".join(f"{row[kind]:10}" for kind in kinds))
    print("exit codes:", ", ".join(f"{code}: {n}" for code, n in sorted(collections.Counter(r[1] for r in results).items())))
    for _, code, verdict in results:
        if verdict[0] == "refused" and verdict[1]:
            print(f"refused with exit code {code}: {verdict[1]}")
    accepted = collections.Counter((case.command, verdict[1]) for case, _, verdict in results if verdict[0] == "accepted")
    for (command, text), n in sorted(accepted.items()):
        print(f"accepted {n} times by {command}: {text}")
    for _, _, verdict in results:
        if verdict[0] == "defect":
            print("DEFECT", verdict[1])


main()
