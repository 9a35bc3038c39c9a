"""OpenVEX documents.

Source: OpenVEX specification 0.2.0 (github.com/openvex/spec), and 0.0.1 as far as it differs.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from registry.domain.scanning.verdicts import AFFECTED, NOT_AFFECTED, STATUSES, Verdict
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

    from registry.domain.vex.purls import Purl

CONTEXT = "https://openvex.dev/ns"
JUSTIFICATIONS = (
    "component_not_present",
    "vulnerable_code_not_present",
    "vulnerable_code_not_in_execute_path",
    "vulnerable_code_cannot_be_controlled_by_adversary",
    "inline_mitigations_already_exist",
)
_HEX = re.compile(r"[0-9a-f]{64}", re.ASCII)


def is_openvex(given: Mapping[str, Any]) -> bool:
    """Whether it says that it is one."""
    context = given.get("@context")
    return isinstance(context, str) and context.startswith(CONTEXT)


def read_openvex(given: Mapping[str, Any]) -> Document:
    """The document. Raises VexInvalid."""
    name, author = text(given, "@id", ""), text(given, "author", "")
    at = moment(given, "timestamp", "")
    found = tuple(
        _statement(mapping(each, place), f"{place}.", (name, author, at))
        for place, each in items(given, "statements", "")
    )
    if not found:
        raise wrong("statements", "must hold at least one")
    return Document("openvex", name, author, found)


def _statement(
    given: Mapping[str, Any], place: str, about: tuple[str, str, datetime | None]
) -> Statement:
    name, author, of_document = about
    status = choice(text(given, "status", place), STATUSES, f"{place}status")
    at = moment(given, "timestamp", place) or of_document
    if at is None:
        raise wrong("timestamp", "is missing")
    products = tuple(_products(given, place))
    if not products:
        raise wrong(f"{place}products", "must hold at least one")
    verdict = Verdict(
        status=status,
        justification=_justification(given, status, place),
        statement=_words(given, status, place),
        author=author,
        at=at,
        document=name,
        source="",
    )
    return Statement(_vulnerabilities(given, place), products, verdict)


def _justification(given: Mapping[str, Any], status: str, place: str) -> str:
    found = text(given, "justification", place, needed=False)
    if found:
        choice(found, JUSTIFICATIONS, f"{place}justification")
    elif status == NOT_AFFECTED and not text(given, "impact_statement", place, needed=False):
        raise wrong(f"{place}status", "not_affected needs a justification or an impact_statement")
    return found


def _words(given: Mapping[str, Any], status: str, place: str) -> str:
    names = ("impact_statement", "status_notes")
    if status == AFFECTED:
        names = ("action_statement", "status_notes")
    return " ".join(filter(None, (text(given, each, place, needed=False) for each in names)))


def _vulnerabilities(given: Mapping[str, Any], place: str) -> frozenset[str]:
    found = given.get("vulnerability")
    if isinstance(found, str):
        return frozenset({text(given, "vulnerability", place)})
    place = f"{place}vulnerability"
    about = mapping(found, place)
    names = {text(about, "name", f"{place}.")}
    for where, each in items(about, "aliases", f"{place}."):
        names.add(text({"": each}, "", where))
    return frozenset(names)


def _products(given: Mapping[str, Any], place: str) -> Iterator[Product]:
    shared = tuple(_parts(given, place))
    for where, each in items(given, "products", place):
        if isinstance(each, str):
            yield product(purl(each, where), shared, where)
            continue
        about = mapping(each, where)
        parts = tuple(_parts(about, f"{where}.")) or shared
        digest = _digest(about, where)
        if (name := _purl(about, f"{where}.")) is not None:
            yield product(name, parts, where)
        elif digest:
            yield Product(None, digest, parts)
        else:
            raise wrong(where, "has neither a package URL nor a hash sha-256")


def _parts(given: Mapping[str, Any], place: str) -> Iterator[Purl]:
    for where, each in items(given, "subcomponents", place):
        if isinstance(each, str):
            yield purl(each, where)
            continue
        found = _purl(mapping(each, where), f"{where}.")
        if found is None:
            raise wrong(where, "has no package URL")
        yield found


def _purl(given: Mapping[str, Any], place: str) -> Purl | None:
    named = mapping(given.get("identifiers", {}), f"{place}identifiers")
    if "purl" in named:
        return purl(text(named, "purl", f"{place}identifiers."), f"{place}identifiers.purl")
    name = text(given, "@id", place, needed=False)
    return purl(name, f"{place}@id") if name.lower().startswith("pkg:") else None


def _digest(given: Mapping[str, Any], place: str) -> str:
    hashes = mapping(given.get("hashes", {}), f"{place}.hashes")
    found = hashes.get("sha-256", hashes.get("sha256", ""))
    if not found:
        return ""
    if not isinstance(found, str) or _HEX.fullmatch(found) is None:
        raise wrong(f"{place}.hashes", "sha-256 must be 64 hexadecimal digits")
    return f"sha256:{found}"
