"""Sessions: one puzzle that a person or an agent advances step by step, looks at, corrects and takes back."""
import ctypes
from typing import List, Union

import numpy as np

from . import errors
from ._handle import Handle
from ._library import call, integer, lib, struct, text_of
from .model import Path
from .solver import Solver, Step
from .task import Form, Puzzle, Task, Verdict


class Session(Handle):
    """solver: open for as long as the session; puzzle, identifier: as for `Solver.solve`, so that a maze may be smaller than the
    model's grid. Rows and columns count from 1."""

    _what = "session"

    def __init__(self, solver: Solver, puzzle: Puzzle, *, identifier: int = 0):
        engine, task, tokens, form = _solver(solver)._read(puzzle)
        pointer = ctypes.c_void_p()
        identifier = integer(identifier, "identifier", 0, 2**31 - 1)
        with engine._turn:
            call(lib.trm_session_open_task, ctypes.byref(pointer), engine._handle, task._ref, tokens.ctypes.data, identifier)
        self._begin(engine, pointer, form)

    def _begin(self, engine, pointer, form):
        self._engine, self._form = engine, form
        self._opened(pointer, lib.trm_session_close, engine._turn, engine)
        self.task = Task(self._info().task.contents)

    @classmethod
    def load(cls, solver: Solver, path: Path, *, cells: int = 81) -> "Session":
        """A saved session. cells: of its model's grid, for a solver without a named model."""
        engine, pointer = _solver(solver)._engine(integer(cells, "cells", 1, 2**20)), ctypes.c_void_p()
        session = cls.__new__(cls)
        with engine._turn:
            call(lib.trm_session_load, ctypes.byref(pointer), engine._handle, text_of(path, "path"))
        session._begin(engine, pointer, Form(str, None, None, False))
        return session

    def save(self, path: Path) -> None:
        """The whole session as one file, written whole or not at all."""
        with self._turn:
            call(lib.trm_session_save, self._use(), text_of(path, "path"))

    def _use(self):
        self._engine._handle  # a closed solver is told before C sees it
        return self._handle

    def _info(self):
        return lib.trm_session_describe(self._use())

    @property
    def steps(self) -> int:
        """Taken and not taken back."""
        return self._info().steps

    @property
    def question(self) -> np.ndarray:
        """int32 [cells] of the next step, pins included."""
        with self._turn:
            address = self._info().question
            return np.frombuffer((ctypes.c_int32 * self.task.cells).from_address(address), np.int32).copy()

    def step(self, steps: int = 1) -> int:
        """Takes so many supervision steps, fewer when the network halts; returns how many."""
        taken = ctypes.c_int64()
        with self._turn:
            call(lib.trm_session_step, self._use(), integer(steps, "steps", 1, 2**31 - 1), ctypes.byref(taken))
        return taken.value

    def at(self, step: int) -> Step:
        """A step of the past, from 1; the last 64 are kept."""
        entry = struct["trm_session_entry"]()
        with self._turn:
            call(lib.trm_session_at, self._use(), integer(step, "step", -2**31, 2**31), ctypes.byref(entry))
            question = np.frombuffer((ctypes.c_int32 * self.task.cells).from_address(entry.question), np.int32).copy()
            return Step(self.task, self.task, entry, question, self._form)

    @property
    def last(self) -> Step:
        """The last step. An error before the first."""
        steps = self.steps
        if not steps:
            raise errors.UsageError("session", "has taken no step; call step()")
        return self.at(steps)

    @property
    def history(self) -> List[Step]:
        """The steps that are kept."""
        info = self._info()
        return [self.at(step) for step in range(info.steps - info.kept + 1, info.steps + 1)]

    @property
    def verdict(self) -> Verdict:
        return self.last.verdict

    def _cell(self, row, column):
        row = integer(row, "row", 1, self.task.height)
        return (row - 1) * self.task.width + integer(column, "column", 1, self.task.width) - 1

    def _token(self, symbol: Union[str, int]) -> int:
        if not isinstance(symbol, str):
            numbers = self.task._numbers
            if numbers is None:
                raise errors.ArgumentTypeError("symbol", f'found {symbol!r}, expected one of "{self.task.alphabet}"')
            number = integer(symbol, "symbol", -2**31, 2**31)
            found = np.flatnonzero(numbers[1:] == number)
            if found.size:
                return int(found[0]) + 1
        elif len(symbol) == 1 and symbol in self.task.alphabet:
            return self.task.alphabet.index(symbol) + 1
        raise errors.UsageError("symbol", f'found {symbol!r}, expected one of "{self.task.alphabet}"')

    def pin(self, row: int, column: int, symbol: Union[str, int]) -> None:
        """From the next step on the cell has this as its clue."""
        token, cell = self._token(symbol), self._cell(row, column)
        with self._turn:
            call(lib.trm_session_pin, self._use(), cell, token)

    def clear(self, row: int, column: int) -> None:
        """From the next step on the cell is again as in the puzzle."""
        cell = self._cell(row, column)
        with self._turn:
            call(lib.trm_session_clear, self._use(), cell)

    def back(self, steps: int = 1) -> None:
        """Takes the last steps back; pins stay."""
        with self._turn:
            call(lib.trm_session_back, self._use(), integer(steps, "steps", 0, 2**31 - 1))

    def __repr__(self):
        return "<trm.Session closed>" if self.closed else f"<trm.Session of {self.task.title}, {self.steps} steps>"


def _solver(solver):
    if not isinstance(solver, Solver):
        raise errors.ArgumentTypeError("solver", f"found {type(solver).__name__}, expected trm.Solver")
    return solver
