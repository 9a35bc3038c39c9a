"""Keys as they begin."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import datetime, timedelta
from uuid import uuid4

from registry.keys.ring import (
    DEFAULT_ALIAS,
    ECR_ALIAS,
    MANAGED,
    SERVER,
    Alias,
    KeyVersion,
    MasterKey,
    Ring,
    Rotation,
)
from registry.keys.ringjson import SECRET_SIZE
from registry.values.scope import Scope

YEAR = 365
"""Days after which a managed key is rotated, and any other where nobody says another number."""


def new_key(
    now: datetime, scope: Scope, description: str = "", aliases: tuple[str, ...] = ()
) -> MasterKey:
    """A key that never was before."""
    return MasterKey(
        str(uuid4()),
        description,
        now,
        (KeyVersion(1, os.urandom(SECRET_SIZE), now),),
        named=tuple(Alias(name, now, now) for name in aliases),
        account=scope.account,
        region=scope.region,
    )


def first_ring(now: datetime, scope: Scope) -> Ring:
    """The server's own key, and the one for ECR of its first account and region."""
    text = "Default key of repositories with AES256 encryption"
    default = _managed(new_key(now, SERVER, text, (DEFAULT_ALIAS,)))
    return with_managed_key(Ring(os.urandom(SECRET_SIZE), (default,)), ECR_ALIAS, scope, now)


def with_managed_key(ring: Ring, alias: str, scope: Scope, now: datetime) -> Ring:
    """With the account's and region's key for the service of an alias, unless it has one."""
    if ring.holder(alias, scope) is not None:
        return ring
    return ring.added(_managed(new_key(now, scope, MANAGED[alias], (alias,))))


def _managed(key: MasterKey) -> MasterKey:
    """As AWS KMS keeps the keys that it manages: rotated every year."""
    rotation = Rotation(YEAR, key.created + timedelta(days=YEAR))
    return replace(key, managed=True, rotation=rotation)
