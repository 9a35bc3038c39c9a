"""`moorage account`: AWS accounts, each a registry of its own on the same server; and its users
disabled and enabled, which IAM has no operation for."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import click

from registry.commands.opened import opened
from registry.commands.options import KEYS, Group, options, settings_of
from registry.config import Settings
from registry.domain.identities.accounts import ADMINISTRATOR, check_account
from registry.domain.identities.users import Users
from registry.setup import credentials_path, write_credentials
from registry.values.errors import ParameterInvalid

_on_server = options("data", "account", "region", *KEYS)


@click.group(cls=Group)
def account() -> None:
    """Accounts; a running server sees every change at once."""


@account.command()
@click.argument("number", metavar="ACCOUNT")
@_on_server
def create(number: str, config: Path | None, **given: Any) -> None:
    """Make ACCOUNT (12 digits) with an administrator of its own.

    The administrator's access key becomes the profile [ACCOUNT] of DATA/credentials.
    """
    settings = settings_of(config, given)
    path = credentials_path(settings)
    check_account(number)
    with opened(settings) as ground:
        key = ground.accounts.bootstrap(number, lambda new: write_credentials(path, new, number))
    if key is None:
        raise ParameterInvalid(f"there is an account {number} already")
    click.echo(f"account {number}: {key.id} of its user {ADMINISTRATOR!r} is the profile")
    click.echo(f"[{number}] of {path.absolute()}")


@account.command("list")
@_on_server
def list_(config: Path | None, **given: Any) -> None:
    """List all accounts, with their disabled users."""
    settings = settings_of(config, given)
    with opened(settings) as ground:
        users = Users(ground.database)
        for number in ground.accounts.list():
            marks = ["default"] if number == settings.account else []
            if disabled := users.inactive(number):
                marks.append(f"disabled: {', '.join(disabled)}")
            click.echo("  ".join([number, *marks]))


@account.command("disable-user")
@click.argument("name", metavar="NAME")
@_on_server
def disable_user(name: str, config: Path | None, **given: Any) -> None:
    """End everything of a user at once: access keys, sessions, passwords, robots.

    The user is one of --account. Nothing is deleted: enable-user undoes it.
    """
    _set_active(settings_of(config, given), name, active=False)


@account.command("enable-user")
@click.argument("name", metavar="NAME")
@_on_server
def enable_user(name: str, config: Path | None, **given: Any) -> None:
    """Undo disable-user: what has not expired meanwhile works again."""
    _set_active(settings_of(config, given), name, active=True)


def _set_active(settings: Settings, name: str, *, active: bool) -> None:
    with opened(settings) as ground:
        Users(ground.database).set_active(settings.account, name, active=active)
    state = "enabled" if active else "disabled"
    click.echo(f"user {name!r} of account {settings.account} is {state}")
