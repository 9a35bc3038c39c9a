"""Findings, out of reports that are right and reports that are not."""

from __future__ import annotations

import json
from dataclasses import replace
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.domain.scanning.findings import (
    TEXT_MAX,
    Cvss,
    ReportInvalid,
    anonymous,
    counted,
    dump,
    load,
    merged,
    named,
    observed,
    read_report,
)
from tests.domain.scanning.reports import report, vulnerability

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=12),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=8), inner),
    max_leaves=12,
)


def test_everything_of_a_finding() -> None:
    (found,) = read_report(report(vulnerability()))
    assert (found.id, found.package, found.version, found.fixed) == (
        *("CVE-2020-14343", "PyYAML"),
        *("5.3", "5.4"),
    )
    assert found.severity == "CRITICAL"
    assert found.severity_source == "ghsa"
    assert found.severities == {"ghsa": "CRITICAL", "nvd": "HIGH"}
    assert found.cvss == (
        Cvss("nvd", "2.0", 10.0, "AV:N/AC:L/Au:N/C:C/I:C/A:C"),
        Cvss("nvd", "3.1", 9.8, "CVSS:3.1/AV:N/AC:L/PR:N/UI:N/S:U/C:H/I:H/A:H"),
    )
    assert found.published == datetime(2021, 2, 9, 21, 15, tzinfo=UTC)
    assert found.source == "GitHub Security Advisory pip"
    assert (found.target, found.manager, found.purl) == (
        "Python",
        "python-pkg",
        "pkg:pypi/pyyaml@5.3",
    )
    assert found.epss is None
    assert found.first_observed is None


def test_the_worst_first_each_once_and_counted() -> None:
    low = vulnerability("CVE-1", Severity="LOW")
    unknown = vulnerability("CVE-2", Severity="UNKNOWN")
    found = read_report(report(unknown, low, low, vulnerability()))
    assert [each.id for each in found] == ["CVE-2020-14343", "CVE-1", "CVE-2"]
    assert counted(found) == {"CRITICAL": 1, "LOW": 1, "UNDEFINED": 1}
    assert [each.id for each in merged([found[1:], found])] == [each.id for each in found]


def test_when_it_was_first_found_is_kept() -> None:
    first, second = datetime(2026, 1, 1, tzinfo=UTC), datetime(2026, 2, 1, tzinfo=UTC)
    before = observed(read_report(report(vulnerability())), [], first)
    after = observed(read_report(report(vulnerability(), vulnerability("CVE-9"))), before, second)
    assert {each.id: each.first_observed for each in after} == {
        "CVE-2020-14343": first,
        "CVE-9": second,
    }


def test_hostile_texts_are_cut_and_links_are_links() -> None:
    given_one = vulnerability(
        Title="x" * 100_000,
        Description="\ud800" + "y" * 100_000,
        PrimaryURL="javascript:alert(1)",
        Severity="<b>",
        CVSS={"nvd": {"V3Score": "9", "V3Vector": 7}},
        VendorSeverity={"nvd": 99, "other": True},
        PublishedDate="0001-01-01T00:00:00Z",
        EPSS={"Score": 0.5},
    )
    (found,) = read_report(report(given_one))
    assert len(found.title) == TEXT_MAX // 4
    assert len(found.description) == TEXT_MAX
    assert found.url == ""
    assert found.severity == "UNDEFINED"
    assert found.cvss == ()
    assert found.severities == {"nvd": "UNDEFINED", "other": "UNDEFINED"}
    assert found.published is None
    assert found.epss == 0.5
    assert load(dump([found])) == [found]


@pytest.mark.parametrize("text", [b"", b"[]", b'{"SchemaVersion": 1}', b"[" * 100_000])
def test_what_is_no_report(text: bytes) -> None:
    with pytest.raises(ReportInvalid):
        read_report(text)


@given(st.dictionaries(st.sampled_from(list(vulnerability())), JSON), JSON)
def test_whatever_a_report_holds_it_is_read_or_left_out(
    changed: dict[str, Any], beside: Any
) -> None:
    found = read_report(report(vulnerability(), vulnerability(**changed), Metadata=beside))
    assert "CVE-2020-14343" in {each.id for each in found}
    assert load(dump(found)) == found
    assert all(each.severity in counted(found) for each in found)


def test_a_report_tells_nothing_of_where_the_image_was_read() -> None:
    plain = anonymous(report(vulnerability()))
    assert b"127.0.0.1" not in plain
    assert b"secret" not in plain
    known = json.loads(named(plain, "team/app@sha256:1"))
    assert known["ArtifactName"] == "team/app@sha256:1"
    assert read_report(plain) == read_report(report(vulnerability()))
    later = replace(read_report(plain)[0], first_observed=datetime.now(UTC))
    assert load(dump([later])) == [later]
