"""Files as torch.save writes them, without PyTorch: zip archives and legacy pickles of state dicts, and the bad ones.

    torch_files.py forms MODEL.safetensors FOLDER   the model's tensors in each form and type
    torch_files.py hostile FOLDER                   a file a kind of damage or attack, and FOLDER/list: name, what is said
    torch_files.py seeds FOLDER                     small files for the fuzzers of pickles and checkpoints, as in fuzz/corpus"""
import json
import os
import struct
import sys
import zipfile
import zlib

STORAGE = {"F32": "FloatStorage", "BF16": "BFloat16Storage", "F16": "HalfStorage", "F64": "DoubleStorage", "I64": "LongStorage"}
SIZE = {"F32": 4, "BF16": 2, "F16": 2, "F64": 8, "I64": 8}


# -- tensors -----------------------------------------------------------------------------------------------------------

def read_safetensors(path):
    """{name: (dtype, shape, bytes)} in the order of the file."""
    with open(path, "rb") as file:
        data = file.read()
    size = struct.unpack("<Q", data[:8])[0]
    header, body = json.loads(data[8:8 + size]), data[8 + size:]
    header.pop("__metadata__", None)
    return {k: (v["dtype"], v["shape"], body[slice(*v["data_offsets"])]) for k, v in header.items()}


def write_safetensors(path, tensors):
    head, body = {"__metadata__": {"format": "pt"}}, b""
    for name, (dtype, shape, data) in tensors.items():
        head[name] = {"dtype": dtype, "shape": shape, "data_offsets": [len(body), len(body) + len(data)]}
        body += data
    text = json.dumps(head).encode()
    with open(path, "wb") as file:
        file.write(struct.pack("<Q", len(text)) + text + body)


def as_type(data, dtype):
    """fp32 numbers in another type."""
    count = len(data) // 4
    if dtype == "F32":
        return data
    if dtype == "BF16":  # rounded to nearest even
        words = struct.unpack(f"<{count}I", data)
        return struct.pack(f"<{count}H", *((w + 0x7fff + (w >> 16 & 1)) >> 16 for w in words))
    return struct.pack(f"<{count}{'e' if dtype == 'F16' else 'd'}", *struct.unpack(f"<{count}f", data))


# -- pickles -----------------------------------------------------------------------------------------------------------

def text(s):
    return b"X" + struct.pack("<I", len(s.encode())) + s.encode()


def integer(n):
    if 0 <= n < 256:
        return b"K" + bytes([n])
    return b"J" + struct.pack("<i", n) if abs(n) < 1 << 31 else b"\x8a\x08" + struct.pack("<q", n)


def name_of(module, name):
    return f"c{module}\n{name}\n".encode()


def tuple_of(*items):
    return b"(" + b"".join(items) + b"t"


def storage(key, dtype, elements, legacy=False, module="torch"):
    parts = [text("storage"), name_of(module, STORAGE[dtype]), text(str(key)), text("cpu"), integer(elements)]
    return tuple_of(*parts, *([b"N"] if legacy else [])) + b"Q"


def tensor(stored, shape, stride=None, offset=0):
    if stride is None:
        stride = [1] * len(shape)
        for i in range(len(shape) - 2, -1, -1):
            stride[i] = stride[i + 1] * shape[i + 1]
    arguments = [stored, integer(offset), tuple_of(*map(integer, shape)), tuple_of(*map(integer, stride)), b"\x89",
                 name_of("collections", "OrderedDict") + b")R"]
    return name_of("torch._utils", "_rebuild_tensor_v2") + tuple_of(*arguments) + b"R"


def ordered(items):
    """A state dict: an OrderedDict with torch's attribute _metadata."""
    begin = name_of("collections", "OrderedDict") + b")Rq\x00"
    versions = b"}" + text("_metadata") + name_of("collections", "OrderedDict") + b")R" + text("") + b"}" + text("version") + b"K\x01ss" + b"sb"
    return begin + b"(" + b"".join(text(k) + v for k, v in items) + b"u" + versions


def pickled(value):
    return b"\x80\x02" + value + b"."


def state(tensors, legacy=False, prefix="_orig_mod.model."):
    """The dict of the tensors, and their storages by number."""
    items = [(prefix + name, tensor(storage(i, dtype, len(data) // SIZE[dtype], legacy), shape))
             for i, (name, (dtype, shape, data)) in enumerate(tensors.items())]
    return ordered(items), [data for _, _, data in tensors.values()]


# -- files -------------------------------------------------------------------------------------------------------------

def write_zip(path, pickle, storages, folder="step_65000", method=zipfile.ZIP_STORED, extra=(), order=b"little"):
    with zipfile.ZipFile(path, "w", method) as archive:
        put = lambda name, data: archive.writestr(zipfile.ZipInfo(f"{folder}/{name}"), data, method)
        put("data.pkl", pickle)
        if order:
            put("byteorder", order)
        for i, data in enumerate(storages):
            put(f"data/{i}", data)
        put("version", b"3\n")
        for name, data in extra:
            put(name, data)


def legacy_head(little=True):
    number = b"\x8a\x0a" + (0x1950a86a20f9469cfc6c).to_bytes(10, "little")
    system = (b"}q\x00(" + text("protocol_version") + b"M\xe9\x03" + text("little_endian") + (b"\x88" if little else b"\x89") +
              text("type_sizes") + b"}(" + text("short") + b"K\x02" + text("int") + b"K\x04uu")
    return pickled(number) + pickled(b"M\xe9\x03") + pickled(system)


def write_legacy(path, pickle, storages, sizes, little=True):
    keys = pickled(b"](" + b"".join(text(str(i)) for i in range(len(storages))) + b"e")
    with open(path, "wb") as file:
        file.write(legacy_head(little) + pickle + keys)
        for data, size in zip(storages, sizes):
            file.write(struct.pack("<q", len(data) // size) + data)


def write_forms(model, folder):
    """Each form of the same tensors under the name `step` in a folder of its own, so that only the form differs."""
    raw = {name: (dtype, shape, data) for name, (dtype, shape, data) in read_safetensors(model).items() if dtype == "F32"}

    def place(name):
        os.makedirs(os.path.join(folder, name))
        return os.path.join(folder, name, "step")
    for dtype in ("F32", "BF16", "F16", "F64"):
        tensors = {name: (dtype, shape, as_type(data, dtype)) for name, (_, shape, data) in raw.items()}
        write_safetensors(place(f"bare-{dtype}"), {"_orig_mod.model." + k: v for k, v in tensors.items()})
        value, storages = state(tensors)
        write_zip(place(f"zip-{dtype}"), pickled(value), storages)
        value, storages = state(tensors, legacy=True, prefix="model.")
        write_legacy(place(f"legacy-{dtype}"), pickled(value), storages, [SIZE[dtype]] * len(storages))
    tensors = raw
    value, storages = state(tensors, prefix="module._orig_mod.model.")
    write_zip(place("prefix-F32"), pickled(value), storages, folder="archive", order=None)
    value, storages = state({k.removeprefix("inner."): v for k, v in tensors.items()}, prefix="")
    write_zip(place("inner-F32"), pickled(value), storages)
    inner, storages = state(tensors, prefix="")
    whole = b"}(" + text("epoch") + b"K\x07" + text("loss") + b"G" + struct.pack(">d", 0.5) + text("net") + inner + text("optimizer") + b"}" + b"u"
    write_zip(place("nested-F32"), pickled(whole), storages)
    # All in one storage, every matrix stored transposed: strides, offsets and a shared storage at once.
    blob, items = b"", []
    for name, (_, shape, data) in tensors.items():
        offset = len(blob) // 4
        if len(shape) == 2:
            rows, columns = shape
            numbers = [data[4 * i:4 * i + 4] for i in range(rows * columns)]
            blob += b"".join(numbers[i * columns + k] for k in range(columns) for i in range(rows))
            items.append((name, shape, [1, rows], offset))
        else:
            blob += data
            items.append((name, shape, None, offset))
    value = ordered([("_orig_mod.model." + n, tensor(storage(0, "F32", len(blob) // 4), s, d, o)) for n, s, d, o in items])
    write_zip(place("strided-F32"), pickled(value), [blob])
    both = b"}(" + text("raw") + state(tensors, prefix="")[0] + text("ema") + state(tensors, prefix="")[0] + b"u"
    write_zip(place("two-F32"), pickled(both), state(tensors)[1])
    shadow = {k: v for k, v in tensors.items() if not k.endswith("_init") and "puzzle" not in k}
    value, storages = state(shadow)
    write_zip(place("ema-F32"), pickled(value), storages)


# -- what must be refused ----------------------------------------------------------------------------------------------

def small():
    """A whole, tiny network in names, though not one that opens: tests of what comes before look no further."""
    return {"inner.H_init": ("F32", [4], bytes(16)), "inner.embed_tokens.embedding_weight": ("F32", [5, 4], bytes(80)),
            "inner.L_level.layers.0.mlp.down_proj.weight": ("F32", [4, 256], bytes(4096))}


def hostile(folder):
    os.makedirs(folder, exist_ok=True)
    value, storages = state(small())
    names = []

    def path(name, said):
        names.append((name, said))
        return os.path.join(folder, name)

    def put(name, said, data):
        with open(path(name, said), "wb") as file:
            file.write(data)

    def archive(name, said, pickle, **how):
        write_zip(path(name, said), pickle, how.pop("storages", storages), **how)

    def whole(**how):
        at = os.path.join(folder, "scratch")
        write_zip(at, pickled(value), storages, **how)
        with open(at, "rb") as file:
            data = file.read()
        os.remove(at)
        return data
    good = whole()
    call = lambda module, name, *arguments: pickled(name_of(module, name) + tuple_of(*arguments) + b"R")
    one = lambda stored, shape, *rest: pickled(ordered([("inner.embed_tokens.embedding_weight", tensor(stored, shape, *rest))]))
    f32 = storage(0, "F32", 4)

    # classes and functions
    archive("os_system", "posix.system.*refused", call("posix", "system", text("touch RUN")))
    archive("builtins_eval", "builtins.eval.*refused", call("builtins", "eval", text("open('RUN', 'w')")))
    archive("getattr", "builtins.getattr.*refused", pickled(b"\x8c\x08builtins\x8c\x07getattr\x93)R"))
    archive("subprocess", "subprocess.Popen.*refused", call("subprocess", "Popen", text("true")))
    archive("module_class", "models.trm.Model.*state_dict", pickled(name_of("models.trm", "Model") + b")\x81}b"))
    archive("numpy_scalar", "numpy.core.multiarray.scalar.*refused", call("numpy.core.multiarray", "scalar"))
    archive("torch_load", "torch.load.*refused", call("torch", "load", text("x")))
    archive("hidden_name", r"a\?b.c", pickled(name_of("a\x1bb", "c")))
    archive("inst", "INST", pickled(b"(iposix\nsystem\n"))
    archive("newobj", "NEWOBJ", pickled(b"N)\x81"))
    archive("extension", "EXT1", pickled(b"\x82\x01"))
    archive("build_class", "no dict", pickled(f32 + b"}b"))
    archive("storage_called", "refused", call("torch", "FloatStorage", integer(9)))
    archive("text_called", "no function", pickled(text("f") + b")R"))
    archive("odd_persistent", "persistent id", pickled(text("storage") + b"Q"))
    archive("persistent_class", "persistent id", pickled(tuple_of(text("module"), name_of("torch", "FloatStorage"), text("0"), text("cpu"), integer(4)) + b"Q"))

    # the machine's limits
    archive("empty_stack", "empty stack", b"\x80\x020.")
    archive("no_mark", "mark", b"\x80\x02t.")
    archive("no_end", "truncated", b"\x80\x02}")
    archive("text_too_long", "truncated", b"\x80\x02X\xff\xff\xff\x7fabc.")
    archive("memo_missing", "refers to value", pickled(b"h\x05"))
    archive("memo_far", "remembers over", pickled(b"Nr\xff\xff\xff\xff"))
    archive("protocol_0", "protocol", b"\x80\x00N.")
    archive("odd_dict", "key without", pickled(b"}(" + text("a") + b"u"))
    archive("left_over", "left over", pickled(b"NN"))
    archive("not_a_dict", "single tensor", pickled(tensor(f32, [4])), storages=[bytes(16)])
    archive("deep", "deeper", pickled(b"}" + (text("a") + b"}") * 40 + b"s" * 40))
    laughs = b"}q\x00" + text("x") + integer(1) + b"s"
    for i in range(20):  # each dict holds the one before it twice
        laughs = laughs + b"q" + bytes([i]) + b"0}(" + text("a") + b"h" + bytes([i]) + text("b") + b"h" + bytes([i]) + b"u"
    archive("laughs", "too often|deeper", pickled(laughs))
    archive("cycle", "deeper|too often", pickled(b"}q\x00" + text("a") + b"h\x00s"))
    archive("many_values", "more than 1000000 values", b"\x80\x02" + b"N0" * 1000001 + b"N.")

    # tensors and storages
    archive("beyond_storage", "reaches element", one(f32, [4, 4]), storages=[bytes(16)])
    archive("offset_beyond", "reaches element", one(f32, [4], None, 1), storages=[bytes(16)])
    archive("expanded", "expanded", one(f32, [1 << 20, 4], [0, 1]), storages=[bytes(16)])
    archive("overflow", "too many|reaches", one(f32, [1 << 40, 1 << 40], [1, 1]), storages=[bytes(16)])
    archive("negative_shape", "from 0 on", one(f32, [-4]), storages=[bytes(16)])
    archive("negative_stride", "from 0 on", one(f32, [4], [-1]), storages=[bytes(16)])
    archive("nine_dimensions", "at most 8", one(f32, [1] * 9), storages=[bytes(16)])
    archive("storage_short", "has 8 bytes", one(f32, [4]), storages=[bytes(8)])
    archive("storage_missing", "has not", one(f32, [4]), storages=[])
    archive("storage_huge", "larger than|has 16 bytes", one(storage(0, "F64", (1 << 62) + 1), [4]), storages=[bytes(16)])
    archive("reordered", "reorder", pickled(ordered([(str(i), tensor(storage(0, "F32", 4096), [64, 64], [1, 64])) for i in range(50)])),
            storages=[bytes(16384)])
    archive("name_twice", "twice", pickled(ordered([("a", tensor(f32, [4]))] * 2)), storages=[bytes(16)])
    archive("name_nul", "NUL", pickled(ordered([("a\0b", tensor(f32, [4]))])), storages=[bytes(16)])
    archive("name_long", "over 500 bytes", pickled(ordered([("a" * 600, tensor(f32, [4]))])), storages=[bytes(16)])
    archive("too_many", "more than 4096", pickled(ordered([(str(i), tensor(f32, [4])) for i in range(4097)])), storages=[bytes(16)])
    archive("no_network", "is no model", pickled(ordered([("fc.weight", tensor(f32, [4]))])), storages=[bytes(16)])

    # archives
    archive("compressed", "compressed", pickled(value), method=zipfile.ZIP_DEFLATED)
    archive("torchscript", "TorchScript", pickled(value), extra=[("constants.pkl", b"")])
    archive("big_endian", "big-endian", pickled(value), order=b"big")
    archive("no_pickle", "without FOLDER/data.pkl", pickled(value), folder="a/b")
    put("truncated", "truncated", good[:-30])
    put("half", "truncated", good[:len(good) // 2])
    directory = good.rindex(b"PK\5\6")
    put("crc", "CRC-32", good.replace(b"\x80\x02ccollections", b"\x80\x02ccollectionS", 1))
    put("encrypted", "encrypted", good[:good.index(b"PK\1\2") + 8] + b"\1" + good[good.index(b"PK\1\2") + 9:])
    first = good.index(b"PK\1\2")
    second = good.index(b"PK\1\2", first + 1)
    put("overlap", "overlaps|another name|twice|two sizes", good[:second + 42] + good[first + 42:first + 46] + good[second + 46:])
    put("entries_lie", "fewer entries|entries", good[:directory + 8] + b"\xff\x0f\xff\x0f" + good[directory + 12:])
    put("directory_lies", "directory", good[:directory + 16] + b"\xf0\xff\xff\x7f" + good[directory + 20:])
    put("local_name", "another name", good.replace(b"step_65000/version", b"step_65000/versioN", 1))
    put("zip64_absent", "zip64", good[:directory + 16] + b"\xff\xff\xff\xff" + good[directory + 20:])
    put("local_behind", "local header|behind", good[:first + 42] + struct.pack("<I", len(good) - 40) + good[first + 46:])

    # legacy
    sizes, old = [4] * len(storages), state(small(), legacy=True)[0]
    write_legacy(path("legacy_call", "posix.system.*refused"), call("posix", "system", text("touch RUN")), [], [])
    write_legacy(path("legacy_big_endian", "big-endian"), pickled(old), storages, sizes, little=False)
    write_legacy(path("legacy_unknown", "does not mention"), pickled(ordered([])), storages, sizes)
    write_legacy(path("legacy_short", "another number"), pickled(old), [b""] + storages[1:], sizes)
    with open(os.path.join(folder, "legacy_short"), "rb") as file:
        data = file.read()
    put("legacy_truncated", "truncated", data[:-1])
    put("legacy_head_alone", "truncated|pickle", legacy_head())

    # something else
    put("lfs", "Git LFS", b"version https://git-lfs.github.com/spec/v1\noid sha256:0\nsize 1\n")
    put("page", "page of the web", b"<!DOCTYPE html><html></html>")
    put("gzip", "gzip", b"\x1f\x8b\x08" + bytes(20))
    put("tar", "tar archive", bytes(257) + b"ustar\x0000" + bytes(300))
    put("plain_pickle", "torch.save did not write", pickled(b"}"))
    put("empty", "neither", b"")
    put("words", "neither", b"hello, world\n")
    with open(os.path.join(folder, "list"), "w", encoding="utf-8") as file:
        file.writelines(f"{name}\t{said}\n" for name, said in names)


def seeds(folder):
    """What the fuzzers of pickles and checkpoints begin with."""
    value, storages = state(small())
    for kind in ("pickle", "checkpoint"):
        os.makedirs(os.path.join(folder, kind), exist_ok=True)
    with open(os.path.join(folder, "pickle", "state"), "wb") as file:
        file.write(pickled(value))
    with open(os.path.join(folder, "pickle", "nested"), "wb") as file:
        file.write(b"\x80\x04\x95" + struct.pack("<Q", 40) + b"\x8c\x01a\x94]\x94(K\x01M\x02\x01J\xff\xff\xff\xff\x8a\x02\x00\x80G" +
                   struct.pack(">d", 1.5) + b"\x88\x89Ne\x86\x85.")
    write_zip(os.path.join(folder, "checkpoint", "archive"), pickled(value), storages)
    old = state(small(), legacy=True)[0]
    write_legacy(os.path.join(folder, "checkpoint", "legacy"), pickled(old), storages, [4] * len(storages))
    one = pickled(ordered([("inner.embed_tokens.embedding_weight", tensor(storage(0, "BF16", 6), [2, 3], [1, 2]))]))
    write_zip(os.path.join(folder, "checkpoint", "strided"), one, [bytes(range(12))])


if __name__ == "__main__":
    {"forms": write_forms, "hostile": hostile, "seeds": seeds}[sys.argv[1]](*sys.argv[2:])
