"""`moorage public`: by which names an account's public registry is found."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from registry.commands.opened import opened
from registry.commands.options import KEYS, Group, options, settings_of
from registry.domain.public.registries import PublicRegistries

_on_server = options("data", "account", "region", *KEYS)


@click.group(cls=Group)
def public() -> None:
    """Public registries; a running server sees every change at once."""


@public.command()
@click.argument("name", metavar="NAME")
@_on_server
def alias(name: str, config: Path | None, **given: Any) -> None:
    """Let the URIs of --account's public repositories begin with NAME.

    The names that it had before stay good.
    """
    settings = settings_of(config, given)
    with opened(settings) as ground:
        PublicRegistries(ground.database, ground.cache).choose(settings.account, name)
    click.echo(f"the public registry of account {settings.account} is {name!r}")
