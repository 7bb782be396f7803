"""The command `codeio` and its exit codes.

Exit codes: 0 success; 1 failure, and the message says why; 2 a wrong command line; 3 some rows still wait for
an answer, and the same command asks only for those; 130 interrupted with Ctrl+C.
Tested in tests/builders/cli/test_help.py.
"""

import errno
import os
import sqlite3
import sys

import typer
from rich.console import Console

from builders.cli import cache
from builders.cli.audit import audit
from builders.cli.build import build
from builders.cli.changes import changes
from builders.cli.doctor import doctor
from builders.cli.export import export
from builders.cli.publish import publish
from builders.cli.serve import serve
from builders.cli.status import status
from builders.errors import CodeioError

app = typer.Typer(
    help="Turn raw code into verified reasoning data (CodeI/O, arXiv 2502.07316).",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)
for command in (build, status, publish, changes, audit, export, serve, doctor):
    app.command()(command)
app.add_typer(cache.app, name="cache")
INTERRUPTED = 130


def main() -> None:
    """Run the command; an expected failure is printed as one sentence, without a traceback."""
    os.environ.setdefault("HF_DATASETS_DISABLE_PROGRESS_BARS", "1")  # `datasets` reads it when imported
    try:
        app()
    except CodeioError as error:
        _end(error.sentence(), error.exit_code)
    except (KeyboardInterrupt, SystemExit) as end:
        if isinstance(end, SystemExit) and end.code != INTERRUPTED:  # typer's exit code for Ctrl+C
            raise
        _end("Stopped. Run the same command again to continue.", INTERRUPTED)
    except (OSError, sqlite3.OperationalError) as error:
        if (
            getattr(error, "errno", None) == errno.ENOSPC
            or "No space left" in str(error)
            or "disk is full" in str(error)
        ):
            _end(
                f"The disk is full ({error}). Free some space, then run the same command again to continue.",
                1,
            )
        if isinstance(error, PermissionError):
            _end(f"No permission: {error}. Choose a folder that you may write to, or fix its permissions.", 1)
        raise


def _end(message: str, code: int) -> None:
    Console(stderr=True, soft_wrap=True).print(f"codeio: {message}", markup=False, highlight=False)
    sys.exit(code)
