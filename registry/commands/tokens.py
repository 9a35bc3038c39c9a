"""`moorage token`: robots, and the long-lived tokens with which they sign in."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import click

from registry.commands.opened import opened
from registry.commands.options import KEYS, Group, options, settings_of
from registry.domain.identities.robots import (
    PULL,
    PUSH,
    Robot,
    narrow_policy,
    repository_arns,
)
from registry.domain.tokens import USERNAME
from registry.stores import tokens_of
from registry.values.errors import EntityNotFound

_on_server = options("data", "account", "region", *KEYS, "robot_tokens")


@click.group(cls=Group)
def token() -> None:
    """Long-lived tokens for systems that cannot renew every 12 hours."""


@token.command()
@click.option("--name", required=True, help="what the token is for; unique for its user")
@click.option("--user", required=True, help="IAM user it acts as, never with more rights")
@click.option(
    "--repository",
    "repositories",
    required=True,
    multiple=True,
    help="repository it may be used for, with wildcards: team/*; may be repeated",
)
@click.option("--allow", type=click.Choice(["pull", "push"]), default="pull", show_default=True)
@click.option("--days", type=click.IntRange(1, 3650), help="days it lives; without, until revoked")
@_on_server
def create(
    *,
    name: str,
    user: str,
    repositories: tuple[str, ...],
    allow: str,
    days: int | None,
    config: Path | None,
    **given: Any,
) -> None:
    """Make a token and print it, this once; its user name for docker login is AWS."""
    settings = settings_of(config, given)
    arns = repository_arns(settings.account, repositories)
    document = narrow_policy(arns, PUSH if allow == "push" else PULL)
    expires = None if days is None else datetime.now(UTC) + timedelta(days=days)
    with opened(settings) as ground:
        owner = ground.directory.user_named(settings.account, user)
        if owner is None:
            raise EntityNotFound(f"account {settings.account} has no active user {user!r}")
        robot = ground.robots.create(owner, name, document, expires)
        password = tokens_of(ground).for_robot(robot.id)
    click.echo(
        f"{robot.id}: docker login --username {USERNAME}, with this as the password:", err=True
    )
    click.echo(password)


@token.command("list")
@_on_server
def list_(config: Path | None, **given: Any) -> None:
    """List the tokens of the account; a token itself cannot be shown again."""
    settings = settings_of(config, given)
    with opened(settings) as ground:
        found = ground.robots.list(settings.account)
    for robot in found:
        click.echo(_described(robot))
    if found and not settings.robot_tokens:
        click.echo("none of them is let in: the setting robot_tokens is off here", err=True)


@token.command()
@click.argument("robot", metavar="ID")
@_on_server
def revoke(robot: str, config: Path | None, **given: Any) -> None:
    """End a token, at once."""
    settings = settings_of(config, given)
    with opened(settings) as ground:
        ground.robots.revoke(settings.account, robot)
    click.echo(f"{robot} is revoked")


def _described(robot: Robot) -> str:
    end = f"until {robot.expires_at:%Y-%m-%d %H:%M} UTC" if robot.expires_at else "until revoked"
    allowed = "push" if PUSH[-1] in robot.document else "pull"
    names = ", ".join(arn.partition(":repository/")[2] for arn in robot.resources)
    return f"{robot.id}  {robot.name}  user {robot.user}  {allowed} {names}  {end}"
