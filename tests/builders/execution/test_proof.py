"""A proof holds if an output follows from the input alone, and in no other case."""

import os
from collections.abc import Iterator

import pytest

from builders.execution import Job, Limits, Proof, Prover, Sandbox
from builders.execution.inside.environments import CAUSE_TEXTS, CHANCE
from builders.execution.proof import SPOT_CHECK
from tests.builders.execution.processes import descendants

PREAMBLE = """
import functools, itertools
seen = []
numbers = itertools.count()
cached = functools.lru_cache(lambda x: x)
class Element:
    n = 0
    def __init__(self):
        Element.n += 1
        self.number = Element.n
"""
ORDER_OF_OBJECTS = "return [element.number for element in {Element() for _ in range(40)}]"
# Two threads count in an order that the system decides, so some additions are lost.
RACE = """
 import sys, threading
 sys.setswitchinterval(1e-6)
 total, gate = [0], threading.Barrier(2)
 def one(number): return 1
 def count():
  gate.wait()
  for number in range(50_000):
   n = total[0]
   total[0] = n + one(number)
 threads = [threading.Thread(target=count) for _ in range(2)]
 for thread in threads: thread.start()
 for thread in threads: thread.join()
 return total[0]"""

# What an outcome depends on, and the body of such a function.
DEPENDENT = [
    ("seed", "import random; return random.random()"),
    ("seed", "import random; return random.choice([1, 2, 3, 4, 5] * 1000 + list(range(10**6)))"),
    ("seed", "import numpy; return numpy.random.rand()"),
    (CHANCE, "import numpy; return numpy.random.default_rng().random()"),
    (CHANCE, "import random; return random.Random().random()"),
    (CHANCE, "import os; return os.urandom(8).hex()"),
    (CHANCE, "import uuid; return str(uuid.uuid4())"),
    (CHANCE, "import secrets; return secrets.randbits(64)"),
    (CHANCE, "import os; return os.getpid()"),
    ("hash_seed", "return list({'alpha', 'beta', 'gamma', 'delta', 'epsilon', 'zeta'})"),
    ("hash_seed", "return hash('x')"),
    ("hash_seed", "return max({'a', 'b', 'c', 'd', 'e', 'f'}, key=len)"),
    ("clock", "import time; return time.time()"),
    ("clock", "import time; return time.strftime('%d %H:%M')"),
    ("clock", "import datetime; return datetime.date.today().isoformat()"),
    ("clock", "import time; a = time.perf_counter(); return time.perf_counter() - a"),
    ("settings", "import os; return os.environ['HOME']"),
    ("settings", "import os; return sorted(os.environ)"),
    ("settings", "import os; return os.path.abspath('data.txt')"),
    ("settings", "import os; return os.path.expanduser('~')"),
    ("settings", "import locale; return locale.setlocale(locale.LC_COLLATE, '')"),
    ("settings", "import datetime; return str(datetime.datetime.fromtimestamp(x))"),
    ("settings", "import datetime; return datetime.datetime(2020, 1, 1).timestamp()"),
    ("settings", "import time; return list(time.localtime(0))[:6]"),
    (CHANCE, "return id(object())"),
    (CHANCE, "return repr(object())"),
    (CHANCE, "import threading; return threading.get_ident()"),
    (CHANCE, "import os; return os.uname().nodename"),
    (CHANCE, "import socket; return socket.gethostname()"),
    (CHANCE, "import platform; return platform.node()"),
    ("history", "seen.append(x); return len(seen)"),
    ("history", "default.append(x); return len(default)"),
    ("history", "import sys; sys.seen = getattr(sys, 'seen', 0) + 1; return sys.seen"),
    ("history", "cached(len(seen)); seen.append(x); return cached.cache_info().currsize"),
    ("history", "return next(numbers)"),
    ("history", "import decimal; decimal.getcontext().prec += 1; return decimal.getcontext().prec"),
]


@pytest.fixture(scope="module")
def sandbox() -> Iterator[Sandbox]:
    with Sandbox(Limits(cpu_s=5, wall_s=60, memory_mb=256)) as sandbox:
        yield sandbox


@pytest.fixture(scope="module")
def prover(sandbox: Sandbox) -> Prover:
    return Prover.sharing(sandbox)


@pytest.fixture(scope="module")
def hasty_prover(sandbox: Sandbox) -> Prover:
    """Return a prover for code that runs into its time limit, or nearly."""
    return Prover.sharing(sandbox.with_limits(Limits(cpu_s=0.2, wall_s=60, memory_mb=256)))


@pytest.mark.parametrize(
    "body",
    [
        "return sorted({'a', 'b', x})",
        "import random; random.seed(x); return random.random()",
        "import time; time.sleep(1); return round(time.perf_counter() - time.perf_counter(), 1) == 0",
        "raise ValueError(object())",
        "import functools; return functools.reduce(lambda a, b: a + b, range(x))",
        "import datetime; return repr(datetime.datetime(2020, 1, x))",
        "while x == 2: pass",
    ],
)
def test_what_follows_from_the_input_is_proven(hasty_prover: Prover, body: str) -> None:
    proofs = hasty_prover.prove(Job(f"def f(x):\n {body}", "f", ["1", "2", "3"]))
    assert [(proof.agrees, proof.detail) for proof in proofs] == [(True, "")] * 3


@pytest.fixture(scope="module")
def unproven(prover: Prover) -> dict[tuple[str, int], list[Proof]]:
    """Return the proofs for each body of DEPENDENT with one and with three inputs.

    All in one call, because each call starts and ends the workers that name a cause.
    """
    jobs = {
        (body, n_inputs): Job(f"{PREAMBLE}def f(x, default=[]):\n {body}", "f", ["1"] * n_inputs)
        for _, body in DEPENDENT
        for n_inputs in (1, 3)
    }
    return dict(zip(jobs, prover.prove_many(jobs.values()), strict=True))


@pytest.mark.parametrize(("cause", "body"), DEPENDENT)
def test_what_depends_on_anything_else_is_not_and_is_named(
    unproven: dict[tuple[str, int], list[Proof]], cause: str, body: str
) -> None:
    for n_inputs in (1, 3):
        proofs = unproven[body, n_inputs]
        assert [proof.agrees for proof in proofs] == [False] * n_inputs
        for proof in proofs:
            assert CAUSE_TEXTS.get(cause, cause) in proof.detail.partition(":")[0]


@pytest.mark.parametrize("body", [RACE, ORDER_OF_OBJECTS], ids=["race", "order of objects"])
def test_what_the_memory_or_the_system_decides_is_not_proven(prover: Prover, body: str) -> None:
    """Single runs may agree by chance."""
    proofs = prover.prove(Job(f"{PREAMBLE}def f(x):\n {body}", "f", ["1"] * 8))
    assert sum(not proof.agrees for proof in proofs) > 4


def test_no_cause_is_looked_for_if_none_is_asked_for(prover: Prover) -> None:
    jobs = [Job(f"import time\ndef f(x): return {value}", "f", ["1"]) for value in ("x", "time.time()")]
    [agreeing], [differing] = prover.prove_many(jobs, with_causes=False)
    assert [(proof.agrees, proof.detail) for proof in (agreeing, differing)] == [(True, ""), (False, "")]


def test_a_sandbox_and_its_prover_have_the_same_workers(sandbox: Sandbox, prover: Prover) -> None:
    job = Job("def f(x): return x", "f", ["1"])
    assert prover.prove(job)[0].agrees
    workers = descendants(os.getpid())
    assert sandbox.run(job)[0].output == "1"
    assert descendants(os.getpid()) == workers


def test_one_cause_is_named_alone_with_two_outcomes(prover: Prover) -> None:
    code = "import time\ndef f(x): return 60 * x if time.time() < 1_710_000_000 else 0"
    [proof] = prover.prove(Job(code, "f", ["2"]))
    assert proof.detail == "depends on the clock: one run gives 120, another 0"


def test_workers_for_an_explanation_end_with_it(prover: Prover) -> None:
    prover.prove(Job("def f(x): return x", "f", ["1"]))
    before = descendants(os.getpid())
    [proof] = prover.prove(Job("import time\ndef f(x): return time.time()", "f", ["1"]))
    assert not proof.agrees
    assert descendants(os.getpid()) == before


def test_several_causes_are_all_named(prover: Prover) -> None:
    [proof] = prover.prove(Job("import os, time\ndef f(x): return [time.time(), os.getcwd()]", "f", ["1"]))
    causes = f"{CAUSE_TEXTS['clock']}, {CAUSE_TEXTS['settings']}"
    assert proof.detail.startswith(f"depends on {causes}: one run gives [1700000000.0")


def test_a_cause_that_needs_another_beside_it_is_not_made_up(prover: Prover) -> None:
    code = "import os, time\ndef f(x): return time.time() > 1_710_000_000 and os.getcwd() != '/'"
    [proof] = prover.prove(Job(code, "f", ["1"]))
    assert proof.detail == "depends on several things together: one run gives false, another true"


def test_details_of_what_chance_decides_are_the_same_each_time(prover: Prover) -> None:
    """Details are part of the data, whose files do not change from run to run."""
    job = Job("import os\ndef f(x): return [os.getpid(), id(x)]", "f", ["1"])
    [detail] = {proof.detail for [proof] in prover.prove_many([job] * 3)}
    assert "one run" not in detail


def test_a_part_of_all_functions_runs_each_input_in_a_process_of_its_own(prover: Prover) -> None:
    """In every environment, a call comes before the second input's; in a process of its own, none does."""
    code = (
        "import sys\ndef f(x):\n is_first = not hasattr(sys, 'called')\n sys.called = True\n"
        " return is_first if x == 2 else None\n"
    )
    jobs = [Job(f"{code}# {number}", "f", ["1", "2"]) for number in range(4 * SPOT_CHECK)]
    proofs = list(prover.prove_many(jobs))
    unproven = [second for first, second in proofs if not second.agrees]
    assert 0 < len(unproven) < SPOT_CHECK
    assert {proof.detail for proof in unproven} == {
        "depends on earlier calls: one run gives false, another true"
    }
    assert all(first.agrees for first, _ in proofs)


@pytest.mark.parametrize(
    "body",
    [
        "return str(np.datetime64('today'))",
        "return str(np.array(['NOW'], dtype='M8[s]')[0])",
        "return str(np.datetime64(x))",
    ],
)
def test_numpy_s_own_clock_proves_nothing(prover: Prover, body: str) -> None:
    """All runs read it within the same second, so agreement would mean nothing."""
    [proof] = prover.prove(Job(f"import numpy as np\ndef f(x): {body}", "f", ['"today"']))
    assert (proof.agrees, proof.detail) == (False, "numpy tells the real time")
    [proof] = prover.prove(
        Job("import numpy as np\ndef f(x): return str(np.datetime64(x))", "f", ['"2020-01-01"'])
    )
    assert proof.agrees


def test_the_order_of_two_elements_is_mostly_found(prover: Prover) -> None:
    """Two more environments miss one in four of such pairs; the hash seeds fix the number here."""
    code = "def f(x): return list({f'left{x}', f'right{x}'})"
    proofs = prover.prove(Job(code, "f", [str(x) for x in range(40)]))
    assert sum(not proof.agrees for proof in proofs) >= 25


def test_what_is_too_slow_in_one_environment_is_too_slow(hasty_prover: Prover) -> None:
    code = "calls = []\ndef f(x):\n calls.append(x)\n while len(calls) > 1: pass\n return x"
    (proof,) = hasty_prover.prove(Job(code, "f", ["1"]))
    assert (proof.execution.status, proof.agrees) == ("timeout", True)


def test_a_rehearsal_is_not_on_the_first_input_s_budget(hasty_prover: Prover) -> None:
    code = (
        "import resource\ndef f(x):\n used = lambda: resource.getrusage(resource.RUSAGE_SELF).ru_utime\n"
        " began = used()\n while used() - began < 0.12: sum(range(1000))\n return x"
    )
    assert [proof.agrees for proof in hasty_prover.prove(Job(code, "f", ["1", "2"]))] == [True, True]


def test_many_jobs_are_proven_in_order(prover: Prover) -> None:
    jobs = [Job(f"def f(x): return [x, {i}]", "f", [str(x) for x in range(i % 4)]) for i in range(30)]
    proofs = list(prover.prove_many(jobs))
    assert [[proof.execution.output for proof in group] for group in proofs] == [
        [f"[{x},{i}]" for x in range(i % 4)] for i in range(30)
    ]
    assert all(proof.agrees for group in proofs for proof in group)
