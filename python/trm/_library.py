"""libtrm, loaded: where it is looked for, whether it fits, and how its functions are called.

Looked for in this order: the file that TRM_LIBRARY names; the copy inside the package, which a wheel has; the source tree's
build folder, when the package is used from the tree; the system's. All structs and calls are built from the library's own
description (include/trm/abi.h), so a library of another minor version is the only thing that can be wrong with one, and
that is refused."""
import ctypes
import ctypes.util
import glob
import json
import os
import threading

import numpy as np

from . import _ctypes_of, errors
from ._version import __version__

_HERE = os.path.dirname(os.path.abspath(__file__))
_SONAME = "libtrm.so." + ".".join(__version__.split(".")[:2])


def _load(path):
    """The library, after what a wheel brings along for it: the loader takes what is loaded already."""
    for name in sorted(glob.glob(os.path.join(os.path.dirname(path), "libjansson.so*")) if path.startswith(_HERE) else []):
        ctypes.CDLL(name)
    return ctypes.CDLL(path)


def _candidates():
    named = os.environ.get("TRM_LIBRARY")
    if named:
        yield named
        return
    inside = os.path.join(_HERE, "_lib", _SONAME)
    tree = os.path.join(_HERE, "..", "..", "build", _SONAME)
    yield from (path for path in (inside, tree) if os.path.exists(path))
    yield _SONAME
    yield ctypes.util.find_library("trm") or "libtrm.so"


def _describe(library, path):
    """The library's rows. One that has none, or of another version, is refused."""
    fix = f"install the package and the library of one version, or name libtrm {__version__} in TRM_LIBRARY"
    version = getattr(library, "trm_version", None)
    if version is None:
        raise errors.LibraryError(path, f"is not libtrm, expected libtrm {__version__}; {fix}")
    version.restype, version.argtypes = ctypes.c_char_p, []
    found = version().decode("ascii", "replace")
    if found.split(".")[:2] != __version__.split(".")[:2] or not hasattr(library, "trm_abi_json"):
        raise errors.LibraryError(path, f"is libtrm {found}, expected {__version__}; {fix}")
    call = library.trm_abi_json
    call.restype, call.argtypes = ctypes.c_int, [ctypes.c_char_p, ctypes.c_size_t]
    text = ctypes.create_string_buffer(call(None, 0) + 1)
    call(text, len(text))
    description = json.loads(text.value)
    if description["pointer"] != ctypes.sizeof(ctypes.c_void_p):
        raise errors.LibraryError(path, f"is for pointers of {description['pointer']} bytes, this Python has "
                                        f"{ctypes.sizeof(ctypes.c_void_p)}; use a Python of the same machine")
    try:
        return _ctypes_of.Abi(description["rows"])
    except (_ctypes_of.AbiError, KeyError) as error:
        raise errors.LibraryError(path, f"its description cannot be used: {error}; {fix}") from None


class _Library:
    """`lib.trm_name` is the function, typed; `lib.abi` the description; `lib.path` the file."""

    def __init__(self):
        tried = []
        for path in _candidates():
            try:
                self._loaded, self.path = _load(path), path
                break
            except OSError as error:
                tried.append(f"{path} ({error})")
        else:
            raise errors.LibraryError("libtrm", f"cannot be loaded; tried {'; '.join(tried)}. Install trm, or name the "
                                                "file in TRM_LIBRARY")
        self.abi = _describe(self._loaded, self.path)

    def __getattr__(self, name):
        if not name.startswith("trm_"):
            raise AttributeError(name)
        try:
            function = self.abi.bind(self._loaded, name)
        except _ctypes_of.AbiError as error:
            raise errors.LibraryError(self.path, str(error)) from None
        setattr(self, name, function)
        return function


lib = _Library()
struct = lib.abi.struct
value = lib.abi.value
callback = lib.abi.callback
_Error = struct["trm_error"]


def failure(error):
    """The exception that says what a trm_error says."""
    word = lib.trm_status_name(error.code).decode()
    return errors.BY_STATUS.get(word, errors.InternalError)(error.where.decode("utf-8", "replace"),
                                                            error.message.decode("utf-8", "replace"))


_thread = threading.local()


def error_of_thread():
    """The thread's trm_error, to be passed to a call and looked at right behind it."""
    try:
        return _thread.error
    except AttributeError:
        _thread.error = _Error()
        return _thread.error


def call(function, *arguments):
    """Calls a function that returns a trm_status and takes a trm_error last; raises when it fails."""
    error = error_of_thread()
    if function(*arguments, ctypes.byref(error)):
        raise failure(error)


class Callback:
    """A Python function as a C callback. When it raises, the C call is asked to end with `stop`, and `reraise`, called
    behind it, raises the same in the caller."""

    def __init__(self, kind, function, stop, go_on=0):
        self.error = None

        def guarded(*arguments):
            if self.error is None:
                try:
                    answer = function(*arguments)
                    if answer is None or answer is True:
                        return go_on
                    if answer is False:
                        return stop
                    raise errors.ArgumentTypeError("callback", f"returned {type(answer).__name__}, expected None or True to go "
                                                               "on, False to stop")
                except BaseException as error:  # KeyboardInterrupt as well: it must not be lost in C
                    self.error = error
            return stop

        self.c = callback[kind](guarded) if isinstance(kind, str) else kind(guarded)

    def reraise(self):
        error, self.error = self.error, None
        if error is not None:
            raise error


def text_of(value_, what, limit=None):
    """A str, bytes or path as the bytes that C gets."""
    if type(value_) is not str and isinstance(value_, os.PathLike):
        value_ = os.fspath(value_)
    if not isinstance(value_, (str, bytes)):
        raise errors.ArgumentTypeError(what, f"found {type(value_).__name__}, expected text")
    try:
        data = value_.encode("utf-8", "surrogateescape") if isinstance(value_, str) else value_
    except UnicodeEncodeError as error:
        raise errors.InputError(what, f"has a character at {error.start + 1} that no text has, expected Unicode") from None
    if b"\0" in data:
        raise errors.InputError(what, "has a NUL character in it, expected text without")
    if limit is not None and len(data) >= limit:
        raise errors.InputError(what, f"has {len(data)} bytes, expected at most {limit - 1}")
    return data


def integer(value_, what, low, high):
    """An integer in a range; numpy's integers are as good as Python's."""
    try:
        number = value_.__index__()
    except (AttributeError, TypeError):
        raise errors.ArgumentTypeError(what, f"found {type(value_).__name__}, expected an integer") from None
    if not low <= number <= high:
        raise errors.UsageError(what, f"found {number}, expected {low} to {high}")
    return number


_from_buffer, _addressof = ctypes.c_char.from_buffer, ctypes.addressof


def address(array):
    """Where a contiguous array's numbers lie; a quarter of the time that array.ctypes.data takes."""
    try:
        return _addressof(_from_buffer(array))
    except (TypeError, ValueError):  # read-only or empty
        return array.ctypes.data


def integers(given, what):
    """An array of integers from anything; its shape is looked at by the caller."""
    try:
        array = np.asarray(given)
    except (ValueError, TypeError, OverflowError):
        array = None
    if array is None or array.dtype.kind not in "iu":
        found = type(given).__name__ if array is None or array.dtype == object else array.dtype
        raise errors.ArgumentTypeError(what, f"found {found}, expected integers")
    return array


def set_options(table, config, options, what):
    """Sets fields of a configuration by the names of its option table, synonyms too, and else those that the struct has.
    config: a ctypes struct; options: {name: value}; what: whose options they are, for messages."""
    count = ctypes.c_size_t()
    entries = table(ctypes.byref(count))
    error = _Error()
    for name, given in options.items():
        key, text = text_of(name, what), _option_text(given, name)
        if not lib.trm_options_set(entries, count, ctypes.byref(config), key, text, ctypes.byref(error)):
            continue
        if lib.trm_options_get(entries, count, ctypes.byref(config), key, None, 0) < 0 and _set_field(config, name, given):
            continue
        raise failure(error)


def set_known(table, config, options):
    """Sets those of the options that this library has."""
    for name, given in options.items():
        try:
            set_options(table, config, {name: given}, name)
        except errors.UsageError:
            pass


def _option_text(given, name):
    if isinstance(given, bool):
        return b"true" if given else b"false"
    if isinstance(given, (str, bytes, os.PathLike)):
        return text_of(given, name)
    if hasattr(given, "item"):
        given = given.item() if getattr(given, "size", 2) == 1 else given
    if isinstance(given, (int, float)):
        return repr(given).encode()
    raise errors.ArgumentTypeError(str(name), f"found {type(given).__name__}, expected a number, a text, True or False")


def _set_field(config, name, given):
    """A number that no table has, but the struct."""
    kinds = {field: kind for field, kind in config._fields_}
    kind = kinds.get(name)
    if name == "size" or kind is None or not isinstance(given, (bool, int, float)):
        return False
    try:
        setattr(config, name, given)
    except TypeError:
        return False
    return True


def option_names(table):
    """The names that an option table has, in its order."""
    count = ctypes.c_size_t()
    entries = table(ctypes.byref(count))
    return [entries[i].name.decode() for i in range(count.value)]


def get_options(table, config):
    """{name: text} of all options of a table, as trm_options_set reads them back."""
    count, room = ctypes.c_size_t(), ctypes.create_string_buffer(2048)
    entries, found = table(ctypes.byref(count)), {}
    for i in range(count.value):
        lib.trm_options_get(entries, count, ctypes.byref(config), entries[i].name, room, len(room))
        found[entries[i].name.decode()] = room.value.decode("utf-8", "surrogateescape")
    return found
