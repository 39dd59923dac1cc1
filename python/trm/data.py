"""Datasets: files of puzzles as arrays; making, importing and checking them."""
import ctypes
from typing import Any, Callable, Iterator, NamedTuple, Optional, Union

import numpy as np

from . import errors
from ._handle import Handle
from ._library import Callback, call, integer, lib, set_options, struct, text_of
from .model import Path, _NoTurn
from .record import Record
from .task import Task, task_of

Progress = Optional[Callable[[float, str], Optional[bool]]]


class Example(NamedTuple):
    """question, answer: lines of text; cells that are not scored are "?" in the answer."""

    question: str
    answer: str
    identifier: int
    rating: float


class Dataset(Handle):
    """Puzzles with their answers. len, `dataset[i]` -> Example, and all at once as arrays, made when first asked for:
    inputs int32 [n][cells]; labels int32 [n][cells], -100 where not scored; identifiers int32 [n]; ratings float64 [n].
    info: sizes and notes (what its reader took for what: read them); task."""

    _what = "dataset"

    def __init__(self, path: Path, split: str = "train", task: "Task | str | None" = None):
        pointer, given = ctypes.c_void_p(), task_of(task) if task is not None else None
        call(lib.trm_dataset_open, ctypes.byref(pointer), text_of(path, "path"), text_of(split, "split"),
             ctypes.byref(given._c) if given else None)
        self._opened(pointer, lib.trm_dataset_close, _NoTurn())
        found = lib.trm_dataset_describe(pointer)
        self.task, self.info = Task(found.task), Record(found)
        self._arrays: Any = None

    def __len__(self):
        return self.info.examples

    def _example(self, i, inputs, labels):
        identifier, rating = ctypes.c_int32(), ctypes.c_double()
        lib.trm_dataset_example(self._handle, i, inputs, labels, ctypes.byref(identifier), ctypes.byref(rating))
        return identifier.value, rating.value

    def __getitem__(self, i: int) -> Example:
        n = len(self)
        try:
            number = i.__index__()
        except (AttributeError, TypeError):
            raise errors.ArgumentTypeError("index", f"found {type(i).__name__}, expected an integer") from None
        if not -n <= number < n:
            raise IndexError(f"found {number}, expected less than {n}")
        inputs, labels = np.zeros((2, self.task.cells), np.int32)
        identifier, rating = self._example(number % n, inputs.ctypes.data, labels.ctypes.data)
        symbols = "?" + self.task.alphabet
        return Example(*("".join(symbols[max(int(t), 0)] for t in cells) for cells in (inputs, labels)), identifier, rating)

    def __iter__(self) -> Iterator[Example]:
        return (self[i] for i in range(len(self)))

    def _read(self):
        if self._arrays is None:
            n, cells = len(self), self.task.cells
            inputs, labels = np.zeros((n, cells), np.int32), np.zeros((n, cells), np.int32)
            identifiers, ratings = np.zeros(n, np.int32), np.zeros(n)
            for i in range(n):
                identifiers[i], ratings[i] = self._example(i, inputs.ctypes.data + i * inputs.strides[0],
                                                           labels.ctypes.data + i * labels.strides[0])
            self._arrays = inputs, labels, identifiers, ratings
        return self._arrays

    @property
    def inputs(self) -> np.ndarray:
        return self._read()[0]

    @property
    def labels(self) -> np.ndarray:
        return self._read()[1]

    @property
    def identifiers(self) -> np.ndarray:
        return self._read()[2]

    @property
    def ratings(self) -> np.ndarray:
        return self._read()[3]

    def __repr__(self):
        return f"<trm.Dataset of {len(self)} puzzles, {self.task.title}>"


def load_dataset(path: Path, split: str = "train", task: "Task | str | None" = None) -> Dataset:
    """A dataset directory's split, or a file of CSV or JSON (docs/files.md; split is ignored). task None: from the data."""
    return Dataset(path, split, task)


def progress_of(progress: Progress) -> Callback:
    """progress(fraction, what); False ends the work. Without one, Ctrl-C still ends it."""
    if progress is not None and not callable(progress):
        raise errors.ArgumentTypeError("progress", f"found {type(progress).__name__}, expected a function")

    def told(context, fraction, what):
        return progress(fraction, (what or b"").decode("utf-8", "replace")) if progress else None

    return Callback("trm_progress_fn", told, 1)


def watched(progress: Union[Progress, Callback], function, *arguments):
    """Calls function(*arguments, progress, context, error); what the progress function raised is raised."""
    told = progress if isinstance(progress, Callback) else progress_of(progress)
    try:
        call(function, *arguments, told.c, None)
    except errors.Stopped:
        told.reraise()
        raise


def make_dataset(out: Path, progress: Progress = None, **options: Any) -> Dataset:
    """Makes a folder of Sudoku puzzles with the options of `trm data make` (size, train, test, min_clues, ...) and opens its
    training split."""
    config = lib.trm_make_config_default()
    set_options(lib.trm_make_options, config, dict(options, out=out), "option of make_dataset")
    watched(progress, lib.trm_data_make, ctypes.byref(config))
    return Dataset(out)


def import_dataset(path: Path, out: Path, progress: Progress = None, **options: Any) -> Dataset:
    """Reads a file of CSV or JSON into a dataset folder with the options of `trm data import` and opens its training split,
    whose info.notes say what was taken for what."""
    config, notes = lib.trm_import_config_default(), ctypes.create_string_buffer(lib.abi.value["TRM_NOTES"])
    set_options(lib.trm_import_options, config, dict(options, input=path, out=out), "option of import_dataset")
    watched(progress, lib.trm_data_import, ctypes.byref(config), notes)
    data = Dataset(out)
    data.info.notes = notes.value.decode("utf-8", "replace") or data.info.notes
    return data


def check_dataset(path: Path, progress: Progress = None) -> Record:
    """What is wrong with a dataset, as `trm data check`: bad_questions, bad_answers, not_unique, duplicates, shared, ..."""
    report = struct["trm_check_report"]()
    watched(progress, lib.trm_data_check, text_of(path, "path"), ctypes.byref(report))
    return Record(report)
