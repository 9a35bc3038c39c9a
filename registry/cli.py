"""The command `moorage`."""

from __future__ import annotations

import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import click

from registry import __version__
from registry.commands.accounts import account
from registry.commands.audit import audit
from registry.commands.backup import backup, restore
from registry.commands.copy import copy
from registry.commands.events import events
from registry.commands.explain import explain
from registry.commands.gate import gate
from registry.commands.gc import gc
from registry.commands.lifecycle import lifecycle
from registry.commands.options import KEYS, Group, options, settings_of
from registry.commands.policy import policy
from registry.commands.protect import protect
from registry.commands.public import public
from registry.commands.rekey import rekey
from registry.commands.scan import scan
from registry.commands.signing_key import signing_key
from registry.commands.tokens import token
from registry.commands.undelete import undelete
from registry.commands.upstream_credentials import upstream_credentials
from registry.commands.usage import quota, usage
from registry.commands.verify import verify
from registry.ground import aws_keys, keyring
from registry.keys.aws import arn_of
from registry.keys.local import LocalKeyring
from registry.keys.ring import KeyMetadata
from registry.values.errors import KeyNotFound


@click.group(cls=Group, context_settings={"help_option_names": ["-h", "--help"]})
@click.version_option(__version__, prog_name="moorage")
def main() -> None:
    """A container registry with Amazon ECR's interface, on machines of your own."""


for command in (
    account,
    audit,
    backup,
    copy,
    events,
    gate,
    gc,
    lifecycle,
    policy,
    protect,
    public,
    quota,
    rekey,
    restore,
    scan,
    token,
    undelete,
    usage,
    upstream_credentials,
    verify,
):
    main.add_command(command)
main.add_command(signing_key)
policy.add_command(explain)


@main.command()
@options()
def serve(config: Path | None, **given: Any) -> None:
    """Start the server.

    Every option can also be given as MOORAGE_<OPTION> in the environment, or in the file of
    --config.
    """
    settings = settings_of(config, given)
    # Only here: the other commands have no use for a server.
    from registry.serve import serve as run  # noqa: PLC0415 - only here, see above

    sys.exit(run(settings, click.echo))


@main.command()
@options("data", "account", "region", *KEYS)
def credentials(config: Path | None, **given: Any) -> None:
    """Make another access key for the administrator and write DATA/credentials anew.

    Earlier keys stay valid.
    """
    settings = settings_of(config, given)
    from registry.setup import credentials_path, new_credentials  # noqa: PLC0415 - see serve

    key = new_credentials(settings)
    click.echo(f"{key.id} is in {credentials_path(settings).absolute()}")


@main.group()
def keys() -> None:
    """Master keys of the local keyring; a running server sees every change at once."""


_key_options = options("data", "account", "region", *KEYS)


def _keyring(config: Path | None, given: dict[str, Any]) -> LocalKeyring:
    settings = settings_of(config, given)
    return keyring(settings, aws_keys(settings))


@keys.command("create")
@click.option("--description", default="", help="what the key is for")
@click.option("--alias", default=None, help="a name for it, alias/...")
@_key_options
def keys_create(description: str, alias: str | None, config: Path | None, **given: Any) -> None:
    """Make a key; name it in `aws ecr create-repository --encryption-configuration`."""
    _show([_keyring(config, given).create(description, alias)])
    if settings_of(config, given).key_provider == "aws":
        click.echo("the key is in the keyring of this server, not at AWS", err=True)


@keys.command("list")
@_key_options
def keys_list(config: Path | None, **given: Any) -> None:
    """List all keys."""
    _show(_keyring(config, given).list())
    aws = aws_keys(settings_of(config, given))
    if aws is not None:
        key_id = aws.resolve(aws.default)
        click.echo(arn_of(key_id))
        click.echo(f"  state     {aws.state(key_id)}, kept by AWS KMS: the default")


def _on_key(name: str, text: str, act: Callable[[LocalKeyring, str], KeyMetadata]) -> None:
    @keys.command(name, help=text)
    @click.argument("key")
    @_key_options
    def command(key: str, config: Path | None, **given: Any) -> None:
        _act(key, config, given, act)


def _act(
    key: str,
    config: Path | None,
    given: dict[str, Any],
    act: Callable[[LocalKeyring, str], KeyMetadata],
) -> None:
    try:
        _show([act(_keyring(config, given), key)])
    except KeyNotFound as error:
        if settings_of(config, given).key_provider != "aws":
            raise
        told = f"{error} in the keyring; keys of AWS KMS are managed there, with `aws kms`"
        raise KeyNotFound(told) from None


_on_key(
    "rotate",
    "New data is sealed under a new version; old data stays readable.",
    LocalKeyring.rotate,
)
_on_key(
    "disable",
    "Nothing under the key can be read or written until it is enabled.",
    LocalKeyring.disable,
)
_on_key("enable", "Undo disable.", LocalKeyring.enable)
_on_key(
    "cancel-deletion",
    "Keep a key that is pending deletion; it is then disabled.",
    LocalKeyring.cancel_deletion,
)


@keys.command("schedule-deletion")
@click.argument("key")
@click.option("--days", default=30, show_default=True, help="waiting period, 7 to 30 days")
@_key_options
def keys_schedule_deletion(key: str, days: int, config: Path | None, **given: Any) -> None:
    """Destroy a key after a waiting period: what it seals is then lost for ever."""
    _act(key, config, given, lambda ring, name: ring.schedule_deletion(name, days))


def _show(found: Any) -> None:
    for key in found:
        click.echo(f"{key.arn}")
        click.echo(f"  state     {_state(key)}")
        click.echo(f"  aliases   {', '.join(key.aliases) or '-'}")
        click.echo(f"  versions  {key.versions}, created {key.created:%Y-%m-%d %H:%M:%S} UTC")
        if key.description:
            click.echo(f"  {key.description}")


def _state(key: KeyMetadata) -> str:
    managed = ", managed by the registry" if key.managed else ""
    date = f" on {key.deletion_date:%Y-%m-%d %H:%M} UTC" if key.deletion_date else ""
    return f"{key.state.value}{date}{managed}"
