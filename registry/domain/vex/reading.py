"""Checks as a VEX document is read: whoever wrote it is told where it is wrong."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from registry.domain.vex import purls
from registry.domain.vex.statements import Product
from registry.values.digest import Digest
from registry.values.errors import DigestInvalid, ParameterInvalid

TEXT_MAX = 2048
AHEAD = timedelta(days=1)
"""How much later than now a statement may be."""


class VexInvalid(ParameterInvalid):
    """It is no VEX document, or not one that could be followed exactly."""


def wrong(place: str, what: str) -> VexInvalid:
    """The error that tells of a place in the document."""
    return VexInvalid(f"the VEX document is invalid: {place} {what}")


def mapping(given: object, place: str) -> Mapping[str, Any]:
    """A JSON object. Raises VexInvalid."""
    if not isinstance(given, dict):
        raise wrong(place, "must be a JSON object")
    return given


def items(given: Mapping[str, Any], name: str, place: str) -> Iterator[tuple[str, Any]]:
    """The members of a list, each with its place; of one that is not there none."""
    found = given.get(name)
    if found is None:
        return
    if not isinstance(found, list):
        raise wrong(f"{place}{name}", "must be a JSON array")
    for number, each in enumerate(found):
        yield f"{place}{name}[{number}]", each


def text(given: Mapping[str, Any], name: str, place: str, *, needed: bool = True) -> str:
    """A text, cut where it is very long. Raises VexInvalid."""
    found = given.get(name)
    if found is None and not needed:
        return ""
    if not isinstance(found, str) or (needed and not found.strip()):
        raise wrong(f"{place}{name}", "must be text" if found is not None else "is missing")
    return found[:TEXT_MAX].encode(errors="replace").decode()


def moment(given: Mapping[str, Any], name: str, place: str) -> datetime | None:
    """A time; None where none is given. Raises VexInvalid."""
    found = given.get(name)
    if found is None:
        return None
    try:
        at = datetime.fromisoformat(found)
    except (TypeError, ValueError):
        raise wrong(f"{place}{name}", "is no time (RFC 3339)") from None
    at = at.replace(tzinfo=UTC) if at.tzinfo is None else at
    if not 1970 < at.year < 9000:
        raise wrong(f"{place}{name}", "is no time of these days")
    if at > datetime.now(UTC) + AHEAD:
        raise wrong(f"{place}{name}", "lies in the future")
    return at.astimezone(UTC)


def choice(given: str, known: tuple[str, ...], place: str) -> str:
    """One of these. Raises VexInvalid."""
    if given not in known:
        raise wrong(place, f"must be one of {', '.join(known)}")
    return given


def purl(given: str, place: str) -> purls.Purl:
    """A package URL. Raises VexInvalid."""
    try:
        return purls.parse(given)
    except ValueError as error:
        raise wrong(place, str(error)) from None


def product(given: purls.Purl, parts: tuple[purls.Purl, ...], place: str) -> Product:
    """What a statement is about, if it is said exactly. Raises VexInvalid."""
    if given.kind == "oci":
        _check_image(given, place)
    elif parts:
        raise wrong(place, "has components inside, but is no image (pkg:oci/…)")
    for part in parts:
        if part.kind == "oci":
            raise wrong(place, "has an image inside of an image")
    return Product(given, "", parts)


def _check_image(given: purls.Purl, place: str) -> None:
    if given.version:
        try:
            Digest.parse(given.version)
        except DigestInvalid:
            raise wrong(
                place, "the version of an image is its digest (pkg:oci/…@sha256:…)"
            ) from None
        return
    if {name for name, _ in given.qualifiers} - {"repository_url"}:
        raise wrong(place, "without a digest only the qualifier repository_url is understood")
