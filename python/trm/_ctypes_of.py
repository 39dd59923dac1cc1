"""C types, as headers write them, as types of ctypes.

The library describes its structs and calls (include/trm/abi.h) in rows; `Abi` makes ctypes of them. Nothing here knows a
struct of trm: what a row does not say is refused. Where the sizes and offsets that ctypes computes are not those of the
library, it was built for another machine than this Python, and is refused too."""
import ctypes
import re

_PLAIN = {"int": ctypes.c_int, "char": ctypes.c_char, "float": ctypes.c_float, "double": ctypes.c_double,
          "size_t": ctypes.c_size_t, "int32_t": ctypes.c_int32, "uint32_t": ctypes.c_uint32, "int64_t": ctypes.c_int64,
          "uint64_t": ctypes.c_uint64, "uint8_t": ctypes.c_uint8, "void": None}
_INTEGER = {("signed", 4): ctypes.c_int32, ("unsigned", 4): ctypes.c_uint32, ("signed", 8): ctypes.c_int64,
            ("unsigned", 8): ctypes.c_uint64}


class AbiError(Exception):
    """The description and this Python do not fit together."""


def _split(text):
    """The arguments of a call: what stands between commas that are in no brackets."""
    parts, depth, begin = [], 0, 0
    for i, letter in enumerate(text):
        depth += (letter in "([") - (letter in ")]")
        if letter == "," and not depth:
            parts.append(text[begin:i])
            begin = i + 1
    return parts + [text[begin:]]


class Abi:
    """What a description says: `struct[name]`, `callback[name]`, `value[name]`, and `call(name)` for functions."""

    def __init__(self, rows):
        self.value, self.call_type = {}, {}
        self.struct, self.callback, self._integer, self._fields, self._sizes = {}, {}, {}, {}, {}
        callbacks = []
        for what, of, name, type_, value, size in rows:
            if what in ("struct", "union"):
                base = ctypes.Structure if what == "struct" else ctypes.Union
                self.struct[name] = type(name, (base,), {"__slots__": ()})
                self._sizes[name] = size
                self._fields[name] = []
            elif what == "field":
                self._fields[of].append((name, type_, value, size))
            elif what == "type":
                self._integer[name] = _INTEGER[type_, size]
            elif what == "value":
                self.value[name] = value
            elif what == "callback":
                callbacks.append((name, type_))
            elif what == "call":
                self.call_type[name] = type_
        self._finished = set()
        for name, type_ in callbacks:  # structs hold them, and they only point to structs
            self.callback[name] = self.type_of(type_)
        for name in self.struct:
            self._finish(name)

    def _finish(self, name):
        """Gives a struct its fields; those that are structs themselves come first."""
        if name in self._finished:
            return
        self._finished.add(name)
        for _, type_, _, _ in self._fields[name]:
            inner = re.match(r"\w+", type_).group()
            if inner in self.struct and "*" not in type_.replace("(*)", "", 1):
                self._finish(inner)
        struct = self.struct[name]
        struct._fields_ = [(field, self.type_of(type_.replace("(*)", "", 1), size)) for field, type_, _, size
                           in self._fields[name]]
        wrong = [field for field, _, offset, size in self._fields[name]
                 if (getattr(struct, field).offset, getattr(struct, field).size) != (offset, size)]
        if wrong or ctypes.sizeof(struct) != self._sizes[name]:
            raise AbiError(f"{name}{'.' + wrong[0] if wrong else ''}: the library lays it out otherwise than this Python")

    def type_of(self, text, size=None):
        """The ctypes type of a C type. size: its bytes, which tell how long an array is."""
        function = re.match(r"^(.*?)\(\*\)\s*\((.*)\)$", text.strip(), re.S)
        if function:
            return self._function(function.group(1), function.group(2))
        array = "[" in text
        words = re.sub(r"\bconst\b|\[[^\]]*\]", " ", text)
        base, stars = re.match(r"\s*(\w+)", words).group(1), words.count("*")
        if array and size is not None:
            element = self._pointed(base, stars)
            return element * (size // ctypes.sizeof(element))
        return self._pointed(base, stars + array)

    def _pointed(self, base, stars):
        """base with so many pointers to it. Numbers are pointed to by c_void_p, which takes arrays of all libraries."""
        if stars == 0:
            for table in (self.struct, self.callback, self._integer, _PLAIN):
                if base in table:
                    return table[base]
            raise AbiError(f"the library's description has an unknown type {base}")
        if stars == 1 and base in self.struct:
            return ctypes.POINTER(self.struct[base])
        if stars == 1:
            return ctypes.c_char_p if base == "char" else ctypes.c_void_p
        return ctypes.POINTER(self._pointed(base, stars - 1))

    def _function(self, result, arguments):
        found = [] if arguments.strip() == "void" else [self.type_of(a) for a in _split(arguments)]
        return ctypes.CFUNCTYPE(self.type_of(result), *found)

    def bind(self, library, name):
        """The library's function of that name, with its types."""
        if name not in self.call_type:
            raise AbiError(f"the library has no {name}")
        function = getattr(library, name)
        result, arguments = re.match(r"^(.*?)\(\*\)\s*\((.*)\)$", self.call_type[name], re.S).groups()
        function.restype = self.type_of(result)
        function.argtypes = [] if arguments.strip() == "void" else [self.type_of(a) for a in _split(arguments)]
        return function
