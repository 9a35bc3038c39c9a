"""What a gate says of what is known, on a clock of our own."""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.domain.gates.gate import Gate, read_gate
from registry.domain.gates.weighing import Flaw, Known, Refusal, weigh
from registry.domain.scanning.scans import ScanState
from registry.domain.scanning.states import SEVERITIES
from registry.values.errors import PolicyDocumentInvalid

PUSHED = datetime(2026, 1, 1, tzinfo=UTC)
FOUND = PUSHED + timedelta(days=10)
DIGEST = "sha256:" + "0" * 64


def gate(**members: Any) -> Gate:
    return read_gate("g", json.dumps({"repositories": ["*"], "severity": "HIGH"} | members))


def flaw(name: str = "CVE-1", severity: str = "HIGH", **changed: Any) -> Flaw:
    given_: dict[str, Any] = {"package": "p", "version": "1", "fixed": "2", "since": FOUND}
    given_ |= changed
    return Flaw(name, severity=severity, **given_)


def known(*flaws: Flaw, completed: bool = True, signed: bool = False) -> Known:
    counts = {each.severity: 1 for each in flaws}
    done = FOUND if completed else None
    scan = ScanState(1, "COMPLETE", "", PUSHED, done, done, "trivy", "1", None, counts)
    return Known(DIGEST, PUSHED, scan, lambda: flaws, lambda _keys: signed)


def rule(refusal: Refusal | None) -> str | None:
    return refusal.rule if refusal is not None else None


@given(st.sampled_from(SEVERITIES[:5]), st.lists(st.sampled_from(SEVERITIES), max_size=4))
def test_only_what_is_as_bad_as_the_severity_or_worse_refuses(
    least: str, found: Sequence[str]
) -> None:
    flaws = [flaw(f"CVE-{number}", each) for number, each in enumerate(found)]
    refusal = weigh(gate(severity=least), known(*flaws), FOUND)
    bad = [each for each in found if SEVERITIES.index(each) <= SEVERITIES.index(least)]
    assert (refusal is not None) == bool(bad)
    assert refusal is None or len(refusal.flaws) == len(bad)


def test_a_refusal_names_a_few_findings_and_counts_all() -> None:
    flaws = [flaw(f"CVE-{number}") for number in range(9)] + [flaw("CVE-X", "CRITICAL")]
    refusal = weigh(gate(), known(*flaws), FOUND)
    assert refusal is not None
    assert refusal.message == (
        f"image {DIGEST} is refused by the gate 'g': 10 findings of HIGH or over: CVE-X (CRITICAL,"
        " p 1, fixed in 2), CVE-0 (HIGH, p 1, fixed in 2), CVE-1 (HIGH, p 1, fixed in 2)"
        " and 7 more"
    )
    assert refusal.detail["findingCount"] == 10


def test_only_what_can_be_fixed_where_that_is_asked() -> None:
    without = known(flaw(fixed=None))
    assert rule(weigh(gate(), without, FOUND)) == "findings"
    assert weigh(gate(fixableOnly=True), without, FOUND) is None
    assert rule(weigh(gate(fixableOnly=True), known(flaw()), FOUND)) == "findings"


def test_an_exception_ends_with_its_last_day() -> None:
    excepted = gate(
        exceptions=[{"vulnerability": "CVE-1", "reason": "unreachable", "expires": "2026-03-31"}]
    )
    last = datetime(2026, 3, 31, 23, 59, 59, tzinfo=UTC)
    assert weigh(excepted, known(flaw()), last) is None
    assert rule(weigh(excepted, known(flaw()), last + timedelta(seconds=1))) == "findings"
    assert rule(weigh(excepted, known(flaw("CVE-10")), last)) == "findings"
    eternal = [{"vulnerability": "CVE-1", "reason": "never", "expires": "9999-12-31"}]
    assert weigh(gate(exceptions=eternal), known(flaw()), last) is None


def test_a_grace_counts_from_when_a_finding_was_found() -> None:
    patient = gate(graceDays=7, unscanned="refuse")
    end = FOUND + timedelta(days=7)
    assert weigh(patient, known(flaw()), end - timedelta(seconds=1)) is None
    assert rule(weigh(patient, known(flaw()), end)) == "findings"
    assert rule(weigh(patient, known(flaw(since=None)), FOUND)) == "findings"
    assert rule(weigh(patient, known(completed=False), PUSHED)) == "unscanned"


def test_a_grace_from_the_push_covers_everything_and_then_nothing() -> None:
    patient = gate(graceDays=7, graceFrom="push", unscanned="refuse", unsigned="refuse")
    end = PUSHED + timedelta(days=7)
    for each, said in (
        (known(flaw()), "findings"),
        (known(completed=False), "unscanned"),
        (known(), "unsigned"),
    ):
        assert weigh(patient, each, end - timedelta(seconds=1)) is None
        assert rule(weigh(patient, each, end)) == said
    assert weigh(patient, known(signed=True), end) is None


def test_what_was_never_scanned_passes_unless_it_is_to_be_refused() -> None:
    never = Known(DIGEST, PUSHED, None, lambda: (), lambda _keys: True)
    assert weigh(gate(), never, FOUND) is None
    refusal = weigh(gate(unscanned="refuse"), never, FOUND)
    assert refusal is not None
    assert refusal.reason == "it was never scanned"


def test_findings_are_not_opened_where_their_counts_say_enough() -> None:
    def opened() -> Sequence[Flaw]:
        raise AssertionError("opened")

    low = known(flaw(severity="LOW"))
    assert weigh(gate(), Known(DIGEST, PUSHED, low.scan, opened, low.signed), FOUND) is None


@pytest.mark.parametrize(
    ("pattern", "name", "concerned"),
    [
        ("prod/*", "prod/a/b", True),
        ("prod/*", "prod", False),
        ("prod/?", "prod/ab", False),
        ("a.b", "axb", False),
        ("*", "anything/at-all", True),
    ],
)
def test_which_repositories_it_stands_before(pattern: str, name: str, concerned: bool) -> None:
    assert gate(repositories=[pattern]).concerns(name) == concerned


def test_an_invalid_document_is_refused_with_its_place() -> None:
    with pytest.raises(PolicyDocumentInvalid, match="severity: 'high' is not one of"):
        gate(severity="high")
