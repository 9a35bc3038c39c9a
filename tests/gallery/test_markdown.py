from __future__ import annotations

import html.parser

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.gallery.markdown import rendered

ALLOWED = {"p", "h3", "h4", "h5", "h6", "ul", "ol", "li", "pre", "code", "strong", "a"}


@pytest.mark.parametrize(
    ("text", "shown"),
    [
        ("", ""),
        ("one\ntwo\n\nthree", "<p>one\ntwo</p>\n<p>three</p>"),
        ("# A #", "<h3>A</h3>"),
        ("###### a", "<h6>a</h6>"),
        ("- a\n* b\n1. c\n2) d", "<ul><li>a</li><li>b</li></ul>\n<ol><li>c</li><li>d</li></ol>"),
        ("```sh\na < b\n\n# c\n```\nd", "<pre><code>a &lt; b\n\n# c</code></pre>\n<p>d</p>"),
        ("~~~\nopen", "<pre><code>open</code></pre>"),
        ("a **b** `**c**`", "<p>a <strong>b</strong> <code>**c**</code></p>"),
        (
            "[x](https://a.b/?c=1&d)",
            '<p><a href="https://a.b/?c=1&amp;d" rel="nofollow noopener noreferrer">x</a></p>',
        ),
        ("[x](javascript:y) <b>", "<p>[x](javascript:y) &lt;b&gt;</p>"),
    ],
)
def test_what_becomes_of_it(text: str, shown: str) -> None:
    assert rendered(text) == shown


class Checked(html.parser.HTMLParser):
    """Every element is one of ours, closed in order, and only links have attributes."""

    def __init__(self) -> None:
        super().__init__()
        self.open: list[str] = []

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        assert tag in ALLOWED
        assert {name for name, _ in attrs} == ({"href", "rel"} if tag == "a" else set())
        for name, value in attrs:
            assert name == "rel" or (value or "").startswith(("http://", "https://"))
        self.open.append(tag)

    def handle_endtag(self, tag: str) -> None:
        assert self.open.pop() == tag

    def handle_comment(self, data: str) -> None:
        raise AssertionError(data)


PIECES = [
    "<",
    ">",
    '"',
    "'",
    "&",
    "`",
    "**",
    "[",
    "](",
    ")",
    "http://a",
    "javascript:",
    "```",
    "\n",
]
PIECES += ["# ", "- ", "1. ", "<script>", "onload=", "a", " ", "\0", "&lt;"]


@given(st.lists(st.sampled_from(PIECES), max_size=25).map("".join) | st.text(max_size=40))
def test_nothing_gets_through(text: str) -> None:
    checked = Checked()
    checked.feed(rendered(text))
    checked.close()
    assert checked.open == []


def test_a_long_text_takes_no_time() -> None:
    for piece in ("[", "**", "`", "[a](http://", "# ", "- "):
        assert rendered(piece * (25_600 // len(piece)))
