"""Random arguments to everything that the package offers: each call ends with a result or with an error that names the
argument, and the interpreter lives. CALLS=100000 SEED=2 makes so many (here: 3,000)."""
import faulthandler
import os
import random
import sys

import numpy as np

import trm
from support import MODEL, PUZZLE

faulthandler.enable()
CALLS, SEED = int(os.environ.get("CALLS", "3000")), int(os.environ.get("SEED", "1"))
draw = random.Random(SEED)
MAY_RAISE = (trm.TrmError, IndexError)  # an index of a dataset is Python's own matter


def odd_array():
    shape = draw.choice([(81,), (9, 9), (1, 81), (3, 27), (0,), (2, 9, 9), (), (900,), (30, 30), (16,), (4, 4)])
    kind = draw.choice(["i4", "u1", "i8", "f4", "f8", "?", "c8", "U1", "S1", "U3", "O", "M8[s]", ">i4", "u8"])
    values = np.array([draw.randint(-3, 14) for _ in range(max(1, int(np.prod(shape))))])
    values = np.resize(values, shape)
    if kind in ("U1", "S1", "U3"):
        return np.resize(np.array([draw.choice("0123456789.#SGo x\u00e9") for _ in range(81)]), shape).astype(
            kind if kind[0] == "U" else "U1")
    try:
        return values.astype(kind)[draw.choice([slice(None), slice(None, None, -1)])] if shape else values.astype(kind)
    except (TypeError, ValueError):
        return values


def text():
    kind = draw.randrange(5)
    if kind == 0:
        return PUZZLE
    if kind == 1:
        return "".join(draw.choice("0123456789.,|[]\n -_xé\0\ud800") for _ in range(draw.choice([0, 1, 16, 80, 81, 82, 300])))
    if kind == 2:
        cells = list(PUZZLE)
        cells[draw.randrange(81)] = draw.choice("123456789")
        return "".join(cells)
    return draw.choice(["sudoku", "maze", "max_steps", "absent", "4.322314...33.4.", "cpu", "auto", "nan", "\udcff", "x" * 5000])


def anything():
    return draw.choice([
        lambda: None, lambda: draw.randint(-3, 12), lambda: draw.choice([2**31, 2**63, -2**63, 2**64, 10**30]), text, text, text,
        lambda: draw.choice([0.5, float("nan"), float("inf"), -1e308]), lambda: draw.choice([True, False]), odd_array, odd_array,
        lambda: [draw.randint(0, 9) for _ in range(draw.choice([0, 16, 81, 81, 81]))], lambda: list(PUZZLE), lambda: [PUZZLE, PUZZLE],
        lambda: [[anything()] for _ in range(2)], lambda: PUZZLE.encode(), lambda: b"\xff\0", lambda: object(), lambda: {}, lambda: {1, 2},
        lambda: (np.int64(3), np.float32(2)), lambda: draw.choice(things), lambda: np.int32(draw.randint(0, 9)), lambda: slice(1),
        lambda: (lambda *a: draw.choice([None, True, False, 5, "x", 2**70])), lambda: range(81), lambda: iter([PUZZLE])])()


runtime = trm.Runtime(threads=1)
closed_runtime = trm.Runtime(threads=1)
closed_runtime.close()
solver = trm.Solver(MODEL, runtime=runtime, max_steps=1, halt=False)
closed_solver = trm.Solver(MODEL, threads=1)
closed_session = trm.Session(closed_solver, PUZZLE)
closed_solver.close()
with open("some.csv", "w") as file:
    file.write(f"question,answer\n{PUZZLE},{trm.solve(PUZZLE).answer}\n")
data = trm.load_dataset("some.csv")
model, task, session = trm.Model(MODEL), trm.Task.sudoku(9), trm.Session(solver, PUZZLE)
things = [runtime, closed_runtime, solver, closed_solver, closed_session, data, model, task, session, trm, solver.solve(PUZZLE)]


def some_solver():
    return draw.choice([solver, solver, closed_solver])


def some_session():
    return draw.choice([session, session, closed_session])


def named():
    names = ["max_steps", "halt", "batch", "dtype", "seed", "damping", "tries", "size", "data", "run", "lr", "hidden_size", "é", ""]
    return {draw.choice(names): anything() for _ in range(draw.choice([0, 0, 1, 2]))}


def open_and_close(kind, *arguments, **options):
    opened = kind(*arguments, **options)
    opened.close()


ONCE = [
    lambda: some_solver().solve(anything()), lambda: some_solver().solve(anything(), identifier=anything()),
    lambda: some_solver().solve(PUZZLE, on_step=anything()), lambda: str(some_solver().solve(anything())),
    lambda: some_solver().solve_batch(anything()), lambda: some_solver().solve_batch([anything(), PUZZLE], identifiers=anything()),
    lambda: some_solver().solve_tokens(anything(), anything()), lambda: some_solver().hint(anything()),
    lambda: list(some_solver().steps(anything(), identifier=anything())), lambda: trm.check(anything(), anything()),
    lambda: trm.check(anything(), task=anything()), lambda: trm.hint(anything(), anything()),
    lambda: trm.Task(anything()), lambda: trm.Task.sudoku(anything()), lambda: trm.Task.of_cells(anything()),
    lambda: task.text(anything()), lambda: task.grid(anything(), anything()), lambda: task.judge(anything(), anything()),
    lambda: task.inspect(anything(), draw.choice([1, 5, -1, "x"])), lambda: task.read(anything(), "puzzle"),
    lambda: task.generate(anything(), anything()), lambda: trm.generate(anything(), anything(), anything()),
    lambda: some_session().step(draw.choice([1, 2, 0, -1, "x", None, 0.5])), lambda: some_session().at(anything()),
    lambda: some_session().back(anything()), lambda: some_session().pin(anything(), anything(), anything()),
    lambda: some_session().pin(draw.randint(0, 10), draw.randint(0, 10), draw.choice("0123456789.x")),
    lambda: some_session().clear(anything(), anything()), lambda: some_session().history, lambda: some_session().last,
    lambda: trm.Session.load(some_solver(), anything()), lambda: open_and_close(trm.Session, anything(), anything()),
    lambda: open_and_close(trm.Session, solver, anything(), identifier=anything()), lambda: data[anything()],
    lambda: open_and_close(trm.load_dataset, anything(), anything(), anything()), lambda: trm.Model.find(anything()),
    lambda: trm.Model.find(81, anything()), lambda: trm.state_dict(anything()),
    lambda: open_and_close(trm.Solver, draw.choice([MODEL, anything()]), runtime=draw.choice([runtime, anything()]), **named()),
    lambda: trm.evaluate(draw.choice([solver, anything()]), draw.choice([data, anything()]), limit=anything(), progress=anything()),
    lambda: trm.train(named(), anything(), run="absent/run", data="absent"), lambda: trm.train(named(), resume=True),
    lambda: trm.plot([anything()], "absent/x.svg"), lambda: trm.check_dataset(anything()),
    lambda: open_and_close(trm.Runtime, draw.choice([1, -1, "x", None, 2**70]), anything(), anything()),
]


def main():
    raised, kinds = 0, set()
    for number in range(CALLS):
        call = draw.choice(ONCE)
        try:
            call()
        except MAY_RAISE as error:
            raised += 1
            kinds.add(type(error).__name__)
            if isinstance(error, trm.InternalError):
                raise
        except BaseException:
            print(f"call {number} of SEED={SEED}: {ONCE.index(call) + 1} of the list", flush=True)
            raise
    if not trm.solve(PUZZLE).solved or solver.solve(PUZZLE).steps != 1:
        sys.exit("afterwards a puzzle is not solved")
    if not {"ArgumentTypeError", "ClosedError", "InputError", "UsageError", "FileError"} <= kinds or raised == CALLS:
        sys.exit(f"only {kinds} were raised, {raised} of {CALLS} times")
    print(f"{CALLS} calls, of which {raised} were refused")


main()
