"""What became of each puzzle of an evaluation: the rows that `trm eval --predictions` writes."""
import ctypes
from typing import Iterator, List, NamedTuple, Optional

import numpy as np

from . import errors
from ._handle import Handle, Turn
from ._library import call, integer, lib, text_of
from .data import Dataset
from .model import Path
from .task import Task


class Prediction(NamedTuple):
    """One puzzle. example: its number in the dataset, from 1; question, right_answer, given_answer: lines of text; exact: the
    given answer is the dataset's, in all `cells` that are scored; wrong_cells; steps, q, confidence, least_confidence: as in a
    Solution; checked: trm knows rules; correct: the answer keeps them and the clues, None without; verdict: "right", "wrong" or
    "no rules known"; rating: NaN without."""

    example: int
    question: str
    right_answer: str
    given_answer: str
    exact: bool
    wrong_cells: int
    cells: int
    steps: int
    q: float
    confidence: float
    least_confidence: float
    checked: bool
    correct: Optional[bool]
    verdict: str
    rating: float


class Predictions(Handle):
    """Puzzles that were finished, in the order of the dataset: len, `predictions[i]` -> Prediction, all as a list, `worst`, and
    `save`. The dataset must stay open."""

    _what = "predictions"

    def __init__(self, pointer, dataset: Dataset, task: Task):
        self._dataset, self.task = dataset, task
        self._opened(pointer, lib.trm_predictions_close, Turn(), dataset)

    def _use(self):
        self._dataset._handle  # a closed dataset is told before C sees it
        return self._handle

    def __len__(self) -> int:
        return lib.trm_predictions_count(self._handle)

    def _cells(self, address):
        return np.frombuffer((ctypes.c_int32 * self.task.cells).from_address(address), np.int32)

    def __getitem__(self, i: int) -> Prediction:
        n = len(self)
        try:
            number = i.__index__()
        except (AttributeError, TypeError):
            raise errors.ArgumentTypeError("index", f"found {type(i).__name__}, expected an integer") from None
        if not -n <= number < n:
            raise IndexError(f"found {number}, expected less than {n}")
        with self._turn:
            p = lib.trm_predictions_at(self._use(), number % n)
            texts = [self.task._text(np.maximum(self._cells(a), 0)) for a in (p.question, p.labels, p.answer)]
        s, v = p.solution, p.verdict
        correct = bool(v.keeps_rules and v.keeps_clues) if v.keeps_rules >= 0 else None
        verdict = "no rules known" if correct is None else "right" if correct else "wrong"
        return Prediction(p.example + 1, *texts, bool(p.exact), p.wrong, p.cells, s.steps, s.q, s.confidence, s.least,
                          correct is not None, correct, verdict, p.rating)

    def __iter__(self) -> Iterator[Prediction]:
        return (self[i] for i in range(len(self)))

    @property
    def answers(self) -> np.ndarray:
        """int32 [n][cells]: the tokens that the model gave."""
        found = np.empty((len(self), self.task.cells), np.int32)
        with self._turn:
            for i in range(len(found)):
                found[i] = self._cells(lib.trm_predictions_at(self._use(), i).answer)
        return found

    def worst(self, most: int = 10) -> List[Prediction]:
        """Answers that are not the dataset's, as `trm eval --worst` shows them: wrong ones before those that the rules allow,
        of each first those of which the model was surest."""
        most = min(integer(most, "most", 0, 2**62), len(self))
        indices, count = np.empty(max(most, 1), np.int64), ctypes.c_int64()
        with self._turn:
            call(lib.trm_predictions_worst, self._use(), most, indices.ctypes.data, ctypes.byref(count))
        return [self[int(i)] for i in indices[:count.value]]

    def save(self, path: Path) -> None:
        """The file that `trm eval --predictions` writes, CSV where the path ends in .csv, else JSON Lines; it replaces one that
        is there, and is written whole or not at all."""
        with self._turn:
            call(lib.trm_predictions_write, self._use(), text_of(path, "path"))

    def __repr__(self):
        return "<trm.Predictions closed>" if self.closed else f"<trm.Predictions of {len(self)} puzzles, {self.task.title}>"
