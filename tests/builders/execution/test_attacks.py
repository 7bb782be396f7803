"""Hostile code in every tier, as root and as an ordinary user: each ends as its row says and does no harm."""

import contextlib
import json
import os
import shutil
import socket
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from builders.execution import SandboxUnavailable
from builders.execution.tiers import choose_tier
from tests import ROOT, SHARED
from tests.builders.execution.attack_run import code_for

ATTACKS = SHARED / "attacks" / "attacks.jsonl"
HOSTILE = Path(__file__).parent / "hostile"
ORDINARY_USER = 1234
TIERS = ("namespaces+landlock+seccomp", "namespaces+seccomp", "landlock+seccomp", "seccomp-noopen")
# The words of the shared rows for an outcome, by the sandbox's status; the word for a refusal is its reason.
WORDS = {
    "ok": {"ok"},
    "exception": {"exception", "error", "load_error"},
    "memory": {"memory", "error", "died"},
    "timeout": {"timeout"},
}
# Looks for a harness's `emit` in its caller's frame. The worker has none there, so this raises an exception
# instead of forging a record, which would do no more than a return value.
NO_EMIT_TO_FIND = "frame_walk_emit"
# Harmless, but Python 3.12 limits recursion through C functions, whatever limit is set: an exception.
DEEP_IN_C = "lru_cache_recursion"


def hostile_rows(tier: str) -> list[dict[str, Any]]:
    rows = []
    for path in sorted(HOSTILE.glob("*.py")):
        row: dict[str, Any] = {
            "name": path.stem,
            "cat": "hostile",
            "tiers": TIERS,
            "input": {"x": 1},
            "code": path.read_text(),
        }
        for line in row["code"].splitlines():
            if not line.startswith("# "):
                break
            key, _, value = line[2:].partition(": ")
            if key == "accept":
                row["accept"] = value.split()
            elif key in ("input", "output"):
                row["input" if key == "input" else "out"] = json.loads(value)
            elif key == "mutated":
                row["mutated"] = True
            elif key == "not-in":
                row["tiers"] = [other for other in TIERS if other != value]
        rows.append(row)
    return [row for row in rows if tier in row["tiers"]]


def shared_rows() -> list[dict[str, Any]]:
    return [json.loads(line) for line in ATTACKS.read_text().splitlines()] if ATTACKS.exists() else []


def bound_socket(kind: socket.SocketKind, name: str) -> socket.socket:
    """Return a socket with an abstract name."""
    listener = socket.socket(socket.AF_UNIX, kind)
    listener.bind(f"\0{name}")
    return listener


class Surroundings:
    """What an attack could reach: a secret, a writable folder, and listeners that must receive nothing."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.canary = folder / "canary"
        self.canary.mkdir()
        (self.canary / "secret").write_text("CANARY_SECRET")
        self.canary.chmod(0o777)
        self.socket_name = f"sandbox_canary_{folder.name}"  # other runs of these tests have theirs
        self.tcp = socket.create_server(("127.0.0.1", 0))
        self.stream = bound_socket(socket.SOCK_STREAM, self.socket_name)
        self.stream.listen()
        self.datagram = bound_socket(socket.SOCK_DGRAM, f"{self.socket_name}_datagram")
        self.listeners = (self.tcp, self.stream, self.datagram)
        for listener in self.listeners:
            listener.setblocking(False)

    @property
    def names(self) -> tuple[str, str, str]:
        """The names by which an attack finds the folder and the listeners."""
        return str(self.canary), str(self.tcp.getsockname()[1]), self.socket_name

    def harm(self) -> list[str]:
        harms = []
        receive = {
            "tcp": self.tcp.accept,
            "stream": self.stream.accept,
            "datagram": lambda: self.datagram.recv(1),
        }
        for name, receive_now in receive.items():
            with contextlib.suppress(BlockingIOError):
                receive_now()
                harms.append(f"{name} heard something")
        names = sorted(path.name for path in self.canary.iterdir())
        if names != ["secret"] or (self.canary / "secret").read_text() != "CANARY_SECRET":
            harms.append(f"canary holds {', '.join(names)}")
        return harms


@contextlib.contextmanager
def surroundings() -> Iterator[Surroundings]:
    folder = Path(tempfile.mkdtemp(prefix="attacks-"))
    folder.chmod(0o755)
    around = Surroundings(folder)
    try:
        yield around
    finally:
        for listener in around.listeners:
            listener.close()
        shutil.rmtree(folder)


def reachable_interpreter(user: int) -> str:
    """Return a Python that `user` can execute: this one if possible."""
    names = [f"python3.{minor}" for minor in range(11, 20)]
    for python in (sys.executable, *filter(None, (shutil.which(name, path="/usr/bin") for name in names))):
        command = [python, "-c", "import sys; sys.exit(sys.version_info < (3, 11))"]
        try:
            if subprocess.run(command, user=user, group=user, extra_groups=[], cwd="/").returncode == 0:
                return python
        except PermissionError:
            continue
    pytest.skip(f"no Python 3.11 or newer that user {user} can execute")


def run_program(arguments: list[str], user: int | None, around: Surroundings) -> str:
    """Return what a Python program prints if `user` runs it with a copy of the package they can read."""
    python = sys.executable if user is None else reachable_interpreter(user)
    copy = around.folder / "copy"
    unfinished = shutil.ignore_patterns("*.pyc.*")  # what another process is compiling
    for package in ("builders/execution", "builders/options", "tests/builders/execution"):
        shutil.copytree(ROOT / package, copy / package, ignore=unfinished)
    for module in ("errors.py", "verifier.py"):
        shutil.copy(ROOT / "builders" / module, copy / "builders")
    for package in ("builders", "tests", "tests/builders"):
        (copy / package / "__init__.py").touch()
    temporary = around.folder / "tmp"
    temporary.mkdir(mode=0o777)
    temporary.chmod(0o777)
    environment = {"PATH": os.defpath, "TMPDIR": str(temporary), "CANARY_TOKEN": "CANARY"}
    identity = {} if user is None else {"user": user, "group": user, "extra_groups": []}
    command = [python, "-B", *arguments]
    process = subprocess.run(command, cwd=copy, env=environment, capture_output=True, text=True, **identity)
    assert process.returncode == 0, process.stderr
    return process.stdout


def run_attacks(
    tier: str, rows: list[dict[str, Any]], user: int | None, around: Surroundings
) -> dict[str, Any]:
    attacks = around.folder / "attacks.jsonl"
    attacks.write_text("\n".join(map(json.dumps, rows)))
    arguments = ["-m", "tests.builders.execution.attack_run", tier, str(attacks), *around.names]
    report: dict[str, Any] = json.loads(run_program(arguments, user, around))
    return report


def is_wrong(row: dict[str, Any], answer: dict[str, Any]) -> bool:
    """Return whether the row does not accept the answer."""
    words = WORDS.get(answer["status"]) or {answer["error_type"], "refused"}
    if str(answer["error_type"]).startswith("not_json"):
        words = words | {"error"}
    accepted = set(row["accept"])
    if row["name"] == NO_EMIT_TO_FIND or (row["name"] == DEEP_IN_C and sys.version_info[:2] == (3, 12)):
        accepted.add("error")
    if not words & accepted:
        return True
    if row["cat"].startswith("nondet"):
        return bool(answer["agrees"])
    if answer["status"] != "ok":
        return False
    output = json.loads(answer["output"])
    return (
        ("out" in row and output != row["out"])
        or ("out_not" in row and output == row["out_not"])
        or (row.get("mutated", False) and not answer["mutated"])
    )


@pytest.fixture(
    scope="module",
    params=[(tier, user) for tier in TIERS for user in (None, ORDINARY_USER)],
    ids=lambda param: f"{param[0]}-{'this_user' if param[1] is None else 'ordinary_user'}",
)
def outcome(request: pytest.FixtureRequest) -> dict[str, Any]:
    """The report of all attacks in one tier as one user, with the harm to the surroundings."""
    tier, user = request.param
    if user is not None and os.getuid() != 0:
        pytest.skip("only root can become another user; the other run is as an ordinary one then")
    try:
        choose_tier(tier)
    except SandboxUnavailable as error:
        pytest.skip(str(error))
    with surroundings() as around:
        report = run_attacks(tier, [*hostile_rows(tier), *shared_rows()], user, around)
        report["tier"] = tier
        report["harm"] = around.harm()
    assert report["user"] == (os.getuid() if user is None else user)
    return report


def failures(outcome: dict[str, Any], rows: list[dict[str, Any]]) -> dict[str, Any]:
    answers = outcome["answers"]
    return {row["name"]: answers[row["name"]] for row in rows if is_wrong(row, answers[row["name"]])}


def test_own_attacks_hold(outcome: dict[str, Any]) -> None:
    assert failures(outcome, hostile_rows(outcome["tier"])) == {}


def test_no_attack_ends_its_worker(outcome: dict[str, Any]) -> None:
    """The zygote continues, whatever happens to the job's process."""
    messages = {name: str(answer["error_message"]) for name, answer in outcome["answers"].items()}
    assert [name for name, message in messages.items() if "ended its worker" in message] == []


def test_shared_attacks_hold(outcome: dict[str, Any]) -> None:
    rows = shared_rows()
    if not rows:
        pytest.skip(f"{ATTACKS} is not here")
    assert failures(outcome, rows) == {}


def test_nothing_is_harmed_or_left(outcome: dict[str, Any]) -> None:
    assert outcome["harm"] == []
    assert outcome["children_left"] == 0
    assert outcome["descriptors_left"] == 0
    assert outcome["files_left"] == []


THREADS = """
import os, resource
from builders.execution import Job, Limits, Sandbox
hostile = '''
import threading
def f(wait_s):
    threading.stack_size(32768)
    gate, n = threading.Event(), 0
    try:
        while n < 1000:
            threading.Thread(target=gate.wait, daemon=True).start()
            n += 1
    except RuntimeError:
        gate.wait(wait_s)
    return n
'''
jobs = [Job(hostile, "f", ["2"])] + [Job("def f(x): return x + 1", "f", [str(i)]) for i in range(6)]
resource.setrlimit(resource.RLIMIT_NPROC, ({limit}, {limit}))
with Sandbox(Limits(5, 60, 512), workers=2, tier="namespaces+landlock+seccomp") as sandbox:
    lasting = [Job("def f(x): return x", "f", ["1"] * 150, apart=True)] * 3
    list(sandbox.run_many(lasting))  # both workers are up
    runs = [run for [run] in sandbox.run_many(jobs)]
print(*(run.output for run in runs))
"""


@pytest.mark.parametrize("limit", [60, 4000])
def test_threads_of_one_job_leave_processes_to_the_others(limit: int) -> None:
    """For two seconds, the job takes all processes that its user may have, or all that one job may have."""
    if os.getuid() != 0:
        pytest.skip("only root can become a user with no other processes")
    with surroundings() as around:
        outputs = run_program(["-c", THREADS.format(limit=limit)], ORDINARY_USER + 1, around).split()
    assert outputs[1:] == ["1", "2", "3", "4", "5", "6"]
    assert 10 < int(outputs[0]) < min(limit, 128)


def test_the_listeners_hear_without_a_sandbox() -> None:
    """The check above can fail: without a sandbox, the same code reaches the listener and the folder."""
    namespace: dict[str, Any] = {}
    attack = (HOSTILE / "datagram_to_address.py").read_text()
    with surroundings() as around:
        exec(code_for(attack, *around.names), namespace)
        namespace["main_solution"](1)
        (around.canary / "new").touch()
        assert around.harm() == ["datagram heard something", "canary holds new, secret"]
