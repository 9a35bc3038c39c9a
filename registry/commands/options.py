"""What the commands share: options from settings, and errors in one line."""

from __future__ import annotations

import os
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from typing import Any, TypeVar

import click

from registry.commands.record import record
from registry.config import ENVIRONMENT_PREFIX, Settings, choices, from_environment, from_file, read
from registry.values.errors import MoorageError
from registry.values.scope import Scope

STORAGE = (
    "storage",
    "s3_bucket",
    "s3_prefix",
    "s3_endpoint",
    "s3_region",
    "s3_path_style",
)
"""The settings that say where the bytes lie."""

KEYS = ("keyring", "key_provider", "aws_kms_key", "aws_kms_region", "aws_kms_endpoint")
"""The settings that say where the keys are."""

F = TypeVar("F", bound=Callable[..., object])


class Group(click.Group):
    """Commands whose errors are one line and exit status 1, never a traceback."""

    def invoke(self, context: click.Context) -> Any:
        """Run the command."""
        try:
            return super().invoke(context)
        except MoorageError as error:
            raise click.ClickException(str(error)) from None


public = click.option(
    "--public", is_flag=True, help="what is in the account's public registry, not the private one"
)
"""For commands about the registry of `scope_of`."""


def scope_of(settings: Settings, *, public: bool) -> Scope:
    """The registry that a command is about."""
    return Scope.public_of(settings.account) if public else settings.scope


def options(*names: str) -> Callable[[F], F]:
    """Command-line options for the settings named, or for all."""

    def decorate(function: F) -> F:
        function = click.option(
            "--config",
            type=click.Path(path_type=Path),
            envvar=ENVIRONMENT_PREFIX + "CONFIG",
            help="TOML file with settings",
        )(function)
        for item in reversed(fields(Settings)):
            if not names or item.name in names:
                function = _option(item.name, str(item.type), item.metadata["help"], item.default)(
                    function
                )
        return function

    return decorate


def _option(name: str, kind: str, text: str, default: object) -> Callable[[F], F]:
    flag = "--" + name.replace("_", "-")
    if kind == "bool":
        flag = f"{flag}/--no-{name.replace('_', '-')}"
    allowed = choices(kind)
    shown = f"  [default: {default}]" if default not in (None, "") else ""
    return click.option(
        flag,
        name,
        default=None,
        type=click.Choice(allowed) if allowed else None,
        metavar=None if allowed or kind == "bool" else kind.removesuffix(" | None").upper(),
        help=f"{text}{shown}",
    )


def settings_of(config: Path | None, given: dict[str, Any]) -> Settings:
    """The settings out of a command's options, the environment and the file of --config.

    From here on the command is one that the audit log will tell of.
    """
    sources = [given, from_environment(os.environ)]
    if config is not None:
        sources.append(from_file(config))
    settings = read(*sources)
    record(settings)
    return settings
