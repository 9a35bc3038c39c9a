"""A scan's report as one HTML page: it needs nothing from anywhere, and works without scripts.

Source: Content Security Policy Level 3, section 2.3.1 (hashes of inline scripts and styles).
"""

from __future__ import annotations

import base64
import hashlib
from pathlib import Path
from typing import TYPE_CHECKING

from registry.domain.scan_reports import page_findings, page_parts
from registry.domain.scan_reports.markup import Markup, element, joined, raw
from registry.domain.scan_reports.remedies import remedies
from registry.domain.scanning.findings import counted

if TYPE_CHECKING:
    from registry.domain.scan_reports.subject import Subject

REMEDIES_MAX = 25

_HERE = Path(__file__).parent
_STYLE = (_HERE / "page.css").read_text("utf-8")
_SCRIPT = (_HERE / "page.js").read_text("utf-8")


def _hash(text: str) -> str:
    return "'sha256-" + base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() + "'"


POLICY = (
    f"default-src 'none'; style-src {_hash(_STYLE)}; script-src {_hash(_SCRIPT)};"
    " base-uri 'none'; form-action 'none'"
)
"""What the page may do: run its own script, use its own style, and load nothing."""


def written(subject: Subject) -> bytes:
    """The page."""
    scan = subject.scan
    found = scan.findings
    counting = [each for each in found if not each.suppressed]
    fixes = remedies(counting)
    places = page_findings.Places.of(scan.platforms)
    scanned_at = scan.state.completed_at
    body = element(
        "main",
        page_parts.header(subject),
        page_parts.verdict(
            scan.state, counted(counting), fixes, suppressed=len(found) - len(counting)
        ),
        page_parts.fixes(fixes, REMEDIES_MAX),
        page_parts.platforms(scan.platforms),
        page_findings.section(found, places, scanned_at),
        element("footer", element("p", _closing(subject))),
    )
    page = element("html", _head(subject), element("body", body, raw("script", _SCRIPT)), lang="en")
    return f"<!doctype html>\n{page}\n".encode()


def _closing(subject: Subject) -> str:
    return (
        f"Made by Moorage for {subject.repository}@{subject.digest}."
        " A scanner knows what its database knew on the day of the scan."
    )


def _head(subject: Subject) -> Markup:
    return element(
        "head",
        joined(
            element("meta", charset="utf-8"),
            element("meta", http_equiv="Content-Security-Policy", content=POLICY),
            element("meta", name="viewport", content="width=device-width, initial-scale=1"),
            element("meta", name="referrer", content="no-referrer"),
            element("meta", name="color-scheme", content="light dark"),
        ),
        element("title", f"Scan of {subject.name}"),
        raw("style", _STYLE),
    )
