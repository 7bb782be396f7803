import pytest
from datasets import Features, Value

from builders.execution import Sandbox
from builders.masking import PrivateKeyFound, masked
from builders.raw_code import RawCode, corpus
from builders.schema import RAW_CODE, content_id, table
from builders.source_files import SourceConfig, read
from builders.stage import Drop

PYTHON_3 = "def double(x):\n    return 2 * x\n"
PYTHON_2 = "def double(x):\n    print 2 * x\n    return x\n"


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as sandbox:
        yield sandbox


def source_row(content, **changes):
    row = dict.fromkeys(("content", "problem", "detail", "language", "source", "path", "revision", "license"))
    return row | {"content": content, "language": "Python", "source": "s", "path": "p.py"} | changes


def judged(sandbox, *rows, license=None):
    return list(RawCode(sandbox, license).rows(list(rows)))


def test_what_parses_is_told_and_python_2_goes_on(sandbox):
    deep = "x = " + "(" * 5000 + ")" * 5000
    ruby = source_row("puts [1, 2].sum  # ruby", language="Ruby")
    found = judged(sandbox, source_row(PYTHON_3), source_row(PYTHON_2), source_row(deep), ruby)
    assert [row["parses"] for row in found] == [True, False, False, False]
    assert set(found[0]) == set(RAW_CODE)
    assert found[0]["code_id"] == content_id("raw_code", PYTHON_3)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        (source_row("  \n"), "empty"),
        (source_row("x = 'a\0b' # and so on and on"), "not_text"),
        (source_row("x = '\ud800' # and so on and on"), "not_text"),
        (source_row(None, problem="too_large", detail="50000000 bytes"), "too_large"),
        (source_row("-----BEGIN RSA PRIVATE KEY-----\nabc\n"), "private_key"),
    ],
)
def test_bad_rows_are_dropped_with_their_reason(sandbox, row, reason):
    (drop,) = judged(sandbox, row)
    assert isinstance(drop, Drop)
    assert (drop.reason, drop.row_id) == (reason, "s/p.py")
    assert "BEGIN" not in drop.content


@pytest.mark.parametrize(
    ("own", "header", "stated", "license"),
    [
        ("MIT", "# SPDX-License-Identifier: GPL-3.0\n", "apache-2.0", "mit"),
        (None, "# SPDX-License-Identifier: GPL-3.0\n", "apache-2.0", "gpl-3.0"),
        (None, "", "Apache-2.0", "apache-2.0"),
        (None, "", None, None),
    ],
)
def test_licence_is_the_rows_own_then_the_files_then_the_users(sandbox, own, header, stated, license):
    (row,) = judged(sandbox, source_row(header + PYTHON_3, license=own), license=stated)
    assert row["license"] == license


def test_secrets_and_addresses_are_masked():
    text = 'key = "AKIAIOSFODNN7EXAMPLE"\nmail = "jane.doe@example.com"\n'
    text += 'y = A@b.T + x\npassword = "hunter2hunter2"\n'
    found = masked(text)
    assert "AKIA" not in found
    assert "jane" not in found
    assert "hunter2" not in found
    assert "A@b.T" in found
    with pytest.raises(PrivateKeyFound):
        masked("-----BEGIN OPENSSH PRIVATE KEY-----")
    assert masked(PYTHON_3) == PYTHON_3


def test_the_sample_corpus_is_whole(sandbox, tmp_path):
    rows = read(SourceConfig(source=str(corpus())), tmp_path)
    kept, dropped = RawCode(sandbox)(rows, tmp_path)
    assert len(kept) == 40
    assert len(dropped) == 0
    assert set(kept["license"]) == {"apache-2.0"}
    assert 3 <= kept["parses"].count(False) <= 6
    text = "\n".join(kept["content"])
    assert "AKIA" not in text
    assert "@example.com" not in text
    assert "<SECRET>" in text
    assert "<EMAIL>" in text


def test_two_files_of_one_content_are_one_row(sandbox):
    features = Features({column: Value("string") for column in source_row("")})
    rows = table([source_row(PYTHON_3, path="a.py"), source_row(PYTHON_3, path="b.py")], features)
    kept, dropped = RawCode(sandbox)(rows)
    assert kept["path"] == ["a.py"]
    assert dropped["drop_reason"] == ["duplicate"]
