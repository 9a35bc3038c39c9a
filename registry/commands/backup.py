"""`moorage backup` and `moorage restore`: the metadata and the keys in one file, and back."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from registry import __version__
from registry.commands.opened import opened
from registry.commands.options import KEYS, STORAGE, options, settings_of
from registry.config import Settings
from registry.domain import backup as archive
from registry.ground import storage_driver
from registry.setup import credentials_path, held

_file = click.argument("file", metavar="FILE", type=click.Path(path_type=Path))


@click.command()
@_file
@options("data", "account", "region", *KEYS)
def backup(file: Path, config: Path | None, **given: Any) -> None:
    """Write metadata, keyring and credentials to FILE, in one state; a server may run meanwhile.

    FILE opens everything that is stored: keep it as the keyring itself. The blobs are not in it,
    only a list of them: docs/operations.md has the whole procedure.
    """
    settings = settings_of(config, given)
    with opened(settings):  # says so where nothing is kept yet, or the keyring is missing
        contents = archive.backup(
            file, settings.data / archive.METADATA, _others(settings), __version__
        )
    click.echo(
        f"{file}: metadata of {contents.created}, which needs {len(contents.objects):,} blobs"
    )


@click.command()
@_file
@options("data", *KEYS, *STORAGE)
def restore(file: Path, config: Path | None, **given: Any) -> None:
    """Put FILE's metadata, keyring and credentials into a data directory that has none.

    Nothing is overwritten. Bring the blobs back too, before or after; then `moorage verify`.
    """
    settings = settings_of(config, given)
    with held(settings):
        contents = archive.restore(file, settings.data, _others(settings))
        there = set(storage_driver(settings).list("blobs"))
    missing = sum(path not in there for path in contents.objects)
    click.echo(f"{settings.data}: metadata of {contents.created} is restored")
    click.echo(f"{len(contents.objects):,} blobs are needed, {missing:,} of them are not there yet")


def _others(settings: Settings) -> dict[str, Path]:
    return {"keyring.json": settings.keyring_path, "credentials": credentials_path(settings)}
