"""Pieces of the HTML report."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING

from registry.domain.scan_reports.markup import Markup, element, escaped, joined, link
from registry.domain.scanning.states import COMPLETE, SEVERITIES

if TYPE_CHECKING:
    from datetime import datetime

    from registry.domain.scan_reports.remedies import Remedy
    from registry.domain.scan_reports.subject import Subject
    from registry.domain.scanning.findings import Finding
    from registry.domain.scanning.scans import Platform, ScanState

_BAR = 1000
"""Units of width of the bar of severities."""
_DIGEST_SHOWN = 19


def time(moment: datetime | None) -> str:
    """A time for people."""
    return "never" if moment is None else f"{moment:%d %B %Y, %H:%M} UTC".lstrip("0")


def plural(count: int, word: str, many: str = "") -> str:
    """`1 finding`, `2 findings`."""
    return f"{count:,} {word if count == 1 else many or word + 's'}"


def listed(counts: Mapping[str, int]) -> str:
    """`1 critical and 2 high`."""
    parts = [f"{counts[name]:,} {name.lower()}" for name in SEVERITIES if counts.get(name)]
    return " and ".join(filter(None, [", ".join(parts[:-1]), *parts[-1:]]))


def header(subject: Subject) -> Markup:
    """Which image it is, and what looked at it when."""
    state = subject.scan.state
    about = [("Scanned", time(state.completed_at))]
    if state.scanner:
        about.append(("Scanner", f"{state.scanner.capitalize()} {state.scanner_version}"))
    if state.database_at is not None:
        about.append(("Database of", time(state.database_at)))
    if subject.platform:
        about.append(("Platform", subject.platform))
    if len(subject.tags) > 1:
        about.append(("Tags", ", ".join(subject.tags[:20])))
    about.append(("Registry", f"{subject.scope.account}, {subject.scope.region}"))
    items = [element("li", name, " ", element("b", value)) for name, value in about]
    return element(
        "header",
        element("p", "Scan report", class_="eyebrow"),
        element("h1", subject.name),
        element("p", subject.digest, class_="digest"),
        element("ul", *items, class_="about"),
    )


def verdict(
    state: ScanState, counts: Mapping[str, int], fixes: Sequence[Remedy], *, suppressed: int
) -> Markup:
    """How it stands, in a sentence; with the bar of severities."""
    total = sum(counts.values())
    if state.completed_at is None:
        words = state.status.replace("_", " ").lower()
        return _verdict("undefined", f"There is no report yet: {words}.", [state.description])
    more = []
    if state.status != COMPLETE:
        word = state.status.replace("_", " ").lower()
        more.append(f"This is the last report. A newer scan is {word}: {state.description}")
    if suppressed:
        noun = plural(suppressed, "more finding is", "more findings are")
        more.append(f"{noun} suppressed by VEX documents, and shown below.")
    if not total and not suppressed:
        more.append(
            "None of the packages that the scanner recognises has a vulnerability that its"
            " database knows. That is no proof that there is none."
        )
        return _verdict("clean", "Nothing was found.", more)
    if not total:
        return _verdict("clean", "Nothing is left.", more)
    mended = sum(len(each.findings) for each in fixes)
    more.append(_outlook(mended, total, len(fixes)))
    worst = next(name for name in SEVERITIES if counts.get(name)).lower()
    return _verdict(worst, f"{listed(counts).capitalize()}.", more, bar(counts))


def _outlook(mended: int, total: int, upgrades: int) -> str:
    if not mended:
        return "None of this has a fix yet."
    what = "all of it" if mended == total else f"{mended:,} of {total:,}"
    verb = "mends" if upgrades == 1 else "mend"
    return f"{plural(upgrades, 'upgrade').capitalize()} {verb} {what}."


def _verdict(kind: str, say: str, more: Sequence[str], *beside: str) -> Markup:
    lines = [element("p", each, class_="more") for each in more]
    return element(
        "section", element("p", say, class_="say"), *lines, *beside, class_=f"verdict {kind}"
    )


def bar(counts: Mapping[str, int]) -> Markup:
    """The severities as parts of a bar, and as numbers."""
    total, at, parts, items = sum(counts.values()), 0.0, [], []
    for name in SEVERITIES:
        if not (count := counts.get(name)):
            continue
        width = count / total * _BAR
        place = {"x": f"{at:.1f}", "width": f"{width:.1f}", "height": "10"}
        parts.append(element("rect", class_=name.lower(), **place))
        items.append(
            element("li", element("b", f"{count:,}"), f" {name.lower()}",
                    class_=f"count {name.lower()}")
        )  # fmt: skip
        at += width
    drawn = element(
        "svg", *parts, viewBox=f"0 0 {_BAR} 10", preserveAspectRatio="none", class_="bar",
        role="img", aria_label=listed(counts),
    )  # fmt: skip
    return joined(drawn, element("ul", *items, class_="counts"))


def fixes(found: Sequence[Remedy], most: int) -> Markup:
    """What to upgrade, the most useful first."""
    if not found:
        return Markup()
    rows = [_fix(each) for each in found[:most]]
    more = len(found) - most
    rest = element("p", f"and {plural(more, 'upgrade')} more, below", class_="none")
    return element(
        "section",
        element("h2", "Fix first", element("small", "what helps most comes first")),
        element("ol", *rows, class_="fixes"),
        *([rest] if more > 0 else []),
    )


def _fix(remedy: Remedy) -> Markup:
    chips = [
        chip(name, f"{count:,} {name.lower()}") for name, count in remedy.counts.items() if count
    ]
    ids = [each.id for each in remedy.findings]
    named = ", ".join(ids[:4]) + (f" and {len(ids) - 4:,} more" if len(ids) > 4 else "")
    upgrade = versions(remedy.version, remedy.target)
    what = element("span", "Upgrade ", element("b", remedy.package), " ", upgrade)
    where = " · ".join(filter(None, [named, remedy.manager, remedy.path]))
    return element(
        "li", what, element("span", *chips, class_="chips"), element("span", where, class_="where")
    )


def versions(old: str, new: str) -> Markup:
    """`5.3 → 5.4`."""
    return joined(
        element("span", old, class_="version"),
        element("span", " → ", class_="arrow"),
        element("span", new, class_="version to"),
    )


def chip(severity: str, text: str = "") -> Markup:
    """A severity on its colour."""
    return element("span", text or severity.capitalize(), class_=f"chip {severity.lower()}")


def platforms(found: Sequence[Platform]) -> Markup:
    """What each platform of an index has."""
    if not found:
        return Markup()
    head = element("tr", *(element("th", each) for each in ("Platform", "Image", "Findings")))
    rows = [
        element(
            "tr",
            element("td", element("b", each.name or "unknown")),
            element("td", element("code", each.digest[:_DIGEST_SHOWN], title=each.digest)),
            element("td", _standing(each)),
        )
        for each in found
    ]
    table = element("table", element("thead", head), element("tbody", *rows))
    return element("section", element("h2", "Platforms"), element("div", table, class_="scroll"))


def _standing(platform: Platform) -> Markup:
    if platform.result is None:
        return escaped("not scanned")
    state = platform.result.state
    if state.completed_at is None:
        return escaped(f"{state.status.replace('_', ' ').lower()}: {state.description}")
    if not state.counts:
        return escaped("none")
    chips = [
        chip(name, f"{state.counts[name]:,} {name.lower()}")
        for name in SEVERITIES
        if state.counts.get(name)
    ]
    return element("span", *chips, class_="chips")


def described(rows: Sequence[tuple[str, str | Sequence[str]]]) -> Markup:
    """Names and values; what has no value is left out."""
    parts = []
    for name, value in rows:
        if not value:
            continue
        values = [value] if isinstance(value, str) else list(value)
        content = (
            values[0]
            if len(values) == 1
            else element("ul", *(element("li", each) for each in values))
        )
        parts += [element("dt", name), element("dd", content)]
    return element("dl", *parts)


def source(finding: Finding) -> Markup:
    """Who tells of it."""
    return link(finding.source or "unknown", finding.source_url)
