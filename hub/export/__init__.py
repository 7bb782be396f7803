"""Exports of a dataset to the files that a trainer reads, one module for each format.

This module has only the names of the formats, which `codeio export --help` lists. Each format is a module
with its `FORMAT`; `writer` writes the files.
"""

from builders.errors import CodeioError

FORMATS = ("llamafactory", "trl", "verl", "reference")


class ExportError(CodeioError):
    """The error of an export that is not possible; the message says why and what to do."""
