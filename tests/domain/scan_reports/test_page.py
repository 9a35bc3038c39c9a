"""The HTML report: what it tells, and that nothing in it can do more than be read."""

from __future__ import annotations

import base64
import hashlib
import re
from dataclasses import replace
from datetime import UTC, datetime
from html.parser import HTMLParser
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from registry.domain.scan_reports import page
from registry.domain.scan_reports.document import document
from registry.domain.scan_reports.markup import element, escaped, link
from registry.domain.scan_reports.page import written
from registry.domain.scanning.scans import Platform, ScanResult
from registry.domain.scanning.verdicts import Verdict
from tests.domain.scan_reports.scanned import JINJA, result, state, subject
from tests.domain.scanning.reports import vulnerability

TAGS = {
    *("html", "head", "meta", "title", "style", "body", "main", "header", "section", "footer"),
    *("h1", "h2", "small", "p", "b", "ul", "ol", "li", "span", "a", "dl", "dt", "dd", "code"),
    *("svg", "rect", "table", "thead", "tbody", "tr", "th", "td", "div", "details", "summary"),
    *("input", "label", "button", "select", "option", "script"),
}
SCHEMES = ("https://", "http://")


class Page(HTMLParser):
    """Elements, attributes and text."""

    def __init__(self, content: bytes) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text: list[str] = []
        self.raw: dict[str, list[str]] = {}
        self.feed(content.decode())
        self.close()

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        if self.cdata_elem is not None:  # in a style or a script
            self.raw.setdefault(self.cdata_elem, []).append(data)
        else:
            self.text.append(data)

    @property
    def said(self) -> str:
        return " ".join(" ".join(self.text).split())

    def check_harmless(self) -> None:
        """Only what the house writes, loading nothing, with one script: its own."""
        for tag, attributes in self.elements:
            assert tag in TAGS
            assert not any(name.startswith("on") or name in {"src", "style"} for name in attributes)
            if (url := attributes.get("href")) is not None:
                assert url.startswith(SCHEMES)
        names = [tag for tag, _ in self.elements]
        assert (names.count("script"), names.count("style")) == (1, 1)


def test_what_a_page_tells() -> None:
    shown = Page(page.written(subject(result(vulnerability(EPSS={"Score": 0.25}), JINJA))))
    shown.check_harmless()
    for text in (
        "team/app:v1",
        "Trivy 0.70.0",
        "22 November 2026, 12:00 UTC",
        "1 critical and 1 medium.",
        "2 upgrades mend all of it.",
        "Upgrade PyYAML 5.3 → 5.4",
        "CVE-2024-22195",
        "25.00% chance",
        "9.8 by nvd (3.1: CVSS:3.1/AV:N",
        "GitHub Security Advisory pip",
        "23 November 2026",
    ):
        assert text in shown.said, text
    rows = [attributes for tag, attributes in shown.elements if tag == "details"]
    assert [each["data-severity"] for each in rows] == ["critical", "medium"]
    assert {each["data-fixable"] for each in rows} == {"yes"}


def test_its_policy_lets_its_own_script_and_style_run_and_nothing_else() -> None:
    shown = Page(page.written(subject(result(vulnerability()))))
    (policy,) = [
        attributes["content"]
        for tag, attributes in shown.elements
        if tag == "meta" and attributes.get("http-equiv") == "Content-Security-Policy"
    ]
    assert policy is not None
    assert policy.startswith("default-src 'none'; ")
    assert "unsafe" not in policy
    for name in ("style", "script"):
        digest = hashlib.sha256("".join(shown.raw[name]).encode()).digest()
        assert f"{name}-src 'sha256-{base64.b64encode(digest).decode()}'" in policy
    assert not re.search(r"https?:|url\(|@import|fetch|XMLHttp", "".join(shown.raw["style"]))


def test_an_index_shows_each_platform() -> None:
    amd, arm = result(vulnerability(), JINJA), result(JINJA)
    failed = ScanResult(state("FAILED", completed_at=None, description="No space."), ())
    places = (
        Platform("sha256:" + "1" * 64, "linux/amd64", amd),
        Platform("sha256:" + "2" * 64, "linux/arm64", arm),
        Platform("sha256:" + "3" * 64, "linux/s390x", None),
        Platform("sha256:" + "4" * 64, "linux/386", failed),
    )
    shown = Page(page.written(subject(amd, *places)))
    shown.check_harmless()
    assert "linux/s390x sha256:333333333333 not scanned" in shown.said
    assert "failed: No space." in shown.said
    rows = [attributes["data-platforms"] for tag, attributes in shown.elements if tag == "details"]
    assert rows == ["0", "0 1"]
    options = [attributes["value"] for tag, attributes in shown.elements if tag == "option"]
    assert options == ["", "0", "1", "2", "3"]


def test_nothing_found_nothing_known_and_something_older() -> None:
    assert "Nothing was found." in Page(page.written(subject(result()))).said
    none = result(status="FAILED", completed_at=None, description="It took too long.")
    shown = Page(page.written(subject(none))).said
    assert "There is no report yet: failed. It took too long." in shown
    assert "Nothing was found." not in shown
    older = result(vulnerability(FixedVersion=""), status="IN_PROGRESS")
    shown = Page(page.written(subject(older))).said
    assert "A newer scan is in progress: As told." in shown
    assert "None of this has a fix yet." in shown


HOSTILE = st.text(max_size=20) | st.sampled_from(
    [
        "<script>alert(1)</script>",
        '"><img src=x onerror=alert(1)>',
        "</style><script>",
        "</details></main>",
        "javascript:alert(1)",
        "' onmouseover='x",
        "&lt;b&gt;",
        "<!--",
        "]]>",
    ]
)


NAMES = [name for name, value in JINJA.items() if isinstance(value, str)]


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(st.sampled_from([n for n, v in JINJA.items() if isinstance(v, str)]), HOSTILE)
)
def test_whatever_an_image_holds_is_text(changed: dict[str, Any]) -> None:
    changed["References"] = ["javascript:alert(1)", *changed.values()]
    shown = Page(page.written(subject(result(vulnerability(), {**JINJA, **changed}))))
    shown.check_harmless()


@given(st.text(), st.text())
def test_text_comes_back_as_it_was_but_for_what_cannot_be_seen(inner: str, value: str) -> None:
    made = element("p", inner, title=value)
    parsed = Page(str(made).encode(errors="replace"))
    ((tag, attributes),) = parsed.elements
    assert tag == "p"
    seen = escaped(value)
    assert element("p", made) == f"<p>{made}</p>"
    if value.isprintable():
        assert attributes["title"] == value
    assert "\u202e" not in escaped("a\u202eb")
    assert "<" not in seen


def test_links_are_of_the_web() -> None:
    assert link("x", "javascript:alert(1)") == "x"
    assert 'href="https://a/?b&amp;c"' in link("x", "https://a/?b&c")


def test_what_is_suppressed_is_shown_and_not_counted() -> None:
    verdict = Verdict(
        "not_affected", "component_not_present", "<b>really</b>", "Ann & Co",
        datetime(2026, 1, 2, 3, 4, tzinfo=UTC), "urn:1", "the document 'app' of the repository",
    )  # fmt: skip
    scan = result(vulnerability(), JINJA)
    first, second = scan.findings
    scan = replace(scan, findings=(second, replace(first, verdict=verdict)))
    text = written(subject(scan)).decode()
    assert "1 medium." in text
    assert "1 more finding is suppressed by VEX documents" in text
    assert "Not affected: component not present: &lt;b&gt;really&lt;/b&gt;" in text
    assert "Ann &amp; Co, 2 January 2026, 03:04 UTC" in text
    assert "the document &#x27;app&#x27; of the repository (urn:1)" in text
    assert text.index("suppressed by VEX</span>") > text.index(second.id)
    alone = written(subject(replace(scan, findings=scan.findings[1:]))).decode()
    assert "Nothing is left." in alone


def test_the_json_tells_what_is_said() -> None:
    verdict = Verdict(
        "fixed", "", "by a patch", "Ann", datetime(2026, 1, 2, tzinfo=UTC), "urn:1", "here"
    )
    scan = result(vulnerability())
    scan = replace(scan, findings=(replace(scan.findings[0], verdict=verdict),))
    (found,) = document(subject(scan))["findings"]
    assert found["suppressed"] is True
    assert found["vex"] == {
        "status": "fixed", "justification": "", "statement": "by a patch", "author": "Ann",
        "statedAt": "2026-01-02T00:00:00Z", "document": "urn:1", "source": "here",
    }  # fmt: skip
    (plain,) = document(subject(result(vulnerability())))["findings"]
    assert (plain["suppressed"], plain["vex"]) == (False, None)
