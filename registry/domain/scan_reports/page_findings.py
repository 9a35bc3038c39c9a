"""The findings of the HTML report: each can be opened, and the list can be filtered."""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry.domain.scan_reports import page_parts as parts
from registry.domain.scan_reports.markup import Markup, element, joined, link
from registry.domain.scanning.states import SEVERITIES

if TYPE_CHECKING:
    from datetime import datetime

    from registry.domain.scanning.findings import Finding
    from registry.domain.scanning.scans import Platform

FINDINGS_MAX = 5000
"""Findings in one page; the other forms have all."""
TEXT_MAX = 2000
REFERENCES_MAX = 12


@dataclass(frozen=True, slots=True)
class Places:
    """On which platforms of an index each finding is, and when each was scanned."""

    names: tuple[str, ...]
    found: Mapping[tuple[str, str, str, str], tuple[int, ...]]

    @classmethod
    def of(cls, platforms: Sequence[Platform]) -> Places:
        """Those of an index's platforms."""
        found: dict[tuple[str, str, str, str], tuple[int, ...]] = {}
        for number, each in enumerate(platforms):
            for finding in each.result.findings if each.result else ():
                found[finding.key] = (*found.get(finding.key, ()), number)
        return cls(tuple(each.name or each.digest for each in platforms), found)


def section(found: Sequence[Finding], places: Places, scanned_at: datetime | None) -> Markup:
    """All findings, with what filters them."""
    if not found:
        return Markup()
    rows = [_finding(each, places, scanned_at) for each in found[:FINDINGS_MAX]]
    if len(found) > FINDINGS_MAX:
        text = f"These are the worst {FINDINGS_MAX:,} of {len(found):,}; the JSON has all."
        rows.append(element("p", text, class_="none"))
    total = min(len(found), FINDINGS_MAX)
    tally = element(
        "p", parts.plural(total, "finding"), id="tally", class_="tally", role="status",
        data_total=str(total),
    )  # fmt: skip
    none = element("p", "Nothing fits.", id="none", class_="none", hidden=True)
    heading = element("h2", "Findings", element("small", "open one for all that is known of it"))
    return element("section", heading, _filter(found, places), tally, *rows, none)


def _filter(found: Sequence[Finding], places: Places) -> Markup:
    counts = Counter(each.severity for each in found)
    buttons = [
        element("button", f"{name.capitalize()} {counts[name]:,}", type="button",
                class_=name.lower(), data_severity=name.lower(), aria_pressed="false")
        for name in SEVERITIES if counts[name]
    ]  # fmt: skip
    search = element(
        "input", type="search", id="search", autocomplete="off",
        placeholder="Search: CVE, package, words…  ( / )", aria_label="Search in the findings",
    )  # fmt: skip
    fixable = element("label", element("input", type="checkbox", id="fixable"), "with a fix")
    return element("div", search, *buttons, fixable, _choice(places), class_="filter")


def _choice(places: Places) -> Markup:
    if len(places.names) < 2:
        return Markup()
    options = [element("option", "all platforms", value="")]
    options += [
        element("option", name, value=str(number)) for number, name in enumerate(places.names)
    ]
    return element("select", *options, id="platform", aria_label="Platform")


def _finding(finding: Finding, places: Places, scanned_at: datetime | None) -> Markup:
    on = places.found.get(finding.key, ())
    return element(
        "details",
        _summary(finding),
        element("div", *_body(finding, [places.names[at] for at in on], scanned_at), class_="body"),
        class_="finding",
        data_severity=finding.severity.lower(),
        data_fixable="yes" if finding.fixed and not finding.suppressed else "no",
        data_platforms=" ".join(map(str, on)),
    )


def _summary(finding: Finding) -> Markup:
    name = element("span", element("b", finding.package), " ")
    fix = (
        parts.versions(finding.version, finding.fixed)
        if finding.fixed
        else joined(
            element("span", finding.version, class_="version"),
            element("span", _NO_FIX.get(finding.status, " no fix yet"), class_="nofix"),
        )
    )
    if finding.suppressed:
        fix = joined(fix, element("span", " suppressed by VEX", class_="nofix"))
    return element(
        "summary",
        _chip(finding),
        element("span", element("span", finding.id, class_="id"), joined(name, fix), class_="line"),
        element("span", finding.title or "no title", class_="title"),
    )


def _chip(finding: Finding) -> Markup:
    """Its severity; without its colour where it counts for nothing."""
    shade = "undefined" if finding.suppressed else finding.severity
    return parts.chip(shade, finding.severity.capitalize())


_NO_FIX = {
    "will_not_fix": " will not be fixed",
    "end_of_life": " no longer maintained",
    "fix_deferred": " fix deferred",
    "not_affected": " not affected",
    "under_investigation": " under investigation",
}


def _body(finding: Finding, on: Sequence[str], scanned_at: datetime | None) -> Sequence[Markup]:
    text = finding.description
    if len(text) > TEXT_MAX:
        text = f"{text[:TEXT_MAX]}…"
    return (
        element("p", text, class_="text") if text else Markup(),
        parts.described(
            [
                *_said(finding),
                ("Severity", f"{finding.severity.capitalize()}, by {finding.severity_source}"
                 if finding.severity_source else ""),
                ("CVSS", [f"{each.score:g} by {each.source} ({each.version}: {each.vector})"
                          for each in finding.cvss]),
                ("EPSS", "" if finding.epss is None else
                 f"{finding.epss:.2%} chance of exploitation within 30 days"),
                ("Weakness", ", ".join(finding.cwes)),
                ("Found in", ", ".join(filter(None, [finding.target, finding.path]))),
                ("Package", finding.purl),
                ("Layer", finding.layer),
                ("Platforms", ", ".join(on)),
                ("Told by", parts.source(finding)),
                ("Published", _day(finding.published)),
                ("Changed", _day(finding.modified)),
                ("First found here", _day(finding.first_observed)),
                ("Scanned", parts.time(scanned_at)),
                ("Read more", _references(finding)),
            ]
        ),
    )  # fmt: skip


def _said(finding: Finding) -> list[tuple[str, str]]:
    """What a VEX document says of it."""
    verdict = finding.verdict
    if verdict is None:
        return []
    status = verdict.status.replace("_", " ").capitalize()
    return [
        ("VEX", f"{status}: {verdict.words}"),
        ("Said by", f"{verdict.author}, {parts.time(verdict.at)}"),
        ("In", f"{verdict.source} ({verdict.document})"),
    ]


def _references(finding: Finding) -> list[str]:
    urls = list(dict.fromkeys(filter(None, [finding.url, *finding.references])))
    return [link(each, each) for each in urls[:REFERENCES_MAX]]


def _day(moment: datetime | None) -> str:
    return "" if moment is None else f"{moment:%d %B %Y}".lstrip("0")
