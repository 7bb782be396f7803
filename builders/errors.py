"""The one base of errors that a user sees: each message says what is wrong and how to go on.

Standard library only, so that the command can end well before anything heavy is imported.
"""

from typing import ClassVar


class CodeioError(Exception):
    """Something that a user can mend; the command ends with its sentence and its exit code."""

    exit_code: ClassVar[int] = 1

    def sentence(self) -> str:
        """Return what the command prints as it ends."""
        return str(self)


class Failure(CodeioError):
    """An end of a command that is no fault of any part."""
