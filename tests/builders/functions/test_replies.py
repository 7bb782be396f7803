"""Code and descriptions in replies of all kinds."""

import prompts
from builders.functions.replies import Description, code_in, copies_example, description_in, reveals_pair

REPLY = """In: a number. Out: its double.
```python
def main_solution(n):
    return 2 * n
```
And the generator:
```py
def input_generator():
    return {"n": 1}
```
"""
DESCRIPTION = """### Query
Somebody doubles the number `n` of apples in a basket; how many are there then?

### Input
- `n` (integer): the apples, at least 0.

### Output
- (integer): twice as many.
"""


def test_all_python_blocks_are_code() -> None:
    code = code_in(REPLY, cut_off=False)
    assert code is not None
    assert "def main_solution(n):" in code
    assert "def input_generator():" in code
    assert "And the generator" not in code


def test_blocks_of_other_languages_are_not() -> None:
    assert code_in('```json\n{"n": 1}\n```\n', cut_off=False) is None


def test_of_a_block_that_was_cut_off_whole_definitions_count() -> None:
    text = "```python\ndef main_solution(n):\n    return n"
    assert code_in(text, cut_off=False) == "def main_solution(n):\n    return n"
    assert code_in(text, cut_off=True) is None
    more = "\n\n\ndef input_generator():\n    return {"
    assert code_in("```python\nimport math\n\ndef main_solution(n):\n    ret", cut_off=True) is None
    assert code_in(text + more, cut_off=True) == "def main_solution(n):\n    return n\n\n"


def test_bare_code_is_code_and_prose_is_not() -> None:
    assert code_in("def main_solution(n):\n    return n\n", cut_off=False) is not None
    assert code_in("I cannot do that.", cut_off=False) is None


def test_description_has_three_sections_and_all_parameters() -> None:
    description = description_in(DESCRIPTION, ["n"])
    assert description is not None
    assert description.query.startswith("Somebody doubles")
    assert description.io_description == (
        "Input:\n- `n` (integer): the apples, at least 0.\n\nOutput:\n- (integer): twice as many."
    )
    assert description_in(DESCRIPTION, ["n", "m"]) is None


def test_sections_nobody_asked_for_are_left_out() -> None:
    example = "\n### Example\nFor the input `3` the output is 6.\n"
    assert description_in(DESCRIPTION + example, ["n"]) == description_in(DESCRIPTION, ["n"])


def test_description_without_a_section_or_with_one_twice_is_none() -> None:
    assert description_in(DESCRIPTION.replace("### Output\n", ""), ["n"]) is None
    assert description_in(DESCRIPTION + "\n### Query\nOnce more, what is it that comes out?\n", ["n"]) is None
    assert description_in("", []) is None


def test_a_description_that_tells_a_pair_is_refused() -> None:
    pair = ('{"slots":[[1, 20],[30, 40]]}', '{"total":29}')
    assert reveals_pair(Description("For `slots` of [[1,20], [30,40]], how many?", "Input: `slots`"), *pair)
    assert reveals_pair(Description("How many?", 'Output: a dict such as {"total": 29}'), *pair)
    unit = ('{"unit":"kilogram"}', "1")
    assert not reveals_pair(Description("In which unit?", 'Input: `unit`, one of "kilogram"'), *unit)
    assert not reveals_pair(Description("How many of `slots`?", "Output: a dict with the key total"), *pair)


def test_a_description_that_repeats_the_worked_example_is_refused() -> None:
    example = prompts.load("describe_example_reply").text
    copied = Description("A library charges late fees for everything kept longer than 14 days.", "")
    own = Description("A nursery charges for every plant in `plants`, rounded to two digits.", "")
    assert copies_example(copied, example)
    assert not copies_example(own, example)


def test_replies_of_hostile_length_are_read_all_the_same() -> None:
    length = 100_000
    assert code_in("```python\n" * length, cut_off=False) is None
    assert code_in("`" * length + "\ndef " * length, cut_off=True) is None
    assert code_in(REPLY * (length // 100), cut_off=False) is not None
    for heading in ("#", "### Query\n", "# " * 3, "### Input\n### Output\n### Query\n", "\n#\r"):
        assert description_in(heading * length, ["n"]) is None
    assert not copies_example(Description("a " * length, ""), "b " * length)
    assert not reveals_pair(Description("1 " * length, ""), '{"n":12345678}', "[" + "1," * length + "2]")
