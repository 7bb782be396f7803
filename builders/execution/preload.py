"""The kinds of zygote: which modules each imports before it is isolated, and which kind suits some code.

Forking a large process costs two to three times as much, so there are four kinds, started when needed. A
module that is not loaded beforehand is loaded when the code imports it.
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
NO_OPEN_MODULES = (  # besides the modules of the kind, for the tier in which nothing can be imported later
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

# Searched as text, since parsing untrusted code can crash the process. Takes time linear in the text.
_IMPORTED = re.compile(r"\b(?:import|from)\b([^\n;]*)")
_SCIENTIFIC_NAME = re.compile(r"\b(?:scipy|pandas|sympy|networkx|sklearn|matplotlib|seaborn|torch)\b")
_NUMPY_NAME = re.compile(r"\bnumpy\b")
_LESS_USED_NAME = re.compile(rf"\b(?:{'|'.join(_LESS_USED)})\b")


@functools.lru_cache(maxsize=64)  # a proof asks once for each environment
def kind_for(code: str) -> Kind:
    """Return the kind of zygote that suits the text's apparent imports; a wrong guess costs only time."""
    imported = "\n".join(_IMPORTED.findall(code))
    if _SCIENTIFIC_NAME.search(imported):
        return "scientific"
    if _NUMPY_NAME.search(imported):
        return "numpy"
    return "stdlib" if _LESS_USED_NAME.search(imported) else "core"


def numpy_version() -> str | None:
    """Return the version of numpy that code in the sandbox can import, or None if it is not installed."""
    try:
        return importlib.metadata.version("numpy")
    except importlib.metadata.PackageNotFoundError:
        return None
