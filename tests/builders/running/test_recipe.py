"""Recipes are read strictly, and the recipe of a build is read as the same build."""

from pathlib import Path

import pytest

from builders.options import Recipe, declared
from builders.running import recipe
from builders.running.recipe import RecipeError, RecipeValues
from builders.running.run import Run, json_options

WHOLE = Recipe.from_values(
    {
        "source": "my code/",
        "out": "out/mine",
        "until": "tasks",
        "from_table": "functions",
        "limit": 7,
        "license": "no",
        "temperature": 1e-7,
        "cpu_s": 2,
        "system": "One: line\n\n  and # another\n",
        "chat_template": {"enable_thinking": False, "more": [1, None, "1.0"]},
        "keep_reasoning": True,
        "base_url": ["http://127.0.0.1:1", "http://127.0.0.1:2"],
        "model": "1.0",
        "sglang_python": "/some/python",
        "price_in": 0.5,
        "patience_s": 5,
    }
)


@pytest.fixture
def file(tmp_path):
    return tmp_path / "recipe.yaml"


@pytest.mark.parametrize("whole", [WHOLE, Recipe(source="corpus"), Recipe(source="", system="\ttab\x07\n")])
def test_what_is_written_is_read_as_the_same(file, whole):
    file.write_text(recipe.to_yaml(recipe.from_options(whole)), encoding="utf-8")
    assert Recipe.from_values(recipe.read(file).values) == whole


def test_all_that_decides_is_written_and_of_the_rest_what_is_given():
    text = recipe.to_yaml(recipe.from_options(Recipe(source="a", num_proc=4)))
    assert "max_pairs: 3" in text
    assert "num_proc: 4" in text
    assert "concurrency" not in text


def test_texts_of_several_lines_are_written_as_such():
    assert "  system: |\n    Be brief.\n    Be right.\n" in recipe.to_yaml(
        recipe.from_options(Recipe(source="a", system="Be brief.\nBe right.\n"))
    )


def test_a_run_has_a_recipe_without_its_servers(tmp_path, file):
    whole = Recipe(source="a", out=tmp_path / "out", max_pairs=5, base_url=("http://127.0.0.1:1",), model="m")
    with Run(tmp_path / "out").opened(json_options(whole)) as run:
        run.save_options({"model": "weights"})
    file.write_text(recipe.to_yaml(recipe.from_run(run)))
    assert Recipe.from_values(recipe.read(file).values) == Recipe(
        source="a", out=tmp_path / "out", max_pairs=5
    )


def test_values_and_their_places(file):
    file.write_text("# mine\nsource: code\n\nio_pairs:\n  max_pairs: 5\nrevisions:\n  # turns: 3\n")
    assert recipe.read(file) == RecipeValues(
        {"source": "code", "max_pairs": 5},
        {"source": f"{file}, line 2", "max_pairs": f"{file}, line 5"},
    )


def test_an_empty_recipe_says_nothing(file):
    file.write_text("# nothing\n")
    assert recipe.read(file) == RecipeValues()


def test_values_beside_a_recipe_win_and_so_does_a_kind_of_server():
    written = RecipeValues(
        {"seed": 1, "limit": 2, "embedded": "m"}, {"seed": "1", "limit": "2", "embedded": "3"}
    )
    assert written.overridden_by({"seed": 3}) == RecipeValues(
        {"seed": 3, "limit": 2, "embedded": "m"}, {"limit": "2", "embedded": "3"}
    )
    assert written.overridden_by({"base_url": ["a"]}) == RecipeValues(
        {"seed": 1, "limit": 2, "base_url": ["a"]}, {"seed": "1", "limit": "2"}
    )


@pytest.mark.parametrize(
    ("text", "line", "words"),
    [
        (
            "source: a\nio_pairs:\n  max_pair: 3",
            3,
            "no key 'max_pair' in io_pairs; did you mean 'max_pairs'?",
        ),
        ("sauce: a", 1, "no key 'sauce' at the top; did you mean 'source'?"),
        ("max_pairs: 3", 1, "no key 'max_pairs' at the top; did you mean 'max_pairs' in io_pairs?"),
        ("io_pairs:\n  turns: 3", 2, "no key 'turns' in io_pairs; did you mean 'turns' in revisions?"),
        ("tasks:\n  limit: 3", 2, "no key 'limit' in tasks; did you mean 'limit' at the top?"),
        ("from: functions", 1, "no key 'from' at the top; did you mean 'from_table'?"),
        ("system-prompt: be brief", 1, "did you mean 'system' in responses?"),
        ("ioo_pairs:\n  max_pairs: 3", 1, "did you mean 'io_pairs'?"),
        ("tasks:\n  qqqq: 3", 2, "the keys here are test_share"),
        ("seed: 1\nlimit: 2\nseed: 1", 3, "seed is already given in line 1"),
        ("chat_template:\n  a: 1\n  a: 2", 3, "a is already given in line 2"),
        ("raw_code:\n  license: no", 2, "license: must be text, not false; put it in quotes"),
        ("raw_code:\n  license: 1.0", 2, "license: must be text, not 1.0; put it in quotes"),
        ("source: 2020-01-01", 1, 'source: must be text, not "2020-01-01"; put it in quotes'),
        ("training_set:\n  keep_reasoning: 'no'", 2, 'keep_reasoning: must be true or false, not "no"'),
        ("limit: '3'", 1, 'limit: must be a whole number, not "3"'),
        ("limit: [3]", 1, "limit: must be a whole number, not [3]"),
        ("limit: 3.0", 1, "limit: must be a whole number"),
        ("limit: 0", 1, "limit: must be 1 or more, not 0"),
        ("seed: 010", 1, "seed: is 010 here, which YAML reads as 8: write 8"),
        ("limit: 1:30", 1, "limit: is 1:30 here, which YAML reads as 90"),
        ("responses:\n  temperature: .nan", 2, "temperature: must be a number, not NaN"),
        ("responses:\n  temperature: 1e-1", 2, 'temperature: must be a number, not "1e-1"'),
        ("seed:", 1, "seed: must be a whole number, not null"),
        ("until: task", 1, "until: choose one of raw_code,"),
        ("servers:\n  base_url: http://a", 2, "base_url: must be a list of strings"),
        ("chat_template: {a: 2020-01-01}", 1, "chat_template: must be an object of JSON values"),
        ("chat_template: &a {b: *a}", 1, "a value cannot hold itself"),
        ("io_pairs: 3", 1, "io_pairs holds keys and values, such as max_pairs"),
        ("- source", 1, "a recipe holds keys and values, such as source"),
        ("source", 1, "a recipe holds keys and values"),
        ("<<: {seed: 1}", 1, "no key '<<'"),
        ("? [a]\n: b", 1, "a key must be text"),
        ("source: [a", 1, "expected ',' or ']'"),
        ("source: a\n---\nseed: 1", 2, "expected a single document"),
        ("source: 2020-13-45", 1, "source: cannot be read"),
        (f"seed: {'9' * 5000}", 1, "seed: cannot be read"),
        (f"tasks: {{test_share: {'9' * 500}}}", 1, "test_share: must be a number"),
        ("seed: !!timestamp x", 1, "seed: cannot be read"),
        ("source: !!python/object/apply:os.system [ls]", 1, "could not determine a constructor"),
    ],
)
def test_a_mistake_is_told_with_its_line_and_the_way_out(file, text, line, words):
    file.write_text(text)
    with pytest.raises(RecipeError) as caught:
        recipe.read(file)
    assert str(caught.value).startswith(f"{file}, line {line}: ")
    assert words in str(caught.value)


@pytest.mark.parametrize("content", [b"source: \xff", b"source: \x01", b"[" * 5000])
def test_what_is_no_text_cannot_be_read(file, content):
    file.write_bytes(content)
    with pytest.raises(RecipeError, match="cannot be read"):
        recipe.read(file)


def test_a_recipe_that_is_not_there(file):
    with pytest.raises(RecipeError, match=r"cannot be read: .*No such file"):
        recipe.read(file)


def test_recipes_are_known_by_their_suffix(tmp_path):
    (tmp_path / "code.yaml").mkdir()
    assert recipe.is_recipe("a/recipe.yaml")
    assert recipe.is_recipe("recipe.yml")
    assert not recipe.is_recipe(str(tmp_path / "code.yaml"))
    assert not recipe.is_recipe("functions.jsonl")


def test_every_option_can_stand_in_a_recipe(file):
    nested = recipe.from_options(Recipe(**{name: object() for name in declared(Recipe)}))
    flat = [key for name, value in nested.items() for key in (value if isinstance(value, dict) else [name])]
    assert sorted(flat) == sorted(declared(Recipe))


def test_a_path_is_written_as_text():
    assert recipe.from_options(Recipe(source="a", out=Path("b/c")))["out"] == "b/c"
