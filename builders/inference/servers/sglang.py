"""A local sglang server: start it, restart it if it crashes, and stop it.

In: a model (a folder in the Hugging Face format, or a Hub id) and a Python interpreter that has sglang: this
one, a named one, or that of the environment `sglang` in codeio's cache folder. Out: a `Server` that runs
until the block ends, with its output in a log file. The kernel kills it if codeio is killed. codeio never
imports sglang.
Not covered: several machines, and flags beyond those that the device needs (pass them as `flags`).
"""

import importlib.util
import logging
import os
import re
import signal
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from builders.inference.errors import EngineFailed, EngineMissing
from builders.inference.servers.identity import cache_folder
from builders.inference.servers.server import Server, connect
from builders.inference.transport import Broken, read_page

READY_TIMEOUT_S = 1800
HEALTH_TIMEOUT_S = 30
STOP_TIMEOUT_S = 15
MOST_RESTARTS = 3
N_LOG_BYTES = 200_000  # read from the log's end, which has the reason of a failure
POLL_S = 0.5
log = logging.getLogger("codeio.inference")

# PR_SET_PDEATHSIG makes the kernel kill sglang when the process that started it ends, however it ends.
_LAUNCH = """
import ctypes, os, sys
PR_SET_PDEATHSIG, SIGKILL = 1, 9
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, SIGKILL)
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""
_ALWAYS = (
    "--enable-cache-report",  # else the usage in chat answers lacks the cached tokens
    "--constrained-json-disable-any-whitespace",  # else a weak model writes endless newlines between tokens
)
_ON_CPU = (
    "--device=cpu",
    "--disable-overlap-schedule",  # without a GPU there is nothing to overlap with
    "--skip-server-warmup",
    "--sleep-on-idle",  # else an idle scheduler keeps a core busy
    "--max-total-tokens=65536",  # else the prefix cache takes all free memory
)
_REASONS = (
    (r"out of memory|OutOfMemoryError|Not enough memory|leave no (GPU )?memory|[Cc]an(no|')t allocate memory",
     "it ran out of memory: use a smaller model, or reduce its memory with sglang's own flags, such as"
     " codeio serve MODEL -- --context-length 8192"),
    (r"address already in use|port \d+ is (already )?in use", "its port is in use: give another --port"),
    (r"not a valid model identifier|RepositoryNotFound|Repository Not Found|does not appear to have a file"
     r"|Unrecognized (model|configuration)|Can't load the (model|configuration)|couldn't connect to"
     r"|OfflineModeIsEnabled|LocalEntryNotFound",
     "it cannot find or load the model: give a folder in the Hugging Face format, or a Hub id"),
    (r"unrecognized arguments: (.*)", "it does not know one of the flags it was given"),
    (r"No module named 'sglang|No module named sglang", "sglang is not installed there"),
)  # fmt: skip


def find_python(named: Path | None = None) -> Path:
    """Return a Python interpreter that has sglang; raises EngineMissing, which says how to install it."""
    cached = cache_folder() / "sglang" / "bin" / "python"
    if named:
        if os.access(named, os.X_OK) and not named.is_dir():
            return named
        raise EngineMissing(
            f"{named} is not an interpreter: give the bin/python of an environment that has sglang."
        )
    if importlib.util.find_spec("sglang"):
        return Path(sys.executable)
    if cached.exists():
        return cached
    raise EngineMissing(
        'sglang is not installed. On a machine with a GPU: pip install "codeio[sglang]", or make a separate'
        f' environment: python3 -m venv {cached.parents[1]} && {cached} -m pip install "sglang>=0.5.23". '
        "If it is installed elsewhere, use --sglang-python. Without a GPU, use --embedded."
    )


def device_flags() -> list[str]:
    """Return the sglang flags that this machine's processor or GPU needs."""
    gpus = _nvidia_capabilities()
    if gpus is None:
        flags = list(_ON_CPU)
        features = _cpu_features()
        if "amx_tile" not in features:
            flags.append("--attention-backend=torch_native")
        if not features & {"amx_bf16", "avx512_bf16"}:
            # Without bfloat16 instructions it is six times slower (4 against 24 tokens/s, 0.5B, 2 cores).
            flags.append("--dtype=float32")
        return flags
    if gpus and min(gpus) < 8.0:
        return ["--dtype=float16"]  # GPUs before Ampere have no bfloat16
    return []


@contextmanager
def sglang(
    model: str,
    log_file: Path,
    *,
    python: Path | None = None,
    host: str = "127.0.0.1",
    port: int | None = None,
    flags: Sequence[str] = (),
    on_wait: Callable[[str], None] = lambda line: None,
) -> Iterator[Server]:
    """Start a local sglang server and keep it running until the block ends.

    Args:
        model: A folder in the Hugging Face format, or a Hub id.
        log_file: The file that sglang's output is appended to.
        python: An interpreter that has sglang; by default what `find_python` finds.
        host: The address to listen on.
        port: The port to listen on; by default a free one.
        flags: sglang's own flags; they override codeio's.
        on_wait: Called with a progress line every half second while the model loads.

    Yields:
        The server, ready to answer. If it crashes, it is restarted at the same address, up to three times.

    Raises:
        EngineMissing: No interpreter has sglang.
        EngineFailed: The server does not start; the message has the reason from the log.

    Example:
        >>> with sglang("Qwen/Qwen2.5-Coder-7B-Instruct", Path("sglang.log")) as server:  # doctest: +SKIP
        ...     print(server.identity)
        Qwen/Qwen2.5-Coder-7B-Instruct
        >>> with sglang("./no-such-folder", Path("sglang.log")) as server:
        ...     print(server.identity)
        Traceback (most recent call last):
        builders.inference.errors.EngineFailed: ./no-such-folder is not a folder: give a folder ...
    """
    if model.startswith((".", "/", "~")) and not Path(model).expanduser().is_dir():
        raise EngineFailed(f"{model} is not a folder: give a folder in the Hugging Face format, or a Hub id.")
    interpreter = find_python(python)
    if port is None:
        port = free_port()
    elif _is_taken(host, port):
        raise EngineFailed(
            f"Port {port} is already in use: give another --port, or use the server there with --base-url."
        )
    path = str(Path(model).expanduser().resolve()) if Path(model).expanduser().is_dir() else model
    flag_names = {flag.split("=")[0] for flag in flags}
    our_flags = [flag for flag in (*_ALWAYS, *device_flags()) if flag.split("=")[0] not in flag_names]
    arguments = [f"--model-path={path}", f"--host={host}", f"--port={port}", *our_flags, *flags]
    command = [str(interpreter), "-m", "sglang.launch_server", *arguments]
    supervisor = _Supervisor(command, f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}", log_file)
    try:
        supervisor.start(on_wait)
        yield connect(supervisor.url)
    finally:
        supervisor.stop()


class _Supervisor:
    """The server process: restarted if it ends by itself, and stopped with all its child processes."""

    def __init__(self, command: list[str], url: str, log_file: Path) -> None:
        self.url = url
        self._command = command
        self._log_file = log_file
        self._stopping = threading.Event()
        self._process = self._launched()
        self._watcher = threading.Thread(target=self._watch, name="codeio-sglang", daemon=True)

    def start(self, on_wait: Callable[[str], None]) -> None:
        """Wait until the server answers; raises EngineFailed."""
        began = time.monotonic()
        while not is_healthy(self.url):
            exit_code = self._process.poll()
            if exit_code is not None:
                raise EngineFailed(
                    f"sglang did not start: {self._reason(exit_code)}. Its log: {self._log_file}"
                )
            if time.monotonic() - began > READY_TIMEOUT_S:
                raise EngineFailed(
                    f"sglang was not ready after {READY_TIMEOUT_S} s. Its log: {self._log_file}"
                )
            on_wait(f"sglang is loading, {time.monotonic() - began:.0f} s; log in {self._log_file}")
            time.sleep(POLL_S)
        self._watcher.start()

    def stop(self) -> None:
        """Stop the server and all its child processes."""
        self._stopping.set()
        _end(self._process)
        if self._watcher.is_alive():
            self._watcher.join()

    def _launched(self) -> "subprocess.Popen[bytes]":
        variables = {} if _nvidia_capabilities() is not None else {"SGLANG_USE_CPU_ENGINE": "1"}
        self._log_file.parent.mkdir(parents=True, exist_ok=True)
        with self._log_file.open("ab") as output:
            self._log_begins_at = output.tell()
            return subprocess.Popen(
                [sys.executable, "-c", _LAUNCH, str(os.getpid()), *self._command],
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                env={**os.environ, **variables},
                start_new_session=True,  # so that Ctrl+C reaches only codeio, which stops the server cleanly
            )

    def _watch(self) -> None:
        """Restart the server each time it ends by itself, at most MOST_RESTARTS times."""
        for _ in range(MOST_RESTARTS):
            exit_code = self._process.wait()
            if self._stopping.is_set():
                return
            _end(self._process)  # kills its child processes
            log.warning("sglang ended: %s. Restarting it; log in %s", self._reason(exit_code), self._log_file)
            self._process = self._launched()
            if self._stopping.is_set():
                _end(self._process)
        self._process.wait()  # the kernel kills it when the thread that started it ends, so this thread waits
        if not self._stopping.is_set():
            log.error("sglang ended for the %dth time and is not restarted.", MOST_RESTARTS + 1)

    def _reason(self, exit_code: int) -> str:
        """Return why the server ended, from its log and exit code."""
        with self._log_file.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(self._log_begins_at, end - N_LOG_BYTES))
            text = file.read().decode("utf-8", "replace")
        for pattern, reason in _REASONS:
            if re.search(pattern, text, re.IGNORECASE):
                return reason
        if exit_code == -signal.SIGKILL:
            return "it was killed, perhaps because memory ran out"
        errors = [line.strip() for line in text.splitlines() if re.match(r"\s*\w*(Error|Exception)\b", line)]
        return errors[-1][:300] if errors else f"it ended with exit code {exit_code}"


def _end(process: "subprocess.Popen[bytes]") -> None:
    """Send SIGTERM to the process group and, after STOP_TIMEOUT_S at most, SIGKILL to what is left of it."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_TIMEOUT_S)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def is_healthy(url: str) -> bool:
    """Return whether an sglang server answers at `url`, the address without /v1."""
    try:
        return read_page(f"{url}/health", {}, HEALTH_TIMEOUT_S).status == 200
    except Broken:
        return False


def free_port() -> int:
    """Return a port of 127.0.0.1 that is not in use at the moment."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        port: int = probe.getsockname()[1]
        return port


def _is_taken(host: str, port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError:
            return True
        return False


def _nvidia_capabilities() -> list[float] | None:
    """Return the compute capability of each NVIDIA GPU; None if there is no GPU."""
    command = ["nvidia-smi", "--query-gpu=compute_cap", "--format=csv,noheader"]
    try:
        result = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    capabilities = [float(line) for line in result.stdout.split() if re.fullmatch(r"\d+\.\d+", line)]
    return capabilities if result.returncode == 0 and capabilities else None


def _cpu_features() -> set[str]:
    """Return the words of the first line of features in /proc/cpuinfo."""
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith(("flags", "Features")):
                return set(line.split())
    return set()
