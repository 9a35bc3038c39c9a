"""`moorage gate`: which images may not be pulled, and what the gates say of one."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from registry.commands.opened import opened
from registry.commands.options import KEYS, STORAGE, Group, options, scope_of, settings_of
from registry.commands.options import public as _public
from registry.stores import ecr_stores, gates_of
from registry.values.digest import Digest
from registry.values.errors import ParameterInvalid
from registry.values.reference import tag_name

_on_server = options("data", "account", "region", *KEYS, *STORAGE)


@click.group(cls=Group)
def gate() -> None:
    """Gates: which images may not be pulled; docs/gates.md describes them."""


@gate.command("set")
@click.argument("name")
@click.argument("file", type=click.Path(path_type=Path, exists=True, dir_okay=False))
@_public
@_on_server
def set_gate(name: str, file: Path, *, public: bool, config: Path | None, **given: Any) -> None:
    """Make or change a gate from a file; a running server heeds it at once."""
    settings = settings_of(config, given)
    scope = scope_of(settings, public=public)
    with opened(settings) as ground:
        gates_of(ground).put(scope, name, file.read_text("utf-8").strip())
        click.echo(f"{name} is set")


@gate.command()
@click.argument("name", required=False)
@_public
@_on_server
def show(name: str | None, public: bool, config: Path | None, **given: Any) -> None:
    """Show a gate's document, or list all gates."""
    settings = settings_of(config, given)
    scope = scope_of(settings, public=public)
    with opened(settings) as ground:
        gates = gates_of(ground)
        if name is not None:
            click.echo(gates.get(scope, name).document)
            return
        for each in gates.list(scope):
            click.echo(f"{each.name}  changed {each.changed_at:%Y-%m-%d %H:%M:%S} UTC")


@gate.command()
@click.argument("name")
@_public
@_on_server
def remove(name: str, public: bool, config: Path | None, **given: Any) -> None:
    """Remove a gate."""
    settings = settings_of(config, given)
    scope = scope_of(settings, public=public)
    with opened(settings) as ground:
        gates_of(ground).delete(scope, name)
        click.echo(f"{name} is removed")


@gate.command()
@click.argument("image", metavar="REPOSITORY:TAG|REPOSITORY@DIGEST")
@_public
@_on_server
def test(image: str, public: bool, config: Path | None, **given: Any) -> None:
    """Say what the gates say of a pull of an image now. Exit status 2: it is refused."""
    settings = settings_of(config, given)
    scope = scope_of(settings, public=public)
    name, reference = _named(image)
    with opened(settings) as ground:
        stores = ecr_stores(settings, ground)
        repository = stores.repositories.get(scope, name)
        stored = stores.images.get(repository, reference)
        found = stores.doors.verdicts(repository, stored)
    for each in found:
        click.echo(f"{'dry run: ' if each.dry_run else ''}{each.message}")
        for flaw in each.flaws:
            click.echo(f"  {flaw}")
    if all(each.dry_run for each in found):
        click.echo(f"{stored.image.digest} may be pulled")
    else:
        sys.exit(2)


def _named(image: str) -> tuple[str, Digest | str]:
    name, at, digest = image.partition("@")
    if at:
        return name, Digest.parse(digest)
    name, colon, tag = image.rpartition(":")
    if not colon:
        raise ParameterInvalid("name the image as REPOSITORY:TAG or REPOSITORY@DIGEST")
    return name, tag_name(tag)
