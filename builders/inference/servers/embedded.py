"""A model in this process: xllamacpp's OpenAI-compatible server on a free port of 127.0.0.1.

In: a named model or a GGUF file. Out: a `Server` for as long as the block lasts. For machines without a
server; on CPU, answers are the same again only with one slot and no cached prefix (floating point sums
depend on the batch), so it is the request cache that makes a rerun exact.
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

PROMPT_CACHE_MB = 1024  # prefixes kept beyond the slots; the engine's own default is 8 GB
_SILENT, _ERRORS = -1, 1  # levels of the engine's log, which goes to stderr
_LAST_WORDS, _LAST_WORDS_S = b"exiting due to model loading error", 2.0


@contextmanager
def embedded(
    name_or_path: str | Path, *, n_slots: int = 4, n_context_tokens: int = 8192, n_threads: int | None = None
) -> Iterator[Server]:
    """Serves weights until the block ends.

    `n_slots` requests run at a time, each with `n_context_tokens` for prompt and answer together; more than
    that waits. `n_threads`: by default all cores this process may use. Raises EngineMissing, EngineFailed,
    WeightsMissing.
    """
    # Read by OpenMP as the engine loads it. Threads that spin while they wait for each other stand still when
    # anything else runs on the same cores: 0 tokens in a minute, against 3 to 8 a second (2 cores, load 12).
    os.environ.setdefault("OMP_WAIT_POLICY", "passive")
    # A short spin (microseconds) before they sleep: 19 tokens a second instead of 14 (2 idle cores, 2 slots).
    os.environ.setdefault("GOMP_SPINCOUNT", "20000")
    try:
        import xllamacpp  # an extra: only who uses it needs it
    except ImportError:
        raise EngineMissing(
            'The embedded engine is not installed: pip install "codeio[embedded]", or give --base-url.'
        ) from None
    weights = find_weights(name_or_path)
    params = xllamacpp.CommonParams()
    params.model.path = str(weights.path)
    params.model_alias = {weights.path.stem}  # or the engine would name the model by its local path
    params.hostnames = ["127.0.0.1"]
    params.port = 0  # any free one
    params.n_parallel = n_slots
    params.n_ctx = n_slots * n_context_tokens  # the engine divides it among the slots
    params.cache_ram_mib = PROMPT_CACHE_MB
    params.cpuparams.n_threads = params.cpuparams_batch.n_threads = n_threads or _n_cores()
    params.ui = False
    params.verbosity = _SILENT
    engine = _started(xllamacpp, params)
    try:
        yield Server(f"{engine.listening_address}/v1", weights.path.stem, weights.identity, is_told=False)
    finally:
        del engine  # stops it


def _n_cores() -> int:
    return len(os.sched_getaffinity(0))


def _started(xllamacpp: Any, params: Any) -> Any:
    try:
        return xllamacpp.Server(params)
    except RuntimeError:
        params.verbosity = _ERRORS
        reason = _overheard(xllamacpp, params)
    raise EngineFailed(
        f"The embedded engine cannot load {params.model.path} ({reason}): give a whole GGUF file, or a"
        " smaller context."
    )


def _overheard(xllamacpp: Any, params: Any) -> str:
    """Fails once more, to read the reason, which the engine tells to stderr only."""
    sys.stderr.flush()
    with tempfile.TemporaryFile() as log:
        terminal = os.dup(2)
        os.dup2(log.fileno(), 2)
        try:
            xllamacpp.Server(params)
        except RuntimeError as error:
            said = str(error)
        else:
            said = "it failed once and then loaded; run again"
        finally:
            _wait_for(log.fileno(), _LAST_WORDS)  # the engine logs in a thread of its own
            os.dup2(terminal, 2)
            os.close(terminal)
        log.seek(0)
        for line in log.read().decode("utf-8", "replace").splitlines():
            _, mark, message = line.partition(" E ")
            if mark:
                return message.split("error loading model: ")[-1].strip()
    return said


def _wait_for(file: int, words: bytes) -> None:
    """Wait until a log holds these words, a moment at most."""
    end_s = time.monotonic() + _LAST_WORDS_S
    while words not in os.pread(file, 1 << 20, 0) and time.monotonic() < end_s:
        time.sleep(0.01)
