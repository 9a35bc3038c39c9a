"""`moorage usage` and `moorage quota`: what is held, and how much may be."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import click

from registry.commands.opened import opened
from registry.commands.options import KEYS, Group, options, settings_of
from registry.commands.shown import counted, size
from registry.domain.quotas import OF_REPOSITORY, Quotas
from registry.domain.usage import Totals, Usage
from registry.stores import repositories_of
from registry.values.errors import ParameterInvalid

_on_server = options("data", "account", "region", *KEYS)
_PAGE = 500
_NONE = "none"


class _Limit(click.ParamType[int | str]):
    """A number, with a unit if it is one of bytes; or `none`."""

    name = "NUMBER"

    def convert(self, value: Any, param: Any, ctx: Any) -> int | str:
        """The number; `none` as it is."""
        if value == _NONE or isinstance(value, int):
            return value  # type: ignore[no-any-return]  # one of the two
        try:
            return counted(value)
        except ValueError as error:
            self.fail(str(error), param, ctx)


_LIMIT = _Limit()


@click.command()
@_on_server
def usage(config: Path | None, **given: Any) -> None:
    """Show how much each repository of the account holds, and what is stored for it."""
    settings = settings_of(config, given)
    scope = settings.scope
    with opened(settings) as ground:
        found, quotas, after = Usage(ground.database), Quotas(ground.database), ""
        while page := found.repositories(scope, after, _PAGE):
            for held in page:
                limit = quotas.of(scope, held.name).repository_bytes
                click.echo(f"{_of(held.bytes, limit)}  {held.images} images  {held.name}")
            after = page[-1].name
        totals = found.account(scope.account)
        limit = quotas.of(scope).account_bytes
    for line in _told(totals, limit):
        click.echo(line)


def _told(totals: Totals, limit: int | None) -> list[str]:
    return [
        f"used     {_of(totals.used, limit)}, by all repositories of the account",
        f"resting  {size(totals.resting)}, held only by what was deleted and can be brought back",
        f"stored   {size(totals.stored)}, each layer once",
        f"arriving {size(totals.arriving)}, by uploads that have not ended: it counts as used",
    ]


def _of(used: int, limit: int | None) -> str:
    return size(used) if limit is None else f"{size(used)} of {size(limit)}"


@click.group(cls=Group)
def quota() -> None:
    """How much an account or a repository may hold."""


@quota.command()
@click.argument("repository", default="")
@_on_server
def show(repository: str, config: Path | None, **given: Any) -> None:
    """Show the limits that count for the account, or for REPOSITORY."""
    settings = settings_of(config, given)
    with opened(settings) as ground:
        found = asdict(Quotas(ground.database).of(settings.scope, repository))
        own = Quotas(ground.database).own(settings.scope, repository)
    for name, value in found.items():
        if not repository or name in OF_REPOSITORY:
            mark = "" if name in own else "  (of the server's settings, or of the account)"
            shown = _NONE if value is None else f"{value:,}"
            click.echo(f"{name}  {shown}{mark if value is not None else ''}")


@quota.command("set")
@click.argument("repository", default="")
@click.option("--bytes", "bytes_", type=_LIMIT, help="of the account, or of REPOSITORY; 10GiB")
@click.option("--repository-bytes", type=_LIMIT, help="of each repository of the account")
@click.option("--images", type=_LIMIT, help="in each repository, or in REPOSITORY")
@click.option("--repositories", type=_LIMIT, help="in each region of the account")
@_on_server
def set_(
    *,
    repository: str,
    bytes_: int | str | None,
    repository_bytes: int | str | None,
    images: int | str | None,
    repositories: int | str | None,
    config: Path | None,
    **given: Any,
) -> None:
    """Limit what the account may hold, or REPOSITORY; `none` lifts a limit.

    What is held already stays, even if it is more.
    """
    wanted = {
        "repository_bytes" if repository else "account_bytes": bytes_,
        "images": images,
        "repositories": repositories,
    }
    if repository_bytes is not None:
        if repository:
            raise ParameterInvalid("--repository-bytes is for accounts; --bytes for a repository")
        wanted["repository_bytes"] = repository_bytes
    if repository and repositories is not None:
        raise ParameterInvalid("--repositories is for accounts")
    changes = {
        name: None if value == _NONE else int(value)
        for name, value in wanted.items()
        if value is not None
    }
    if not changes:
        raise ParameterInvalid("give a limit to set")
    settings = settings_of(config, given)
    with opened(settings) as ground:
        if repository:
            repositories_of(settings, ground).get(settings.scope, repository)
        Quotas(ground.database).set(settings.scope, repository, changes)
    for name, value in changes.items():
        click.echo(f"{name}  {_NONE if value is None else f'{value:,}'}")


@quota.command()
@click.argument("repository", default="")
@_on_server
def unset(repository: str, config: Path | None, **given: Any) -> None:
    """Forget the limits of the account, or of REPOSITORY: the general ones count again."""
    settings = settings_of(config, given)
    with opened(settings) as ground:
        Quotas(ground.database).unset(settings.scope, repository)
    click.echo(f"{repository or settings.account} has no limits of its own")
