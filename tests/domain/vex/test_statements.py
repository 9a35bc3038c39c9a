"""Of which findings a statement is said, and which of several counts."""

from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.domain.scanning.findings import Finding, merged, read_report
from registry.domain.vex.documents import read_document
from registry.domain.vex.statements import Names, judged
from tests.domain.scanning.reports import report, vulnerability
from tests.domain.vex.said import CVE, PURL, openvex, product, statement

SHA, OTHER = "sha256:" + "a" * 64, "sha256:" + "b" * 64
IMAGE = Names("prod/app", frozenset({SHA}))


def finding(**changed: Any) -> Finding:
    (found,) = read_report(report(vulnerability(CVE)))
    return replace(found, **changed)


def status(document: dict[str, Any], image: Names = IMAGE, **changed: Any) -> str | None:
    statements = read_document(json.dumps(document)).statements
    (found,) = judged([finding(**changed)], statements, image)
    return None if found.verdict is None else found.verdict.status


@pytest.mark.parametrize(
    ("products", "covers"),
    [
        ([product()], True),
        ([product(SHA)], True),
        ([product(SHA, repository="elsewhere/app")], True),  # a digest is what it is anywhere
        ([product(OTHER)], False),
        ([product(repository="prod/app2")], False),
        ([product(repository="other/prod/app")], False),
        (["pkg:oci/app"], True),
        (["pkg:oci/prod"], False),
        ([{"hashes": {"sha-256": "a" * 64}}], True),
        ([{"hashes": {"sha-256": "b" * 64}}], False),
        ([product(SHA, part=None)], True),
        ([product(SHA, part="pkg:pypi/pyyaml")], True),
        ([product(SHA, part="pkg:pypi/pyyaml@5.3.1")], False),
        ([product(SHA, part="pkg:pypi/jinja2@5.3")], False),
        ([PURL], True),
        (["pkg:pypi/pyyaml@5.30"], False),
        ([product(OTHER), PURL], True),
    ],
)
def test_products(products: list[Any], *, covers: bool) -> None:
    found = status(openvex(statement(*products)))
    assert found == ("not_affected" if covers else None)


def test_another_vulnerability_and_another_name_of_it() -> None:
    assert status(openvex(statement(vulnerability={"name": "CVE-1"}))) is None
    other = statement(vulnerability={"name": "GHSA-1", "aliases": [CVE]})
    assert status(openvex(other)) == "not_affected"


def test_a_package_without_a_url_is_covered_by_its_image_alone() -> None:
    assert status(openvex(statement(PURL)), purl="") is None
    assert status(openvex(statement(product(SHA, part=None))), purl="") == "not_affected"


@pytest.mark.parametrize(
    ("first", "second", "counts"),
    [
        (("2026-01-01", "not_affected"), ("2026-01-02", "affected"), "affected"),
        (("2026-01-02", "not_affected"), ("2026-01-01", "affected"), "not_affected"),
        (("2026-01-01", "fixed"), ("2026-01-01", "under_investigation"), "under_investigation"),
        (("2026-01-01", "affected"), ("2026-01-01", "fixed"), "affected"),
    ],
)
def test_the_latest_counts_and_of_equals_the_stricter(
    first: tuple[str, str], second: tuple[str, str], counts: str
) -> None:
    both = [statement(timestamp=f"{at}T00:00:00Z", status=what) for at, what in (first, second)]
    assert status(openvex(*both)) == counts


def test_what_is_suppressed_stands_behind_what_counts() -> None:
    rest = finding(id="CVE-1", severity="LOW")
    statements = read_document(json.dumps(openvex())).statements
    found = judged([finding(), rest], statements, IMAGE)
    assert [(each.id, each.suppressed) for each in found] == [("CVE-1", False), (CVE, True)]


def test_for_a_whole_index_it_counts_where_it_counts_on_one_platform() -> None:
    statements = read_document(json.dumps(openvex(statement(product(SHA))))).statements
    here = judged([finding()], statements, IMAGE)
    there = judged([finding()], statements, Names("prod/app", frozenset({OTHER})))
    assert [each.suppressed for each in merged([here, there])] == [False]
    assert [each.suppressed for each in merged([there, here])] == [False]
    assert [each.suppressed for each in merged([here, here])] == [True]


STATEMENTS = st.lists(
    st.builds(
        statement,
        st.sampled_from([product(SHA), product(OTHER), PURL, "pkg:pypi/jinja2"]),
        status=st.sampled_from(["affected", "fixed", "under_investigation", "not_affected"]),
        timestamp=st.sampled_from([f"2026-01-0{day}T00:00:00Z" for day in range(1, 5)]),
    ),
    min_size=1,
    max_size=6,
)


@given(STATEMENTS, st.randoms())
def test_the_order_of_statements_says_nothing(given_: list[Any], random: Any) -> None:
    """The invariant: what is said of a finding is the latest, whatever comes first."""
    turned = list(given_)
    random.shuffle(turned)
    assert status(openvex(*given_)) == status(openvex(*turned))
    mine = [each for each in given_ if each["products"] in ([product(SHA)], [PURL])]
    if not mine:
        assert status(openvex(*given_)) is None
        return
    last = max(each["timestamp"] for each in mine)
    assert status(openvex(*given_)) in {e["status"] for e in mine if e["timestamp"] == last}
