"""What a run is: its options, who may write to its folder, and what it has cost so far.

In: the options of a build. Out: a locked folder. `.codeio/run.json` remembers every option that decides the
rows, and the numbers of format and rules (`formats`); the same command goes on where it stopped, a larger
limit, more turns or samples extend the run, and any other difference is refused by name.
`.codeio/telemetry.jsonl` gets one line for each pass of a stage, and samples of those that ask a model.

Not covered: the rows themselves (`folder`) and finished shards (`stage`).
"""

import contextlib
import json
import os
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import Any

from filelock import FileLock, Timeout

from builders.errors import CodeioError
from builders.formats import NUMBERS, check_format, check_rules, stated
from builders.options import Options, declared, part


class RunError(CodeioError):
    """The folder cannot be used for this build; the message says why and how to go on."""


def remembered(options: Options) -> dict[str, Any]:
    """Return the options as run.json has them: flat and as JSON, a local source by its whole path."""
    source = Path(options.source)
    found = asdict(part(options, Options))
    return {**found, "source": str(source.resolve())} if source.exists() else found


class Run:
    """The `.codeio/` folder of an output folder."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.home = out / ".codeio"
        self.cache = self.home / "cache"
        self.requests = self.home / "requests.sqlite"

    @contextmanager
    def opened(self, options: dict[str, Any]) -> Iterator["Run"]:
        """Lock the folder for a build with these options (JSON values); raises RunError, OtherFormat."""
        self._refuse_foreign()
        check_format(str(self.out), self._made())
        check_rules(str(self.out), self._made())
        with self.locked():
            self.remember(options)
            yield self

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Keep every other command that writes there off the folder; raises RunError."""
        self.home.mkdir(parents=True, exist_ok=True)
        lock = FileLock(self.home / "lock")
        try:
            lock.acquire(timeout=0)
        except Timeout as error:
            raise RunError(
                f"Another codeio is writing to {self.out}. Wait for it, or choose another folder."
            ) from error
        try:
            yield
        finally:
            lock.release()

    def remember(self, options: dict[str, Any]) -> None:
        """Add options to those of the run; raises RunError where one that decides the rows differs."""
        old = self.options()
        growths = {name: option.grows for name, option in declared(Options).items()}
        for name, value in options.items():
            if name not in old or old[name] == value:
                continue
            growing = growths.get(name)
            if growing is None:
                raise RunError(
                    f"{self.out} was made with {name}={old[name]!r}, now it is {value!r}: rows would change. "
                    "Choose another --out, or give the same value."
                )
            if not growing(old[name], value):
                raise RunError(
                    f"{self.out} was made with {name}={old[name]}; it can grow but not shrink to {value}. "
                    "Choose another --out."
                )
        written = self.home / "run.json.new"
        written.write_text(json.dumps({**old, **options, **NUMBERS}, indent=2, sort_keys=True) + "\n")
        os.replace(written, self.home / "run.json")

    def options(self) -> dict[str, Any]:
        """What the run was made with so far; empty before the first build. Raises OtherFormat."""
        check_format(str(self.out), self._made())
        return {name: value for name, value in self._remembered().items() if name not in NUMBERS}

    def numbers(self) -> dict[str, str]:
        """Return those of format and rules that the run was made with; ours before the first build."""
        return stated(self._remembered())

    def _made(self) -> dict[str, Any]:
        """Return the numbers, and where they are others the builds that made the rows."""
        numbers = self.numbers()
        return numbers if numbers == NUMBERS else {**numbers, "made_with": self.telemetry("build")}

    def _remembered(self) -> dict[str, Any]:
        try:
            found: dict[str, Any] = json.loads((self.home / "run.json").read_text())
        except FileNotFoundError:
            return {}
        return found

    def log(self, kind: str, **facts: Any) -> None:
        """Append a line to the telemetry: a `stage` that has ended, or a `sample` of one under way."""
        with (self.home / "telemetry.jsonl").open("ab+") as lines:
            end = lines.seek(0, os.SEEK_END)
            lines.seek(max(0, end - 1))
            torn = lines.read() not in (b"", b"\n")
            lines.write(b"\n" * torn + json.dumps({"kind": kind, **facts}).encode() + b"\n")

    def telemetry(self, kind: str = "stage") -> list[dict[str, Any]]:
        """All lines of a kind so far, but for those that a full disk or a power cut has torn."""
        found = []
        with contextlib.suppress(FileNotFoundError):
            for line in (self.home / "telemetry.jsonl").read_text().splitlines():
                with contextlib.suppress(ValueError):
                    found.append(json.loads(line))
        return [line for line in found if line.get("kind", "stage") == kind]

    def _refuse_foreign(self) -> None:
        if self.out.exists() and not self.out.is_dir():
            raise RunError(f"{self.out} is a file. Give a folder with --out.")
        if self.out.is_dir() and any(self.out.iterdir()) and not self.home.is_dir():
            raise RunError(
                f"{self.out} holds files that codeio did not write. Choose an empty or new folder with --out."
            )
        if self.out.resolve().name == "verifier":
            raise RunError(
                "A folder called 'verifier' cannot be opened by load_dataset. Choose another --out."
            )
