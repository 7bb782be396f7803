"""Which modules a zygote imports before it is closed, and which kind of zygote suits a piece of code.

A fork of a large process costs two to three times as much, so there are three kinds, started when needed.
"""

import importlib.metadata
import re
from typing import Literal

Kind = Literal["stdlib", "numpy", "scientific"]
Preload = Literal["auto", "stdlib", "numpy", "scientific"]

_STDLIB = (
    "_strptime", "abc", "argparse", "array", "ast", "base64", "binascii", "bisect", "bz2", "calendar",
    "cmath", "codecs", "collections", "collections.abc", "concurrent.futures", "contextlib", "copy",
    "csv", "dataclasses", "datetime", "decimal", "difflib", "encodings.idna", "enum", "fractions",
    "functools", "graphlib", "hashlib", "heapq", "hmac", "html", "inspect", "io", "ipaddress",
    "itertools", "json", "keyword", "locale", "logging", "lzma", "math", "numbers", "operator", "os",
    "pathlib", "pickle", "platform", "pprint", "queue", "random", "re", "secrets", "select", "selectors",
    "shutil", "signal", "socket", "statistics", "string", "struct", "subprocess", "sys", "tempfile",
    "textwrap", "threading", "time", "traceback", "types", "typing", "unicodedata", "unittest",
    "urllib.parse", "uuid", "warnings", "weakref", "zlib", "zoneinfo",
)  # fmt: skip
_NUMPY = (
    "numpy", "numpy.linalg", "numpy.random", "numpy.fft", "numpy.ma", "numpy.polynomial",
)  # fmt: skip
_SCIENTIFIC = (
    "scipy", "scipy.special", "scipy.stats", "scipy.optimize", "scipy.integrate", "scipy.interpolate",
    "scipy.linalg", "scipy.spatial", "scipy.signal", "scipy.sparse", "pandas", "sympy", "networkx",
)  # fmt: skip
MODULES: dict[Kind, tuple[str, ...]] = {
    "stdlib": _STDLIB,
    "numpy": (*_STDLIB, *_NUMPY),
    "scientific": (*_STDLIB, *_NUMPY, *_SCIENTIFIC),
}
NO_OPEN_MODULES = (  # where nothing can be imported later
    "asyncio", "cmd", "colorsys", "configparser", "email", "fnmatch", "glob", "gzip", "http", "linecache",
    "multiprocessing", "optparse", "sched", "shlex", "sqlite3", "timeit", "urllib.request", "wave",
    "xml.etree.ElementTree", "zipfile",
)  # fmt: skip

# Text, not syntax: parsing untrusted code can crash the process that does it.
_HEAVY = re.compile(
    r"\b(?:import|from)\b[^\n;]*\b(?:scipy|pandas|sympy|networkx|sklearn|matplotlib|seaborn|torch)\b"
)
_ARRAYS = re.compile(r"\b(?:import|from)\b[^\n;]*\bnumpy\b")


def kind_for(code: str) -> Kind:
    """Choose by the imports that the text seems to have; a wrong guess costs time, not results."""
    if _HEAVY.search(code):
        return "scientific"
    return "numpy" if _ARRAYS.search(code) else "stdlib"


def numpy_version() -> str | None:
    """Version of numpy that code in the sandbox sees, None without one."""
    try:
        return importlib.metadata.version("numpy")
    except importlib.metadata.PackageNotFoundError:
        return None
