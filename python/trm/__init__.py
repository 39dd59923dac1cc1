"""Tiny Recursion Models: solve, check, train. The numbers are libtrm's; this package brings them to Python and NumPy.

    >>> import trm
    >>> print(trm.solve("53..7....6..195....98....6.8...6...34..8.3..17...2...6.6....28....419..5....8..79"))

`trm.Solver` solves, `trm.Session` goes step by step, `trm.check`, `trm.hint` and `trm.generate` know the puzzles' rules,
`trm.load_dataset`, `trm.train` and `trm.evaluate` make models, `trm.state_dict` and `trm.to_torch` open their weights. Errors
are `trm.TrmError`s that say where and what. docs/python.md has examples."""
import threading as _threading
from typing import Any, Optional, Union

from . import errors
from ._handle import Runtime
from ._library import lib as _lib
from ._version import __version__
from .data import Dataset, Example, check_dataset, import_dataset, load_dataset, make_dataset
from .errors import (ArgumentTypeError, BusyError, ClosedError, DivergedError, FileError, InputError, InternalError,
                     LibraryError, OutOfMemory, Stopped, TrmError, UnsupportedError, UsageError)
from .model import Model, model_folders, state_dict, to_torch
from .predictions import Prediction, Predictions
from .record import Record
from .session import Session
from .solver import Hint, Solution, Solver, Step, hint_of as _hint_of
from .task import Finding, Generated, Puzzle, Task, Verdict, known_task as _known_task, task_of as _task_of
from .train import evaluate, plot, presets, train

__all__ = [name for name in dir() if not name.startswith("_")]

_shared: Optional[Solver] = None
_opening = _threading.Lock()


def library_version() -> str:
    """The version of the loaded libtrm."""
    return _lib.trm_version().decode()


def library_path() -> str:
    """The file of the loaded libtrm."""
    return _lib.path


def _solver() -> Solver:
    global _shared
    with _opening:
        if _shared is None:
            _shared = Solver()
        return _shared


def solve(puzzle: Puzzle, **options: Any) -> Solution:
    """`Solver().solve(puzzle)` with the installed model for the puzzle's size. A solver is kept for all calls."""
    return _solver().solve(puzzle, **options)


def check(question: Puzzle, answer: Optional[Puzzle] = None, task: Union[Task, str, None] = None) -> Union[Verdict, Finding]:
    """With an answer, whether it is right: a Verdict, true when rules and clues are kept. Without one, whether the question
    is sound: a Finding. task None: what the question seems to be (Sudoku, maze)."""
    known = _known_task(task, question, "question")
    tokens, _ = known.read(question, "question")
    return known.inspect(tokens) if answer is None else known.judge(tokens, known.read(answer, "answer")[0])


def hint(puzzle: Puzzle, task: Union[Task, str, None] = None, network: bool = False) -> Hint:
    """The next cell by logic; network=True: where logic ends, by the installed model."""
    if network:
        return _solver().hint(puzzle)
    known = _known_task(task, puzzle, "puzzle")
    return _hint_of(None, known, known.read(puzzle)[0])


def generate(task: Union[Task, str] = "sudoku", seed: int = 0, number: int = 0, **wanted: int) -> Generated:
    """A new puzzle, the same for the same seed and number: (question, answer) as text. wanted: of a Sudoku min_clues,
    max_clues, min_guesses, max_guesses."""
    return _task_of(task).generate(seed, number, **wanted)
