"""A small part of Markdown as HTML: headings, lists, code, emphasis, links.

Everything is escaped before anything is marked up, so a text can bring no tag of its own; a link
leads to http or https only. Source: CommonMark, of which this is a subset.
"""

from __future__ import annotations

import html
import re
from collections.abc import Iterator

_HEADING = re.compile(r"(#{1,6}) +(.*?)[ #]*")
_BULLET = re.compile(r" {0,3}[-*+] +(.*)")
_NUMBER = re.compile(r" {0,3}[0-9]{1,9}[.)] +(.*)")
_FENCE = re.compile(r" {0,3}(```+|~~~+).*")
_CODE = re.compile(r"`([^`]+)`")
_BOLD = re.compile(r"\*\*([^*]+)\*\*")
_LINK = re.compile(r"\[([^\[\]]+)\]\((https?://[^\s()<>]+)\)")
_TOP = 3
"""Level at which a text's first heading stands on the page."""


def rendered(text: str) -> str:
    """The text as HTML."""
    return "\n".join(_blocks(text.splitlines()))


def _blocks(lines: list[str]) -> Iterator[str]:
    at = 0
    while at < len(lines):
        line = lines[at]
        if fence := _FENCE.fullmatch(line):
            end = _end_of_code(lines, at + 1, fence[1])
            yield f"<pre><code>{html.escape(chr(10).join(lines[at + 1 : end]))}</code></pre>"
            at = end + 1
        elif heading := _HEADING.fullmatch(line):
            level = min(len(heading[1]) + _TOP - 1, 6)
            yield f"<h{level}>{_inline(heading[2])}</h{level}>"
            at += 1
        elif (kind := _kind(line)) is not None:
            end = _end(lines, at, kind)
            yield _block(kind, lines[at:end])
            at = end
        else:
            at += 1


def _end_of_code(lines: list[str], start: int, fence: str) -> int:
    """The line that closes a block of code; its end, if none does."""
    for number in range(start, len(lines)):
        if lines[number].strip() == fence:
            return number
    return len(lines)


def _kind(line: str) -> str | None:
    """What a line belongs to: a list, a paragraph; None for an empty one and all others."""
    if not line.strip() or _FENCE.fullmatch(line) or _HEADING.fullmatch(line):
        return None
    if _BULLET.fullmatch(line):
        return "ul"
    return "ol" if _NUMBER.fullmatch(line) else "p"


def _end(lines: list[str], start: int, kind: str) -> int:
    """The first line behind `start` that is of another kind."""
    end = start
    while end < len(lines) and _kind(lines[end]) == kind:
        end += 1
    return end


def _block(kind: str, lines: list[str]) -> str:
    if kind == "p":
        return f"<p>{_inline(chr(10).join(line.strip() for line in lines))}</p>"
    pattern = _BULLET if kind == "ul" else _NUMBER
    items = [match[1] for line in lines if (match := pattern.fullmatch(line))]
    return f"<{kind}>{''.join(f'<li>{_inline(item)}</li>' for item in items)}</{kind}>"


def _inline(text: str) -> str:
    """Code first: nothing is marked up within it."""
    parts = _CODE.split(text)
    shown = [
        f"<code>{html.escape(part)}</code>" if number % 2 else _marked(html.escape(part))
        for number, part in enumerate(parts)
    ]
    return "".join(shown)


def _marked(escaped: str) -> str:
    bold = _BOLD.sub(r"<strong>\1</strong>", escaped)
    return _LINK.sub(r'<a href="\2" rel="nofollow noopener noreferrer">\1</a>', bold)
