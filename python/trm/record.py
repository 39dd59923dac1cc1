"""What the library tells, with the names of its headers: a struct's fields as attributes. A later library's new fields are
there without new code."""
import ctypes
from typing import Any, Dict, Iterator

import numpy as np


def _value_of(value):
    if isinstance(value, bytes):
        return value.decode("utf-8", "replace")
    if isinstance(value, (ctypes.Structure, ctypes.Union)):
        return Record(value)
    if isinstance(value, ctypes.Array):
        if issubclass(value._type_, ctypes.Structure):
            return [Record(v) for v in value]
        return np.ctypeslib.as_array(value).copy()
    return value


class Record:
    """A struct of the library as it was at one moment: `record.steps`, `record["steps"]`, `dict(record)`."""

    def __init__(self, source: ctypes.Structure, **more: Any):
        for name, kind in source._fields_:
            if not (isinstance(kind, type) and issubclass(kind, (ctypes.c_void_p, ctypes._Pointer, ctypes._CFuncPtr))):
                self.__dict__[name] = _value_of(getattr(source, name))
        self.__dict__.update(more)

    def as_dict(self) -> Dict[str, Any]:
        """Plain dictionaries, lists, numbers and texts, as for JSON."""
        def plain(value):
            if isinstance(value, Record):
                return value.as_dict()
            if isinstance(value, list):
                return [plain(v) for v in value]
            return value.tolist() if isinstance(value, np.ndarray) else value

        return {name: plain(value) for name, value in self.__dict__.items()}

    def keys(self):
        return self.__dict__.keys()

    def __iter__(self) -> Iterator[str]:
        return iter(self.__dict__)

    def __getitem__(self, name: str) -> Any:
        return self.__dict__[name]

    def __getattr__(self, name: str) -> Any:
        raise AttributeError(f"no {name}; there are {', '.join(self.__dict__)}")

    def __eq__(self, other):
        return isinstance(other, Record) and self.as_dict() == other.as_dict()

    def __repr__(self):
        return f"Record({', '.join(f'{k}={v!r}' for k, v in self.__dict__.items())})"
