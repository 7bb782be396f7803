from importlib.metadata import version

import pytest
from datasets import Features, Value

from builders.execution import Sandbox
from builders.options import RawCodeOptions
from builders.raw_code import RawCode, corpus
from builders.schema import TABLES, content_id
from builders.sources.code_files import SourceConfig, read_files
from builders.stage import Drop
from builders.tables.arrow import table

PYTHON_3 = "def double(x):\n    return 2 * x\n"
PYTHON_2 = "def double(x):\n    print 2 * x\n    return x\n"


@pytest.fixture(scope="module")
def sandbox():
    with Sandbox() as sandbox:
        yield sandbox


def source_row(content, **changes):
    row = dict.fromkeys(("content", "problem", "detail", "language", "source", "path", "revision", "license"))
    return row | {"content": content, "language": "Python", "source": "s", "path": "p.py"} | changes


def checked(sandbox, *rows, license=None):
    return list(RawCode(RawCodeOptions(license=license), sandbox).rows(list(rows)))


def test_what_parses_is_told_and_python_2_goes_on(sandbox):
    deep = "x = " + "(" * 5000 + ")" * 5000
    ruby = source_row("puts [1, 2].sum  # ruby", language="Ruby")
    results = checked(sandbox, source_row(PYTHON_3), source_row(PYTHON_2), source_row(deep), ruby)
    assert [row["parses"] for row in results] == [True, False, False, False]
    assert set(results[0]) == set(TABLES["raw_code"].columns)
    assert results[0]["code_id"] == content_id("raw_code", PYTHON_3)


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
    (drop,) = checked(sandbox, row)
    assert isinstance(drop, Drop)
    assert (drop.reason, drop.row_id) == (reason, "s/p.py")
    assert "BEGIN" not in drop.content


def test_what_parses_depends_on_the_row_alone(sandbox):
    rows = [source_row(PYTHON_3, language=language) for language in ("JavaScript", "Python", "python")]
    assert [row["parses"] for row in checked(sandbox, *rows)] == [False, True, True]


@pytest.mark.parametrize("problem", ["broken_json", "not_text", "too_large"])
def test_what_is_dropped_is_masked_too(sandbox, problem):
    secret = "password = 'hunter2abc'  # bob@corp.com"
    rows = [source_row(secret, problem=problem), source_row(secret + " \0"), source_row("a = 'bob@corp.com'")]
    drops = checked(sandbox, *rows)
    assert [drop.reason for drop in drops] == [problem, "not_text", "empty"]
    assert "<SECRET>" in drops[0].content
    assert not any(word in drop.content for drop in drops for word in ("hunter2", "bob"))


def test_a_dropped_private_key_is_not_shown(sandbox):
    key = "x = '-----BEGIN RSA PRIVATE KEY-----\\nMIIabc'"
    drops = checked(sandbox, source_row(key, problem="broken_json", detail="line 1"), source_row(key))
    assert [(drop.reason, drop.content) for drop in drops] == [("broken_json", ""), ("private_key", "")]


def test_the_rules_of_masking_are_part_of_the_identity(sandbox):
    assert version("detect-secrets") in RawCode(RawCodeOptions(), sandbox).identity()["masking"]


@pytest.mark.parametrize(
    ("line", "license"),
    [
        ("# SPDX-License-Identifier: MIT AND GPL-3.0-only", "mit and gpl-3.0-only"),
        ("/* SPDX-License-Identifier: (MIT AND GPL-2.0+) */ var x", "(mit and gpl-2.0+)"),
        ("<!-- SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception-->", "apache-2.0 with llvm-exception"),
        ("(* SPDX-License-Identifier: MIT *)", "mit"),
        ("x = 'SPDX-License-Identifier: MIT\\n'", "mit"),
        ("# SPDX-License-Identifier: MIT, GPL-2.0 ", "mit, gpl-2.0"),
        ("# SPDX-License-Identifier:\n# MIT", "isc"),
        ('f"SPDX-License-Identifier: {license}"', "isc"),
    ],
)
def test_the_whole_expression_of_a_tag_counts(sandbox, line, license):
    (row,) = checked(sandbox, source_row(f"{line}\n{PYTHON_3}", language="OCaml"), license="ISC")
    assert row["license"] == license


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
    (row,) = checked(sandbox, source_row(header + PYTHON_3, license=own), license=stated)
    assert row["license"] == license


def test_the_sample_corpus_is_whole(sandbox, tmp_path):
    rows = read_files(SourceConfig(source=str(corpus())), tmp_path)
    kept, dropped = RawCode(RawCodeOptions(), sandbox)(rows, tmp_path)
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
    kept, dropped = RawCode(RawCodeOptions(), sandbox)(rows)
    assert kept["path"] == ["a.py"]
    assert dropped["drop_reason"] == ["duplicate"]
