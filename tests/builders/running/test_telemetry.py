"""Samples of a stage that asks a model: rates of the last minute, time left, cost."""

import json
import threading
import time
from collections.abc import Callable
from dataclasses import asdict
from datetime import datetime
from types import SimpleNamespace

import pytest

from builders.inference import Usage
from builders.running.telemetry import Meter, Prices, Sample, report_samples


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> SimpleNamespace:
    """Return a clock for the telemetry only; the test sets its `now`."""
    clock = SimpleNamespace(now=1000.0)
    monkeypatch.setattr("builders.running.telemetry.time", SimpleNamespace(monotonic=lambda: clock.now))
    return clock


def test_rates_are_those_since_the_beginning_at_first(clock: SimpleNamespace) -> None:
    usage = Usage(prompt_tokens=5_000, completion_tokens=7_000)  # of an earlier stage
    meter = Meter("predict", 100, usage)
    usage.prompt_tokens += 400
    usage.completion_tokens += 100
    clock.now += 20
    sample = meter.sample()
    assert (sample.prompt_tokens, sample.completion_tokens) == (400, 100)
    assert (sample.prompt_tokens_per_s, sample.completion_tokens_per_s) == (20.0, 5.0)


def test_rates_are_those_of_the_last_minute(clock: SimpleNamespace) -> None:
    usage = Usage()
    meter = Meter("predict", 10_000, usage)
    for rate, seconds in ((1000, 100), (10, 120)):
        for _ in range(seconds // 10):
            clock.now += 10
            usage.prompt_tokens += 10 * rate
            meter.advance(10 * rate / 10)
            sample = meter.sample()
        assert sample.prompt_tokens_per_s == rate
        assert sample.seconds_left == round((10_000 - sample.rows) / (rate / 10), 1)
    assert sample.prompt_tokens == 101_200


def test_what_speeds_up_is_seen_within_a_minute(clock: SimpleNamespace) -> None:
    usage = Usage()
    meter = Meter("predict", 10_000, usage)
    seen = []
    for second in range(0, 180, 10):
        clock.now += 10
        usage.completion_tokens += 10 if second < 90 else 1000
        seen.append(meter.sample().completion_tokens_per_s)
    assert set(seen[:9]) == {1.0}
    assert seen[8:15] == sorted(seen[8:15])
    assert seen[15:] == [100.0] * 3


def test_the_time_left_follows_the_rows(clock: SimpleNamespace) -> None:
    meter = Meter("predict", 100, Usage())
    assert meter.sample().seconds_left is None  # no row is done yet
    clock.now += 10
    assert meter.sample().seconds_left is None
    meter.advance(20)
    clock.now += 10
    assert meter.sample().seconds_left == 80.0
    meter.advance(80)
    assert meter.sample().seconds_left == 0.0


def test_the_time_left_is_unknown_when_nothing_moves_for_a_minute(clock: SimpleNamespace) -> None:
    meter = Meter("predict", 100, Usage())
    meter.advance(50)
    for _ in range(8):
        clock.now += 10
        sample = meter.sample()
    assert (sample.rows, sample.seconds_left) == (50, None)


def test_a_row_of_several_samples_is_done_bit_by_bit(clock: SimpleNamespace) -> None:
    meter = Meter("predict", 2, Usage())
    seen = []
    for _ in range(6):
        meter.advance(1 / 3)
        seen.append(meter.sample().rows)
    assert seen == [0, 0, 1, 1, 1, 2]  # thirds add up to less than one
    assert meter.rows == pytest.approx(2)


def test_only_what_the_stage_added_counts(clock: SimpleNamespace) -> None:
    usage = Usage(asked=7, answered=6, from_cache=5, prompt_tokens=100, cached_tokens=90)
    usage.failures.update({"timeout": 3, "HTTP 500": 1})
    meter = Meter("predict", 10, usage)
    assert not any(meter.usage_since_start().values())
    usage.asked += 5
    usage.answered += 3
    usage.from_cache += 2
    usage.prompt_tokens += 50
    usage.cached_tokens += 20
    usage.failures.update({"timeout": 1, "HTTP 429": 2})
    usage.in_flight, usage.waiting = 4, 9
    sample = meter.sample()
    assert (sample.asked, sample.answered, sample.from_cache) == (5, 3, 2)
    assert sample.cached_share == 0.4
    assert sample.failures == {"HTTP 429": 2, "timeout": 1}
    assert list(sample.failures) == sorted(sample.failures)
    assert (sample.in_flight, sample.waiting) == (4, 9)  # the present values, not sums
    assert meter.usage_since_start()["failures"] == sample.failures
    assert meter.usage_since_start()["prompt_tokens"] == 50


def test_the_share_of_cached_tokens_is_unknown_without_any(clock: SimpleNamespace) -> None:
    usage = Usage()
    meter = Meter("predict", 10, usage)
    assert meter.sample().cached_share is None
    usage.prompt_tokens = 3
    assert meter.sample().cached_share == 0.0


def test_prices_are_those_of_a_million_tokens() -> None:
    prices = Prices(prompt=2.0, completion=6.0)
    assert prices.cost(1_000_000, 0) == 2.0
    assert prices.cost(0, 500_000) == 3.0
    assert prices.cost(250_000, 250_000) == 2.0


def test_the_cost_is_that_of_the_stage(clock: SimpleNamespace) -> None:
    usage = Usage(prompt_tokens=10**9, completion_tokens=10**9)
    meter = Meter("predict", 10, usage, Prices(2.0, 6.0))
    assert meter.sample().cost == 0.0
    usage.prompt_tokens += 300
    usage.cached_tokens += 300  # cached tokens cost the full price
    usage.completion_tokens += 100
    assert meter.sample().cost == 0.0012
    assert Meter("predict", 10, usage).sample().cost is None


def test_a_stage_that_asks_no_model_has_rows_only(clock: SimpleNamespace) -> None:
    meter = Meter("io_pairs", 10, None)
    meter.advance(5)
    clock.now += 5
    sample = meter.sample()
    assert (sample.rows, sample.seconds_left, sample.asked, sample.failures) == (5, 5.0, 0, {})
    assert meter.usage_since_start() == {}


def test_a_sample_is_a_line_of_json(clock: SimpleNamespace) -> None:
    meter = Meter("predict", 10, Usage(), Prices(1, 1))
    sample = json.loads(json.dumps(asdict(meter.sample())))
    assert sample["stage"] == "predict"
    assert datetime.fromisoformat(sample["at"]).tzinfo is not None


def samples_during(work: Callable[[Meter], object], n_before: int) -> list[Sample]:
    """Return the samples of a stage that does this work once at least `n_before` of them have come."""
    samples: list[Sample] = []
    meter = Meter("predict", 10, Usage())
    with report_samples(meter, samples.append):
        deadline = time.monotonic() + 10
        while len(samples) < n_before and time.monotonic() < deadline:
            time.sleep(0.005)
        work(meter)
    assert "codeio-telemetry" not in [thread.name for thread in threading.enumerate()]
    return samples


def test_the_last_sample_has_it_all() -> None:
    samples = samples_during(lambda meter: meter.advance(10), n_before=0)
    assert [sample.rows for sample in samples] == [10]  # too short for any earlier sample


def test_samples_come_every_few_seconds(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("builders.running.telemetry.INTERVAL_S", 0.01)
    samples = samples_during(lambda meter: meter.advance(10), n_before=3)
    assert len(samples) >= 4
    assert [sample.rows for sample in samples[:3]] == [0, 0, 0]
    assert samples[-1].rows == 10


def test_a_stage_that_fails_tells_how_far_it_came() -> None:
    samples: list[Sample] = []
    meter = Meter("predict", 10, Usage())

    def stage() -> None:
        with report_samples(meter, samples.append):
            meter.advance(3)
            raise RuntimeError("the stage's own")

    with pytest.raises(RuntimeError, match="the stage's own"):
        stage()
    assert [sample.rows for sample in samples] == [3]
