"""CSAF documents of the category VEX.

Source: OASIS CSAF 2.0, sections 3.2.2 (product tree), 3.2.3 (vulnerabilities), 4.5 (VEX).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from registry.domain.scanning.verdicts import (
    AFFECTED,
    FIXED,
    NOT_AFFECTED,
    UNDER_INVESTIGATION,
    Verdict,
)
from registry.domain.vex.reading import items, mapping, moment, product, purl, text, wrong
from registry.domain.vex.statements import Document, Product, Statement

if TYPE_CHECKING:
    from datetime import datetime

    from registry.domain.vex.purls import Purl

GROUPS = {
    "known_not_affected": NOT_AFFECTED,
    "fixed": FIXED,
    "first_fixed": FIXED,
    "known_affected": AFFECTED,
    "first_affected": AFFECTED,
    "last_affected": AFFECTED,
    "under_investigation": UNDER_INVESTIGATION,
}
_DEPTH_MAX = 40


def is_csaf(given: Mapping[str, Any]) -> bool:
    """Whether it says that it is one."""
    document = given.get("document")
    return isinstance(document, dict) and "csaf_version" in document


def read_csaf(given: Mapping[str, Any]) -> Document:
    """The document. Raises VexInvalid."""
    about = mapping(given.get("document"), "document")
    if text(about, "category", "document.") != "csaf_vex":
        raise wrong("document.category", "must be csaf_vex")
    author = text(mapping(about.get("publisher"), "document.publisher"), "name", "publisher.")
    tracking = mapping(about.get("tracking"), "document.tracking")
    name = text(tracking, "id", "document.tracking.")
    at = moment(tracking, "current_release_date", "document.tracking.")
    if at is None:
        raise wrong("document.tracking.current_release_date", "is missing")
    products = _Products(mapping(given.get("product_tree", {}), "product_tree"))
    found = [
        statement
        for place, each in items(given, "vulnerabilities", "")
        for statement in _statements(
            mapping(each, place), f"{place}.", products, (name, author, at)
        )
    ]
    if not found:
        raise wrong("vulnerabilities", "must hold at least one with a product_status")
    return Document("csaf", name, author, tuple(found))


class _Products:
    """The product tree."""

    def __init__(self, tree: Mapping[str, Any]) -> None:
        self._purls: dict[str, Purl] = {}
        self._inside: dict[str, tuple[str, str]] = {}
        for each in self._all(tree):
            helper = each.get("product_identification_helper")
            if isinstance(helper, dict) and "purl" in helper:
                name = text(each, "product_id", "product_tree: ")
                self._purls[name] = purl(
                    text(helper, "purl", f"product {name}: "), f"product {name}: purl"
                )
        for place, each in items(tree, "relationships", "product_tree."):
            link = mapping(each, place)
            whole = mapping(link.get("full_product_name"), f"{place}.full_product_name")
            self._inside[text(whole, "product_id", f"{place}.")] = (
                text(link, "product_reference", f"{place}."),
                text(link, "relates_to_product_reference", f"{place}."),
            )

    def product(self, name: str, place: str) -> Product:
        """What is meant by an id. Raises VexInvalid."""
        if name in self._purls:
            return product(self._purls[name], (), place)
        part, whole = (self._purls.get(each) for each in self._inside.get(name, ("", "")))
        if part is None or whole is None:
            raise wrong(place, f"{name[:80]!r} leads to no package URL")
        return product(whole, (part,), place)

    def _all(self, tree: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
        for _, each in items(tree, "full_product_names", "product_tree."):
            yield mapping(each, "product_tree.full_product_names")
        waiting = [(tree, 0)]
        while waiting:
            branch, depth = waiting.pop()
            if isinstance(branch.get("product"), dict):
                yield branch["product"]
            if depth < _DEPTH_MAX:
                for place, each in items(branch, "branches", "product_tree: "):
                    waiting.append((mapping(each, place), depth + 1))


def _statements(
    given: Mapping[str, Any],
    place: str,
    products: _Products,
    about: tuple[str, str, datetime],
) -> Iterator[Statement]:
    names = {text(given, "cve", place, needed=False)}
    for where, each in items(given, "ids", place):
        names.add(text(mapping(each, where), "text", f"{where}."))
    names.discard("")
    if not names:
        raise wrong(f"{place}cve", "is missing")
    groups = mapping(given.get("product_status", {}), f"{place}product_status")
    inside = f"{place}product_status."
    for group, status in GROUPS.items():
        for where, each in items(groups, group, inside):
            which = text({"": each}, "", where)
            label, words = _why(given, place, which)
            if status == NOT_AFFECTED and not label and not words:
                raise wrong(where, "is not affected, and neither a flag nor a threat says why")
            name, author, at = about
            verdict = Verdict(status, label, words, author, at, name, "")
            yield Statement(frozenset(names), (products.product(which, where),), verdict)


def _why(given: Mapping[str, Any], place: str, product_id: str) -> tuple[str, str]:
    """The flag of a product, and what is told of its impact."""
    label, words = "", ""
    for where, each in items(given, "flags", place):
        if product_id in (mapping(each, where).get("product_ids") or ()):
            label = text(each, "label", f"{where}.")
    for where, each in items(given, "threats", place):
        threat = mapping(each, where)
        if threat.get("category") == "impact" and (
            "product_ids" not in threat or product_id in (threat["product_ids"] or ())
        ):
            words = text(threat, "details", f"{where}.")
    return label, words
