"""Which modules a zygote imports before it is closed, and which kind of zygote suits a piece of code.

A fork of a large process costs two to three times as much, so there are four kinds, started when needed. What
is not loaded beforehand is loaded where the code asks for it.
"""

import functools
import importlib.metadata
import re
from typing import Literal

Kind = Literal["core", "stdlib", "numpy", "scientific"]
Preload = Literal["auto", "core", "stdlib", "numpy", "scientific"]

_CORE = (
    "abc", "bisect", "collections", "collections.abc", "copy", "enum", "functools", "heapq", "inspect", "io",
    "itertools", "json", "math", "operator", "os", "random", "re", "string", "struct", "sys", "threading",
    "time", "types", "typing", "warnings",
)  # fmt: skip
_LESS_USED = (
    "_strptime", "argparse", "array", "base64", "binascii", "calendar", "cmath", "contextlib", "csv",
    "dataclasses", "datetime", "decimal", "fractions", "hashlib", "keyword", "logging", "numbers", "pprint",
    "queue", "statistics", "textwrap", "traceback", "unicodedata", "uuid", "zlib",
)  # fmt: skip
_STDLIB = (*_CORE, *_LESS_USED)
_NUMPY = (
    "numpy", "numpy.linalg", "numpy.random", "numpy.fft", "numpy.ma", "numpy.polynomial",
)  # fmt: skip
_SCIENTIFIC = (
    "scipy", "scipy.special", "scipy.stats", "scipy.optimize", "scipy.integrate", "scipy.interpolate",
    "scipy.linalg", "scipy.spatial", "scipy.signal", "scipy.sparse", "pandas", "sympy", "networkx",
)  # fmt: skip
MODULES: dict[Kind, tuple[str, ...]] = {
    "core": _CORE,
    "stdlib": _STDLIB,
    "numpy": (*_STDLIB, *_NUMPY),
    "scientific": (*_STDLIB, *_NUMPY, *_SCIENTIFIC),
}
NO_OPEN_MODULES = (  # on top of the standard library above, where nothing can be imported later
    *_STDLIB,
    "ast", "asyncio", "bz2", "cProfile", "cmd", "codecs", "codeop", "colorsys", "concurrent.futures",
    "configparser", "copyreg", "difflib", "doctest", "email", "email.mime.text", "encodings.idna", "fnmatch",
    "getopt", "getpass", "glob", "graphlib", "gzip", "hmac", "html", "html.parser", "http", "http.client",
    "importlib.util", "ipaddress", "linecache", "locale", "lzma", "mimetypes", "multiprocessing", "optparse",
    "pathlib", "pickle", "pickletools", "pkgutil", "platform", "plistlib", "pstats", "sched", "secrets",
    "select", "selectors", "shlex", "shutil", "signal", "socket", "sqlite3", "subprocess", "symtable",
    "tarfile", "tempfile", "this", "timeit", "tomllib", "tracemalloc", "unittest", "unittest.mock",
    "urllib.parse", "urllib.request", "wave", "weakref", "xml.dom.minidom", "xml.etree.ElementTree",
    "zipfile", "zoneinfo",
)  # fmt: skip

# Text, not syntax: parsing untrusted code can crash the process that does it. In time linear in the text.
_IMPORTED = re.compile(r"\b(?:import|from)\b([^\n;]*)")
_HEAVY = re.compile(r"\b(?:scipy|pandas|sympy|networkx|sklearn|matplotlib|seaborn|torch)\b")
_ARRAYS = re.compile(r"\bnumpy\b")
_MORE = re.compile(rf"\b(?:{'|'.join(_LESS_USED)})\b")


@functools.lru_cache(maxsize=64)  # the environments of a proof ask one after the other
def kind_for(code: str) -> Kind:
    """Choose by the imports that the text seems to have; a wrong guess costs time, not results."""
    imported = "\n".join(_IMPORTED.findall(code))
    if _HEAVY.search(imported):
        return "scientific"
    if _ARRAYS.search(imported):
        return "numpy"
    return "stdlib" if _MORE.search(imported) else "core"


def numpy_version() -> str | None:
    """Version of numpy that code in the sandbox sees, None without one."""
    try:
        return importlib.metadata.version("numpy")
    except importlib.metadata.PackageNotFoundError:
        return None
