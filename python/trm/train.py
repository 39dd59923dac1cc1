"""Training and evaluating: runs that are bit for bit those of `trm train`."""
import ctypes
from typing import Any, Callable, Dict, List, Mapping, Optional

from . import errors
from ._handle import Runtime, opened_runtime
from ._library import Callback, call, integer, lib, set_options, struct, text_of, value, _Error, failure, _option_text
from .data import Dataset, Progress, progress_of
from .model import Model, Path
from .predictions import Predictions
from .record import Record
from .solver import PLAIN, Solver

_STOPPED = value["TRM_E_STOPPED"]
TrainCallback = Callable[[Record], Optional[bool]]


def presets() -> Dict[str, str]:
    """{name: what it is for}."""
    return {p.name.decode(): p.help.decode() for p in map(lib.trm_preset, range(lib.trm_presets()))}


def _configs(options):
    """Both configurations: the preset's values, and then the options, each in the table that knows its name."""
    model, config = lib.trm_model_config_default(), lib.trm_train_config_default()
    preset = options.pop("preset", None)
    if preset is not None:
        call(lib.trm_preset_apply, text_of(preset, "preset"), ctypes.byref(model), ctypes.byref(config))
    count = ctypes.c_size_t()
    table = lib.trm_model_options(ctypes.byref(count))
    for name, given in options.items():
        of_model = lib.trm_options_get(table, count, ctypes.byref(model), text_of(name, "config"), None, 0) >= 0
        set_options(lib.trm_model_options if of_model else lib.trm_train_options, model if of_model else config, {name: given},
                    "config")
    return model, config


def _told(callback):
    if callback is not None and not callable(callback):
        raise errors.ArgumentTypeError("callback", f"found {type(callback).__name__}, expected a function")
    return Callback("trm_train_fn", lambda context, at: callback(Record(at.contents)) if callback else None, 1)


def _run(runtime, told, function, *arguments):
    result, error = struct["trm_train_result"](), _Error()
    with runtime._turn:
        status = function(runtime._handle, *arguments, told.c, None, ctypes.byref(result), ctypes.byref(error))
    told.reraise()
    if status and status != _STOPPED:
        raise failure(error)
    return Record(result, stopped=status == _STOPPED)


def train(config: Optional[Mapping[str, Any]] = None, callback: Optional[TrainCallback] = None, *, resume: bool = False,
          runtime: Optional[Runtime] = None, threads: Optional[int] = None, device: Optional[str] = None,
          **options: Any) -> Record:
    """Trains, as `trm train` does: the same bytes of weights.

    config, options: `data`, `run` (a directory that does not exist), `preset` (`trm.presets()`) and everything that
    `trm train --help=all` lists, with _ for -. callback(progress): called after each update (step, loss, exact_accuracy, ...;
    `evaluated` says that valid_exact is new); when it returns False, the run is saved and ends. An exception in it, Ctrl-C as
    well, saves the run and is raised. resume=True: goes on with `run` from its newest checkpoint, exactly as if it had never
    stopped; of the options only those that may change then (steps, max_minutes, save_every, ...).

    Returns step, best_exact, model (the file to use), checkpoint, seconds, ..., and stopped: it can be resumed."""
    given = {**(config or {}), **options}
    told = _told(callback)
    own = opened_runtime(runtime, threads, device, None)
    try:
        if resume:
            return _resume(own, told, given)
        model, run = _configs(given)
        return _run(own, told, lib.trm_train_start, ctypes.byref(model), ctypes.byref(run))
    finally:
        if runtime is None:
            own.close()


def _resume(runtime, told, given):
    if "run" not in given:
        raise errors.UsageError("run", "is missing; with resume=True it names the run directory")
    run, words = given.pop("run"), []
    for name, option in given.items():
        words += [text_of(name, "config"), _option_text(option, name)]
    array = (ctypes.c_char_p * max(len(words), 1))(*words)
    return _run(runtime, told, lib.trm_train_resume, text_of(run, "run"), array, len(words) // 2)


def _plain():
    """One trajectory a puzzle, in the words that this library has."""
    fields = [name for name, _ in struct["trm_solver_config"]._fields_]
    return {name: given for name, given in PLAIN.items() if name in fields}


def _kind_of(task):
    """As `trm eval` looks for a model: by cells and tokens, as a dataset is in the model's own grid."""
    kind = struct["trm_puzzle_kind"]()
    kind.cells, kind.vocab_size = task.cells, task.vocab_size
    return kind


def evaluate(model: "Solver | Model | Path", data: "Dataset | Path", *, split: str = "test", limit: int = 0,
             progress: Progress = None, predictions: bool = False, **options: Any) -> Record:
    """Solves every puzzle of a dataset and counts: exact_accuracy and token_accuracy (fractions), interval_low and
    interval_high (Wilson, 95 %), mean_steps, the halting head's precision and recall, ...; limit 0: all puzzles. progress: told
    how far it is; False ends it. predictions=True: the result's `predictions` have what became of each puzzle. options: of the Solver that is opened for a model, which takes all steps, as `trm eval` does,
    unless halt=True."""
    if isinstance(model, Solver) and options:
        raise errors.UsageError(next(iter(options)), "the solver is open already; give options to trm.Solver")
    solver = model if isinstance(model, Solver) else Solver(model, **{"halt": False, **_plain(), **options})
    dataset, kept = data if isinstance(data, Dataset) else None, {}
    try:
        dataset = dataset or Dataset(data, split)
        engine, result, told = solver._engine(_kind_of(dataset.task)), struct["trm_eval_result"](), progress_of(progress)
        error, pointer = _Error(), ctypes.c_void_p()
        with engine._turn:
            status = lib.trm_evaluate_each(ctypes.byref(pointer) if predictions else None, engine._handle, dataset._handle,
                                           integer(limit, "limit", 0, 2**62), ctypes.byref(result), told.c, None,
                                           ctypes.byref(error))
        if pointer:
            kept["predictions"] = Predictions(pointer, dataset, engine.task)
        told.reraise()
        if status and status != _STOPPED:
            raise failure(error)
        return Record(result, stopped=status == _STOPPED, **kept)
    finally:
        if dataset is not None and dataset is not data and not kept:
            dataset.close()  # else the predictions keep it
        if solver is not model:
            solver.close()


def plot(runs: List[Path], out: Path, smooth: float = value["TRM_PLOT_SMOOTH"]) -> None:
    """Draws the curves of runs as an SVG picture. smooth: what is measured on single updates is drawn as the mean over so many
    percent of the width, above the faint curve as it was; 0: as it was."""
    names = [text_of(run, "runs") for run in runs]
    call(lib.trm_plot, (ctypes.c_char_p * max(len(names), 1))(*names), len(names), float(smooth), text_of(out, "out"))
