"""One master key, as plain values, and the rules by which it changes.

The states and the rules are those of AWS KMS (API reference: ScheduleKeyDeletion,
CancelKeyDeletion, DisableKey, EnableKey, RotateKeyOnDemand, EnableKeyRotation). No clocks, no
files and no ciphers here: every change takes values and gives a new one.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import datetime, timedelta
from enum import StrEnum

from registry.values.errors import Conflict, ParameterInvalid

DELETION_DAYS = range(7, 31)


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
    automatic: bool = False
    """Whether it was made because its time had come, and not because somebody asked."""


@dataclass(frozen=True, slots=True)
class Rotation:
    """That a key gets a new version again and again."""

    days: int
    next: datetime

    def after(self, now: datetime) -> Rotation:
        """The schedule once the rotation of `next` is done: its first date behind `now`."""
        period = timedelta(days=self.days)
        missed = max(0, (now - self.next) // period)
        return replace(self, next=self.next + (missed + 1) * period)


@dataclass(frozen=True, slots=True)
class Alias:
    """A name of a key. The times are None of one from before they were kept."""

    name: str
    created: datetime | None = None
    updated: datetime | None = None
    """When it came to stand for this key."""


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
    named: tuple[Alias, ...] = ()
    managed: bool = False
    account: str = ""
    """Whose it is; of no account if it is the server's own."""
    region: str = ""
    policy: str | None = None
    """The key policy as it was set; None for the one that every key begins with."""
    tags: tuple[tuple[str, str], ...] = ()
    rotation: Rotation | None = None

    @property
    def aliases(self) -> tuple[str, ...]:
        """Its names."""
        return tuple(each.name for each in self.named)

    @property
    def arn(self) -> str:
        """Its ARN."""
        return f"arn:aws:kms:{self.region}:{self.account}:key/{self.key_id}"

    def version(self, number: int) -> KeyVersion | None:
        """The version of that number, if there is one."""
        return next((each for each in self.versions if each.number == number), None)

    def rotated(self, material: bytes, now: datetime, *, automatic: bool = False) -> MasterKey:
        """With a new version; the old ones go on unwrapping. Raises Conflict unless enabled."""
        if self.state is not KeyState.ENABLED:
            raise Conflict(f"key {self.key_id} is not enabled, but {self.state}")
        newest = KeyVersion(self.versions[-1].number + 1, material, now, automatic)
        rotation = self.rotation
        if automatic and rotation is not None:
            rotation = rotation.after(now)
        return replace(self, versions=(*self.versions, newest), rotation=rotation)

    def rotates(self, now: datetime) -> bool:
        """Whether the time of an automatic rotation has come; not while it cannot be used."""
        due = self.rotation is not None and self.rotation.next <= now
        return due and self.state is KeyState.ENABLED

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
