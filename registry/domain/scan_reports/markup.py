"""HTML put together so that text cannot become markup.

Everything that is not Markup already is escaped; only `element` and `raw` make Markup.

Source: HTML Living Standard, sections 13.1.2 (elements) and 13.3 (escaping a string).
"""

from __future__ import annotations

import html
import re

_VOID = frozenset({"meta", "input"})
_UNSEEN = re.compile(
    "[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200b-\u200f\u202a-\u202e\u2060-\u2069\ufeff]"
)
"""Controls, and what makes text look other than it is (Unicode TR36)."""


class Markup(str):
    """HTML that is well-formed and safe."""

    __slots__ = ()


def escaped(text: str) -> Markup:
    """The text as HTML; what cannot be seen is shown as a box."""
    if isinstance(text, Markup):
        return text
    return Markup(html.escape(_UNSEEN.sub("\ufffd", text), quote=True))


def joined(*children: str) -> Markup:
    """One after the other."""
    return Markup("".join(escaped(each) for each in children))


def element(name: str, /, *children: str, **attributes: str | bool | None) -> Markup:
    """An element; of attributes `_` stands for `-`, and a last one is dropped (`class_`).

    True is an attribute without a value; False and None are none at all.
    """
    opened = "".join(
        f" {_attribute(key)}" if value is True else f' {_attribute(key)}="{escaped(value)}"'
        for key, value in attributes.items()
        if value is not None and value is not False
    )
    if name in _VOID:
        return Markup(f"<{name}{opened}>")
    return Markup(f"<{name}{opened}>{joined(*children)}</{name}>")


def raw(name: str, content: str) -> Markup:
    """A `style` or `script` of the house's own."""
    assert f"</{name}" not in content.lower()  # noqa: S101 - it would end there
    return Markup(f"<{name}>{content}</{name}>")


def link(text: str, url: str) -> Markup:
    """A link into the web; plain text where the URL is not one."""
    if not url.startswith(("https://", "http://")):
        return escaped(text)
    return element("a", text, href=url, rel="noopener noreferrer nofollow", target="_blank")


def _attribute(key: str) -> str:
    return key.rstrip("_").replace("_", "-")
