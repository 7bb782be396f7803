"""A running sglang server.

In: an interpreter with sglang, and a model folder. Out: a server on a free port of 127.0.0.1, ready to
answer. Not covered: another program that takes the port before the start; the error has the log's end.
"""

import contextlib
import shutil
import subprocess
import tempfile
import time
from collections.abc import Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from builders.inference.servers.sglang import device_flags, free_port, is_healthy
from tests.doubles.process import CommandFailed, failure, kill, members, start

from .environment import VARIABLES

OPTIONS = [
    "--device=cpu",
    # With Intel's AMX, sglang would choose a kernel that the stand-in for sgl_kernel does not have.
    "--attention-backend=torch_native",
    # On a GPU, batches overlap; on CPU they would only compete for the cores.
    "--disable-overlap-schedule",
    # Otherwise the cache takes all free memory. With SmolLM2-135M, 32k tokens (8 requests of 4k) take 0.7 GB.
    "--max-total-tokens=32768",
    # /health generates a token, which is enough to warm up.
    "--skip-server-warmup",
    # An idle server would take most of a core.
    "--sleep-on-idle",
    # Otherwise `usage` in chat answers lacks the number of cached tokens.
    "--enable-cache-report",
    # Between JSON tokens a weak model would write newlines until max_tokens.
    "--constrained-json-disable-any-whitespace",
    # float32 if the processor would have to emulate bfloat16, at a fraction of the speed.
    *(flag for flag in device_flags() if flag.startswith("--dtype")),
]
POLL_S = 0.25


class SglangServer:
    """An sglang server that can be started, killed and restarted at one address; a context manager.

    `url` is its address without `/v1`, `model` the name that it serves, `log` the file with its output;
    `more` are flags that override those in OPTIONS.
    """

    def __init__(
        self,
        python: Path,
        model_folder: Path,
        model: str,
        log: Path,
        ready_s: float = 1800,
        more: Sequence[str] = (),
    ) -> None:
        self.model = model
        self.log = log
        self.port = free_port()
        self.url = f"http://127.0.0.1:{self.port}"
        self._command: list[str | Path] = [
            python,
            *("-m", "sglang.launch_server", *OPTIONS, *more),
            *(f"--model-path={model_folder}", f"--served-model-name={model}"),
            *("--host=127.0.0.1", f"--port={self.port}"),
        ]
        self._ready_s = ready_s
        self._process: subprocess.Popen[bytes] | None = None
        self._scratch: Path | None = None

    @property
    def pid(self) -> int:
        """Return the process id of the server, which is also the id of its process group."""
        if self._process is None:
            raise RuntimeError("the sglang server is not running; call start()")
        return self._process.pid

    def start(self) -> None:
        """Start the server and wait until it answers.

        Raises:
            CommandFailed: it ended, or was not ready in time; all its processes have been killed.
        """
        # A killed server leaves sockets and temporary files; from this folder, `kill` can remove them.
        self._scratch = Path(tempfile.mkdtemp(prefix="sglang-"))
        folders = {"TMPDIR": str(self._scratch), "SGLANG_CACHE_DIR": str(self._scratch)}
        # Waiting threads sleep instead of spinning, so that other processes can use the cores.
        waiting = {"OMP_WAIT_POLICY": "PASSIVE"}
        self._process = start(self._command, self.log, {**VARIABLES, **folders, **waiting})
        try:
            self._wait_until_ready(self._process)
        except BaseException:
            self.kill()
            raise

    def kill(self) -> None:
        """Kill the server and all its processes with SIGKILL, and remove its files except the log."""
        if self._process is None:
            return
        shared = _shared_memory(self._process.pid)
        kill(self._process)
        for file in shared:
            file.unlink(missing_ok=True)
        if self._scratch is not None:
            shutil.rmtree(self._scratch, ignore_errors=True)
        self._process = None

    def restart(self) -> None:
        """Restart the server at the same address, with an empty prefix cache."""
        self.kill()
        self.start()

    def __enter__(self) -> Self:
        self.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.kill()

    def _wait_until_ready(self, process: subprocess.Popen[bytes]) -> None:
        deadline = time.monotonic() + self._ready_s
        while not is_healthy(self.url):
            if process.poll() is not None:
                raise CommandFailed(failure(f"sglang ended with exit code {process.returncode}", self.log))
            if time.monotonic() > deadline:
                raise CommandFailed(failure(f"sglang was not ready after {self._ready_s:.0f} s", self.log))
            time.sleep(POLL_S)


def _shared_memory(group: int) -> set[Path]:
    """Return the files in /dev/shm that the processes of `group` share, and would leave there if killed."""
    files = set()
    for pid in members(group):
        with contextlib.suppress(OSError):  # the process has ended in the meantime
            lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
            files |= {Path(line[line.index("/dev/shm/") :]) for line in lines if "/dev/shm/sglang" in line}
    return files
