"""A running sglang server.

In: an interpreter with sglang, a model folder. Out: a server on a free port of 127.0.0.1, ready to answer.
Not covered: a port that another program takes between its choice and the start; that is an error with the
log's end.
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
    # The choice for Intel's AMX is a kernel that the stand-in for sgl_kernel does not have.
    "--attention-backend=torch_native",
    # Batches in flight would overlap on GPU streams; on CPU it only competes for the cores.
    "--disable-overlap-schedule",
    # Else the cache is sized by free memory. Of SmolLM2-135M, 32k tokens take 0.7 GB: eight requests of 4k.
    "--max-total-tokens=32768",
    # /health generates a token, so the first answer to it is warm-up enough.
    "--skip-server-warmup",
    # An idle server would take most of a core.
    "--sleep-on-idle",
    # Without it `usage` in chat answers does not tell the cached tokens.
    "--enable-cache-report",
    # Between JSON tokens a weak model would write newlines until max_tokens.
    "--constrained-json-disable-any-whitespace",
    # float32 where the processor would have to imitate bfloat16, at a fraction of the speed.
    *(flag for flag in device_flags() if flag.startswith("--dtype")),
]
POLL_S = 0.25


class SglangServer:
    """An sglang server that is started, killed and restarted at one address; a context manager.

    `url` is its address without `/v1`, `model` the name it serves, `log` the file with all it has printed;
    `more` are flags that go before ours.
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
        """Process id of the server, and of its process group."""
        if self._process is None:
            raise RuntimeError("the sglang server is not running; call start()")
        return self._process.pid

    def start(self) -> None:
        """Start the server and wait until it answers.

        Raises:
            CommandFailed: it ended, or was not ready in time; nothing of it is left running.
        """
        # Sockets and temporary files of a killed server would stay behind anywhere else.
        self._scratch = Path(tempfile.mkdtemp(prefix="sglang-"))
        folders = {"TMPDIR": str(self._scratch), "SGLANG_CACHE_DIR": str(self._scratch)}
        # A thread that waits for another one leaves its core to whoever else works on this machine.
        waiting = {"OMP_WAIT_POLICY": "PASSIVE"}
        self._process = start(self._command, self.log, {**VARIABLES, **folders, **waiting})
        try:
            self._wait_until_ready(self._process)
        except BaseException:
            self.kill()
            raise

    def kill(self) -> None:
        """End the server with SIGKILL, all its processes, and remove what it kept outside the log."""
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
        """Start the server anew at the same address, with an empty prefix cache."""
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
    """Return the files in /dev/shm that the processes of `group` share: no killed process removes them."""
    files = set()
    for pid in members(group):
        with contextlib.suppress(OSError):  # it has ended meanwhile
            lines = Path(f"/proc/{pid}/maps").read_text().splitlines()
            files |= {Path(line[line.index("/dev/shm/") :]) for line in lines if "/dev/shm/sglang" in line}
    return files
