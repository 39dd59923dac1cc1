"""Tasks: what a puzzle's cells mean. Reading puzzles of every kind that Python has, showing them, judging answers, making
puzzles."""
import ctypes
from typing import Any, NamedTuple, Optional, Tuple, Union

import numpy as np

from . import errors
from ._library import Callback, address, call, integer, integers, lib, struct, text_of, value

Puzzle = Union[str, bytes, list, tuple, np.ndarray]
_TITLE = 256
_Task = struct["trm_task"]


class Form:
    """How a question was given, so that its answer is given in the same way."""

    def __init__(self, kind, shape, dtype, numbers):
        self.kind, self.shape, self.dtype, self.numbers = kind, shape, dtype, numbers


_TEXT = {str: Form(str, None, None, False), bytes: Form(bytes, None, None, False)}


class Verdict(NamedTuple):
    """Whether an answer is right. correct: rules and clues are kept; None where trm knows no rules of the task."""

    correct: Optional[bool]
    keeps_clues: Optional[bool]
    keeps_rules: Optional[bool]
    fault: str

    def __bool__(self):
        return bool(self.correct)


_RIGHT, _UNJUDGED = Verdict(True, True, True, ""), Verdict(None, None, None, "")


class Finding(NamedTuple):
    """What is wrong with a question. solutions: 0, 1, or 2 for several; None: not known. what: one sentence, "" when nothing
    is known to be wrong. cells: [(row, column)] from 1 that show it."""

    solutions: Optional[int]
    what: str
    cells: list


class Generated(NamedTuple):
    """A made puzzle, as lines of text."""

    question: str
    answer: str


class Task:
    """What the tokens of a puzzle mean: token 0 is padding, token t >= 1 is `alphabet[t-1]`. Equal tasks compare equal."""

    def __init__(self, source: Any):
        if not isinstance(source, _Task):
            raise errors.ArgumentTypeError("task", f"found {type(source).__name__}, expected trm.Task.sudoku(9) or its like")
        self._c = _Task.from_buffer_copy(source)
        self._ref = ctypes.byref(self._c)
        self.width, self.height, self.vocab_size = self._c.width, self._c.height, self._c.vocab_size
        self.cells = self.width * self.height
        self.alphabet = self._c.alphabet.decode("ascii", "replace")
        numbers = [_number_of(symbol, self.alphabet) for symbol in self.alphabet]
        self._numbers = np.array([-1] + numbers, np.int64) if None not in numbers else None
        if self._numbers is not None:
            self._token_of = np.zeros(max(numbers) + 1, np.int32)  # by number; 0, whose number is -1, for those that none has
            self._token_of[numbers] = np.arange(1, len(numbers) + 1)
        self._symbols = np.array(["?"] + list(self.alphabet))

    @classmethod
    def sudoku(cls, size: int = 9) -> "Task":
        """size: 4, 6, 9 or 16."""
        if integer(size, "size", 4, 16) not in (4, 6, 9, 16):
            raise errors.UsageError("size", f"found {size}, expected 4, 6, 9 or 16")
        return cls(lib.trm_task_sudoku(size))

    @classmethod
    def maze(cls) -> "Task":
        """30 x 30 of "# SGo"."""
        return cls(lib.trm_task_maze())

    @classmethod
    def of_cells(cls, cells: int) -> "Task":
        """The task that is known by its number of cells."""
        cells = integer(cells, "cells", 1, 2**31 - 1)
        for task in (*map(cls.sudoku, (4, 6, 9, 16)), cls.maze()):
            if task.cells == cells:
                return task
        raise errors.InputError("task", f"no puzzle of {cells} cells is known by its size; name its task")

    @property
    def name(self) -> str:
        """"sudoku": the kind's name in files."""
        return lib.trm_task_name(self._ref).decode()

    @property
    def title(self) -> str:
        """"Sudoku 9x9"."""
        text = ctypes.create_string_buffer(_TITLE)
        return lib.trm_task_title(self._ref, text, _TITLE).decode()

    @property
    def rules(self) -> Optional[str]:
        """The rules that answers are judged by, in words; None: trm knows none."""
        rules = lib.trm_task_rules(self._ref)
        return rules.decode() if rules else None

    def __eq__(self, other):
        return isinstance(other, Task) and bytes(self._c) == bytes(other._c)

    def __hash__(self):
        return hash(bytes(self._c))

    def __repr__(self):
        return f"<trm.Task {self.title}>"

    # -- reading ---------------------------------------------------------------------------------------------------------

    def read(self, puzzle: Puzzle, what: str = "puzzle") -> Tuple[np.ndarray, Form]:
        """Tokens [cells] int32 of a puzzle, and its form. Text: every notation of docs/puzzles.md. Lists and arrays, flat or
        [height][width]: numbers (0 a blank, 1.. a digit), or symbols, one character each."""
        if isinstance(puzzle, (str, bytes)):
            return self._read_text(text_of(puzzle, what), what), _TEXT[type(puzzle)] if type(puzzle) in _TEXT else _TEXT[str]
        if isinstance(puzzle, (list, tuple)):
            form, puzzle = type(puzzle), _as_array(puzzle, what)
        elif isinstance(puzzle, np.ndarray):
            form = np.ndarray
        else:
            raise errors.ArgumentTypeError(what, f"found {type(puzzle).__name__}, expected a text, list or array of "
                                                 f"{self.width} x {self.height} cells")
        if puzzle.dtype.kind in "SU" and puzzle.ndim == 1 and puzzle.size == self.height != self.cells:
            rows = [r.decode("utf-8", "replace") if isinstance(r, bytes) else str(r) for r in puzzle]
            return self._read_text("\n".join(rows).encode(), what), Form("rows", None, form, False)
        if puzzle.shape not in ((self.cells,), (self.height, self.width)):
            raise errors.InputError(what, f"has the shape {puzzle.shape}, expected ({self.cells},) or "
                                          f"({self.height}, {self.width})")
        tokens = self._read_numbers(puzzle, what) if puzzle.dtype.kind in "iu" else self._read_symbols(puzzle, what)
        return tokens, Form(form, puzzle.shape, puzzle.dtype, puzzle.dtype.kind in "iu")

    def _read_text(self, data, what):
        tokens = np.empty(self.cells, np.int32)
        try:
            call(lib.trm_task_parse, self._ref, data, len(data), address(tokens), self.cells)
        except errors.TrmError as error:
            error.where = what if error.where in ("", "puzzle") else f"{what}, {error.where}"
            raise
        return tokens

    def _read_numbers(self, cells, what):
        if self._numbers is None:
            raise errors.ArgumentTypeError(what, f'found numbers, expected characters, each one of "{self.alphabet}", or text')
        flat = cells.reshape(-1).astype(np.int64)
        tokens = self._token_of.take(flat, mode="clip")
        bad = self._numbers.take(tokens) != flat
        if bad.any():
            bad = np.flatnonzero(bad)
            row, column = divmod(int(bad[0]), self.width)
            raise errors.InputError(f"{what}, row {row + 1}, column {column + 1}",
                                    f"found {flat[bad[0]]}, expected one of {', '.join(map(str, self._numbers[1:]))}")
        return tokens

    def _read_symbols(self, cells, what):
        if cells.dtype.kind not in "SU":
            raise errors.ArgumentTypeError(what, f"is of {cells.dtype}, expected integers, or characters of "
                                                 f'"{self.alphabet}"')
        symbols = [c.decode("latin-1") if isinstance(c, bytes) else str(c) for c in cells.reshape(-1)]
        symbols = [s or " " for s in symbols]  # numpy strips spaces from bytes
        tokens = np.array([self.alphabet.find(s) + 1 if len(s) == 1 else 0 for s in symbols], np.int32)
        for i in np.flatnonzero(tokens == 0)[:1]:
            row, column = divmod(int(i), self.width)
            raise errors.InputError(f"{what}, row {row + 1}, column {column + 1}",
                                    f'found "{symbols[i]}", expected one of "{self.alphabet}"')
        return tokens

    # -- showing ---------------------------------------------------------------------------------------------------------

    def write(self, tokens: np.ndarray, form: Form) -> Puzzle:
        """Tokens [cells] in a question's form."""
        if form.kind in (str, bytes):
            text = self._text(tokens)
            return text if form.kind is str else text.encode()
        if form.kind == "rows":
            text = self._text(tokens)
            rows = [text[i:i + self.width] for i in range(0, self.cells, self.width)]
            return np.array(rows) if form.dtype is np.ndarray else form.dtype(rows)
        cells = (self._numbers if form.numbers else self._symbols)[tokens].reshape(form.shape)
        if form.kind is np.ndarray:
            return cells.astype(form.dtype)
        return _as(form.kind, cells.tolist())

    def text(self, tokens: np.ndarray) -> str:
        """One line of symbols."""
        return self._text(self.tokens(tokens))

    def _text(self, tokens):
        room = ctypes.create_string_buffer(self.cells + 1)
        call(lib.trm_task_render, self._ref, address(tokens), room, len(room))
        return room.value.decode("latin-1")

    def tokens(self, tokens: np.ndarray, what: str = "tokens") -> np.ndarray:
        """tokens as int32 [cells], checked."""
        array = integers(tokens, what)
        if array.size != self.cells:
            raise errors.InputError(what, f"have the shape {array.shape}, expected {self.cells} cells")
        if array.min() < 0 or array.max() >= self.vocab_size:
            raise errors.InputError(what, f"go from {array.min()} to {array.max()}, expected 0 to {self.vocab_size - 1}")
        return np.ascontiguousarray(array.reshape(-1), np.int32)

    def grid(self, tokens: np.ndarray, question: Optional[np.ndarray] = None) -> str:
        """The grid as people write it, framed where the task has boxes; cells that break a rule have a ! behind them."""
        cells = (struct["trm_task_cell"] * self.cells)()
        given = None if question is None else self.tokens(question).ctypes
        tokens = self.tokens(tokens)
        drawing = lib.trm_task_draw(self._ref, given.data if given else None, tokens.ctypes.data, cells)
        wide = drawing.cell_width > 1
        lines = []
        for row in range(drawing.height):
            if row and drawing.box_height and row % drawing.box_height == 0:
                bar = "-" * (2 * drawing.box_width + 1)
                lines.append("+".join([bar[1:]] + [bar] * (drawing.width // drawing.box_width - 2) + [bar[1:]]))
            line = ""
            for column in range(drawing.width):
                cell = cells[row * drawing.width + column]
                if column and drawing.box_width and column % drawing.box_width == 0:
                    line += "| "
                line += cell.text.decode("utf-8", "replace") + ("!" if cell.wrong and wide else " " if wide else "")
            lines.append(line.rstrip())
        return "\n".join(lines)

    # -- judging ---------------------------------------------------------------------------------------------------------

    def judge(self, question: np.ndarray, answer: np.ndarray) -> Verdict:
        """question, answer: tokens [cells]."""
        return self._judge(self.tokens(question), self.tokens(answer))

    def _judge(self, question, answer):
        q, a = address(question), address(answer)
        found = lib.trm_task_judge(self._ref, q, a)
        clues, rules = found.keeps_clues, found.keeps_rules
        if rules < 0:
            return _UNJUDGED
        if clues and rules:
            return _RIGHT
        text = ctypes.create_string_buffer(512)
        fault = lib.trm_task_fault(self._ref, q, a, text, len(text)).decode("utf-8", "replace")
        return Verdict(False, bool(clues), bool(rules), fault)

    def inspect(self, question: np.ndarray, bound: int = 1_000_000) -> Finding:
        """Whether a question (tokens [cells]) contradicts itself, or has no or several solutions. bound: guesses or visited
        cells that may be spent; 0: no bound."""
        marks, q = np.zeros(self.cells, np.uint8), self.tokens(question)
        bound = integer(bound, "bound", 0, 2**62)
        found = lib.trm_task_inspect(self._ref, q.ctypes.data, bound, marks.ctypes.data)
        cells = [(int(i) // self.width + 1, int(i) % self.width + 1) for i in np.flatnonzero(marks)]
        return Finding(found.solutions if found.solutions >= 0 else None, found.what.decode("utf-8", "replace"), cells)

    def generate(self, seed: int = 0, number: int = 0, **wanted: int) -> Generated:
        """Random puzzle `number` of a seed. wanted: min_clues, max_clues, min_guesses, max_guesses, tries."""
        want = lib.trm_wanted_default()
        fields = [name for name, _ in want._fields_ if name not in ("size", "progress", "context")]
        for name, number_ in wanted.items():
            if name not in fields:
                raise errors.UsageError(name, f"is not known, expected {', '.join(fields)}")
            setattr(want, name, integer(number_, name, -1, 2**62))
        progress = Callback(dict(want._fields_)["progress"], lambda *_: None, 1)  # lets Ctrl-C in
        want.progress = progress.c
        question, answer = np.zeros(self.cells, np.int32), np.zeros(self.cells, np.int32)
        try:
            call(lib.trm_generate, self._ref, integer(seed, "seed", 0, 2**64 - 1), integer(number, "number", 0, 2**64 - 1),
                 ctypes.byref(want) if wanted else None, question.ctypes.data, answer.ctypes.data)
        except errors.Stopped:
            progress.reraise()
            raise
        return Generated(self.text(question), self.text(answer))


def _number_of(symbol, alphabet):
    """What a list of numbers has for a symbol: digits their value, the blank 0, letters behind 9 go on from 10."""
    if symbol.isdigit():
        return int(symbol)
    if symbol == "." and "0" not in alphabet:
        return 0
    if "9" in alphabet and "A" <= symbol <= "Z":
        return ord(symbol) - ord("A") + 10
    return None


def _as_array(cells, what):
    try:
        array = np.array(cells)
    except (ValueError, TypeError, OverflowError):
        array = None
    if array is None or array.dtype == object:
        raise errors.InputError(what, "is a list of rows that differ in length or kind, expected equally long rows of numbers "
                                      "or of characters")
    return array


def _as(kind, cells):
    return kind(_as(kind, c) if isinstance(c, list) else c for c in cells)


def task_of(task, cells=None):
    """A Task from what the user says: a Task, "maze", "sudoku", or by the number of cells with None."""
    if isinstance(task, Task):
        return task
    if task is None and cells:
        return Task.of_cells(cells)
    known = {"sudoku": Task.sudoku, "maze": Task.maze}
    if isinstance(task, str) and task in known:
        return Task.of_cells(cells) if cells else known[task]()
    raise errors.UsageError("task", f"found {task!r}, expected a trm.Task, {' or '.join(map(repr, known))}")


def kind_of(puzzle, what="puzzle"):
    """What a puzzle seems to be before its task is known: a trm_puzzle_kind with cells, and the task where its symbols tell."""
    if not isinstance(puzzle, (str, bytes)):
        if isinstance(puzzle, (list, tuple)):
            puzzle = _as_array(puzzle, what)
        if not isinstance(puzzle, np.ndarray):
            raise errors.ArgumentTypeError(what, f"found {type(puzzle).__name__}, expected a text, list or array")
        if puzzle.dtype.kind not in "SU":
            kind = struct["trm_puzzle_kind"]()
            kind.cells = puzzle.size
            return kind
        rows = puzzle.astype("U") if puzzle.ndim == 2 else [puzzle.reshape(-1).astype("U")]
        if puzzle.ndim == 1 and puzzle.dtype.itemsize // (4 if puzzle.dtype.kind == "U" else 1) > 1:
            rows = rows[0][:, None]
        puzzle = "\n".join("".join(c or " " for c in row) for row in rows)
    data = text_of(puzzle, what)
    kind = lib.trm_text_kind(data, len(data), ctypes.byref(struct["trm_error"]()))
    if not kind.cells:
        raise errors.InputError(what, "has no puzzle in it")
    return kind


def known_task(task, puzzle, what):
    """The task that was named, or that the puzzle seems to be of."""
    if isinstance(task, Task):
        return task
    kind = kind_of(puzzle, what)
    if task is None and kind.task.width:
        return Task(kind.task)
    return task_of(task, kind.cells)


def hint_by(number):
    """"rules", "network", "checked", "none" or "full"."""
    names = {v: k.removeprefix("TRM_HINT_").lower() for k, v in value.items() if k.startswith("TRM_HINT_")}
    return names.get(number, "none")
