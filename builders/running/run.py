"""A run: the state of an output folder in its `.codeio/`, and the lock on it.

In: the options of a build. Out: a locked folder. `.codeio/run.json` holds every option that decides rows, and
the numbers of format and rules (`formats`). The same command continues where it stopped; a larger limit, more
turns or more samples extend the run; any other difference is refused by the option's name.
`.codeio/telemetry.jsonl` gets one line each time a stage ends, and samples of stages that ask a model.

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
from builders.formats import NUMBERS, check_format, check_rules, stated_numbers
from builders.options import Options, declared, part


class RunError(CodeioError):
    """An error for a folder that cannot be used; the message says why, and what to do."""


def json_options(options: Options) -> dict[str, Any]:
    """Return the options as JSON values for run.json, with the full path of a local source."""
    source = Path(options.source)
    values = asdict(part(options, Options))
    return {**values, "source": str(source.resolve())} if source.exists() else values


class Run:
    """A run: the `.codeio/` folder of an output folder, with its options, caches and telemetry."""

    def __init__(self, out: Path) -> None:
        self.out = out
        self.home = out / ".codeio"
        self.cache = self.home / "cache"
        self.requests = self.home / "requests.sqlite"

    @contextmanager
    def opened(self, options: dict[str, Any]) -> Iterator["Run"]:
        """Lock the folder for a build with these options (JSON values).

        Raises RunError if the folder cannot be used, and FormatMismatch if its format or rules differ.
        """
        self._refuse_foreign()
        check_format(str(self.out), self._format_facts())
        check_rules(str(self.out), self._format_facts())
        with self.locked():
            self.save_options(options)
            yield self

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Lock the folder against every other command that writes to it.

        Raises RunError if another command holds the lock.
        """
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

    def save_options(self, options: dict[str, Any]) -> None:
        """Add options to run.json; raises RunError if the value of one is changed.

        The only change that is accepted is growth, of options that can grow.
        """
        old = self.options()
        growth_rules = {name: option.grows for name, option in declared(Options).items()}
        for name, value in options.items():
            if name not in old or old[name] == value:
                continue
            has_grown = growth_rules.get(name)
            if has_grown is None:
                raise RunError(
                    f"{self.out} was made with {name}={old[name]!r}, now it is {value!r}: rows would change. "
                    "Choose another --out, or give the same value."
                )
            if not has_grown(old[name], value):
                raise RunError(
                    f"{self.out} was made with {name}={old[name]}; it can grow but not shrink to {value}. "
                    "Choose another --out."
                )
        new_file = self.home / "run.json.new"
        new_file.write_text(json.dumps({**old, **options, **NUMBERS}, indent=2, sort_keys=True) + "\n")
        os.replace(new_file, self.home / "run.json")

    def options(self) -> dict[str, Any]:
        """Return the saved options; empty before the first build. Raises FormatMismatch."""
        check_format(str(self.out), self._format_facts())
        return {name: value for name, value in self._run_json().items() if name not in NUMBERS}

    def numbers(self) -> dict[str, str]:
        """Return the numbers of format and rules of the run; the current ones before the first build."""
        return stated_numbers(self._run_json())

    def _format_facts(self) -> dict[str, Any]:
        """Return the numbers of format and rules; if they are not current, also the builds of the run."""
        numbers = self.numbers()
        return numbers if numbers == NUMBERS else {**numbers, "made_with": self.telemetry("build")}

    def _run_json(self) -> dict[str, Any]:
        try:
            values: dict[str, Any] = json.loads((self.home / "run.json").read_text())
        except FileNotFoundError:
            return {}
        return values

    def log(self, kind: str, **facts: Any) -> None:
        """Append a line to the telemetry: a `build`, a `stage` that ended, or a `sample` of one under way."""
        with (self.home / "telemetry.jsonl").open("ab+") as lines:
            end = lines.seek(0, os.SEEK_END)
            lines.seek(max(0, end - 1))
            is_torn = lines.read() not in (b"", b"\n")
            lines.write(b"\n" * is_torn + json.dumps({"kind": kind, **facts}).encode() + b"\n")

    def telemetry(self, kind: str = "stage") -> list[dict[str, Any]]:
        """Return all lines of a kind so far, except those that a full disk or a power cut left incomplete."""
        parsed = []
        with contextlib.suppress(FileNotFoundError):
            for line in (self.home / "telemetry.jsonl").read_text().splitlines():
                with contextlib.suppress(ValueError):
                    parsed.append(json.loads(line))
        return [line for line in parsed if line.get("kind", "stage") == kind]

    def _refuse_foreign(self) -> None:
        """Raise RunError if the folder is not codeio's, or has a name that cannot work."""
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
