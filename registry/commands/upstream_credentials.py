"""`moorage upstream-credentials`: with which credentials upstream registries are asked."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

import click

from registry.caching import secrets_of
from registry.commands.opened import opened
from registry.commands.options import KEYS, Group, options, settings_of
from registry.domain.upstreams.secrets import Secret
from registry.domain.upstreams.sources import PREFIX, secret_name, secret_value
from registry.values.errors import ParameterInvalid

_on_server = options("data", "account", "region", *KEYS)


@click.group("upstream-credentials", cls=Group)
def upstream_credentials() -> None:
    """Credentials for the upstreams of pull through cache rules, sealed under the keyring."""


@upstream_credentials.command("set")
@click.argument("name")
@click.option("--username", required=True, help="the user name at the upstream registry")
@_on_server
def set_(*, name: str, username: str, config: Path | None, **given: Any) -> None:
    """Keep credentials under a name and print the ARN that a rule's --credential-arn takes.

    The access token or password is asked for, or read from standard input. Rules that name the
    ARN already use the new ones at once.
    """
    settings = settings_of(config, given)
    secret = secret_name(name)
    value = secret_value(username, _access_token())
    with opened(settings) as ground:
        kept = secrets_of(ground).put(settings.scope, secret, value)
    click.echo(kept.arn)


@upstream_credentials.command("list")
@_on_server
def list_(config: Path | None, **given: Any) -> None:
    """List the names and ARNs; what they stand for is never shown."""
    settings = settings_of(config, given)
    with opened(settings) as ground:
        found = secrets_of(ground).list(settings.scope)
    for secret in found:
        if secret.name.startswith(PREFIX):
            click.echo(_described(secret))


@upstream_credentials.command()
@click.argument("name")
@_on_server
def remove(*, name: str, config: Path | None, **given: Any) -> None:
    """Forget credentials; rules that name them bring nothing new from then on."""
    settings = settings_of(config, given)
    with opened(settings) as ground:
        gone = secrets_of(ground).remove(settings.scope, secret_name(name))
    click.echo(f"{gone.arn} is gone")


def _access_token() -> str:
    if sys.stdin.isatty():
        given: str = click.prompt("Access token", hide_input=True, err=True)
    else:
        given = sys.stdin.read()
    token = given.strip()
    if not token:
        raise ParameterInvalid("no access token on standard input")
    return token


def _described(secret: Secret) -> str:
    name = secret.name.removeprefix(PREFIX)
    return f"{name}  {secret.arn}  set {secret.updated_at:%Y-%m-%d %H:%M} UTC"
