"""The fork server (zygote): started by exec in a clean environment, isolated once, then forked for each job.

In: requests on fd 3. Out: replies on fd 4. A request is a header (length, inputs per process, CPU seconds,
wall seconds, megabytes) and parts that only the job itself reads: what to call, and the inputs. A reply is a
length, a JSON line about each process that was needed, and the frames that these wrote; `wire` says what else
the host may receive. This process reads only the lengths of the frames that a job writes, not their contents.

CPU time is budgeted for each input by the job's own CPU clock, so that a loaded machine causes no timeout.
When a process ends early, the remaining inputs run in a fresh fork. So does the input that it was working on,
unless that was its first, because what the inputs before it left behind may be the cause. If two forks in a
row write nothing, the code cannot be loaded, and the request ends. A fork that something else killed is tried
again. A fork receives only the inputs that it is to answer.
Tested in tests/builders/execution/test_pool.py.
"""

import contextlib
import fcntl
import gc
import importlib
import json
import os
import re
import resource
import signal
import sys
from typing import Any, NamedTuple, NoReturn

from builders.execution.inside.watch import Frames, Store, Watch, collect, fork
from builders.execution.inside.wire import (
    EXIT_BROKEN,
    EXIT_OUT_OF_MEMORY,
    LENGTH,
    MAX_KILLED,
    REPLIES,
    REQUEST_HEADER,
    REQUESTS,
    RESULTS,
    UNABLE,
    frame_spans,
)

_STACK_BYTES = 64 * 2**20
_OPEN_FILES = 64
_THREADS = 128


def main(config: dict[str, Any]) -> NoReturn:
    """Isolate this process as `config` says, report the result to the host, and serve until it hangs up."""
    try:
        server = _prepare(config)
    except Exception as error:
        _send(json.dumps({"error": f"{type(error).__name__}: {error}"}).encode())
        os._exit(1)
    _send(json.dumps({"ready": True}).encode())
    request, answers = Store(shared=False), Store(shared=False)
    while True:
        request.clear()
        answers.clear()
        _read(REQUEST_HEADER.size, request)
        length, n_each, *limits = REQUEST_HEADER.unpack_from(request.pages)
        request.end = 0
        _read(length, request)
        _send(server.serve(request, answers, n_each, _Limits(*limits)), answers)


def _prepare(config: dict[str, Any]) -> "_ForkServer":
    """Isolate this process, and return the server that is ready to fork."""
    register_at_fork = os.register_at_fork
    # The hooks of random, logging and threading cost half of a fork, and a single thread needs none of them.
    os.register_at_fork = lambda **hooks: None
    from builders.execution.inside import kernel, landlock, namespaces, seccomp
    from builders.execution.inside.clock import EPOCH_S, VirtualClock
    from builders.execution.inside.environments import Environment
    from builders.execution.inside.worker import Worker

    kernel.close_from(RESULTS)  # a job that inherited the host's end of a pipe could answer for others
    layers, readable, devices = config["layers"], config["readable"], config["devices"]
    environment = Environment(**config["environment"])
    capabilities: tuple[int, ...] = ()
    if "namespaces" in layers:
        namespaces.enter(readable, devices, config["inner_id"], (REQUESTS, REPLIES), environment.process)
        kernel.drop_bounding_set()
        _burn_process_ids(environment.process)
    elif os.getuid() == 0:
        kernel.drop_bounding_set()
        capabilities = _leave_root(config["inner_id"], readable)
    os.chdir(("/", "/dev", readable[0])[environment.settings])
    for name in config["preload"]:
        try:
            importlib.import_module(name)
        except Exception:
            continue  # not installed here: code that imports it gets the ImportError
    os.register_at_fork = register_at_fork
    heap_shift = [bytearray(64) for _ in range(997 * environment.process)]
    clock = VirtualClock(
        EPOCH_S + environment.clock * (431 * 86_400 + 25_991), 1e-3 * (1 + 0.37 * environment.clock)
    )
    clock.install()
    worker = Worker(clock)

    if "landlock" in layers:
        landlock.restrict(readable, devices)
    kernel.hold_capabilities(*(capabilities if "landlock" in layers else ()))
    kernel.prctl(kernel.PR_SET_NO_NEW_PRIVS, 1)
    kernel.prctl(kernel.PR_SET_DUMPABLE, 0)
    _limit_resources("namespaces" in layers)
    worker.prepare()
    seccomp.install(seccomp.server_filter(no_open="noopen" in layers))
    for name in [name for name in sys.modules if name.split(".")[0] == "builders"]:
        del sys.modules[name]  # so that the code can import nothing of this project
    gc.collect()
    gc.freeze()
    gc.disable()
    return _ForkServer(worker, heap_shift)


def _leave_root(inner_id: int, readable: list[str]) -> tuple[int, ...]:
    """Become an ordinary user, and return the capabilities that are still needed.

    An ordinary user cannot reach an interpreter under root's home. In that case, the right to read is kept,
    and Landlock, which no capability overrides, limits it to the interpreter's folders.
    """
    from builders.execution.inside import kernel

    kernel.prctl(kernel.PR_SET_KEEPCAPS, 1)
    os.setgroups([])
    os.setresgid(inner_id, inner_id, inner_id)
    os.setresuid(inner_id, inner_id, inner_id)
    kernel.hold_capabilities(kernel.CAP_DAC_READ_SEARCH)
    if all(os.access(path, os.R_OK) for path in readable):
        return ()
    return (kernel.CAP_DAC_READ_SEARCH,)


def _burn_process_ids(variant: int) -> None:
    """Use up process ids so that they differ between environments: each process table starts at 1."""
    for _ in range(40 * variant):
        with contextlib.suppress(OSError):  # there is no such program, but a process was made to start it
            os.posix_spawn("/nonexistent", ["/nonexistent"], {})  # much cheaper than a fork


def _limit_resources(in_namespaces: bool) -> None:
    limits = {
        resource.RLIMIT_STACK: _STACK_BYTES,
        resource.RLIMIT_CORE: 0,
        resource.RLIMIT_FSIZE: 0,
        resource.RLIMIT_NOFILE: _OPEN_FILES,
        resource.RLIMIT_MEMLOCK: 0,
        resource.RLIMIT_MSGQUEUE: 0,
    }
    release = re.match(r"(\d+)\.(\d+)", os.uname().release)
    if in_namespaces and release and (int(release[1]), int(release[2])) >= (5, 14):
        # Older kernels and other tiers count all processes of the user. None counts those of root.
        limits[resource.RLIMIT_NPROC] = _THREADS
    for limit, value in limits.items():
        _, hard_limit = resource.getrlimit(limit)
        value = value if hard_limit == resource.RLIM_INFINITY else min(value, hard_limit)
        resource.setrlimit(limit, (value, value))


class _Limits(NamedTuple):
    """The limits of one input."""

    cpu_s: float
    wall_s: float
    memory_mb: int


class _End(NamedTuple):
    """The end of one process of a job. `cause` is exit, signal, cpu, wall, size, records or memory."""

    cause: str
    detail: int
    cpu_us: int


class _ForkServer:
    """A server that forks a process for each job, watches it, and forks another for inputs that are left."""

    def __init__(self, worker: Any, heap_shift: list[bytearray]) -> None:
        self.worker = worker
        self.part = Store(shared=True)  # the part of a request that one process receives
        self.heap_shift = heap_shift  # kept, so that addresses differ between environments
        self.peak_kb = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss

    def serve(self, request: Store, answers: Store, n_each: int, limits: _Limits) -> bytes:
        """Run a request, `n_each` inputs per process. Return the reply's head; `answers` gets the frames."""
        job_span, *inputs = frame_spans(request.pages, request.end)
        n_inputs = len(inputs)
        processes: list[list[Any]] = []
        first = n_empty = n_killed = 0
        while first < n_inputs:
            frames = Frames(answers, min(n_each, n_inputs - first))
            self.part.clear()
            for span in (job_span, *inputs[first : first + n_each]):
                self.part.append(request, span)
            end = self._run(first == 0, frames, limits)
            frames.finish()
            if end is None:
                answers.end = 0
                return UNABLE
            processes.append([first, *end, frames.n_bytes])
            if end.cause == "signal" and end.detail == signal.SIGKILL and n_killed < MAX_KILLED:
                n_killed += 1
                first += frames.n_records
                continue
            n_empty = n_empty + 1 if frames.is_empty else 0
            if n_empty == 2 and n_each > 1:
                break
            if end.cause == "records":  # some are forged, so none of them counts
                first += frames.n_expected
                continue
            ran_out = end.cause == "exit" and end.detail == EXIT_OUT_OF_MEMORY  # its last record says so
            first += max(1, frames.n_records - ran_out)
        return json.dumps({"processes": processes}).encode() + b"\n"

    def _run(self, is_first: bool, frames: Frames, limits: _Limits) -> _End | None:
        """Run `self.part` in one process. Return None if the system has no process left."""
        results, write_end = os.pipe()
        child = fork()
        if child is None:
            os.close(results)
            os.close(write_end)
            return None
        if not child:
            try:
                for pipe in (REQUESTS, REPLIES, results):
                    os.close(pipe)
                if write_end != RESULTS:
                    os.dup2(write_end, RESULTS)
                    os.close(write_end)
                for descriptor in range(REQUESTS):  # all jobs share these open files, and flags would persist
                    fcntl.fcntl(descriptor, fcntl.F_SETFL, 0)
                self.worker.run(self.part.pages, self.part.end, is_first, limits.cpu_s, limits.memory_mb)
            finally:
                os._exit(EXIT_BROKEN)
        os.close(write_end)
        watch = Watch(child, limits.cpu_s, limits.wall_s)
        cause = collect(results, frames, watch)
        os.close(results)
        if cause is None:
            cause, status, usage = watch.wait()
        if cause is not None:
            os.kill(child, signal.SIGKILL)
            _, status, usage = os.wait4(child, 0)
        cpu_us = int(1e6 * (usage.ru_utime + usage.ru_stime))
        if cause is not None:
            return _End(cause, 0, cpu_us)
        if os.WIFEXITED(status):
            return _End("exit", os.WEXITSTATUS(status), cpu_us)
        number = os.WTERMSIG(status)
        grew_mb = (usage.ru_maxrss - self.peak_kb) / 1024
        if number == signal.SIGKILL and grew_mb > limits.memory_mb / 2:
            return _End("memory", number, cpu_us)
        return _End("signal", number, cpu_us)


def _read(length: int, store: Store) -> None:
    while store.end < length:
        if not store.read(REQUESTS, length - store.end):
            os._exit(0)


def _send(head: bytes, body: Store | None = None) -> None:
    n_bytes = body.end if body else 0
    start = LENGTH.pack(len(head) + n_bytes) + head
    try:
        if not body:
            _write(start)
            return
        with memoryview(body.pages) as pages, pages[:n_bytes] as view:
            n_written = os.writev(REPLIES, [start, view])  # in one call, so that the host wakes once
            _write(start[n_written:])
            with view[max(0, n_written - len(start)) :] as rest:
                _write(rest)
    except BrokenPipeError:
        os._exit(0)


def _write(data: bytes | memoryview) -> None:
    n_written = 0
    with memoryview(data) as view:
        while n_written < len(view):
            with view[n_written:] as rest:
                n_written += os.write(REPLIES, rest)
