"""`moorage signing-key`: the keys that sign images as they are pushed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import click

from registry.commands.options import KEYS, Group, options, settings_of
from registry.domain.signing.keys import SigningKeys
from registry.keys.local import LocalKeyring
from registry.values.errors import ParameterInvalid

_PROFILE = re.compile(
    r"arn:aws(-[a-z]+)*:signer:[a-z0-9-]+:[0-9]{12}:/signing-profiles/[a-zA-Z0-9_]{2,}", re.ASCII
)


@click.group("signing-key", cls=Group)
def signing_key() -> None:
    """Keys of signing profiles; they are part of the keyring."""


@signing_key.command()
@click.argument("profile", metavar="PROFILE_ARN")
@options("data", "account", "region", *KEYS)
def export(profile: str, config: Path | None, **given: Any) -> None:
    """Print the public key that verifies what the profile PROFILE_ARN signed, as PEM."""
    if _PROFILE.fullmatch(profile) is None:
        raise ParameterInvalid(f"{profile[:200]!r} is not the ARN of a signing profile")
    settings = settings_of(config, given)
    keyring = LocalKeyring(settings.keyring_path, settings.account, settings.region, create=False)
    click.echo(SigningKeys(keyring.secret).public_key(profile), nl=False)
