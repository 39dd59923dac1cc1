"""Model files: what they are, their weights as arrays, and which of them is taken when none is named."""
import ctypes
import json
import os
import sys
import threading
from typing import Any, Dict, List, Optional, Union

import numpy as np

from . import errors
from ._handle import Handle
from ._library import _HERE, call, get_options, integer, lib, struct, text_of
from .task import Task

Path = Union[str, "os.PathLike[str]"]
_DTYPES = {"F64": np.float64, "F32": np.float32, "F16": np.float16, "I8": np.int8, "I32": np.int32, "I64": np.int64,
           "U8": np.uint8}


class _NoTurn:
    """Models are only read, by any number of threads."""

    def __init__(self):
        self._lock = threading.Lock()

    def __enter__(self):
        self._lock.acquire()

    def __exit__(self, *_):
        self._lock.release()


class Model(Handle):
    """A model file, wholly checked. path: a .safetensors file, or a run directory, which stands for its best model. Threads
    may share one; closing it while another opens a solver from it is the caller's mistake."""

    _what = "model"

    def __init__(self, path: Path):
        name = os.fsdecode(text_of(path, "model"))
        for best in ("best.safetensors", "last.safetensors"):
            if os.path.exists(os.path.join(name, best)):
                name = os.path.join(name, best)
                break
        pointer = ctypes.c_void_p()
        call(lib.trm_model_open, ctypes.byref(pointer), os.fsencode(name))
        self._opened(pointer, lib.trm_model_close, _NoTurn())

    @classmethod
    def find(cls, cells: "int | Task", folders: Optional[List[Path]] = None) -> "Model":
        """The installed model for puzzles of so many cells, or of a task. folders None: $TRM_MODELS, the package's own, those beside the
        library, the source tree's."""
        try:
            names = [text_of(f, "folders") for f in (model_folders() if folders is None else folders)]
        except TypeError:
            raise errors.ArgumentTypeError("folders", f"found {type(folders).__name__}, expected a list of folders") from None
        array, pointer = (ctypes.c_char_p * max(len(names), 1))(*names), ctypes.c_void_p()
        model = cls.__new__(cls)
        call(lib.trm_model_find, ctypes.byref(pointer), array, len(names), ctypes.byref(_kind(cells)), None)
        model._opened(pointer, lib.trm_model_close, _NoTurn())
        return model

    @property
    def path(self) -> str:
        return os.fsdecode(lib.trm_model_get_path(self._handle))

    @property
    def config(self) -> Dict[str, str]:
        """The configuration by the names of docs/spec.md, as text."""
        config = struct["trm_model_config"].from_address(
            ctypes.cast(lib.trm_model_get_config(self._handle), ctypes.c_void_p).value)
        return get_options(lib.trm_model_options, config)

    @property
    def metadata(self) -> Dict[str, str]:
        """The texts in the file's header."""
        found, index = {}, 0
        while True:
            key = lib.trm_model_metadata_key(self._handle, index)
            if key is None:
                return found
            found[key.decode()] = lib.trm_model_get_metadata(self._handle, key).decode("utf-8", "replace")
            index += 1

    @property
    def checksum(self) -> Optional[str]:
        """64 hexadecimal digits over all that an answer depends on."""
        found = lib.trm_model_get_checksum(self._handle)
        return found.decode() if found else None

    @property
    def task(self) -> Task:
        task = struct["trm_task"]()
        call(lib.trm_model_task, self._handle, ctypes.byref(task))
        return Task(task)

    def __repr__(self):
        return f"<trm.Model {'closed' if self.closed else self.path}>"


def _kind(of):
    """A trm_puzzle_kind from a number of cells, a task, or one."""
    kind = struct["trm_puzzle_kind"]()
    if isinstance(of, type(kind)):
        return of
    if isinstance(of, Task):
        kind.cells, kind.task = of.cells, of._c
    else:
        kind.cells = integer(of, "cells", 1, 2**31 - 1)
    return kind


def model_folders() -> List[str]:
    """Where models are looked for, in this order."""
    named = os.environ.get("TRM_MODELS")
    beside = []
    if os.sep in lib.path:  # a bare name was found by the loader, and not in the folder at work
        beside.append(os.path.join(os.path.dirname(os.path.realpath(lib.path)), "..", "share", "trm", "models"))
    places = [os.path.join(_HERE, "_models"), *beside, os.path.join(_HERE, "..", "..", "models"),
              os.path.join(sys.prefix, "share", "trm", "models"), "/usr/local/share/trm/models", "/usr/share/trm/models"]
    found = [named] if named else []
    found += [os.path.normpath(place) for place in places if os.path.isdir(place)]
    return list(dict.fromkeys(found))


def opened_model(model: "Model | Path | None", cells: int) -> Model:
    """The model that was given, or opened from its path; None: the installed one for so many cells."""
    if isinstance(model, Model):
        return model
    return Model.find(cells) if model is None else Model(model)


def state_dict(model: "Model | Path") -> Dict[str, np.ndarray]:
    """The weights by their names in the file, which are the original implementation's: arrays that are the caller's.
    bfloat16 becomes float32, which holds it exactly; int8 files keep their int8 matrices and scales."""
    path = model.path if isinstance(model, Model) else Model(model).path
    with open(path, "rb") as file:
        header = json.loads(file.read(int.from_bytes(file.read(8), "little")))
        begin = file.tell()
        found = {}
        for name, tensor in header.items():
            if name == "__metadata__":
                continue
            first, last = tensor["data_offsets"]
            file.seek(begin + first)
            found[name] = _array(file.read(last - first), tensor["dtype"], tensor["shape"], name)
    return found


def _array(data, dtype, shape, name):
    if dtype == "BF16":
        return (np.frombuffer(data, np.uint16).astype(np.uint32) << 16).view(np.float32).reshape(shape)
    if dtype not in _DTYPES:
        raise errors.UnsupportedError(name, f"is of {dtype}, expected {', '.join([*_DTYPES, 'BF16'])}")
    return np.frombuffer(data, _DTYPES[dtype]).reshape(shape).copy()


def to_torch(model: "Model | Path") -> Dict[str, Any]:
    """`state_dict` as PyTorch tensors, for `module.load_state_dict`."""
    try:
        import torch
    except ImportError:
        raise errors.UnsupportedError("to_torch", "PyTorch is not installed; state_dict gives NumPy arrays") from None
    return {name: torch.from_numpy(array) for name, array in state_dict(model).items()}
