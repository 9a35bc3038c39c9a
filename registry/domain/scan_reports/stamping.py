"""What is added to the documents that the scanner makes: what it leaves out of its own report.

Of the scan: when it was, and how old the database that it looked things up in. Of each finding:
who tells of it, when it was first found in the image, and what a VEX document says of it.

Sources: SARIF 2.1.0 sections 3.14.33 (properties of a run) and 3.27.23, 3.35 (suppressions);
CycloneDX 1.6 `metadata.properties`, `vulnerabilities[].analysis`; SPDX 2.3 sections 6.10 (creator
comment), 7.22 (comment of an external reference), 12 (annotations).
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from registry.domain.scanning.verdicts import (
    AFFECTED,
    FIXED,
    NOT_AFFECTED,
    UNDER_INVESTIGATION,
    Verdict,
    verdict_from,
)

SARIF, CYCLONEDX, SPDX = "sarif", "cyclonedx", "spdx"

_STATES = {
    NOT_AFFECTED: "not_affected",
    FIXED: "resolved",
    AFFECTED: "exploitable",
    UNDER_INVESTIGATION: "in_triage",
}
_JUSTIFICATIONS = {
    "component_not_present": "code_not_present",
    "vulnerable_code_not_present": "code_not_present",
    "vulnerable_code_not_in_execute_path": "code_not_reachable",
    "inline_mitigations_already_exist": "protected_by_mitigating_control",
    **{
        each: each
        for each in (
            "code_not_present", "code_not_reachable", "requires_configuration",
            "requires_dependency", "requires_environment", "protected_by_compiler",
            "protected_at_runtime", "protected_at_perimeter", "protected_by_mitigating_control",
        )
    },
}  # fmt: skip
"""OpenVEX's labels and CSAF's as those of CycloneDX, and CycloneDX's own."""


class NotThatForm(Exception):
    """The scanner's document is not of the form that it should be."""


@dataclass(frozen=True, slots=True)
class Fact:
    """What is known of a finding beside what the scanner's document has."""

    id: str
    package: str
    version: str
    path: str
    purl: str
    url: str
    severity: str
    source: str
    first_observed: str
    epss: float | None
    verdict: Verdict | None

    @property
    def suppressed(self) -> bool:
        """Whether it counts for nothing."""
        return self.verdict is not None and self.verdict.suppresses

    def plain(self) -> dict[str, Any]:
        """For JSON."""
        found = {name: getattr(self, name) for name in self.__slots__}
        return {**found, "verdict": None if self.verdict is None else self.verdict.plain()}


def fact_from(plain: Mapping[str, Any]) -> Fact:
    """What `Fact.plain` wrote."""
    verdict = plain["verdict"]
    return Fact(**{**plain, "verdict": None if verdict is None else verdict_from(verdict)})


def stamped(text: bytes, form: str, told: Mapping[str, str], facts: Sequence[Fact]) -> Any:
    """The document with all that. Raises NotThatForm."""
    try:
        found: dict[str, Any] = json.loads(text)
        if form == SARIF:
            _sarif(found, told, facts)
        elif form == CYCLONEDX:
            _cyclonedx(found, told, facts)
        else:
            _spdx(found, told, facts)
    except (ValueError, KeyError, TypeError, AttributeError, RecursionError):
        raise NotThatForm(form) from None
    return found


def _sarif(found: dict[str, Any], told: Mapping[str, str], facts: Sequence[Fact]) -> None:
    known: dict[tuple[str, ...], list[Fact]] = {}
    for each in facts:
        known.setdefault((each.id, each.package, each.version), []).append(each)
    suppressing = any(each.suppressed for each in facts)
    for run in found["runs"]:
        run["properties"] = {**run.get("properties", {}), **told}
        for result in run.get("results", []):
            if suppressing:
                result["suppressions"] = []
            here = _of_result(result, known)
            if here:
                _mark_result(result, here)


def _of_result(
    result: Mapping[str, Any], known: Mapping[tuple[str, ...], list[Fact]]
) -> Sequence[Fact]:
    """The findings that a result of SARIF may be; it names package and version in its message."""
    lines = dict(
        line.split(": ", 1)
        for line in result.get("message", {}).get("text", "").splitlines()
        if ": " in line
    )
    key = result.get("ruleId", ""), lines.get("Package", ""), lines.get("Installed Version", "")
    candidates = known.get(key, [])
    places = [
        each.get("physicalLocation", {}).get("artifactLocation", {}).get("uri")
        for each in result.get("locations", [])
    ]
    return [each for each in candidates if each.path in places] or candidates


def _mark_result(result: dict[str, Any], here: Sequence[Fact]) -> None:
    first = here[0]
    more: dict[str, Any] = {"source": first.source, "firstObservedAt": first.first_observed}
    if first.epss is not None:
        more["epss"] = first.epss
    if first.verdict is not None:
        more["vex"] = first.verdict.plain()
    result["properties"] = {**result.get("properties", {}), **more}
    if all(each.suppressed for each in here) and first.verdict is not None:
        verdict = first.verdict
        result["suppressions"] = [
            {
                "kind": "external",
                "status": "accepted",
                "justification": f"{verdict.status}: {verdict.words}",
                "properties": verdict.plain(),
            }
        ]


def _cyclonedx(found: dict[str, Any], told: Mapping[str, str], facts: Sequence[Fact]) -> None:
    properties = found["metadata"].setdefault("properties", [])
    properties += [{"name": f"moorage:{name}", "value": told[name]} for name in told]
    purls = {
        each.get("bom-ref"): each.get("purl", "") for each in found.get("components", [])
    }  # the reference of a package is its URL only where that is unique
    known: dict[tuple[str, str], list[Fact]] = {}
    for each in facts:
        known.setdefault((each.id, _plain_purl(each.purl)), []).append(each)
    if "vulnerabilities" in found:
        found["vulnerabilities"] = [
            part
            for each in found["vulnerabilities"]
            for part in _analysed(each, purls, known)
        ]  # fmt: skip


def _analysed(
    entry: dict[str, Any], purls: Mapping[str, str], known: Mapping[tuple[str, str], list[Fact]]
) -> Iterable[dict[str, Any]]:
    """One entry for each thing that is said: an analysis is one of all that an entry affects."""
    groups: dict[Verdict | None, list[Any]] = {}
    about: list[Fact] = []
    for affected in entry.get("affects", []):
        ref = affected.get("ref")
        here = known.get((entry["id"], _plain_purl(purls.get(ref) or ref)), [])
        about += here
        verdict = _common(here)
        groups.setdefault(verdict, []).append(affected)
    for verdict, affects in groups.items() if groups else [(None, [])]:
        part = {**entry, "affects": affects} if affects else dict(entry)
        _describe(part, about)
        if verdict is not None:
            part["analysis"] = _analysis(verdict)
            part["properties"] = [
                *part.get("properties", []),
                {"name": "moorage:vexStatus", "value": verdict.status},
                {"name": "moorage:vexAuthor", "value": verdict.author},
                {"name": "moorage:vexStatedAt", "value": verdict.plain()["statedAt"]},
                {"name": "moorage:vexDocument", "value": verdict.document},
                {"name": "moorage:vexSource", "value": verdict.source},
            ]
        yield part


def _common(facts: Sequence[Fact]) -> Verdict | None:
    """What is said of all of them; of several what suppresses least."""
    if not facts:
        return None
    return min(facts, key=lambda each: each.suppressed).verdict


def _describe(part: dict[str, Any], facts: Sequence[Fact]) -> None:
    seen = sorted({each.first_observed for each in facts if each.first_observed})
    sources = sorted({each.source for each in facts if each.source})
    more = [("firstObservedAt", seen[0])] if seen else []
    more += [("source", each) for each in sources]
    if more:
        named = [{"name": f"moorage:{name}", "value": value} for name, value in more]
        part["properties"] = [*part.get("properties", []), *named]
    scores = [each.epss for each in facts if each.epss is not None]
    if scores:
        rating = {"source": {"name": "EPSS"}, "score": scores[0], "method": "other"}
        part["ratings"] = [*part.get("ratings", []), rating]


def _analysis(verdict: Verdict) -> dict[str, Any]:
    found = {"state": _STATES[verdict.status], "detail": verdict.words}
    if label := _JUSTIFICATIONS.get(verdict.justification):
        found["justification"] = label
    return {**found, "lastUpdated": verdict.plain()["statedAt"]}


def _spdx(found: dict[str, Any], told: Mapping[str, str], facts: Sequence[Fact]) -> None:
    found["creationInfo"]["comment"] = ", ".join(f"{name} {told[name]}" for name in told)
    known: dict[str, list[Fact]] = {}
    for each in facts:
        known.setdefault(_plain_purl(each.purl), []).append(each)
    for package in found.get("packages", []):
        references = package.get("externalRefs", [])
        names = [
            each["referenceLocator"] for each in references if each.get("referenceType") == "purl"
        ]
        here = [fact for name in names for fact in known.get(_plain_purl(name), [])]
        _comment(references, here)
        said = {(each.id, each.verdict): each for each in here if each.verdict is not None}
        if said:
            notes = [_note(each) for each in said.values()]
            package["annotations"] = [*package.get("annotations", []), *notes]


def _comment(references: Sequence[dict[str, Any]], facts: Sequence[Fact]) -> None:
    for each in references:
        about = [fact for fact in facts if fact.url and fact.url == each.get("referenceLocator")]
        if about:
            fact = about[0]
            source = fact.source or "unknown"
            each["comment"] = (
                f"{fact.id} ({fact.severity}), told by {source}, first found {fact.first_observed}"
            )


def _note(fact: Fact) -> dict[str, str]:
    assert fact.verdict is not None  # noqa: S101 - selected so
    verdict = fact.verdict
    return {
        "annotator": f"Organization: {verdict.author}",
        "annotationDate": verdict.plain()["statedAt"],
        "annotationType": "REVIEW",
        "comment": f"VEX: {fact.id} is {verdict.status}: {verdict.words} ({verdict.source})",
    }


def _plain_purl(purl: object) -> str:
    """Without what one form of report leaves out: qualifiers."""
    return str(purl or "").partition("?")[0].partition("#")[0]
