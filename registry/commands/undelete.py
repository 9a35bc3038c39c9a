"""`moorage undelete`: what was deleted, for as long as it can be brought back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from registry.commands.opened import opened
from registry.commands.options import KEYS, Group, options, scope_of, settings_of
from registry.commands.options import public as _public
from registry.commands.shown import size
from registry.domain.undelete import Resting, Restored, Undelete
from registry.stores import undelete_of

_on_server = options("data", "account", "region", *KEYS)
_PAGE = 1000


@click.group(cls=Group)
def undelete() -> None:
    """Bring back deleted images, tags and repositories; a server may run meanwhile."""


@undelete.command("list")
@click.option("--repository", help="only what was in this repository")
@_public
@_on_server
def list_(repository: str | None, public: bool, config: Path | None, **given: Any) -> None:
    """List what can be brought back, the last deleted first."""
    settings = settings_of(config, given)
    scope = scope_of(settings, public=public)
    with opened(settings) as ground:
        found, last = Undelete(ground.database), None
        while page := found.page(scope, repository, last, _PAGE):
            for item in page:
                click.echo(_line(item))
            last = page[-1].id


@undelete.command()
@click.argument("number", metavar="ID", type=int)
@_public
@_on_server
def show(number: int, public: bool, config: Path | None, **given: Any) -> None:
    """Show one of them, with its images."""
    settings = settings_of(config, given)
    scope = scope_of(settings, public=public)
    with opened(settings) as ground:
        found = Undelete(ground.database)
        item = found.get(scope, number)
        contents = found.contents(item)
    click.echo(_line(item))
    for digest, names in contents:
        click.echo("  ".join(["  ", digest, *names]))


@undelete.command()
@click.argument("number", metavar="ID", type=int)
@click.option("--as", "name", metavar="NAME", help="another name for a repository")
@_public
@_on_server
def restore(number: int, name: str | None, public: bool, config: Path | None, **given: Any) -> None:
    """Bring one of them back whole.

    An image comes back with its tags, the images it lists and the referrers that were deleted
    with it. A tag that stands on another image by now stays there.
    """
    settings = settings_of(config, given)
    scope = scope_of(settings, public=public)
    with opened(settings) as ground:
        back = undelete_of(ground).restore(scope, number, name)
    for line in _told(back):
        click.echo(line)


@undelete.command()
@click.argument("number", metavar="ID", type=int)
@_public
@_on_server
def discard(number: int, public: bool, config: Path | None, **given: Any) -> None:
    """Give one of them up: the next collection frees its bytes."""
    settings = settings_of(config, given)
    scope = scope_of(settings, public=public)
    with opened(settings) as ground:
        item = Undelete(ground.database).end(scope, number)
    click.echo(f"{item.kind} {item.id} of {item.repository} cannot be brought back any more")


def _line(item: Resting) -> str:
    what = {
        "repository": f"{item.images} images",
        "image": " ".join([str(item.digest), *item.tags]),
        "tag": f"{' '.join(item.tags)} of {item.digest}",
    }[item.kind]
    held = [size(item.bytes)] if item.shadow_id is not None else []
    times = f"deleted {item.deleted_at:%Y-%m-%d %H:%M}, until {item.until:%Y-%m-%d %H:%M} UTC"
    return "  ".join([str(item.id), item.kind, item.repository, what, *held, times])


def _told(back: Restored) -> list[str]:
    if not (back.images or back.tags or back.taken):
        return [f"the repository {back.repository} is back"]
    lines = [f"{back.repository}@{digest} is back" for digest in back.images]
    lines += [f"{back.repository}:{name} is back" for name in back.tags]
    lines += [f"{back.repository}:{name} stands on another image now" for name in back.taken]
    return lines
