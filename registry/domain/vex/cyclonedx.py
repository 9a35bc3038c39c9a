"""CycloneDX documents with analyses of vulnerabilities (VEX, or an SBOM with VEX in it).

Source: CycloneDX 1.4 to 1.7, `vulnerabilities[].analysis` and `affects`; "BOM-Link".
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any
from urllib.parse import unquote

from registry.domain.scanning.verdicts import (
    AFFECTED,
    FIXED,
    NOT_AFFECTED,
    UNDER_INVESTIGATION,
    Verdict,
)
from registry.domain.vex.reading import (
    choice,
    items,
    mapping,
    moment,
    product,
    purl,
    text,
    wrong,
)
from registry.domain.vex.statements import Document, Product, Statement

if TYPE_CHECKING:
    from datetime import datetime

STATES = {
    "not_affected": NOT_AFFECTED,
    "false_positive": NOT_AFFECTED,
    "resolved": FIXED,
    "resolved_with_pedigree": FIXED,
    "exploitable": AFFECTED,
    "in_triage": UNDER_INVESTIGATION,
}
_LINK = "urn:cdx:"
_DEPTH_MAX = 20


def is_cyclonedx(given: Mapping[str, Any]) -> bool:
    """Whether it says that it is one."""
    return given.get("bomFormat") == "CycloneDX"


def read_cyclonedx(given: Mapping[str, Any]) -> Document:
    """The document. Raises VexInvalid."""
    metadata = mapping(given.get("metadata", {}), "metadata")
    at = moment(metadata, "timestamp", "metadata.")
    name = text(given, "serialNumber", "", needed=False) or "CycloneDX"
    author = _author(metadata)
    known = dict(_components(given, metadata))
    found = []
    for place, each in items(given, "vulnerabilities", ""):
        about = mapping(each, place)
        if "analysis" in about:
            found.append(_statement(about, f"{place}.", known, (name, author, at)))
    if not found:
        raise wrong("vulnerabilities", "must hold at least one with an analysis")
    return Document("cyclonedx", name, author, tuple(found))


def _statement(
    given: Mapping[str, Any],
    place: str,
    known: Mapping[str, str],
    about: tuple[str, str, datetime | None],
) -> Statement:
    name, author, of_document = about
    analysis, inside = mapping(given["analysis"], f"{place}analysis"), f"{place}analysis."
    state = choice(text(analysis, "state", inside), tuple(STATES), f"{inside}state")
    at = moment(analysis, "lastUpdated", inside) or moment(analysis, "firstIssued", inside)
    at = at or moment(given, "updated", place) or of_document
    if at is None:
        raise wrong("metadata.timestamp", "is missing")
    verdict = Verdict(
        status=STATES[state],
        justification=text(analysis, "justification", inside, needed=False),
        statement=text(analysis, "detail", inside, needed=False),
        author=author,
        at=at,
        document=name,
        source="",
    )
    if state == NOT_AFFECTED and not verdict.justification and not verdict.statement:
        raise wrong(f"{inside}state", "not_affected needs a justification or a detail")
    names = {text(given, "id", place)}
    for where, each in items(given, "references", place):
        names.add(text(mapping(each, where), "id", f"{where}."))
    products = tuple(_products(given, place, known))
    if not products:
        raise wrong(f"{place}affects", "must hold at least one")
    return Statement(frozenset(names), products, verdict)


def _products(given: Mapping[str, Any], place: str, known: Mapping[str, str]) -> Iterator[Product]:
    for where, each in items(given, "affects", place):
        about = mapping(each, where)
        named = purl(_resolved(text(about, "ref", f"{where}."), known, where), where)
        for at, version in items(about, "versions", f"{where}."):
            said = mapping(version, at)
            if said.get("version") != named.version:
                raise wrong(at, "is another version than that of the package URL")
        yield product(named, (), where)


def _resolved(ref: str, known: Mapping[str, str], place: str) -> str:
    """The package URL that is meant: a component here, or in the BOM that is linked."""
    if ref.startswith(_LINK):
        ref = unquote(ref.partition("#")[2])
    found = known.get(ref, ref)
    if not found.startswith("pkg:"):
        raise wrong(f"{place}.ref", f"{ref[:80]!r} leads to no package URL")
    return found


def _components(given: Mapping[str, Any], metadata: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    """Each component's own name in the document, and its package URL."""
    main = metadata.get("component")
    waiting = [(given, 0), *([(main, 1)] if isinstance(main, dict) else [])]
    if isinstance(main, dict):
        yield from _named(main)
    while waiting:
        holder, depth = waiting.pop()
        below = holder.get("components")
        if not isinstance(below, list) or depth > _DEPTH_MAX:
            continue
        for each in below:
            if isinstance(each, dict):
                yield from _named(each)
                waiting.append((each, depth + 1))


def _named(component: Mapping[str, Any]) -> Iterator[tuple[str, str]]:
    ref, name = component.get("bom-ref"), component.get("purl")
    if isinstance(ref, str) and isinstance(name, str):
        yield ref, name


def _author(metadata: Mapping[str, Any]) -> str:
    authors = [
        text(mapping(each, where), "name", f"{where}.", needed=False)
        for where, each in items(metadata, "authors", "metadata.")
    ]
    for name in ("manufacturer", "supplier", "manufacture"):
        about = metadata.get(name)
        if isinstance(about, dict):
            authors.append(text(about, "name", f"metadata.{name}.", needed=False))
    named = [each for each in authors if each]
    if not named:
        raise wrong("metadata", "names no author: authors, manufacturer or supplier")
    return ", ".join(named[:5])
