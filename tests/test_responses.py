"""The order of requests; what replies become is tested with real engines (test_build*)."""

from hypothesis import given
from hypothesis import strategies as st

from builders.responses import leaders_ahead


def test_the_first_request_of_a_function_goes_ahead_of_the_siblings_before_it() -> None:
    assert leaders_ahead(["f", "f", "f", "g", "g", "h"]) == [0, 3, 1, 2, 5, 4]
    assert leaders_ahead([]) == []


@given(st.lists(st.sampled_from("fgh")))
def test_every_request_is_asked_once(functions: list[str]) -> None:
    assert sorted(leaders_ahead(functions)) == list(range(len(functions)))
