import pytest

from builders.training_set import RLVR, CodeIO, CodeIOPlus, Preference, Turns

TASK = {
    "task_id": "t1",
    "pair_id": "p1",
    "function_id": "f1",
    "direction": "output",
    "prompt": "What does f return for 1?",
    "reference_code": "def f(x): return x",
    "entrypoint": "f",
    "input": '{"x":1}',
    "output": "1",
    "license": "mit",
    "source": "somewhere",
}


def turn(index, response, status, feedback=None, finish_reason="stop"):
    return {
        "response_id": f"r{index}{response}",
        "turn": index,
        "response": response,
        "reasoning": "",
        "answer_forced": False,
        "prediction": None,
        "status": status,
        "feedback": feedback,
        "finish_reason": finish_reason,
        "model": "m",
        "sampling": '{"max_tokens":24}',
        "prompt_id": "p",
        "n_prompt_tokens": 1,
        "n_completion_tokens": 1,
    }


def conversation(sample, *turns):
    return {"task_id": "t1", "sample": sample, "turns": list(turns)}


RIGHT = conversation(0, turn(0, "It is 1.", "correct"))
REVISED = conversation(1, turn(0, "It is 2.", "wrong", "Not 2."), turn(1, "So 1.", "correct"))
CUT = conversation(2, turn(0, "It is", "no_answer", "Cut.", "length"), turn(1, "1!", "correct"))
CUT_LATE = conversation(
    3, turn(0, "It is 3.", "wrong", "Not 3."), turn(1, "Hm", "no_answer", "Cut.", "length")
)
ALL = [RIGHT, REVISED, CUT, CUT_LATE]


def rows(view, conversations):
    return list(view().rows([{**TASK, "conversations": conversations}]))


def roles(messages):
    return [message["role"] for message in messages]


def test_turns_are_laid_out_in_order():
    assert [(row["sample"], row["turn"]) for row in rows(Turns, ALL)] == [
        (0, 0), (1, 0), (1, 1), (2, 0), (2, 1), (3, 0), (3, 1),
    ]  # fmt: skip


def test_codeio_keeps_wrong_first_answers_and_drops_those_cut_off():
    results = rows(CodeIO, ALL)
    assert [row.get("status") for row in results if isinstance(row, dict)] == ["correct", "wrong", "wrong"]
    assert [(row.reason, row.detail) for row in results if not isinstance(row, dict)] == [
        ("truncated", "cut off after 24 tokens; allow more with --truncated-tokens")
    ]
    assert roles(results[1]["messages"]) == ["system", "user", "assistant"]
    assert results[1]["messages"][1]["content"] == TASK["prompt"]
    assert (results[0]["license"], results[0]["source"]) == ("mit", "somewhere")


def test_codeio_pp_has_feedback_as_the_users_turn():
    by_sample = {row["sample"]: row for row in rows(CodeIOPlus, ALL) if isinstance(row, dict)}
    assert set(by_sample) == {0, 1, 3}
    revised = by_sample[1]
    assert roles(revised["messages"]) == ["system", "user", "assistant", "user", "assistant"]
    assert revised["messages"][3]["content"].startswith("Not 2.")
    assert revised["statuses"] == ["wrong", "correct"]
    reference = [revised[c] for c in ("prompt", "turn_1", "feedback_1", "turn_2", "feedback_2")]
    assert reference == [TASK["prompt"], "It is 2.", "Not 2.", "So 1.", None]
    assert (by_sample[0]["n_turns"], by_sample[0]["turn_2"]) == (1, None)
    assert by_sample[3]["n_turns"] == 1  # turns from the first cut-off reply on are excluded


@pytest.mark.parametrize(
    ("conversations", "pass_rate", "model"),
    [([], None, None), ([RIGHT], None, None), ([RIGHT, REVISED], 0.5, "m"), (ALL, 0.25, "m")],
)
def test_pass_rate_is_of_first_answers_and_needs_two(conversations, pass_rate, model):
    (row,) = rows(RLVR, conversations)
    assert (row["pass_rate"], row["n_samples"], row["pass_rate_model"]) == (
        pass_rate,
        len(conversations),
        model,
    )
    assert roles(row["prompt"]) == ["system", "user"]
    assert row["output"] == "1"


def test_preference_pairs_answers_to_the_same_messages_only():
    (row,) = rows(Preference, ALL)
    assert row["turn"] == 0
    assert roles(row["prompt"]) == ["system", "user"]
    assert row["chosen"][0]["content"] == "It is 1."
    assert row["rejected"][0]["content"] == "It is 2."
    # The second turns of samples 1 and 3 answer different histories.
    assert rows(Preference, [REVISED, CUT_LATE]) == []
    assert rows(Preference, [RIGHT]) == []


def test_a_forced_answer_is_neither_solved_nor_chosen():
    forced = conversation(4, {**turn(0, 'Hm.\n\n{"output":1}', "correct"), "answer_forced": True})
    (row,) = rows(RLVR, [RIGHT, forced])
    assert row["pass_rate"] == 0.5
    assert rows(Preference, [forced, REVISED]) == []
    assert [(row["status"], row["answer_forced"]) for row in rows(CodeIO, [forced])] == [("correct", True)]
    assert [row["answers_forced"] for row in rows(CodeIOPlus, [forced, REVISED])] == [[True], [False, False]]


def test_preference_at_a_later_turn_when_the_history_is_one():
    same = conversation(2, turn(0, "It is 2.", "wrong", "Not 2."), turn(1, "Still 2.", "wrong", "Not 2."))
    (row,) = rows(Preference, [REVISED, same])
    assert row["turn"] == 1
    assert (row["chosen"][0]["content"], row["rejected"][0]["content"]) == ("So 1.", "Still 2.")
