"""What a keyring holds, as plain values, and how keys are found in it.

An alias belongs to an account and a region, as its key does (AWS KMS API reference, CreateAlias).
What has no account is the server's own.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime

from registry.keys.masterkey import (
    DELETION_DAYS,
    Alias,
    KeyMetadata,
    KeyState,
    KeyVersion,
    MasterKey,
    Rotation,
)
from registry.values.digest import shown
from registry.values.errors import Conflict, KeyNotFound, ParameterInvalid
from registry.values.scope import Scope

__all__ = [
    "DEFAULT_ALIAS",
    "DELETION_DAYS",
    "ECR_ALIAS",
    "MANAGED",
    "SECRETS_ALIAS",
    "SERVER",
    "SSM_ALIAS",
    "Alias",
    "KeyMetadata",
    "KeyState",
    "KeyVersion",
    "MasterKey",
    "Ring",
    "Rotation",
    "checked_alias",
    "checked_description",
]

DEFAULT_ALIAS = "alias/moorage/default"
"""The key of repositories with encryption type AES256: the server's own."""
ECR_ALIAS = "alias/aws/ecr"
"""The key of repositories with encryption type KMS that name none; each account and region has
one, as at AWS."""
SSM_ALIAS = "alias/aws/ssm"
"""The same of parameters of the type SecureString."""
SECRETS_ALIAS = "alias/aws/secretsmanager"
"""The same of secrets."""
MANAGED = {
    ECR_ALIAS: "Default key of repositories with KMS encryption",
    SSM_ALIAS: "Default key of parameters of the type SecureString",
    SECRETS_ALIAS: "Default key of secrets",
}
"""The keys that an account and region has for services, with their descriptions."""
SERVER = Scope("", "")
"""Where the server's own keys are."""

DESCRIPTION_MAX = 8192
_ALIAS = re.compile(r"alias/[a-zA-Z0-9/_-]{1,250}", re.ASCII)
_RESERVED = ("alias/aws/", "alias/moorage/")
_ARN = re.compile(r"arn:aws:kms:([^:]*):([^:]*):((?:key|alias)/.*)", re.DOTALL)


@dataclass(frozen=True, slots=True)
class Ring:
    """All master keys, and the root of the named secrets."""

    root_secret: bytes = field(repr=False)
    keys: tuple[MasterKey, ...]

    def key(self, key_id: str) -> MasterKey:
        """The key of that id. Raises KeyNotFound."""
        for each in self.keys:
            if each.key_id == key_id:
                return each
        raise KeyNotFound(f"key {shown(key_id)} does not exist")

    def holder(self, alias: str, scope: Scope = SERVER) -> MasterKey | None:
        """The key an alias stands for, if it stands for one."""
        return next((each for each in self.of(scope) if alias in each.aliases), None)

    def of(self, scope: Scope) -> list[MasterKey]:
        """The keys of an account in a region."""
        wanted = (scope.account, scope.region)
        return [each for each in self.keys if (each.account, each.region) == wanted]

    def named(self, reference: str, scope: Scope) -> MasterKey | None:
        """The key of an ARN, or of an id or an alias in `scope`."""
        scope, resource = located(reference, scope)
        if resource.startswith("alias/"):
            return self.holder(resource, scope)
        key_id = resource.removeprefix("key/")
        return next((each for each in self.of(scope) if each.key_id == key_id), None)

    def added(self, key: MasterKey) -> Ring:
        """With one key more."""
        return replace(self, keys=(*self.keys, key))

    def changed(self, key: MasterKey) -> Ring:
        """With `key` in the place of the key of the same id."""
        return replace(
            self, keys=tuple(key if each.key_id == key.key_id else each for each in self.keys)
        )

    def without(self, key_ids: Collection[str]) -> Ring:
        """Without those keys, their material and their aliases."""
        return replace(self, keys=tuple(each for each in self.keys if each.key_id not in key_ids))

    def aliased(self, alias: str, key_id: str, now: datetime) -> Ring:
        """With `alias` standing for that key, and for no other of its account and region.

        Raises KeyNotFound, Conflict.
        """
        key = self.key(key_id)
        if key.state is KeyState.PENDING_DELETION:
            raise Conflict(f"key {key_id} is pending deletion")
        scope = Scope(key.account, key.region)
        holder = self.holder(alias, scope)
        before = (
            next((each for each in holder.named if each.name == alias), None) if holder else None
        )
        ring = self.unaliased(alias, scope)
        key = ring.key(key_id)
        stands = Alias(alias, before.created if before else now, now)
        return ring.changed(replace(key, named=(*key.named, stands)))

    def unaliased(self, alias: str, scope: Scope) -> Ring:
        """With `alias` standing for nothing."""
        holder = self.holder(alias, scope)
        if holder is None:
            return self
        kept = tuple(each for each in holder.named if each.name != alias)
        return self.changed(replace(holder, named=kept))

    def due(self, now: datetime) -> tuple[str, ...]:
        """Ids of the keys whose deletion date has come."""
        return tuple(
            each.key_id
            for each in self.keys
            if each.deletion_date is not None and each.deletion_date <= now
        )


def located(reference: str, scope: Scope) -> tuple[Scope, str]:
    """Where a reference leads to, and `key/<id>` or `alias/<name>`; names are those of `scope`."""
    arn = _ARN.fullmatch(reference)
    if arn is not None:
        return Scope(arn[2], arn[1]), arn[3]
    return scope, reference if reference.startswith("alias/") else f"key/{reference}"


def checked_alias(alias: str) -> str:
    """A customer's alias, checked. Raises ParameterInvalid naming what is wrong."""
    if _ALIAS.fullmatch(alias) is None:
        raise ParameterInvalid(
            f"alias {shown(alias)} must be alias/ and then at most 250 letters, digits, / _ or -"
        )
    if alias.startswith(_RESERVED):
        raise ParameterInvalid(f"alias {shown(alias)}: names under {_RESERVED} are reserved")
    return alias


def checked_description(text: str) -> str:
    """A description, checked. Raises ParameterInvalid."""
    if len(text) > DESCRIPTION_MAX:
        raise ParameterInvalid(f"a description has at most {DESCRIPTION_MAX} characters")
    return text
