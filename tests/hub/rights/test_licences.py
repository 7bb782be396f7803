"""The licences under which rows may be published."""

import pytest

from hub.rights.licences import PERMISSIVE, may_be_published, spdx_ids


@pytest.mark.parametrize(
    ("license", "may"),
    [
        ("mit", True),
        ("Apache-2.0", True),
        ("gpl-3.0-only OR mit", True),
        ("mit AND (gpl-3.0-only OR bsd-3-clause)", True),
        ("apache-2.0 WITH llvm-exception", True),
        ("mit AND gpl-3.0-only", False),
        ("gpl-2.0-only WITH classpath-exception-2.0", False),
        ("mit WITH commons-clause", False),
        ("mit WITH gpl-3.0-only", False),
        ("gpl-3.0+", False),
        ("bsd", False),
        ("no idea", False),
        ("mit/apache", False),
        ("mit OR", False),
        ("", False),
        (None, False),
    ],
)
def test_a_licence_that_is_known_and_permissive_lets_rows_be_published(license, may):
    assert may_be_published(license) == may


def test_more_can_be_allowed():
    allowed = PERMISSIVE | {"GPL-3.0-only", "LicenseRef-ours"}
    assert may_be_published("gpl-3.0-only and mit", allowed)
    assert may_be_published("licenseref-ours", allowed)
    assert not may_be_published("gpl-2.0-only", allowed)


def test_an_endless_expression_is_none():
    endless = " OR ".join(["mit"] * 1_000_000)
    assert not may_be_published(endless)
    assert spdx_ids(endless) == [endless]
