"""Solving: puzzles of every form in, Solutions out; one by one, in batches, or step by step."""
import ctypes
import threading
from typing import Any, Callable, Dict, Iterable, Iterator, List, NamedTuple, Optional, Tuple

import numpy as np

from . import errors
from ._handle import Handle, Runtime, opened_runtime
from ._library import Callback, address, call, error_of_thread, failure, integer, integers, lib, set_known, set_options, struct, value
from .model import Model, Path, _kind, opened_model
from .record import Record
from .task import Form, Puzzle, Task, Verdict, hint_by, kind_of

# How `trm solve` differs from a configuration as the library fills it (cli/): where rules are known they end a puzzle, and
# what is not right is solved again from other starts. Of these names a library has those that it knows. When halting is
# switched off, all steps of one trajectory are wanted.
_AS_THE_PROGRAM = {"rules_halt": True, "search": -1}
PLAIN = {"rules_halt": False, "search": 0}
_NO_STEP = ctypes.cast(None, lib.abi.callback["trm_step_fn"])
_Solution, _Step = struct["trm_solution"], struct["trm_step"]
_SOLUTIONS = np.dtype(_Solution)
_STOPPED = value["TRM_E_STOPPED"]
_MOST = 2**31 - 1


class Solution:
    """An answer. Printed, it shows the grid.

    answer: in the kind of the question (text, list or array); tokens, question: int32 [cells];
    checked: whether trm knows rules of the task; solved: checked, that the answer keeps rules and clues, and else that the
    network itself says "right"; steps: supervision steps; q: halting logit; confidence: sigmoid(q); task.
    What else the library tells of it, `cancelled` and `least` (the least certain cell's confidence) among that, are
    attributes too: `info` has all of them."""

    __slots__ = ("task", "question", "tokens", "_form", "_c", "_threshold", "_verdict")

    def __init__(self, task: Task, question: np.ndarray, tokens: np.ndarray, form: Form, source: Any, threshold: float):
        self.task, self.question, self.tokens = task, question, tokens
        self._form, self._c, self._threshold, self._verdict = form, source, threshold, None

    @property
    def answer(self) -> Puzzle:
        return self.task.write(self.tokens, self._form)

    @property
    def verdict(self) -> Verdict:
        """What the task's rules say: correct, keeps_clues, keeps_rules, fault (one sentence)."""
        if self._verdict is None:
            self._verdict = self.task._judge(self.question, self.tokens)
        return self._verdict

    @property
    def checked(self) -> bool:
        return self.verdict.correct is not None

    @property
    def solved(self) -> bool:
        return bool(self.verdict.correct) if self.checked else bool(self._c.q > self._threshold and self._c.steps)

    @property
    def steps(self) -> int:
        return self._c.steps

    @property
    def q(self) -> float:
        return self._c.q

    @property
    def confidence(self) -> float:
        return self._c.confidence

    @property
    def info(self) -> Record:
        return Record(self._c)

    def __getattr__(self, name):
        if not name.startswith("_") and any(name == field for field, _ in _Solution._fields_):
            return getattr(self._c, name)
        raise AttributeError(name)

    def __str__(self):
        return self.task.grid(self.tokens, self.question)

    def __repr__(self):
        state = "solved" if self.solved else "not solved"
        return f"<trm.Solution of {self.task.title}: {state}{'' if self.checked else ' (not checked)'}, {self.steps} steps>"


class Step:
    """The answer after one supervision step. step: from 1; puzzle: its number in the call; tokens: int32 [cells]; confidence:
    float32 [cells], the probability of each; q: halting logit; halted: this was its last; answer: as the question was given."""

    __slots__ = ("task", "puzzle", "step", "question", "tokens", "confidence", "q", "halted", "_form")

    def __init__(self, grid, task, source, question, form, puzzle=0, halted=False):
        self.task, self.puzzle, self.step, self.q, self.halted = task, puzzle, source.step, source.q, halted
        self.question, self._form = question, form
        self.tokens = unframed(task, grid, _copy(source.answer, np.int32, grid.cells))
        self.confidence = unframed(task, grid, _copy(source.confidence, np.float32, grid.cells))

    @property
    def answer(self) -> Puzzle:
        return self.task.write(self.tokens, self._form)

    @property
    def verdict(self) -> Verdict:
        return self.task._judge(self.question, self.tokens)

    def __str__(self):
        return self.task.grid(self.tokens, self.question)

    def __repr__(self):
        return f"<trm.Step {self.step} of puzzle {self.puzzle}: q {self.q:.2f}{', halted' if self.halted else ''}>"


class Hint(NamedTuple):
    """The next cell. row, column: from 1, None without a hint; symbol: what belongs there; by: who says so, "rules",
    "network" (nobody checked), "checked" (the network, confirmed by the exact solver), "none" or "full"; probability: the
    network's, None by rules; reason: one sentence; before: the steps before it, a line each."""

    row: Optional[int]
    column: Optional[int]
    symbol: Optional[str]
    by: str
    probability: Optional[float]
    technique: str
    reason: str
    before: str

    def __str__(self):
        return self.reason


def _copy(address, dtype, count):
    item = np.dtype(dtype).itemsize
    return np.frombuffer((ctypes.c_char * (count * item)).from_address(address), dtype).copy()


def framed(task: Task, grid: Task, tokens: np.ndarray) -> np.ndarray:
    """A puzzle's tokens in the model's grid, which may be larger (mazes)."""
    if task.cells == grid.cells:
        return tokens
    larger = np.zeros(grid.cells, np.int32)
    lib.trm_task_frame(task._ref, grid._ref, address(tokens), address(larger))
    return larger


def unframed(task: Task, grid: Task, cells: np.ndarray) -> np.ndarray:
    """What belongs to the puzzle of cells [grid], int32 or float32."""
    if task.cells == grid.cells:
        return cells
    own = np.empty(task.cells, cells.dtype)
    take = lib.trm_task_unframe if cells.dtype == np.int32 else lib.trm_task_unframe_real
    take(task._ref, grid._ref, address(cells), address(own))
    return own


def hint_of(engine, task: Task, question: np.ndarray) -> Hint:
    """engine None: by logic alone."""
    found = struct["trm_hint_result"]()
    pointer = engine._handle if engine is not None else None
    call(lib.trm_hint, pointer, ctypes.byref(task._c), question.ctypes.data, ctypes.byref(found))
    by, probability = hint_by(found.by), found.probability
    row, column = divmod(found.cell, task.width) if found.cell >= 0 else (None, None)
    return Hint(row is not None and row + 1 or None, column is not None and column + 1 or None,
                task.alphabet[found.token - 1] if row is not None else None, by,
                None if probability != probability or by == "rules" else probability,
                *(text.decode("utf-8", "replace") for text in (found.technique, found.reason, found.before)))


class Engine(Handle):
    """A model on a runtime: what a Solver has for each size of puzzle."""

    _what = "solver"

    def __init__(self, runtime: Runtime, model: Model, config):
        pointer, task = ctypes.c_void_p(), struct["trm_task"]()
        with runtime._turn:
            call(lib.trm_solver_open, ctypes.byref(pointer), runtime._handle, model._handle, ctypes.byref(config))
        self._opened(pointer, lib.trm_solver_close, runtime._turn, runtime)
        runtime._users.add(self)
        call(lib.trm_solver_task, pointer, ctypes.byref(task))
        config_of = ctypes.cast(lib.trm_solver_model_config(pointer), ctypes.c_void_p).value
        self.identifiers = struct["trm_model_config"].from_address(config_of).num_puzzle_identifiers
        self.task, self.path = Task(task), model.path
        self.has_frame = bool(lib.trm_task_has_frame(self.task._ref))
        self.threshold = lib.trm_solver_get_values(pointer).halt_threshold.value

    def solve(self, questions: np.ndarray, identifiers, on_step: Optional[Callback]):
        """questions [n][cells] -> answers [n][cells], array of trm_solution [n]. A stopped call has what was done so far."""
        n, error = len(questions), error_of_thread()
        answers, solutions = np.empty(questions.shape, np.int32), (_Solution * n)()
        with self._turn:
            status = lib.trm_solve(self._handle, n, address(questions),
                                   address(identifiers) if identifiers is not None else None, address(answers),
                                   solutions, on_step.c if on_step else _NO_STEP, None, ctypes.byref(error))
        if on_step:
            on_step.reraise()
        if status and status != _STOPPED:
            raise failure(error)
        return answers, solutions


class Solver:
    """Solves puzzles with a model.

    model: a Model, a .safetensors file or a run directory; None: the installed model for the puzzle's size, opened with the
    first such puzzle. It solves as `trm solve` does: where rules are known they end a puzzle, and what is not right is tried
    again from other starts within about a second; with halt=False it takes all steps, once. threads, device, isa: of a new runtime (`trm.Runtime`), or runtime: one that is shared. options: what
    `trm solve` calls --max-steps, --halt-threshold, --dtype, --batch, --seed, ... with _ for -, in all its names;
    `Solver.options()` lists them.

    Threads may share a solver: one call computes, the others wait. For work at the same time open a solver a thread, each
    with its share of the threads (`threads=1`)."""

    def __init__(self, model: "Model | Path | None" = None, *, runtime: Optional[Runtime] = None,
                 threads: Optional[int] = None, device: Optional[str] = None, isa: Optional[str] = None, **options: Any):
        self._config = lib.trm_solver_config_default()
        set_options(lib.trm_solver_options, self._config, options, "option of Solver")
        if self._config.halt:
            set_known(lib.trm_solver_options, self._config, _AS_THE_PROGRAM)
            set_options(lib.trm_solver_options, self._config, options, "option of Solver")
        self._owns_runtime = runtime is None
        self._engines: Dict[bytes, Engine] = {}
        self._opening, self._closed = threading.RLock(), False
        self.runtime = opened_runtime(runtime, threads, device, isa)
        self._one = None
        if model is not None:
            self._one = Engine(self.runtime, opened_model(model, 0), self._config)
            self._engines[b""] = self._one

    @staticmethod
    def options() -> List[str]:
        from ._library import option_names
        return option_names(lib.trm_solver_options)

    @property
    def task(self) -> Task:
        """The named model's task."""
        if self._one is None:
            raise errors.UsageError("task", "no model was named, so that each size of puzzle has its own task; ask a Solution")
        return self._one.task

    @property
    def stats(self) -> Record:
        """What the last call with the named model did and what it cost."""
        return Record(lib.trm_solver_last_stats(self._engine()._handle))

    @property
    def values(self) -> Record:
        """Step limit, cycles and halting threshold in force, each with where it comes from."""
        return Record(lib.trm_solver_get_values(self._engine()._handle))

    def _engine(self, kind: Any = None) -> Engine:
        """The engine for a trm_puzzle_kind, Task or number of cells; None: the named model's, or for 9x9 Sudoku."""
        if self._closed:
            raise errors.ClosedError("solver", "this solver is closed; open another")
        if self._one is not None:
            return self._one
        kind = _kind(81 if kind is None else kind)
        key = bytes(kind)
        with self._opening:
            if key not in self._engines:
                model = Model.find(kind)
                same = [e for e in self._engines.values() if e.path == model.path]
                self._engines[key] = same[0] if same else Engine(self.runtime, model, self._config)
            return self._engines[key]

    def _read(self, puzzle, what="puzzle"):
        """Engine, task, tokens and form of a puzzle. The task is the model's, or one of smaller puzzles that it solves."""
        kind = None
        if self._one is None or self._closed or self._one.has_frame:
            kind = kind_of(puzzle, what)
        engine = self._engine(kind)
        task = engine.task
        if kind is not None and kind.task.width and kind.cells != task.cells and engine.has_frame:
            own = Task(kind.task)
            task = own if lib.trm_task_fits(own._ref, task._ref) else task
        return (engine, task, *task.read(puzzle, what))

    # -- solving -----------------------------------------------------------------------------------------------------------

    def solve(self, puzzle: Puzzle, *, identifier: int = 0,
              on_step: Optional[Callable[[Step], Optional[bool]]] = None) -> Solution:
        """Solves one puzzle: a text in any notation of docs/puzzles.md, a list or an array, flat [cells] or
        [height][width], of numbers (0 a blank) or of symbols. on_step: called after each supervision step; when it returns
        False the call ends with the answer so far."""
        engine, task, tokens, form = self._read(puzzle)
        names = None if type(identifier) is int and identifier == 0 else _identifiers(identifier, 1, engine)
        questions = framed(task, engine.task, tokens).reshape(1, -1)
        watch = _watch(engine, [(task, tokens, form)], on_step) if on_step is not None else None
        answers, solutions = engine.solve(questions, names, watch)
        return Solution(task, tokens, unframed(task, engine.task, answers[0]), form, solutions[0], engine.threshold)

    def solve_batch(self, puzzles: Iterable[Puzzle], *, identifiers: Any = None,
                    on_step: Optional[Callable[[Step], Optional[bool]]] = None) -> List[Solution]:
        """Solves many, in one call of the engine for each size; the answers are those of `solve`. identifiers: an integer
        each, or one for all."""
        if isinstance(puzzles, (str, bytes)):
            raise errors.ArgumentTypeError("puzzles", "found one text, expected several puzzles; solve() takes one")
        read = [self._read(puzzle, f"puzzle {i + 1}") for i, puzzle in enumerate(_each(puzzles, "puzzles"))]
        names = _identifiers(identifiers, len(read), None)
        found: List[Optional[Solution]] = [None] * len(read)
        groups: Dict[int, list] = {}
        for i, (engine, *_) in enumerate(read):
            groups.setdefault(id(engine), []).append(i)
        for members in groups.values():
            engine = read[members[0]][0]
            mine = [read[i][1:] for i in members]
            questions = np.stack([framed(task, engine.task, tokens) for task, tokens, _ in mine])
            watch = _watch(engine, mine, on_step, members)
            answers, solutions = engine.solve(questions, None if names is None else names[members].copy(), watch)
            for k, (task, tokens, form) in enumerate(mine):
                answer = unframed(task, engine.task, answers[k])
                found[members[k]] = Solution(task, tokens, answer, form, solutions[k], engine.threshold)
        return found  # type: ignore[return-value]

    def solve_tokens(self, inputs: Any, identifiers: Any = None) -> Tuple[np.ndarray, np.ndarray]:
        """The way without reading and writing: inputs [n][cells] tokens, as a Dataset has them -> answers int32 [n][cells] and
        a structured array [n] of what the library tells of each (steps, q, confidence, ...)."""
        array = integers(inputs, "inputs")
        if array.ndim != 2:
            raise errors.InputError("inputs", f"have the shape {array.shape}, expected [n][cells]")
        engine = self._engine(array.shape[1])
        if array.shape[1] != engine.task.cells:
            raise errors.InputError("inputs", f"have the shape {array.shape}, expected [n][{engine.task.cells}]")
        if array.size and (array.min() < 0 or array.max() >= engine.task.vocab_size):
            raise errors.InputError("inputs", f"go from {array.min()} to {array.max()}, expected tokens from 0 to "
                                              f"{engine.task.vocab_size - 1}")
        names = _identifiers(identifiers, len(array), engine)
        answers, solutions = engine.solve(np.ascontiguousarray(array, np.int32), names,
                                          _watch(engine, None, None) if len(array) > 1 else None)
        return answers, np.frombuffer(solutions, _SOLUTIONS) if len(array) else np.empty(0, _SOLUTIONS)

    def steps(self, puzzle: Puzzle, *, identifier: int = 0) -> Iterator[Step]:
        """The answer after each supervision step, computed as you ask for it, until it halts or its step limit. One trajectory: nothing is tried
        again."""
        from .session import Session
        with Session(self, puzzle, identifier=identifier) as session:
            values = lib.trm_solver_get_values(session._engine._handle)
            limit, threshold = values.max_steps.value, values.halt_threshold.value
            by_rules = getattr(self._config, "rules_halt", 0) and session.task.rules
            for number in range(1, limit + 1):
                session.step()
                step = session.at(number)
                halts = step.verdict.correct if by_rules else self._config.halt and step.q > threshold
                step.halted = number == limit or bool(halts)
                yield step
                if step.halted:
                    return

    def hint(self, puzzle: Puzzle) -> Hint:
        """The next cell of a puzzle that a person works on: by logic, else by the network, checked where that can be."""
        engine, task, tokens, _ = self._read(puzzle)
        with engine._turn:
            return hint_of(engine, task, tokens)

    def close(self) -> None:
        """Frees all. Waits while another thread computes."""
        with self._opening:
            for engine in self._engines.values():
                engine.close()
            self._closed = True
            if self._owns_runtime and not self.runtime.closed:
                self.runtime.close()

    @property
    def closed(self) -> bool:
        return self._closed

    def __enter__(self):
        return self

    def __exit__(self, *_):
        self.close()

    def __repr__(self):
        return f"<trm.Solver {'closed' if self._closed else self._one.path if self._one else 'of installed models'}>"


def _each(puzzles, what):
    try:
        return list(puzzles)
    except TypeError:
        raise errors.ArgumentTypeError(what, f"found {type(puzzles).__name__}, expected several puzzles") from None


def _identifiers(given, count, engine):
    """Puzzle identifiers int32 [count]; None: zeros."""
    if given is None:
        return None
    array = integers(given, "identifiers")
    if array.shape not in ((), (count,)):
        raise errors.InputError("identifiers", f"have the shape {array.shape}, expected {count} or one for all")
    if array.size and (array.min() < 0 or array.max() > _MOST):
        raise errors.InputError("identifiers", f"go from {array.min()} to {array.max()}, expected 0 or more")
    if engine is not None and array.size and array.max() >= max(1, engine.identifiers):
        raise errors.InputError("identifiers", f"go up to {array.max()}, the model knows 0 to {max(1, engine.identifiers) - 1}")
    return np.ascontiguousarray(np.broadcast_to(array, (count,)), np.int32)


def _watch(engine, puzzles, on_step, members=None):
    """The callback of a call. Without on_step it lets signals in, so that Ctrl-C ends the work. puzzles: (task, tokens, form)
    of each; members: their numbers."""
    if on_step is None:
        return Callback("trm_step_fn", lambda context, step: None, 1)
    if not callable(on_step):
        raise errors.ArgumentTypeError("on_step", f"found {type(on_step).__name__}, expected a function")

    def told(context, step):
        source = step.contents
        k = source.puzzle
        task, tokens, form = puzzles[k]
        return on_step(Step(engine.task, task, source, tokens, form, members[k] if members else k, bool(source.halted)))

    return Callback("trm_step_fn", told, 1)
