"""ARC datasets and votes, computed once more from their definitions, with NumPy's own turns.
  tasks FOLDER                       writes tasks with simple rules: FOLDER/a_challenges.json, its solutions, b/*.json
  dataset DATA JSON...               every example of DATA is what its identifier's name makes of a pair of these files
  votes DATA PREDICTIONS SUBMISSION  attempts and scores from the answers one by one; prints the scores as JSON"""
import glob
import json
import os
import sys

import numpy as np

TURNS = [lambda g: g, lambda g: np.rot90(g, 1), lambda g: np.rot90(g, 2), lambda g: np.rot90(g, 3), np.fliplr, np.flipud,
         np.transpose, lambda g: np.fliplr(np.rot90(g, 1))]


def tasks(folder):
    rng = np.random.default_rng(1)
    rules = {"mirror": np.fliplr, "fall": np.flipud, "turn": np.rot90, "same": lambda g: g, "paint": lambda g: np.where(g > 0, 4, g),
             "first": lambda g: g[:1, :2]}
    made = {}
    for name, rule in rules.items():
        pairs = []
        for _ in range(5):
            grid = rng.integers(0, 6, size=rng.integers(2, 6, size=2))
            pairs.append({"input": grid.tolist(), "output": rule(grid).tolist()})
        made[name] = {"train": pairs[:3], "test": pairs[3:]}
    os.makedirs(f"{folder}/b")
    first = dict(list(made.items())[:4])
    challenges = {k: {"train": v["train"], "test": [{"input": p["input"]} for p in v["test"]]} for k, v in first.items()}
    json.dump(challenges, open(f"{folder}/a_challenges.json", "w"))
    json.dump({k: [p["output"] for p in v["test"]] for k, v in first.items()}, open(f"{folder}/a_solutions.json", "w"))
    for name in list(made)[4:]:
        json.dump(made[name], open(f"{folder}/b/{name}.json", "w"))


def read(paths):
    found = {}
    for path in (p for q in paths for p in (sorted(glob.glob(q + "/*.json")) if os.path.isdir(q) else [q])):
        value = json.load(open(path))
        if "train" in value:
            value = {os.path.basename(path)[:-5]: value}
        solutions = path.replace("_challenges.json", "_solutions.json")
        if solutions != path and os.path.exists(solutions):
            for name, grids in json.load(open(solutions)).items():
                for pair, grid in zip(value[name]["test"], grids):
                    pair["output"] = grid
        found.update(value)
    return found


def image(name):
    """The ID of a name, and what it does to a grid."""
    identity, _, rest = name.partition("|||")
    if not rest:
        return identity, lambda g: g
    turn, colours = rest.split("|||")
    new = np.array([int(c) for c in colours])
    assert sorted(colours) == list("0123456789") and colours[0] == "0", name
    return identity, lambda g: TURNS[int(turn[1])](new[g])


def unplace(tokens):
    """A grid and its place, from tokens that must be placed by the rules."""
    side = len(tokens)
    rows, columns = np.nonzero(tokens >= 2)
    top, left, bottom, right = rows.min(), columns.min(), rows.max() + 1, columns.max() + 1
    expected = np.zeros_like(tokens)
    expected[top:bottom, left:right] = tokens[top:bottom, left:right]
    if bottom < side:
        expected[bottom, left:right] = 1
    if right < side:
        expected[top:bottom, right] = 1
    assert (expected == tokens).all() and (tokens[top:bottom, left:right] >= 2).all(), tokens
    return tokens[top:bottom, left:right].astype(int) - 2, (int(top), int(left))


def dataset(folder, paths):
    found = read(paths)
    names = json.load(open(f"{folder}/identifiers.json"))
    tests = json.load(open(f"{folder}/test_puzzles.json"))
    assert names[0] == "<blank>" and len(set(names)) == len(names)
    assert all(found[t] == v for t, v in tests.items())
    counts, contents = {}, {}
    for split in ("train", "test"):
        load = lambda what: np.load(f"{folder}/{split}/all__{what}.npy")
        inputs, labels, ids, offsets, groups = map(load, ("inputs", "labels", "puzzle_identifiers", "puzzle_indices", "group_indices"))
        side = int(inputs.shape[1] ** 0.5)
        counts[split] = [len(inputs), len(ids), len(groups) - 1]
        assert [len({image(names[i])[0] for i in ids[a:b]}) for a, b in zip(groups, groups[1:])] == [1] * (len(groups) - 1)
        for puzzle, identifier in enumerate(ids):
            task, change = image(names[identifier])
            wanted = {"train": found[task]["train"] + ([] if task in tests else found[task]["test"]), "test": found[task]["test"]}[split]
            assert offsets[puzzle + 1] - offsets[puzzle] == len(wanted)
            still = 0
            for pair, example in zip(wanted, range(offsets[puzzle], offsets[puzzle + 1])):
                question, place = unplace(inputs[example].reshape(side, side))
                answer, same = unplace(labels[example].reshape(side, side))
                assert place == same and (split == "train" or place == (0, 0))
                assert (question == change(np.array(pair["input"]))).all() and (answer == change(np.array(pair["output"]))).all()
                still += place == (0, 0)
                contents.setdefault(identifier, []).append((question.shape, question.tobytes(), answer.shape, answer.tobytes()))
            assert still >= 1
    by_task = {}
    for identifier, pairs in contents.items():
        by_task.setdefault(image(names[identifier])[0], []).append(tuple(sorted(pairs)))
    assert all(len(set(images)) == len(images) for images in by_task.values()), "two images are the same"
    print(json.dumps({"identifiers": len(names), **counts}))


def crop(text, side):
    grid = np.array(["_|0123456789".index(c) for c in text]).reshape(side, side)
    best, size, width = 0, (0, 0), side
    for r in range(side):
        run = 0
        while run < width and grid[r, run] >= 2:
            run += 1
        width = run
        if (r + 1) * width > best:
            best, size = (r + 1) * width, (r + 1, width)
    return grid[:size[0], :size[1]] - 2


def undo(name, grid):
    identity, _, rest = name.partition("|||")
    if rest:
        turn, colours = rest.split("|||")
        old = np.argsort([int(c) for c in colours])
        back = [0, 3, 2, 1, 4, 5, 6, 7][int(turn[1])]
        grid = old[TURNS[back](grid)] if grid.size else grid
    return identity, grid


def votes(folder, predictions, submission):
    names = json.load(open(f"{folder}/identifiers.json"))
    tests = json.load(open(f"{folder}/test_puzzles.json"))
    load = lambda what: np.load(f"{folder}/test/all__{what}.npy")
    ids, offsets, side = load("puzzle_identifiers"), load("puzzle_indices"), int(load("inputs").shape[1] ** 0.5)
    of = {e: names[i] for i, a, b in zip(ids, offsets, offsets[1:]) for e in range(a, b)}
    table, alone = {}, {}
    for line in map(json.loads, open(predictions)):
        example = line["example"] - 1
        task, question = undo(of[example], crop(line["question"], side))
        _, answer = undo(of[example], crop(line["given_answer"], side))
        test = next(i for i, p in enumerate(tests[task]["test"]) if p["input"] == question.tolist())
        entry = table.setdefault((task, test), {}).setdefault(json.dumps(answer.tolist()), [0, 0, example])
        entry[0] += 1
        entry[1] += 1 / (1 + np.exp(-line["q"]))
        if "|||" not in of[example]:
            alone[task, test] = answer.tolist()
    handed = json.load(open(submission))
    assert handed.keys() == tests.keys()
    passes, one = {k: 0 for k in (1, 2, 5, 10, 100, 1000)}, 0
    for task, value in tests.items():
        for test, pair in enumerate(value["test"]):
            ranked = sorted(table[task, test].items(), key=lambda a: (-a[1][0], -a[1][1] / a[1][0], a[1][2]))
            grids = [json.loads(text) for text, _ in ranked]
            attempts = [g or [[0]] for g in (grids * 2 if len(grids) == 1 else grids)[:2]]
            assert handed[task][test] == {"attempt_1": attempts[0], "attempt_2": attempts[1]}, (task, test)
            for k in passes:
                passes[k] += (pair["output"] in grids[:k]) / len(value["test"]) / len(tests)
            one += (alone[task, test] == pair["output"]) / len(value["test"]) / len(tests)
    print(json.dumps({"pass": passes, "one": one}))


if __name__ == "__main__":
    {"tasks": tasks, "dataset": lambda d, *p: dataset(d, p), "votes": votes}[sys.argv[1]](*sys.argv[2:])
