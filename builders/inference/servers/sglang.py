"""A local sglang server that codeio starts, looks after and stops.

In: a model (a folder in the Hugging Face format, or a Hub id) and an interpreter that has sglang: this one,
one that is named, or that of the environment `sglang` in codeio's cache folder. Out: a `Server` for as long
as the block lasts, its output in a log file. One that ends by itself is started again; the kernel ends it
when codeio is killed. codeio never imports sglang.
Not covered: several machines, and flags beyond those that the device calls for (they can be given).
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
N_LOG_BYTES = 200_000  # of its end, where the reason of a failure stands
POLL_S = 0.5
log = logging.getLogger("codeio.inference")

# The kernel ends sglang with the process that started it, however that one ends.
_LAUNCH = """
import ctypes, os, sys
PR_SET_PDEATHSIG, SIGKILL = 1, 9
ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, SIGKILL)
if os.getppid() == int(sys.argv[1]):
    os.execv(sys.argv[2], sys.argv[2:])
"""
_ALWAYS = (
    "--enable-cache-report",  # else chat answers do not tell the cached tokens
    "--constrained-json-disable-any-whitespace",  # between JSON tokens a weak model writes newlines for ever
)
_ON_CPU = (
    "--device=cpu",
    "--disable-overlap-schedule",  # nothing overlaps with the processor itself
    "--skip-server-warmup",
    "--sleep-on-idle",  # an idle scheduler would take a core
    "--max-total-tokens=65536",  # else the cache takes all free memory
)
_REASONS = (
    (r"out of memory|OutOfMemoryError|Not enough memory|leave no (GPU )?memory|[Cc]an(no|')t allocate memory",
     "it ran out of memory: take a smaller model, or make room with flags of sglang's own, such as"
     " codeio serve MODEL -- --context-length 8192"),
    (r"address already in use|port \d+ is (already )?in use", "its port is taken: give another --port"),
    (r"not a valid model identifier|RepositoryNotFound|Repository Not Found|does not appear to have a file"
     r"|Unrecognized (model|configuration)|Can't load the (model|configuration)|couldn't connect to"
     r"|OfflineModeIsEnabled|LocalEntryNotFound",
     "it does not know the model: give a folder in the Hugging Face format or the id of one on the Hub"),
    (r"unrecognized arguments: (.*)", "it does not know one of the flags it was given"),
    (r"No module named 'sglang|No module named sglang", "sglang is not installed there"),
)  # fmt: skip


def find_python(named: Path | None = None) -> Path:
    """An interpreter that has sglang; raises EngineMissing, which tells how to make one."""
    own = cache_folder() / "sglang" / "bin" / "python"
    if named:
        if os.access(named, os.X_OK) and not named.is_dir():
            return named
        raise EngineMissing(
            f"{named} is not an interpreter: give the bin/python of an environment with sglang."
        )
    if importlib.util.find_spec("sglang"):
        return Path(sys.executable)
    if own.exists():
        return own
    raise EngineMissing(
        'No sglang is found. On a machine with a GPU: pip install "codeio[sglang]", or give it an environment'
        f' of its own: python3 -m venv {own.parents[1]} && {own} -m pip install "sglang>=0.5.23". '
        "One made elsewhere is named with --sglang-python. Without a GPU, use --embedded."
    )


def device_flags() -> list[str]:
    """What this machine's processor or GPU calls for."""
    gpus = _nvidia_capabilities()
    if gpus is None:
        flags = list(_ON_CPU)
        features = _cpu_features()
        if "amx_tile" not in features:
            flags.append("--attention-backend=torch_native")
        if not features & {"amx_bf16", "avx512_bf16"}:
            # Without instructions for it bfloat16 is six times slower (4 against 24 tokens/s, 0.5B, 2 cores).
            flags.append("--dtype=float32")
        return flags
    if gpus and min(gpus) < 8.0:
        return ["--dtype=float16"]  # before Ampere there is no bfloat16
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
    """Serves `model` until the block ends; `flags` are sglang's own, and go before ours.

    `on_wait` is told how the start goes. Raises EngineMissing or EngineFailed, with the reason from the log.
    """
    if model.startswith((".", "/", "~")) and not Path(model).expanduser().is_dir():
        raise EngineFailed(f"{model} is not a folder: give one in the Hugging Face format, or a Hub id.")
    interpreter = find_python(python)
    if port is None:
        port = free_port()
    elif _is_taken(host, port):
        raise EngineFailed(
            f"Port {port} is taken: give another --port, or use what answers there (--base-url)."
        )
    path = str(Path(model).expanduser().resolve()) if Path(model).expanduser().is_dir() else model
    given = {flag.split("=")[0] for flag in flags}
    ours = [flag for flag in (*_ALWAYS, *device_flags()) if flag.split("=")[0] not in given]
    arguments = [f"--model-path={path}", f"--host={host}", f"--port={port}", *ours, *flags]
    command = [str(interpreter), "-m", "sglang.launch_server", *arguments]
    keeper = _Keeper(command, f"http://{'127.0.0.1' if host == '0.0.0.0' else host}:{port}", log_file)
    try:
        keeper.start(on_wait)
        yield connect(keeper.url)
    finally:
        keeper.stop()


class _Keeper:
    """The process, started again when it ends by itself; stopped with all its children."""

    def __init__(self, command: list[str], url: str, log_file: Path) -> None:
        self.url = url
        self._command = command
        self._log_file = log_file
        self._stopping = threading.Event()
        self._process = self._launched()
        self._watcher = threading.Thread(target=self._watch, name="codeio-sglang", daemon=True)

    def start(self, on_wait: Callable[[str], None]) -> None:
        """Wait until it answers; raises EngineFailed."""
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
        """End it and all its processes."""
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
                start_new_session=True,  # Ctrl+C reaches codeio alone, which ends it in order
            )

    def _watch(self) -> None:
        for _ in range(MOST_RESTARTS):
            exit_code = self._process.wait()
            if self._stopping.is_set():
                return
            _end(self._process)  # its children
            log.warning(
                "sglang ended: %s. It is started again; log in %s", self._reason(exit_code), self._log_file
            )
            self._process = self._launched()
            if self._stopping.is_set():
                _end(self._process)
        self._process.wait()  # the kernel ends it with the thread that started it, so this one stays
        if not self._stopping.is_set():
            log.error("sglang ended for the %dth time and is not started again.", MOST_RESTARTS + 1)

    def _reason(self, exit_code: int) -> str:
        with self._log_file.open("rb") as file:
            end = file.seek(0, os.SEEK_END)
            file.seek(max(self._log_begins_at, end - N_LOG_BYTES))
            text = file.read().decode("utf-8", "replace")
        for pattern, reason in _REASONS:
            if re.search(pattern, text, re.IGNORECASE):
                return reason
        if exit_code == -signal.SIGKILL:
            return "it was killed, perhaps for want of memory"
        errors = [line.strip() for line in text.splitlines() if re.match(r"\s*\w*(Error|Exception)\b", line)]
        return errors[-1][:300] if errors else f"it ended with exit code {exit_code}"


def _end(process: "subprocess.Popen[bytes]") -> None:
    """SIGTERM, and SIGKILL for what is left of its session after a while."""
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGTERM)
    with suppress(subprocess.TimeoutExpired):
        process.wait(STOP_TIMEOUT_S)
    with suppress(ProcessLookupError):
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()


def is_healthy(url: str) -> bool:
    """Whether an sglang server answers there."""
    try:
        return read_page(f"{url}/health", {}, HEALTH_TIMEOUT_S).status == 200
    except Broken:
        return False


def free_port() -> int:
    """A port of 127.0.0.1 where nobody listens at the moment."""
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
    """The compute capability of each GPU; None without one."""
    command = ["nvidia-smi", "--query-gpu=compute_cap", "--format=csv,noheader"]
    try:
        done = subprocess.run(command, capture_output=True, text=True, timeout=30, check=False)
    except (OSError, subprocess.TimeoutExpired):
        return None
    found = [float(line) for line in done.stdout.split() if re.fullmatch(r"\d+\.\d+", line)]
    return found if done.returncode == 0 and found else None


def _cpu_features() -> set[str]:
    with suppress(OSError):
        for line in Path("/proc/cpuinfo").read_text().splitlines():
            if line.startswith(("flags", "Features")):
                return set(line.split())
    return set()
