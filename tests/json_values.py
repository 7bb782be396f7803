"""JSON values for property tests, six levels deep, and a way to compare them bit for bit."""

from typing import Any

from hypothesis import strategies as st

_INTS = st.integers() | st.builds(
    lambda sign, power, offset: sign * 10**power + offset,
    st.sampled_from([-1, 1]),
    st.integers(0, 4299),
    st.integers(-9, 9),
)
_FLOATS = st.floats(allow_nan=False, allow_infinity=False) | st.sampled_from(
    [-0.0, 5e-324, -2.2e-308, 1e308, 1.7976931348623157e308, 0.1 + 0.2, 1e16, 1e22, 2.0**53]
)
_TEXTS = st.text() | st.sampled_from(
    ["\0", "\x7f", "\u2028", "\ufeff", "\uffff", "e\u0301", "\U0001f600", "\\ud800"]
)
_KEYS = _TEXTS | st.sampled_from(["", "0", "-0", "1", "1.0", "01", "10", "2", "1e5", "true", "null", "NaN"])
# One strategy, not five: then containers are as likely as scalars, and values become deep.
_SCALARS = st.sampled_from([st.none(), st.booleans(), _INTS, _FLOATS, _TEXTS]).flatmap(lambda kind: kind)


def _values(levels: int) -> st.SearchStrategy[Any]:
    if not levels:
        return _SCALARS
    inner = _values(levels - 1)
    return _SCALARS | st.lists(inner, max_size=3) | st.dictionaries(_KEYS, inner, max_size=3)


JSON_VALUES = _values(6)


def exact(value: Any) -> Any:
    """Return a value with its types and bits, for `==` to distinguish 1, 1.0 and True, or -0.0 and 0.0."""
    if isinstance(value, dict):
        return {exact(key): exact(item) for key, item in value.items()}
    if isinstance(value, list):
        return [exact(item) for item in value]
    return type(value), value.hex() if isinstance(value, float) else value
