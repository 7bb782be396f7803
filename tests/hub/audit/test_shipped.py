"""The files beside the tables are recognised by digests of their bytes, each with the number of its rules."""

import hashlib
import json

import pytest

from builders import formats
from builders.formats import RULES
from hub.audit import shipped
from hub.layout import SHIPPED
from tests.auditing import failed_checks


def digest(content):
    return hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("name", SHIPPED)
def test_the_current_texts_are_listed_with_the_current_rules(name):
    content = SHIPPED[name].read_bytes()
    assert shipped.RULES_OF[name].get(digest(content), "unknown") in (None, RULES), (
        f"{name} has a text that the audit does not recognise: every dataset published with it would fail.\n"
        f"If only words changed, add this line to RULES_OF in hub/audit/shipped.py, and keep the others:\n"
        f'"{digest(content)}": "{RULES}",\n'
        "If any reply would be graded differently, count RULES up in builders/formats.py, name the new rules"
        " in CHANGELOG.md, and give the digest the new number."
    )


def reword(root, monkeypatch, rules):
    """Add a comment to the verifier of a dataset; with `rules`, list its digest with this number."""
    content = b"# Put better.\n" + (root / "verifier.py").read_bytes()
    (root / "verifier.py").write_bytes(content)
    if rules:
        monkeypatch.setitem(shipped.RULES_OF["verifier.py"], digest(content), rules)


def test_a_reworded_verifier_is_no_finding(a_release, monkeypatch, audited):
    reword(a_release, monkeypatch, RULES)
    report = audited(a_release)
    assert report.holds, report.findings
    assert report.not_checked == []


@pytest.mark.parametrize(("rules", "words"), [(None, "is not codeio's"), ("0.0", "grades by rules 0.0")])
def test_a_verifier_of_other_rules_or_of_a_stranger_is_a_finding(
    a_release, monkeypatch, rules, words, audited
):
    reword(a_release, monkeypatch, rules)
    (finding,) = audited(a_release, sample=1).findings
    assert (finding.check, finding.row_id) == ("shipped", "verifier.py")
    assert words in finding.detail


def state(root, **numbers):
    """Change numbers that the provenance of a dataset states."""
    file = root / "provenance.json"
    file.write_text(json.dumps({**json.loads(file.read_text()), **numbers}))


def test_answers_judged_by_other_rules_are_not_judged_again(a_release, audited):
    """The verifier that ships is a finding, because its rules are not those that the data states."""
    state(a_release, rules="0.9")
    report = audited(a_release)
    (left_out,) = report.not_checked
    assert "were judged by rules 0.9, and this codeio has rules 0.1" in left_out
    assert "turns" not in report.checked
    assert "pairs" in report.checked
    assert [(f.row_id, f.detail.partition(",")[0]) for f in report.findings] == [
        ("verifier.py", "grades by rules 0.1")
    ]


def test_data_of_earlier_rules_is_checked_except_for_its_verdicts(a_release, monkeypatch, audited):
    monkeypatch.setattr(formats, "RULES", "0.2")
    report = audited(a_release)
    assert report.holds, report.findings
    (left_out,) = report.not_checked
    assert left_out.startswith("turns: The answers of ")


def test_an_invalid_rules_number_is_reported_as_unknown(a_release, audited):
    state(a_release, rules=["\x1b[31m"])
    report = audited(a_release, sample=1)
    assert failed_checks(report) == {("shipped", "")}
    assert "judged by rules unknown" in "".join(report.not_checked)
