"""What a keyring holds, as plain values, and the rules by which it changes.

The states and the rules are those of AWS KMS (API reference: ScheduleKeyDeletion,
CancelKeyDeletion, DisableKey, EnableKey, RotateKeyOnDemand, CreateAlias). No clocks, no files
and no ciphers here: every change takes values and gives a new one.
"""

from __future__ import annotations

import re
from collections.abc import Collection
from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from registry.values.digest import shown
from registry.values.errors import Conflict, KeyNotFound, ParameterInvalid

DEFAULT_ALIAS = "alias/moorage/default"
"""The key of repositories with encryption type AES256."""
ECR_ALIAS = "alias/aws/ecr"
"""The key of repositories with encryption type KMS that name none, as at AWS."""

DELETION_DAYS = range(7, 31)
DESCRIPTION_MAX = 8192
_ALIAS = re.compile(r"alias/[a-zA-Z0-9/_-]{1,250}", re.ASCII)
_RESERVED = ("alias/aws/", "alias/moorage/")


class KeyState(StrEnum):
    """Whether a master key may be used (AWS KMS, "Key states")."""

    ENABLED = "Enabled"
    DISABLED = "Disabled"
    PENDING_DELETION = "PendingDeletion"


@dataclass(frozen=True, slots=True)
class KeyVersion:
    """One generation of a master key's 256-bit material."""

    number: int
    material: bytes = field(repr=False)
    created: datetime


@dataclass(frozen=True, slots=True)
class KeyMetadata:
    """What may be told of a master key."""

    key_id: str
    arn: str
    description: str
    created: datetime
    state: KeyState
    deletion_date: datetime | None
    aliases: tuple[str, ...]
    versions: int
    managed: bool
    """Made and kept by the registry itself: it can be neither disabled nor deleted."""


@dataclass(frozen=True, slots=True)
class MasterKey:
    """A master key with all its versions, the newest last."""

    key_id: str
    description: str
    created: datetime
    versions: tuple[KeyVersion, ...]
    state: KeyState = KeyState.ENABLED
    deletion_date: datetime | None = None
    aliases: tuple[str, ...] = ()
    managed: bool = False

    def version(self, number: int) -> KeyVersion | None:
        """The version of that number, if there is one."""
        return next((each for each in self.versions if each.number == number), None)

    def rotated(self, material: bytes, now: datetime) -> MasterKey:
        """With a new version; the old ones go on unwrapping. Raises Conflict unless enabled."""
        if self.state is not KeyState.ENABLED:
            raise Conflict(f"key {self.key_id} is not enabled, but {self.state}")
        newest = KeyVersion(self.versions[-1].number + 1, material, now)
        return replace(self, versions=(*self.versions, newest))

    def enabled(self) -> MasterKey:
        """Usable again. Raises Conflict while its deletion is pending."""
        self._require_no_deletion()
        return replace(self, state=KeyState.ENABLED)

    def disabled(self) -> MasterKey:
        """Kept, but not usable. Raises ParameterInvalid for a managed key, Conflict."""
        self._require_customer("disabled")
        self._require_no_deletion()
        return replace(self, state=KeyState.DISABLED)

    def scheduled(self, now: datetime, days: int) -> MasterKey:
        """To be destroyed in 7 to 30 days, unusable from now on.

        Raises ParameterInvalid for a managed key or other days, Conflict if it is already.
        """
        self._require_customer("deleted")
        if days not in DELETION_DAYS:
            raise ParameterInvalid(f"a key is deleted after 7 to 30 days, not {days}")
        self._require_no_deletion()
        date = now + timedelta(days=days)
        return replace(self, state=KeyState.PENDING_DELETION, deletion_date=date)

    def deletion_cancelled(self) -> MasterKey:
        """Kept after all, disabled until somebody enables it. Raises Conflict."""
        if self.state is not KeyState.PENDING_DELETION:
            raise Conflict(f"key {self.key_id} is not pending deletion, but {self.state}")
        return replace(self, state=KeyState.DISABLED, deletion_date=None)

    def _require_customer(self, what: str) -> None:
        if self.managed:
            raise ParameterInvalid(
                f"key {self.key_id} ({', '.join(self.aliases)}) is managed by the registry"
                f" and cannot be {what}"
            )

    def _require_no_deletion(self) -> None:
        if self.state is KeyState.PENDING_DELETION:
            raise Conflict(f"key {self.key_id} is pending deletion")


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

    def holder(self, alias: str) -> MasterKey | None:
        """The key an alias stands for, if it stands for one."""
        return next((each for each in self.keys if alias in each.aliases), None)

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

    def aliased(self, alias: str, key_id: str) -> Ring:
        """With `alias` standing for that key, and for no other. Raises KeyNotFound, Conflict."""
        key = self.key(key_id)
        if key.state is KeyState.PENDING_DELETION:
            raise Conflict(f"key {key_id} is pending deletion")
        holder = self.holder(alias)
        if holder == key:
            return self
        ring = self
        if holder is not None:
            kept = tuple(each for each in holder.aliases if each != alias)
            ring = self.changed(replace(holder, aliases=kept))
        return ring.changed(replace(key, aliases=(*key.aliases, alias)))

    def due(self, now: datetime) -> tuple[str, ...]:
        """Ids of the keys whose deletion date has come."""
        return tuple(
            each.key_id
            for each in self.keys
            if each.deletion_date is not None and each.deletion_date <= now
        )


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
