"""Handles of the library as Python objects: closed once, never used after, and one computing call at a time a runtime."""
import ctypes
import os
import threading
import weakref

from . import errors
from ._library import call, integer, lib, struct, text_of
from .record import Record


class Turn:
    """Whose turn it is to compute: other threads wait, the same thread (a callback) is refused."""

    def __init__(self):
        self._lock, self._owner = threading.Lock(), None

    def __enter__(self):
        me = threading.get_ident()
        if self._owner == me:
            raise errors.UsageError("solver", "is at work: a callback must not compute with the solver, session or runtime "
                                              "that called it; open another runtime for it")
        self._lock.acquire()
        self._owner = me
        return self

    def __exit__(self, *_):
        self._owner = None
        self._lock.release()


def _close(function, pointer, keep):
    function(ctypes.byref(pointer))
    del keep[:]


class Handle:
    """An opened thing. `close()` may be called again and again; `with` closes at its end, garbage collection as well.
    keep: what must stay open longer."""

    _what = "handle"

    def _opened(self, pointer, close, turn, *keep):
        self._pointer, self._turn = pointer, turn
        self._end = weakref.finalize(self, _close, close, pointer, list(keep))

    @property
    def _handle(self):
        if not self._end.alive:
            raise errors.ClosedError(self._what, f"this {self._what} is closed; open another")
        return self._pointer

    @property
    def closed(self) -> bool:
        return not self._end.alive

    def close(self) -> None:
        """Frees it; waits while another thread computes with it."""
        with self._turn:
            self._end()

    def __enter__(self):
        self._handle
        return self

    def __exit__(self, *_):
        self.close()

    def __copy__(self):
        raise errors.UsageError(self._what, f"a {self._what} cannot be copied or pickled; open another")

    def __deepcopy__(self, _):
        self.__copy__()

    def __reduce__(self):
        self.__copy__()


def _environment(name, given):
    return given if given is not None else os.environ.get(name) or None


class Runtime(Handle):
    """Threads and kernels to compute with. Solvers open one for themselves; open one by hand to share it.

    threads: computing threads, 0: all cores that the process may use; device: "cpu", "cuda" or "cuda:N"; isa: the kernels
    ("auto", "ref", "avx2", ...). What is not given comes from TRM_THREADS, TRM_DEVICE and TRM_ISA, as in the program.
    Of several threads that compute on one runtime, one works and the others wait."""

    _what = "runtime"

    def __init__(self, threads: "int | None" = None, device: "str | None" = None, isa: "str | None" = None):
        config, pointer = lib.trm_runtime_config_default(), ctypes.c_void_p()
        threads, device, isa = (_environment(*pair) for pair in
                                (("TRM_THREADS", threads), ("TRM_DEVICE", device), ("TRM_ISA", isa)))
        if isinstance(threads, str):
            if not threads.isdigit():
                raise errors.UsageError("TRM_THREADS", f'found "{threads}", expected 1 to 1024')
            threads = int(threads)
        config.threads = integer(threads or 0, "threads", 0, 1024)
        config.device = text_of(device, "device") if device is not None else None
        config.isa = text_of(isa, "isa") if isa is not None else None
        call(lib.trm_runtime_open, ctypes.byref(pointer), ctypes.byref(config))
        self._opened(pointer, lib.trm_runtime_close, Turn())
        self._users = weakref.WeakSet()

    def describe(self) -> Record:
        """threads, cores, isa, available, device."""
        return Record(lib.trm_runtime_describe(self._handle))

    def close(self) -> None:
        """Frees it. What was opened on it must be closed before."""
        if any(not user.closed for user in self._users):
            raise errors.UsageError("runtime", "solvers are open on it; close them before it")
        super().close()


def opened_runtime(runtime, threads, device, isa):
    """The runtime that was given, or a new one."""
    if runtime is None:
        return Runtime(threads, device, isa)
    if not isinstance(runtime, Runtime):
        raise errors.ArgumentTypeError("runtime", f"found {type(runtime).__name__}, expected trm.Runtime")
    if (threads, device, isa) != (None, None, None):
        raise errors.UsageError("runtime", "threads, device and isa are the runtime's own; give them to trm.Runtime")
    return runtime


def pointer_to(kind, address):
    """A struct that lies at an address."""
    return struct[kind].from_address(address)
