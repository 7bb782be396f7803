"""CPU time of a checked call, compared with a fresh Python, a bare fork and a fork server: `make bench`.

Everything is measured in one run, on one core. Figures are CPU seconds of this process and of all that it
starts, without the start of the workers. Run it on a machine that is otherwise idle: work on the other thread
of the same core makes all figures larger. Prints tables, or one JSON object with --json.
"""

import argparse
import json
import os
import resource
import sys
from collections.abc import Callable
from typing import NamedTuple

from rich.console import Console
from rich.table import Table

from builders.execution import Job, Limits, Sandbox
from tests.bench.baselines import bare_fork, fork_server, fresh_python, unprotected_workers

TRIVIAL = "def f(x):\n    return x + 1\n"
# Shortest paths on a small grid: as long as a typical function of CodeI/O, standard library only.
TYPICAL = '''
import heapq
from collections import defaultdict


def neighbours(grid, row, column):
    for down, right in ((1, 0), (-1, 0), (0, 1), (0, -1)):
        r, c = row + down, column + right
        if 0 <= r < len(grid) and 0 <= c < len(grid[0]) and grid[r][c] >= 0:
            yield r, c


def main_solution(grid, start, end):
    """The cheapest way through a grid of costs; walls are negative."""
    best = defaultdict(lambda: float("inf"))
    best[tuple(start)] = 0
    queue = [(0, tuple(start))]
    came_from = {}
    while queue:
        cost, place = heapq.heappop(queue)
        if place == tuple(end):
            break
        for r, c in neighbours(grid, *place):
            new = cost + grid[r][c]
            if new < best[r, c]:
                best[r, c] = new
                came_from[r, c] = place
                heapq.heappush(queue, (new, (r, c)))
    path, place = [], tuple(end)
    while place in came_from:
        path.append(list(place))
        place = came_from[place]
    return {"cost": best[tuple(end)] if path else None, "path": path[::-1]}
'''
JOBS = ("trivial", "one input", "ten inputs")
_OPEN = "our workers without isolation"
GRID = [[(3 * row + 5 * column) % 7 - 1 for column in range(6)] for row in range(6)]
INPUTS = [json.dumps({"grid": GRID, "start": [0, 1], "end": [5, end]}) for end in (1, 2, 3, 4, 5) * 2]


def cpu_s() -> float:
    """Return the CPU seconds of this process and of the child processes that have ended."""
    return sum(sum(resource.getrusage(who)[:2]) for who in (resource.RUSAGE_SELF, resource.RUSAGE_CHILDREN))


def each_s(work: Callable[[], object], n: int) -> float:
    """Return the CPU seconds of one call, the mean of `n`."""
    began = cpu_s()
    for _ in range(n):
        work()
    return (cpu_s() - began) / n


def ours_s(job: Job, n: int) -> float:
    """Return the CPU seconds of a job, from the difference of two runs, without the start of the workers."""

    def spent(count: int) -> float:
        began = cpu_s()
        with Sandbox(Limits(), workers=1) as sandbox:
            for runs in sandbox.run_many([job] * count):
                if any(run.status != "ok" for run in runs):
                    sys.exit(f"a job of the benchmark failed: {runs}")
        return cpu_s() - began

    few = n // 10
    return (spent(n) - spent(few)) / (n - few)


def measure() -> dict[str, float]:
    """Return the CPU seconds of everything that was run, by name."""
    trivial, single, ten = (
        Job(TRIVIAL, "f", ["1"]),
        Job(TYPICAL, "main_solution", INPUTS[:1]),
        Job(TYPICAL, "main_solution", INPUTS),
    )
    check = (TYPICAL, "main_solution", INPUTS[0])
    with unprotected_workers():
        unprotected = {
            f"{_OPEN}, one input": ours_s(single, 600),
            f"{_OPEN}, ten inputs": ours_s(ten, 300),
        }
    return {
        "fresh python with numpy": each_s(lambda: fresh_python(*check, with_numpy=True), 20),
        "fresh python": each_s(lambda: fresh_python(*check, with_numpy=False), 40),
        "bare fork": bare_fork(2000),
        "fork server, trivial": fork_server(TRIVIAL, "f", ['{"x":1}'], 1000),
        "fork server, one input": fork_server(TYPICAL, "main_solution", INPUTS[:1], 600),
        "fork server, ten inputs": fork_server(TYPICAL, "main_solution", INPUTS, 300),
        **unprotected,
        "sandbox, trivial": ours_s(trivial, 1000),
        "sandbox, one input": ours_s(single, 600),
        "sandbox, ten inputs": ours_s(ten, 300),
    }


class Figure(NamedTuple):
    """A ratio or rate of the sandbox, the same figure without protection, and the goal."""

    name: str
    measured: float
    floor: float
    goal: str = ""


def figures(seconds: dict[str, float]) -> list[Figure]:
    """Return the figures that follow from the measured seconds."""
    reference, plain = seconds["fresh python with numpy"], seconds["fresh python"]
    trivial, single, ten = ((seconds[f"sandbox, {job}"], seconds[f"fork server, {job}"]) for job in JOBS)
    isolation = [seconds[f"sandbox, {job}"] / seconds[f"{_OPEN}, {job}"] for job in JOBS[1:]]
    return [
        Figure("trivial jobs a second and core", *(1 / x for x in trivial), ">= 500"),
        Figure("executions a second and core, ten inputs a job", *(10 / x for x in ten), ">= 3,000"),
        Figure("fresh python with numpy : a single check", *(reference / x for x in single), ">= 40"),
        Figure("fresh python with numpy : one of ten inputs", *(10 * reference / x for x in ten), ">= 300"),
        Figure("fresh python : a single check", *(plain / x for x in single)),
        Figure("fresh python : one of ten inputs", *(10 * plain / x for x in ten)),
        Figure("a trivial job : a bare fork", *(x / seconds["bare fork"] for x in trivial), "<= 5"),
        Figure("a single check : without isolation", isolation[0], 1, "<= 1.25"),
        Figure("ten inputs : without isolation", isolation[1], 1, "<= 1.25"),
    ]


def main() -> None:
    """Measure on one core and print."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    as_json = parser.parse_args().json
    os.sched_setaffinity(0, {max(os.sched_getaffinity(0))})
    tier = Sandbox().tier
    cpu_seconds = measure()
    if as_json:
        rows = [figure._asdict() for figure in figures(cpu_seconds)]
        print(json.dumps({"tier": tier, "cpu_s": cpu_seconds, "figures": rows}))
        return
    costs = Table("what is run", "CPU ms", title=f"Sandbox {tier}, Python {sys.version.split()[0]}, one core")
    for name, seconds in cpu_seconds.items():
        costs.add_row(name, f"{1000 * seconds:.2f}")
    compared = Table("figure", "measured", "without any protection", "goal")
    for name, measured, floor, goal in figures(cpu_seconds):
        compared.add_row(name, f"{measured:,.2f}", f"{floor:,.2f}", goal)
    Console().print(costs, compared)


if __name__ == "__main__":
    main()
