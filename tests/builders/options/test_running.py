"""All options of a build together."""

import pytest

from builders.options import STAGES, OptionError, Options, Recipe, declared, sections


def test_every_option_stands_in_one_section_and_stages_come_in_their_order():
    by_section = sections()
    assert sorted(option.name for options in by_section.values() for option in options) == sorted(
        declared(Recipe)
    )
    assert [*by_section][: 1 + len(STAGES)] == ["", *STAGES]


def test_values_become_a_recipe():
    recipe = Recipe.from_values({"source": "a", "temperature": 1, "base_url": ["b"]})
    assert (recipe.temperature, recipe.base_url, recipe.max_pairs) == (1.0, ("b",), 3)
    assert isinstance(recipe, Options)


@pytest.mark.parametrize(
    ("values", "name", "words"),
    [
        ({"seed": 1}, "source", "names no source"),
        (
            {"source": "a", "max_tokens": 100, "truncated_tokens": 100},
            "truncated_tokens",
            "must exceed",
        ),
        ({"source": "a", "samples": 0}, "samples", "1 or more"),
    ],
)
def test_what_cannot_be_built_is_refused_by_name(values, name, words):
    with pytest.raises(OptionError, match=words) as caught:
        Recipe.from_values(values)
    assert caught.value.name == name
