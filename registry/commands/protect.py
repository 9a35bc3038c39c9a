"""`moorage protect`: what must not be deleted."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from registry.commands.opened import opened
from registry.commands.options import KEYS, options, scope_of, settings_of
from registry.commands.options import public as _public
from registry.domain.protection import LABEL, Protection, Protections
from registry.stores import repositories_of
from registry.values.errors import ParameterInvalid


@click.command()
@click.argument("name", metavar="REPOSITORY")
@click.option("--on/--off", "itself", default=None, help="whether the repository is protected")
@click.option("--tag", "tags", multiple=True, help="pattern of protected tags; may be repeated")
@click.option("--no-tags", is_flag=True, help="protect no tags any more")
@_public
@options("data", "account", "region", *KEYS)
def protect(
    *,
    name: str,
    itself: bool | None,
    tags: tuple[str, ...],
    no_tags: bool,
    public: bool,
    config: Path | None,
    **given: Any,
) -> None:
    """Protect a repository, or tags in it, from deletion; without options, show what is.

    The patterns given replace those there were.
    """
    if tags and no_tags:
        raise ParameterInvalid("give either --tag or --no-tags")
    settings = settings_of(config, given)
    scope = scope_of(settings, public=public)
    with opened(settings) as ground:
        protections = Protections(ground.database)
        repository = repositories_of(settings, ground).get(scope, name)
        if itself is None and not tags and not no_tags:
            found = protections.of(repository)
        else:
            patterns = tags if tags or no_tags else None
            found = protections.set(repository, itself=itself, patterns=patterns)
    for line in _told(name, found):
        click.echo(line)


def _told(name: str, found: Protection) -> list[str]:
    by = f" by its resource tag {LABEL}" if found.label else ""
    state = "protected from deletion" if found.repository or found.label else "not protected"
    tags = [f"the tags {pattern} are protected" for pattern in found.tags]
    return [f"the repository {name} is {state}{by}", *tags]
