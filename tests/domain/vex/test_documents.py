"""VEX documents: what is read out of each form, and what is refused, with its place."""

from __future__ import annotations

from contextlib import suppress
from copy import deepcopy
from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.domain.vex.documents import SIZE_MAX, read_document
from registry.domain.vex.purls import parse
from registry.domain.vex.reading import VexInvalid
from registry.domain.vex.statements import Product
from tests.domain.vex.said import CVE, PURL, csaf, cyclonedx, openvex, product, statement, text

IMAGE = parse("pkg:oci/app?repository_url=registry.example/prod/app")
SHA = "sha256:" + "a" * 64
LATER = "2990-01-01T00:00:00Z"


def test_openvex() -> None:
    found = read_document(text(openvex()))
    assert (found.form, found.id) == ("openvex", "https://example.com/vex/1")
    (said,) = found.statements
    assert said.vulnerabilities == {CVE}
    assert said.products == (Product(IMAGE, "", (parse(PURL),)),)
    verdict = said.verdict
    assert (verdict.status, verdict.author) == ("not_affected", "Ann Example <ann@example.com>")
    assert verdict.words == "vulnerable code not in execute path: full_load is never called"
    assert verdict.at == datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)


def test_openvex_says_it_in_several_ways() -> None:
    given = openvex(
        statement(
            {"@id": "urn:app", "identifiers": {"purl": "pkg:oci/app"}},
            {"@id": "urn:other", "hashes": {"sha-256": "a" * 64}},
            PURL,
            vulnerability={"name": "GHSA-1", "aliases": [CVE]},
            timestamp="2026-02-01T00:00:00+01:00",
        ),
        statement(PURL, vulnerability=CVE, status="affected", action_statement="upgrade"),
    )
    first, second = read_document(text(given)).statements
    assert first.vulnerabilities == {"GHSA-1", CVE}
    assert first.products == (
        Product(parse("pkg:oci/app"), ""), Product(None, SHA), Product(parse(PURL), ""),
    )  # fmt: skip
    assert first.verdict.at == datetime(2026, 1, 31, 23, tzinfo=UTC)
    assert (second.verdict.status, second.verdict.statement) == ("affected", "upgrade")


@pytest.mark.parametrize("ref", [PURL, "yaml", "urn:cdx:1/1#pkg%3Apypi%2Fpyyaml%405.3"])
def test_cyclonedx(ref: str) -> None:
    found = read_document(text(cyclonedx(ref, detail="never called")))
    (said,) = found.statements
    assert (found.form, found.author) == ("cyclonedx", "Ann Example")
    assert said.vulnerabilities == {CVE}
    assert said.products == (Product(parse(PURL), ""),)
    assert said.verdict.words == "code not reachable: never called"


@pytest.mark.parametrize(
    ("state", "status"),
    [
        ("false_positive", "not_affected"), ("resolved", "fixed"),
        ("resolved_with_pedigree", "fixed"), ("exploitable", "affected"),
        ("in_triage", "under_investigation"),
    ],
)  # fmt: skip
def test_the_states_of_cyclonedx(state: str, status: str) -> None:
    (said,) = read_document(text(cyclonedx(state=state))).statements
    assert said.verdict.status == status


def test_csaf() -> None:
    found = read_document(text(csaf("IMAGE:YAML", "YAML")))
    inside, alone = found.statements
    assert (found.form, found.id, found.author) == ("csaf", "EX-1", "Example")
    assert inside.products == (Product(IMAGE, "", (parse(PURL),)),)
    assert alone.products == (Product(parse(PURL), ""),)
    assert inside.verdict.words == "vulnerable code not present"
    (fixed,) = read_document(text(csaf(group="fixed"))).statements
    assert fixed.verdict.status == "fixed"


def _with(document: dict[str, Any], path: str, value: Any) -> dict[str, Any]:
    found = deepcopy(document)
    at: Any = found
    *above, last = [int(part) if part.isdecimal() else part for part in path.split("/")]
    for part in above:
        at = at[part]
    at[last] = value
    return found


OPEN, CDX, CSAF = openvex(), cyclonedx(), csaf()
REFUSED: tuple[tuple[dict[str, Any], str, Any, str], ...] = (
    (OPEN, "statements", [], "statements must hold at least one"),
    (OPEN, "statements", {}, "statements must be a JSON array"),
    (OPEN, "statements/0", 1, r"statements\[0\] must be a JSON object"),
    (OPEN, "author", None, "author is missing"),
    (OPEN, "timestamp", None, "timestamp is missing"),
    (OPEN, "timestamp", "soon", "timestamp is no time"),
    (OPEN, "timestamp", LATER, "timestamp lies in the future"),
    (OPEN, "statements/0/status", "fine", r"statements\[0\]\.status must be one of not_affected"),
    (OPEN, "statements/0/justification", "because", "justification must be one of"),
    (OPEN, "statements/0", statement(justification=None, impact_statement=None),
     "not_affected needs a justification"),
    (OPEN, "statements/0/vulnerability", {"aliases": []}, r"vulnerability\.name is missing"),
    (OPEN, "statements/0/products", [], "products must hold at least one"),
    (OPEN, "statements/0/products", [{"@id": "urn:x"}], "neither a package URL nor a hash"),
    (OPEN, "statements/0/products", [{"hashes": {"sha-256": "AA"}}], "64 hexadecimal digits"),
    (OPEN, "statements/0/products", ["pkg:oci/app@v1"], "version of an image is its digest"),
    (OPEN, "statements/0/products", ["pkg:oci/app?tag=v1"], "without a digest only"),
    (OPEN, "statements/0/products", [{"@id": PURL, "subcomponents": [{"@id": PURL}]}],
     "has components inside, but is no image"),
    (OPEN, "statements/0/products", [product(part="pkg:oci/other")], "an image inside of an image"),
    (OPEN, "statements/0/products", [product(part="openssl")], "has no package URL"),
    (CDX, "metadata/authors", [], "metadata names no author"),
    (CDX, "metadata/timestamp", None, r"metadata\.timestamp is missing"),
    (CDX, "vulnerabilities", [{"id": CVE}], "at least one with an analysis"),
    (CDX, "vulnerabilities/0/analysis/state", "ok", "state must be one of"),
    (CDX, "vulnerabilities/0/analysis", {"state": "not_affected"}, "needs a justification"),
    (CDX, "vulnerabilities/0/affects", [], "affects must hold at least one"),
    (CDX, "vulnerabilities/0/affects/0/ref", "urn:cdx:1/1#7f", "leads to no package URL"),
    (CDX, "vulnerabilities/0/affects/0/versions", [{"range": "vers:pypi/<6"}], "another version"),
    (CSAF, "document/category", "csaf_base", "must be csaf_vex"),
    (CSAF, "document/tracking/current_release_date", None, "is missing"),
    (CSAF, "vulnerabilities/0/flags", [], "neither a flag nor a threat says why"),
    (CSAF, "vulnerabilities/0/product_status", {"fixed": ["NO"]}, "leads to no package URL"),
    (CSAF, "vulnerabilities/0/cve", None, "cve is missing"),
)  # fmt: skip


@pytest.mark.parametrize(("document", "path", "value", "said"), REFUSED)
def test_what_is_wrong_is_named(document: dict[str, Any], path: str, value: Any, said: str) -> None:
    read_document(text(document))
    with pytest.raises(VexInvalid, match=said):
        read_document(text(_with(document, path, value)))


@pytest.mark.parametrize(
    ("content", "said"),
    [
        ("{", "it is not JSON"),
        ("[]", "neither OpenVEX"),
        ('{"a": 1}', "neither OpenVEX"),
        ("[" * 100_000, "it is not JSON"),
        (" " * (SIZE_MAX + 1), "longer than 1 MiB"),
    ],
)
def test_what_is_no_document(content: str, said: str) -> None:
    with pytest.raises(VexInvalid, match=said):
        read_document(content)


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.text(max_size=8) | st.just(PURL),
    lambda inner: (
        st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3)
    ),
    max_leaves=6,
)  # fmt: skip
PLACES = [(document, path) for document, path, _, _ in REFUSED]


@given(st.sampled_from(PLACES), JSON)
def test_whatever_stands_somewhere_it_is_read_or_refused(
    place: tuple[dict[str, Any], str], value: Any
) -> None:
    document, path = place
    with suppress(VexInvalid):
        assert read_document(text(_with(document, path, value))).statements
