"""`moorage policy`: policy files checked, compared and applied."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import click

from registry.commands.options import Group, options, settings_of
from registry.config import Settings
from registry.database import migrate
from registry.database.database import Database
from registry.domain.policyfiles.applying import PolicyFiles
from registry.domain.policyfiles.folder import read_folder
from registry.domain.policyfiles.problems import PolicyFilesInvalid
from registry.domain.policyfiles.rendering import lines
from registry.values.errors import ParameterInvalid

F = TypeVar("F", bound=Callable[..., object])

DIFFERENT = 2
"""Exit status of `diff` where something would change."""

_directory = click.argument("directory", metavar="DIR", type=click.Path(path_type=Path))
_on_server = options("data", "account", "region")


def _prune(text: str) -> Callable[[F], F]:
    return click.option("--prune", is_flag=True, help=text)


@click.group(cls=Group)
def policy() -> None:
    """Policies as files; docs/policy-files.md describes the directory."""


@policy.command()
@_directory
def validate(directory: Path) -> None:
    """Check every file of DIR; exit status 1, and file:line:column: reason, for what is wrong."""
    with _problems_shown():
        folder = read_folder(directory)
    attached = f" and {len(folder.attachments)} attachments" if folder.attachments else ""
    click.echo(f"{directory}: {len(folder.files)} policies{attached} are valid")


@policy.command()
@_prune("show also what apply --prune would remove")
@_directory
@_on_server
def diff(directory: Path, prune: bool, config: Path | None, **given: Any) -> None:
    """Show what applying DIR would change; exit status 2 where that is anything."""
    with _problems_shown(), _policy_files(settings_of(config, given)) as files:
        outcome = files.diff(read_folder(directory), prune=prune)
    for line in lines(outcome, documents=True, pruned=prune):
        click.echo(line)
    sys.exit(DIFFERENT if outcome.changes else 0)


@policy.command()
@_prune("remove what earlier applies made from files that are gone")
@_directory
@_on_server
def apply(directory: Path, prune: bool, config: Path | None, **given: Any) -> None:
    """Put the policies of DIR in force, all or none; a running server sees them at once."""
    with _problems_shown(), _policy_files(settings_of(config, given)) as files:
        outcome = files.apply(read_folder(directory), prune=prune)
    for line in lines(outcome, documents=False, pruned=prune):
        click.echo(line)


@contextmanager
def _policy_files(settings: Settings) -> Iterator[PolicyFiles]:
    path = settings.data / "moorage.db"
    if not path.exists():
        raise ParameterInvalid(f"{settings.data}: no server has kept anything here yet")
    database = Database(path)
    try:
        migrate.upgrade(database)
        yield PolicyFiles(database, settings.scope)
    finally:
        database.close()


@contextmanager
def _problems_shown() -> Iterator[None]:
    """Each problem on a line of its own, as compilers write them, then exit status 1."""
    try:
        yield
    except PolicyFilesInvalid as error:
        for problem in error.problems:
            click.echo(str(problem), err=True)
        sys.exit(1)
