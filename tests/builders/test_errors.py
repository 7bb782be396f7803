"""Errors that a user sees share one base class, which decides how the command ends."""

import pickle

import pytest

from builders.cli import main as command
from builders.errors import CodeioError, Failure
from builders.execution import SandboxUnavailable, WorkerLost
from builders.inference import InferenceError, Unanswered
from builders.options import OptionError
from builders.running.recipe import RecipeError
from builders.running.run import RunError
from builders.sources.code_files import SourceError
from builders.stage import UnansweredRows
from hub.export import ExportError
from hub.publish.upload import PublishError
from hub.versions import VersionError


@pytest.mark.parametrize(
    ("error", "code", "words"),
    [
        (Failure("No row came through."), 1, "No row came through."),
        (OptionError("seed", "is odd"), 1, "seed: is odd"),
        (RecipeError("line 3"), 2, "line 3"),
        (SourceError("no files"), 1, "no files"),
        (RunError("another"), 1, "another"),
        (InferenceError("no model"), 1, "no model"),
        (Unanswered(2, "busy", 1), 1, "2 requests got no answer (busy)"),
        (SandboxUnavailable("nothing holds"), 1, "nothing holds"),
        (WorkerLost("closed"), 1, "The sandbox failed (closed). Run the same command again"),
        (UnansweredRows("2 wait."), 3, "2 wait. What was answered is kept"),
        (VersionError("none"), 1, "none"),
        (PublishError("no"), 1, "no"),
        (ExportError("no"), 1, "no"),
    ],
    ids=lambda value: type(value).__name__,
)
def test_a_command_ends_with_a_sentence_and_a_code(monkeypatch, capsys, error, code, words):
    def fail():
        raise error

    monkeypatch.setattr(command, "app", fail)
    with pytest.raises(SystemExit) as end:
        command.main()
    assert end.value.code == code
    assert capsys.readouterr().err.startswith(f"codeio: {words}")
    assert isinstance(error, CodeioError)
    assert str(pickle.loads(pickle.dumps(error))) == str(error)


def test_errors_of_the_sandbox_are_runtime_errors_too():
    assert issubclass(SandboxUnavailable, RuntimeError)
    assert issubclass(WorkerLost, RuntimeError)
