"""What is raised. Every error carries `where` (the argument, option or file and line that it is about) and `message` (one
sentence: what was found, what was expected, how to fix it). Beside `TrmError` each is one of Python's own kinds."""
import builtins


class TrmError(Exception):
    """Base of all. where, message: str; status: the library's word for the kind ("input"), str."""

    status = "error"

    def __init__(self, where, message):
        super().__init__(where, message)
        self.where, self.message = where, message

    def __str__(self):
        return f"{self.where}: {self.message}" if self.where else self.message


class UsageError(TrmError, ValueError):
    """Something that does not exist or cannot be combined: an option, a value out of its range, a handle in use."""

    status = "usage"


class ClosedError(UsageError):
    """A handle that was closed before."""


class InputError(TrmError, ValueError):
    """A puzzle, array, file or value that is malformed or does not fit."""

    status = "input"


class ArgumentTypeError(InputError, TypeError):
    """An argument of a kind that is not taken, such as an array of floats as a puzzle."""


class OutOfMemory(TrmError, builtins.MemoryError):
    status = "memory"


class FileError(TrmError, OSError):
    """The operating system refused to read or write."""

    status = "io"

    def __init__(self, where, message):
        OSError.__init__(self, message)
        TrmError.__init__(self, where, message)

    __str__ = TrmError.__str__


class BusyError(TrmError):
    """Somebody else holds the run directory or file."""

    status = "busy"


class UnsupportedError(TrmError):
    """Valid, but this build or machine cannot do it."""

    status = "unsupported"


class DivergedError(TrmError):
    """Training produced NaN, infinity or an exploding loss."""

    status = "diverged"


class Stopped(TrmError):
    """A callback asked to stop; everything promised was saved."""

    status = "stopped"


class InternalError(TrmError):
    """A defect of trm."""

    status = "internal"


class LibraryError(TrmError, ImportError):
    """No libtrm, or one that does not fit this package."""

    status = "library"


BY_STATUS = {kind.status: kind for kind in (UsageError, InputError, OutOfMemory, FileError, BusyError, UnsupportedError,
                                            DivergedError, Stopped, InternalError)}
