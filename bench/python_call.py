"""What a call from Python costs beside the C call that it makes: processor time of `Solver.solve` and its like with the C call
itself left out, as a part of what the shipped model needs for one supervision step. The reading of the puzzle, which is C
too, is in it.

    PYTHONPATH=python python3 bench/python_call.py models/sudoku-9x9.safetensors"""
import sys
import time

import numpy as np

import trm
import trm.solver

PUZZLE = "53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79"


def seconds(call, count):
    """Of one call, the least of ten rounds."""
    rounds = []
    for _ in range(10):
        begin = time.process_time()
        for _ in range(count):
            call()
        rounds.append((time.process_time() - begin) / count)
    return min(rounds)


class WithoutSolving:
    """The library, whose trm_solve does nothing."""

    def __init__(self, library):
        self.library = library

    def __getattr__(self, name):
        return (lambda *arguments: 0) if name == "trm_solve" else getattr(self.library, name)


def main():
    grid = np.array([0 if c == "." else int(c) for c in PUZZLE]).reshape(9, 9)
    with trm.Solver(sys.argv[1], threads=1, max_steps=1, halt=False) as solver:
        tokens = solver.task.read(PUZZLE)[0][None]
        step = seconds(lambda: solver.solve(PUZZLE), 20)
        print(f"{solver.runtime.describe().isa}: a step of the model {1e6 * step:.0f} us, the call included")
        trm.solver.lib = WithoutSolving(trm.solver.lib)
        for name, call in (("solve(text)", lambda: solver.solve(PUZZLE)),
                           ("solve(text).answer", lambda: solver.solve(PUZZLE).answer),
                           ("solve(text).solved", lambda: solver.solve(PUZZLE).solved),
                           ("solve(array).answer", lambda: solver.solve(grid).answer),
                           ("solve_tokens(array)", lambda: solver.solve_tokens(tokens))):
            cost = seconds(call, 2000)
            print(f"{name:20s} {1e6 * cost:5.1f} us beside the C call, {100 * cost / step:.1f} % of a step")
        trm.solver.lib = trm.solver.lib.library


main()
