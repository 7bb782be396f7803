"""Replies of all shapes: what is read from them, and which of them hold no answer."""

import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from builders.inference.answers import Answer, Completion, NoAnswer, read_answers

MOST_TOKENS = 2**31 - 1


def choice(content: Any = "said", finish_reason: Any = "stop", **more: Any) -> dict[str, Any]:
    message = {"role": "assistant", "content": content, **more.pop("message", {})}
    return {"index": 0, "finish_reason": finish_reason, "message": message, **more}


def body(*choices: Any, model: Any = "tiny", **usage: Any) -> bytes:
    counts = {"prompt_tokens": 10, "completion_tokens": 6, **usage}
    return json.dumps({"model": model, "choices": list(choices), "usage": counts}).encode()


def only_answer(reply: bytes, model: str = "tiny") -> Answer:
    (answer,) = read_answers(reply, model).answers
    return answer


def test_one_choice_has_all_tokens_of_the_reply() -> None:
    completion = read_answers(body(choice(), prompt_tokens_details={"cached_tokens": 4}), "tiny")
    assert completion == Completion([Answer("said", "", "stop", 10, 6, 4)], 10, 6, 4)


def test_of_several_choices_only_the_sum_of_tokens_is_known() -> None:
    completion = read_answers(body(choice("one"), choice("two", "length")), "tiny")
    assert completion.answers == [
        Answer("one", "", "stop", 10, None, 0),
        Answer("two", "", "length", 10, None, 0),
    ]
    assert completion.n_completion_tokens == 6


def test_where_the_server_tells_of_each_choice_its_tokens_are_its_own() -> None:
    counted = [choice(text, meta_info={"completion_tokens": n}) for text, n in (("one", 2), ("two", 4))]
    completion = read_answers(body(*counted, choice("three")), "tiny")
    assert [answer.n_completion_tokens for answer in completion.answers] == [2, 4, None]
    assert completion.n_completion_tokens == 6


def test_cached_tokens_are_found_in_either_place() -> None:
    assert only_answer(body(choice(meta_info={"cached_tokens": 8}))).n_cached_tokens == 8
    assert only_answer(body(choice(), prompt_tokens_details={"cached_tokens": 4})).n_cached_tokens == 4
    assert only_answer(body(choice(), prompt_tokens_details=None)).n_cached_tokens == 0


@pytest.mark.parametrize(
    "broken",
    [
        choice(finish_reason="abort"),
        choice(finish_reason="error"),
        choice(None, None),
        {"index": 1},
        None,
        7,
        [],
    ],
    ids=str,
)
@pytest.mark.parametrize("place", [0, 1, 2])
def test_a_broken_choice_takes_no_good_one_with_it(broken: Any, place: int) -> None:
    choices = [choice("one"), choice("two")]
    choices.insert(place, broken)
    completion = read_answers(body(*choices), "tiny")
    assert [answer.text for answer in completion.answers] == ["one", "two"]
    assert [answer.n_completion_tokens for answer in completion.answers] == [None, None]
    with pytest.raises(NoAnswer):
        read_answers(body(broken, broken), "tiny")


@pytest.mark.parametrize(
    ("text", "reasoning", "rest"),
    [
        ("<think>why</think>so", "why", "so"),
        ("\n<think>\nwhy\n</think>\n\n  so \n", "why", "so \n"),
        ("why</think>\nso", "why", "so"),  # the prompt ended in <think>
        ("<think>why, and th", "why, and th", ""),  # cut off inside the reasoning
        ("<think></think>so", "", "so"),
        ("</think>", "", ""),
        ("<think>a</think>b</think>c", "a", "b</think>c"),
        ("of <think> it speaks", "", "of <think> it speaks"),
        ("  so ", "", "  so "),
        ("", "", ""),
    ],
)
def test_reasoning_is_parted_from_the_answer(text: str, reasoning: str, rest: str) -> None:
    answer = only_answer(body(choice(text)))
    assert (answer.reasoning, answer.text) == (reasoning, rest)


@pytest.mark.parametrize("name", ["reasoning_content", "reasoning"])
def test_reasoning_that_the_server_parted_is_kept_and_the_text_left_alone(name: str) -> None:
    answer = only_answer(body(choice("a </think> b", message={name: "why"})))
    assert (answer.reasoning, answer.text) == ("why", "a </think> b")


def test_an_answer_that_is_all_reasoning_or_stops_at_once_is_one() -> None:
    assert only_answer(body(choice(None, "length", message={"reasoning_content": "why"}))).reasoning == "why"
    assert only_answer(body(choice("", "stop"))) == Answer("", "", "stop", 10, 6, 0)


@pytest.mark.parametrize(
    ("asked", "reported"),
    [
        ("gpt-4o", "gpt-4o-2024-08-06"),
        ("Qwen/Qwen3-8B", "qwen3-8b"),
        ("qwen3-8b", "Qwen/Qwen3-8B"),
        ("tiny", "TINY"),
        ("tiny", "accounts/some/models/tiny"),
        ("tiny", ""),
        ("tiny", None),
        ("tiny", 5),
    ],
)
def test_a_name_of_the_same_model_is_accepted(asked: str, reported: Any) -> None:
    assert only_answer(body(choice(), model=reported), asked).text == "said"


@pytest.mark.parametrize(
    ("asked", "reported"), [("tiny", "huge"), ("gpt-4o", "gpt-3.5-turbo"), ("a/b", "b/a")]
)
def test_the_answer_of_another_model_is_none(asked: str, reported: str) -> None:
    with pytest.raises(NoAnswer, match=f"{reported} answered, not {asked}"):
        read_answers(body(choice(), model=reported), asked)


def test_a_reply_without_a_models_name_is_read() -> None:
    assert only_answer(json.dumps({"choices": [choice()]}).encode()) == Answer("said", "", "stop", 0, 0, 0)


@pytest.mark.parametrize("count", [-1, True, False, 2**31, 2**40, 10**30, 1.5, "12", None, [3], {"a": 1}])
def test_absurd_counts_of_tokens_are_none(count: Any) -> None:
    completion = read_answers(
        body(
            choice(meta_info={"completion_tokens": count, "cached_tokens": count}),
            prompt_tokens=count,
            completion_tokens=count,
            prompt_tokens_details={"cached_tokens": count},
        ),
        "tiny",
    )
    counts = (completion.n_prompt_tokens, completion.n_completion_tokens, completion.n_cached_tokens)
    assert repr(counts) == "(0, 0, 0)"  # and not True, which a column of numbers does not accept
    assert '"n_prompt_tokens":0' in completion.answers[0].to_json()


def test_the_most_tokens_that_a_column_holds_are_kept() -> None:
    assert only_answer(body(choice(), prompt_tokens=MOST_TOKENS)).n_prompt_tokens == MOST_TOKENS


@pytest.mark.parametrize("usage", [None, 3, [], "many"])
def test_usage_that_is_no_usage_breaks_nothing(usage: Any) -> None:
    reply = json.dumps({"choices": [choice(meta_info=usage)], "usage": usage}).encode()
    assert only_answer(reply) == Answer("said", "", "stop", 0, 0, 0)


@pytest.mark.parametrize(
    "reply",
    [
        b"",
        b"null",
        b"7",
        b'"text"',
        b"[]",
        b"{}",
        b"\xff\xfe\xfd",
        b"<html>",
        b"[" * 200_000,
        b'{"choices": ' * 50_000,
        b"9" * 5000,  # more digits than Python reads
        b'{"choices": null}',
        b'{"choices": []}',
        b'{"choices": {"0": 1}}',
        b'{"choices": [null]}',
        b'{"choices": [{"message": "said"}]}',
        b'{"error": {"message": "out of memory"}}',
        body(choice(None, None)),
        body(choice(["parts"], 3)),
    ],
    ids=lambda reply: repr(reply[:30]),
)
def test_what_is_no_completion_is_no_answer(reply: bytes) -> None:
    with pytest.raises(NoAnswer) as caught:
        read_answers(reply, "tiny")
    assert "\n" not in str(caught.value)


def test_half_a_surrogate_pair_can_be_stored() -> None:
    answer = only_answer(body(choice("a \ud800 b", "st\udfffop", message={"reasoning_content": "\ud800"})))
    assert (answer.text, answer.finish_reason, answer.reasoning) == ("a \ufffd b", "st\ufffdop", "\ufffd")
    assert only_answer(body(choice("\ud83d\ude00"))).text == "😀"


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters()),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=3), inner, max_size=3),
    max_leaves=6,
)


def nearly(shape: dict[str, st.SearchStrategy[Any]]) -> st.SearchStrategy[Any]:
    """Mostly return a dict of this shape; sometimes without some entries, with odd values, or any JSON."""
    odd = st.fixed_dictionaries({}, optional={name: inner | JSON for name, inner in shape.items()})
    return st.integers(0, 5).flatmap(lambda n: [JSON, odd][n] if n < 2 else st.fixed_dictionaries(shape))


COUNTS = nearly({"completion_tokens": st.integers(0, 99), "cached_tokens": st.integers(0, 99)})
TEXTS = st.text() | st.sampled_from(["<think>", "</think>", "<think>a</think>b", "\ud800"])
CHOICES = nearly(
    {
        "finish_reason": st.sampled_from(["stop", "length", "abort", None]),
        "message": nearly({"content": TEXTS, "reasoning_content": TEXTS, "reasoning": TEXTS}),
        "meta_info": COUNTS,
    }
)
BODIES = nearly(
    {
        "model": st.sampled_from(["tiny", "huge"]),
        "choices": st.lists(CHOICES, max_size=4),
        "usage": nearly({"prompt_tokens": st.integers(0, 99), "prompt_tokens_details": COUNTS}),
    }
)


@given(BODIES)
def test_any_json_is_an_answer_that_can_be_kept_or_none(reply: Any) -> None:
    try:
        completion = read_answers(json.dumps(reply).encode(), "tiny")
    except NoAnswer:
        return
    assert 1 <= len(completion.answers) <= len(reply["choices"])
    for answer in completion.answers:
        f"{answer.text}{answer.reasoning}{answer.finish_reason}".encode()
        counts = [answer.n_prompt_tokens, answer.n_cached_tokens, answer.n_completion_tokens or 0]
        assert all(type(n) is int and 0 <= n <= MOST_TOKENS for n in counts)
        assert Answer.from_json(answer.to_json()).text == answer.text


@given(st.binary())
def test_any_bytes_are_an_answer_or_none(reply: bytes) -> None:
    with pytest.raises(NoAnswer):
        read_answers(reply, "tiny")
