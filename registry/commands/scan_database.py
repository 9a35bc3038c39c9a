"""`moorage scan db`: Trivy's databases in this registry, where there is no internet."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from registry.commands.opened import opened
from registry.commands.options import KEYS, STORAGE, Group, options, settings_of
from registry.domain import trivy_database
from registry.domain.templates import ON_PUSH
from registry.stores import ecr_stores
from registry.values.errors import RepositoryNotFound
from registry.values.reference import repository_name

PRINCIPAL = "arn:moorage:operator"
"""Whose upload it is; nobody can log in as that."""


@click.group("db", cls=Group)
def database() -> None:
    """Trivy's databases in this registry."""


@database.command()
@click.argument("file", type=click.Path(path_type=Path, exists=True))
@click.option("--repository", default="", help="default: trivy-db, or trivy-java-db")
@options("data", "account", "region", *KEYS, *STORAGE)
def push(file: Path, repository: str, config: Path | None, **given: Any) -> None:
    """Push a database of Trivy's, as Trivy downloads it.

    FILE is db.tar.gz or javadb.tar.gz, or the folder that holds trivy.db (trivy-java.db) and
    metadata.json. A repository that is not there is created.
    """
    settings = settings_of(config, given)
    with trivy_database.read(file) as found, opened(settings) as ground:
        stores = ecr_stores(settings, ground)
        name = repository_name(repository or found.kind.repository)
        try:
            target = stores.repositories.get(settings.scope, name)
        except RepositoryNotFound:
            target = stores.templates.create_for(settings.scope, name, ON_PUSH)
        pushed = trivy_database.push(found, target, stores.uploads, stores.images, PRINCIPAL)
    click.echo(
        f"{name}:{found.kind.version}  {pushed.image.digest}"
        f"  of {found.updated_at:%Y-%m-%d %H:%M} UTC"
    )
