"""Telemetry of a stage that asks a model: rates, cache hits, failures, cost, and the time left.

In: the counters of a client, and the rows done so far. Out: `Sample`s, for the terminal and, as JSON lines,
for the run's folder. Rates are those of the last minute.

Not covered: how they are shown (`cli.progress`).
"""

import threading
import time
from collections import deque
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime

from builders.inference import Usage

WINDOW_S = 60.0
INTERVAL_S = 10.0
PER_TOKENS = 1_000_000


@dataclass(frozen=True)
class Prices:
    """The prices of a million prompt tokens and of a million answer tokens, in the same currency."""

    prompt: float
    completion: float

    def cost(self, n_prompt_tokens: int, n_completion_tokens: int) -> float:
        """Return the cost of tokens; prompt tokens from a prefix cache count in full."""
        return (n_prompt_tokens * self.prompt + n_completion_tokens * self.completion) / PER_TOKENS


@dataclass(frozen=True)
class Sample:
    """The state of a stage at one time; counts are since its start, rates per second."""

    at: str
    stage: str
    rows: int
    n_rows: int
    in_flight: int
    waiting: int
    asked: int
    answered: int
    from_cache: int
    prompt_tokens: int
    completion_tokens: int
    prompt_tokens_per_s: float
    completion_tokens_per_s: float
    cached_share: float | None
    """The share of the prompt tokens that came from the server's prefix cache."""
    failures: dict[str, int]
    seconds_left: float | None
    cost: float | None


class Meter:
    """The progress of a stage: its rows done, and the counters of its client; safe to use from threads."""

    def __init__(self, stage: str, n_rows: int, usage: Usage | None, prices: Prices | None = None) -> None:
        self.stage = stage
        self.n_rows = n_rows
        self.usage = usage
        self._prices = prices
        self._usage_before = usage.snapshot() if usage else Usage()
        self._rows = 0.0
        self._lock = threading.Lock()
        self._readings: deque[tuple[float, float, int, int]] = deque([(time.monotonic(), 0.0, 0, 0)])

    @property
    def rows(self) -> float:
        """The number of rows done; each sample of a row counts as a fraction of it."""
        return self._rows

    def advance(self, n_rows: float) -> None:
        """Add to the number of rows done."""
        with self._lock:
            self._rows += n_rows

    def usage_since_start(self) -> dict[str, int | dict[str, int]]:
        """Return the client's counters since the stage began; empty if it asks no model."""
        return self.usage.since(self._usage_before) if self.usage else {}

    def sample(self) -> Sample:
        """Return the state of the stage now."""
        usage = (self.usage or Usage()).snapshot()
        n_in = usage.prompt_tokens - self._usage_before.prompt_tokens
        n_out = usage.completion_tokens - self._usage_before.completion_tokens
        n_cached = usage.cached_tokens - self._usage_before.cached_tokens
        now = time.monotonic()
        with self._lock:
            while len(self._readings) > 1 and self._readings[0][0] < now - WINDOW_S:
                self._readings.popleft()
            before, rows, n_in_before, n_out_before = self._readings[0]
            self._readings.append((now, self._rows, n_in, n_out))
        seconds = max(now - before, 1e-9)
        rows_per_s = (self._rows - rows) / seconds
        return Sample(
            at=datetime.now(UTC).isoformat(timespec="seconds"),
            stage=self.stage,
            rows=int(self._rows + 1e-6),
            n_rows=self.n_rows,
            in_flight=usage.in_flight,
            waiting=usage.waiting,
            asked=usage.asked - self._usage_before.asked,
            answered=usage.answered - self._usage_before.answered,
            from_cache=usage.from_cache - self._usage_before.from_cache,
            prompt_tokens=n_in,
            completion_tokens=n_out,
            prompt_tokens_per_s=round((n_in - n_in_before) / seconds, 1),
            completion_tokens_per_s=round((n_out - n_out_before) / seconds, 1),
            cached_share=round(n_cached / n_in, 4) if n_in else None,
            failures=dict(sorted((usage.failures - self._usage_before.failures).items())),
            seconds_left=round((self.n_rows - self._rows) / rows_per_s, 1) if rows_per_s > 0 else None,
            cost=round(self._prices.cost(n_in, n_out), 6) if self._prices else None,
        )


@contextmanager
def report_samples(meter: Meter, report: Callable[[Sample], None]) -> Iterator[None]:
    """Report the state of the stage every `INTERVAL_S` seconds inside this context, and once at its end."""
    has_ended = threading.Event()

    def sample_until_end() -> None:
        while not has_ended.wait(INTERVAL_S):
            report(meter.sample())

    thread = threading.Thread(target=sample_until_end, name="codeio-telemetry", daemon=True)
    thread.start()
    try:
        yield
    finally:
        has_ended.set()
        thread.join()
        report(meter.sample())
