"""Ways out of a dataset: the files that a trainer reads, a format a module.

Here are their names alone, which `codeio export --help` lists; each is a module with its `FORMAT`. `writer`
writes the files.
"""

from builders.errors import CodeioError

FORMATS = ("llamafactory", "trl", "verl", "reference")


class ExportError(CodeioError):
    """It cannot be exported; the message says why and what to do."""
