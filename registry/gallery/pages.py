"""The gallery's pages as HTML. What people wrote is escaped here, all of it."""

from __future__ import annotations

from html import escape
from typing import TYPE_CHECKING
from urllib.parse import quote, urlencode

from registry.gallery.markdown import rendered
from registry.gallery.style import STYLE

if TYPE_CHECKING:
    from collections.abc import Sequence

    from registry.domain.public.tags import TagDetail
    from registry.gallery.listing import Entry

_UNITS = ("B", "kB", "MB", "GB", "TB")


def listing(entries: Sequence[Entry], search: str, following: str | None) -> str:
    """The list of repositories."""
    title = f"Results for “{search}”" if search else "Public images"
    cards = "".join(f"<li>{_card(entry)}</li>" for entry in entries)
    body = f"<h1>{escape(title)}</h1>"
    if entries:
        body += "<p class=soft>Anybody may pull these, without a login.</p>"
        body += f'<ul class="cards">{cards}</ul>'
    else:
        body += f"<p class=soft>{'Nothing matches.' if search else 'There are none yet.'}</p>"
    if following is not None:
        target = urlencode({**({"q": search} if search else {}), "next": following})
        body += f'<p><a href="/gallery?{escape(target)}">More</a></p>'
    return _page(title, body, search)


def repository(entry: Entry, tags: Sequence[TagDetail]) -> str:
    """One repository: how to pull it, its texts, its tags."""
    data = entry.document
    reference = f"{entry.uri}:{tags[0].name}" if tags else entry.uri
    body = f'<div class="top">{_logo(entry)}<div><h1>{escape(entry.name)}</h1>'
    body += f'<p class="soft">by {escape(entry.owner)}</p></div></div>'
    body += f"<p>{escape(data.get('description', ''))}</p><p>{_badges(entry)}</p>"
    body += f'<section><h2>Pull</h2><code class="pull">docker pull {escape(reference)}</code>'
    body += "</section>"
    for heading, member in (("About", "aboutText"), ("Usage", "usageText")):
        if text := data.get(member):
            body += f"<section><h2>{heading}</h2>{rendered(text)}</section>"
    return _page(entry.name, body + _tags(tags), "")


def missing() -> str:
    """Nothing is there."""
    body = '<h1>Not found</h1><p><a href="/gallery">All public images</a></p>'
    return _page("Not found", body, "")


def _page(title: str, body: str, search: str) -> str:
    return (
        '<!doctype html><html lang="en"><head><meta charset="utf-8">'
        '<meta name="viewport" content="width=device-width,initial-scale=1">'
        f"<title>{escape(title)}</title><style>{STYLE}</style></head><body>"
        '<header><div><a href="/gallery">Gallery</a>'
        '<form action="/gallery" role="search">'
        f'<input type="search" name="q" value="{escape(search)}" placeholder="Search images"'
        ' aria-label="Search images"><button>Search</button></form></div></header>'
        f'<main>{body}</main><footer>Served by Moorage. As data: <a href="/gallery.json">'
        "/gallery.json</a></footer></body></html>"
    )


def _card(entry: Entry) -> str:
    description = escape(entry.document.get("description", ""))
    return (
        f'<a class="card" href="{escape(entry.path)}">{_logo(entry)}'
        f'<div><b>{escape(entry.name)}</b><div class="soft">{escape(entry.owner)}</div>'
        f"<p>{description}</p>{_badges(entry)}</div></a>"
    )


def _logo(entry: Entry) -> str:
    if entry.logo_path is None:
        return f'<span class="logo" aria-hidden="true">{escape(entry.name[:1].upper())}</span>'
    return f'<img class="logo" src="{escape(entry.logo_path)}" alt="">'


def _badges(entry: Entry) -> str:
    return "".join(f'<span class="badge">{escape(each)}</span>' for each in entry.badges)


def _tags(tags: Sequence[TagDetail]) -> str:
    if not tags:
        return '<section><h2>Tags</h2><p class="soft">No image yet.</p></section>'
    rows = "".join(
        f"<tr><td><code>{escape(tag.name)}</code></td><td>{_size(tag.size)}</td>"
        f"<td>{tag.created_at:%Y-%m-%d %H:%M} UTC</td>"
        f'<td class="soft"><code>{escape(tag.digest[:19])}…</code></td></tr>'
        for tag in tags
    )
    return (
        '<section><h2>Tags</h2><div class="wide"><table><thead><tr><th>Tag</th><th>Size</th>'
        f"<th>Pushed</th><th>Digest</th></tr></thead><tbody>{rows}</tbody></table></div></section>"
    )


def _size(count: int) -> str:
    """Bytes as people read them, in powers of ten as docker shows them."""
    size, unit = float(count), 0
    while size >= 999.5 and unit < len(_UNITS) - 1:
        size, unit = size / 1000, unit + 1
    return f"{size:.3g} {_UNITS[unit]}"


def path_of(kind: str, alias: str, name: str) -> str:
    """A path of the gallery."""
    return f"/gallery/{kind}/{quote(alias)}/{quote(name)}"
