"""The embedded engine: a model in this process, served by xllamacpp on a free port of 127.0.0.1.

In: a named model or a GGUF file. Out: an OpenAI-compatible `Server` that runs until the block ends; for
machines without a model server. On CPU, answers repeat exactly only with one slot and no cached prefix
(floating-point sums depend on the batch), so the request cache is what makes a rerun exact.
Not covered: GPUs, adapters, several models at once.
"""

import os
import sys
import tempfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from builders.inference.errors import EngineFailed, EngineMissing
from builders.inference.servers.server import Server
from builders.inference.servers.weights import find_weights

PROMPT_CACHE_MB = 1024  # for prefixes besides those in the slots; the engine's default is 8 GB
_SILENT, _ERRORS = -1, 1  # verbosity of the engine's log, which goes to stderr
# The last line that the engine logs when it cannot load, and how long to wait for it.
_LOG_END, _LOG_END_TIMEOUT_S = b"exiting due to model loading error", 2.0


@contextmanager
def embedded(
    name_or_path: str | Path, *, n_slots: int = 4, n_context_tokens: int = 8192, n_threads: int | None = None
) -> Iterator[Server]:
    """Run a model in this process and serve it until the block ends.

    Args:
        name_or_path: The name of a model in `weights.MODELS`, downloaded if necessary, or a GGUF file.
        n_slots: How many requests run at the same time; further ones wait.
        n_context_tokens: The context length of each slot, for prompt and answer together.
        n_threads: By default, as many as there are cores that this process may use.

    Yields:
        The server, ready to answer.

    Raises:
        EngineMissing: xllamacpp is not installed.
        EngineFailed: The engine cannot load the weights.
        WeightsMissing: The weights are not on this machine and cannot be downloaded.

    Example:
        >>> from builders.inference.servers.weights import MODELS
        >>> sorted(MODELS)
        ['qwen2.5-coder-0.5b', 'qwen2.5-coder-1.5b', 'smollm2-135m']
        >>> with embedded("qwen2.5-coder-1.5b") as server:  # doctest: +SKIP
        ...     print(server.identity)
        Qwen/Qwen2.5-Coder-1.5B-Instruct-GGUF:q4_k_m@sha256:cc324af070c2ecbf
    """
    # OpenMP reads these when the engine loads it. Threads that spin while they wait for each other make no
    # progress on busy cores: 0 tokens in a minute, against 3 to 8 a second (2 cores, load 12).
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    # Spinning for microseconds before they sleep: 19 tokens a second instead of 14 (2 idle cores, 2 slots).
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")
    try:
        import xllamacpp  # an optional dependency
    except ImportError:
        raise EngineMissing(
            'The embedded engine is not installed: pip install "codeio[embedded]", or use a server with'
            " --base-url."
        ) from None
    weights = find_weights(name_or_path)
    params = xllamacpp.CommonParams()
    params.model.path = str(weights.path)
    params.model_alias = {weights.path.stem}  # else the engine names the model by its local path
    params.hostnames = ["127.0.0.1"]
    params.port = 0  # any free port
    params.n_parallel = n_slots
    params.n_ctx = n_slots * n_context_tokens  # the engine divides this among the slots
    params.cache_ram_mib = PROMPT_CACHE_MB
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = n_threads or _n_cores()
    params.ui = False
    params.verbosity = _SILENT
    engine = _started(xllamacpp, params)
    try:
        yield Server(
            f"{engine.listening_address}/v1", weights.path.stem, weights.identity, reports_identity=False
        )
    finally:
        del engine  # stops the server


def _n_cores() -> int:
    return len(os.sched_getaffinity(0))


def _started(xllamacpp: Any, params: Any) -> Any:
    """Return a running engine; raises EngineFailed."""
    try:
        return xllamacpp.Server(params)
    except RuntimeError:
        params.verbosity = _ERRORS
        reason = _failure_reason(xllamacpp, params)
    raise EngineFailed(
        f"The embedded engine cannot load {params.model.path} ({reason}): give a complete GGUF file,"
        " or a smaller context."
    )


def _failure_reason(xllamacpp: Any, params: Any) -> str:
    """Return why the engine does not load: start it again and read the reason that it logs to stderr."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as log:
        terminal = os.dup(2)
        os.dup2(log.fileno(), 2)
        try:
            xllamacpp.Server(params)
        except RuntimeError as error:
            reason = str(error)
        else:
            reason = "it failed once and then loaded; run again"
        finally:
            _wait_for(log.fileno(), _LOG_END)  # the engine logs in a separate thread
            os.dup2(terminal, 2)
            os.close(terminal)
        log.seek(0)
        for line in log.read().decode("utf-8", "replace").splitlines():
            _, mark, message = line.partition(" E ")
            if mark:
                return message.split("error loading model: ")[-1].strip()
    return reason


def _wait_for(file: int, words: bytes) -> None:
    """Wait until a log contains `words`, at most _LOG_END_TIMEOUT_S."""
    end_s = time.monotonic() + _LOG_END_TIMEOUT_S
    while words not in os.pread(file, 1 << 20, 0) and time.monotonic() < end_s:
        time.sleep(0.01)
