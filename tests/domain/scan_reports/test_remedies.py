"""What to upgrade first."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.domain.scan_reports.remedies import order, remedies
from registry.domain.scanning.findings import read_report
from tests.domain.scanning.reports import report, vulnerability


def found(*given_ones: dict[str, Any]) -> list[Any]:
    return remedies(read_report(report(*given_ones)))


def test_what_mends_the_worst_comes_first_and_what_mends_more_before_less() -> None:
    lib = {"PkgName": "lib", "InstalledVersion": "1.0", "Severity": "HIGH"}
    one = {"PkgName": "one", "InstalledVersion": "1.0", "Severity": "HIGH", "FixedVersion": "2"}
    upgrades = found(
        vulnerability("CVE-1", **one),
        vulnerability("CVE-2", **lib, FixedVersion="1.10"),
        vulnerability("CVE-3", **lib, FixedVersion="1.9"),
        vulnerability("CVE-4", Severity="CRITICAL"),
        vulnerability("CVE-5", PkgName="none", FixedVersion=""),
    )
    assert [(each.package, each.version, each.target) for each in upgrades] == [
        ("PyYAML", "5.3", "5.4"),
        ("lib", "1.0", "1.10"),
        ("one", "1.0", "2"),
    ]
    assert upgrades[1].counts == {"HIGH": 2}


@pytest.mark.parametrize(
    ("installed", "fixed", "target"),
    [
        ("4.2.1", "2.2.28, 3.2.13, 4.0.4, 4.2.3", "4.2.3"),
        ("2.2.1", "2.2.28, 3.2.13", "2.2.28"),
        ("9.0", "1.0, 2.0", "1.0"),
        ("1:1.2-3", "1:1.2-3+deb12u1", "1:1.2-3+deb12u1"),
    ],
)
def test_of_several_fixed_versions_the_nearest_above(
    installed: str, fixed: str, target: str
) -> None:
    (upgrade,) = found(vulnerability(InstalledVersion=installed, FixedVersion=fixed))
    assert upgrade.target == target


def test_versions_sort() -> None:
    versions = ["1.0~rc1", "1.0rc1", "1.0", "1.0.1", "1.2", "1.10", "2", "1:0.1", "2:0"]
    assert sorted(set(versions), key=order) == versions


@given(st.text(max_size=30), st.text(max_size=30))
def test_anything_can_be_compared(first: str, second: str) -> None:
    assert (order(first) < order(second)) + (order(first) >= order(second)) == 1
