"""What a file does when it is loaded, told by its first bytes; its name counts for modules of Python alone.

A pickle runs what its author wrote as soon as it is loaded, and joblib and PyTorch store pickles. Protocols 2 and
later begin with a mark (PEP 307); 0 and 1 are plain text, so that any file may be one: there the operations are
followed as far as they make sense, and one that calls something decides.
"""

import bz2
import lzma
import pickletools
import re
import zlib
from collections.abc import Callable

HEAD_BYTES = 64 * 1024
"""How many bytes of a file are looked at."""
DEEPEST = 3  # packings within packings
CODE_SUFFIXES = (".py", ".pyc", ".pyd", ".pyw", ".so", ".dll", ".dylib")
MODULE = re.compile(r"[^\W\d]\w*(\.[^\W\d]\w*)* [^\W\d]\w*(\.[^\W\d]\w*)*")
PROTOCOLS = range(2, 32)  # later ones included that Python does not have yet
CALLS = frozenset({"REDUCE", "INST", "OBJ", "NEWOBJ", "NEWOBJ_EX", "BUILD"})
NUMPY, NUMPY_OBJECTS = b"\x93NUMPY", re.compile(rb"['\"][|<>=]?O")
CUT = re.compile("no newline found|expected .* remain|not enough data|pickle exhausted")
"""What pickletools says of operations that are well so far and whose rest is missing."""
PROGRAMS = (b"\x7fELF", b"MZ\x90\x00", b"\xcf\xfa\xed\xfe", b"\xca\xfe\xba\xbe")
PICKLE = "a pickle, which runs code when it is loaded"
OBJECTS = "a NumPy array of objects, which is a pickle"
SEALED = "packed so that nobody can look for a pickle in it (LZ4)"
TOO_DEEP = "packed within packings, so that nobody can look for a pickle in it"


def is_code(path: str, head: bytes) -> bool:
    """Whether the file is a module of Python by its name, or a program of the machine by its content."""
    return path.lower().endswith(CODE_SUFFIXES) or head.startswith(PROGRAMS)


def what_runs(head: bytes, depth: int = 0) -> str | None:
    """Say what in a file runs when it is loaded; None where nothing does.

    Args:
        head: the first bytes of the file, at most `HEAD_BYTES`.
        depth: how many packings ``head`` was in.
    """
    if depth > DEEPEST:
        return TOO_DEEP
    if len(head) > 1 and head[0] == 0x80 and head[1] in PROTOCOLS:  # noqa: PLR2004 - the mark itself
        return PICKLE
    if head.startswith(NUMPY):
        return OBJECTS if NUMPY_OBJECTS.search(_numpy_header(head)) else None
    if head.startswith(b"\x04\x22\x4d\x18"):
        return SEALED
    for mark, unpack in UNPACKERS.items():
        if head.startswith(mark):
            inner = unpack(head)
            if inner:
                return what_runs(inner, depth + 1)
    return PICKLE if _calls(head) else None


def _calls(head: bytes) -> bool:
    """Whether the bytes, read as a pickle of protocol 0 or 1, call something before they make no sense any more."""
    depth, marks = 0, list[int]()
    try:
        for operation, argument, _at in pickletools.genops(head):
            name = operation.name
            if name in {"GLOBAL", "INST"} and not MODULE.fullmatch(str(argument)):
                return False
            needed = operation.stack_before
            if pickletools.markobject in needed:
                if not marks:
                    return False
                depth = marks.pop()
                needed = needed[: needed.index(pickletools.markobject)]
            depth -= len(needed)
            if depth < (marks[-1] if marks else 0):
                return False
            if name in CALLS:
                return True
            if name == "MARK":
                marks.append(depth)
            else:
                depth += len(operation.stack_after)
    except Exception as error:  # noqa: BLE001 - any text may stand here, and what is no pickle calls nothing
        # Whoever hides a call behind a text of this length has nothing to complain of.
        return len(head) >= HEAD_BYTES and CUT.search(str(error)) is not None
    return False


def _numpy_header(head: bytes) -> bytes:
    """Return the description of a NumPy array; its length stands in two bytes, or in four from version 2 on."""
    width = 2 if head[6:7] == b"\x01" else 4
    return head[8 + width : 8 + width + int.from_bytes(head[8 : 8 + width], "little")]


def _inflate(head: bytes) -> bytes:
    try:
        return zlib.decompressobj(zlib.MAX_WBITS | 32).decompress(head, HEAD_BYTES)
    except zlib.error:
        return b""


def _bunzip(head: bytes) -> bytes:
    try:
        return bz2.BZ2Decompressor().decompress(head, HEAD_BYTES)
    except (OSError, ValueError):
        return b""


def _unxz(head: bytes) -> bytes:
    try:
        return lzma.LZMADecompressor(memlimit=128 * 1024 * 1024).decompress(head, HEAD_BYTES)
    except lzma.LZMAError:
        return b""


UNPACKERS: dict[bytes, Callable[[bytes], bytes]] = {
    b"\x1f\x8b": _inflate,
    b"\x78": _inflate,
    b"BZh": _bunzip,
    b"\xfd7zXZ\x00": _unxz,
    b"\x5d\x00": _unxz,
}
"""The packings that joblib knows, by the bytes they begin with."""
