"""The base class of errors that a user sees: each message says what is wrong and what to do.

It needs only the standard library, so the command can report an error before it imports anything heavy.
"""

from typing import ClassVar


class CodeioError(Exception):
    """An error that the user can fix; the command ends with its sentence and its exit code."""

    exit_code: ClassVar[int] = 1

    def sentence(self) -> str:
        """Return the text that the command prints before it exits."""
        return str(self)


class Failure(CodeioError):
    """An error for a command that has no result although every part of codeio worked."""
