"""Master keys kept in a file of one's own, with the behaviour of AWS KMS."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock

from registry.keys.cache import DataKeyCache
from registry.keys.filesealing import FileSealing
from registry.keys.keyfile import KeyFile, Signature
from registry.keys.making import first_ring, new_key, with_managed_key
from registry.keys.provider import DataKey
from registry.keys.ring import (
    MANAGED,
    SERVER,
    KeyMetadata,
    KeyState,
    MasterKey,
    Ring,
    checked_alias,
    checked_description,
    located,
)
from registry.keys.ringjson import SECRET_SIZE
from registry.keys.wrapping import DATA_KEY_SIZE, derived_secret, unwrap, wrap
from registry.values.digest import shown
from registry.values.errors import Conflict, KeyNotFound, KeyUnavailable
from registry.values.scope import Scope


class _Loaded:
    """One state of the file, and what is worth keeping as long as it lasts."""

    def __init__(self, signature: Signature, ring: Ring) -> None:
        self.signature = signature
        self.ring = ring
        self.keys = {key.key_id: key for key in ring.keys}
        self.data_keys = DataKeyCache()


class LocalKeyring:
    """A KeyProvider over the keyring file at `path`, made there if it is missing.

    Any number of processes may use and change one file: a change by any of them, or by the
    command line, is seen by the next call of every other. Safe for threads. Where the file
    is missing, damaged or open to other users, every method raises KeyUnavailable.

    A key `reference` is an id, an alias (`alias/…`) of this account and region, or an ARN.
    """

    remote = False

    def __init__(
        self,
        path: Path,
        account: str,
        region: str,
        *,
        create: bool = True,
        sealing: FileSealing | None = None,
        clock: Callable[[], datetime] = lambda: datetime.now(UTC),
    ) -> None:
        self._file = KeyFile(path, sealing)
        self._scope = Scope(account, region)
        self._clock = clock
        self._lock = Lock()
        if create:
            self._file.create(lambda: first_ring(self._clock(), self._scope))
        self._loaded = _Loaded(*self._file.read())

    def __repr__(self) -> str:
        return f"LocalKeyring({os.fspath(self._file.path)!r})"

    # What storage asks: KeyProvider.

    def resolve(self, reference: str, scope: Scope | None = None) -> str:
        """Key id of a reference. Raises KeyNotFound.

        With a scope, names and ids are those of that account and region alone, and its key for
        a service is made when it is first asked for.
        """
        ring = self._current().ring
        if scope is None:
            return self._find(ring, reference).key_id
        if reference in MANAGED and ring.holder(reference, scope) is None:
            ring = self._file.change(
                lambda now: with_managed_key(now, reference, scope, self._clock())
            )
        key = ring.named(reference, scope)
        if key is None:
            raise KeyNotFound(f"key {shown(reference)} does not exist")
        return key.key_id

    def arn(self, key_id: str, scope: Scope) -> str:
        """ARN of a key; of one that is destroyed, as if it had been in `scope`."""
        key = self._current().keys.get(key_id)
        return (
            f"arn:aws:kms:{scope.region}:{scope.account}:key/{key_id}"
            if key is None
            else (self._arn(key))
        )

    def protect(self) -> None:
        """Seal the file, if it is in clear and there is something to seal it with."""
        self._file.protect()

    def check(self, key_id: str) -> None:
        """Raise KeyNotFound, or KeyUnavailable unless the key is enabled now."""
        self._usable(self._current(), key_id)

    def generate_data_key(self, key_id: str, context: Mapping[str, str]) -> DataKey:
        """A new data key bound to `context`. Raises KeyNotFound, KeyUnavailable."""
        key = self._usable(self._current(), key_id)
        plaintext = os.urandom(DATA_KEY_SIZE)
        return DataKey(plaintext, wrap(key, plaintext, context))

    def decrypt_data_key(self, key_id: str, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """The plaintext of a data key. Raises KeyNotFound, KeyUnavailable, Damaged."""
        loaded = self._current()
        key = self._usable(loaded, key_id)
        name = (key_id, wrapped, tuple(sorted(context.items())))
        plaintext = loaded.data_keys.get(name)
        if plaintext is None:
            plaintext = unwrap(key, wrapped, context)
            loaded.data_keys.put(name, plaintext)
        return plaintext

    def secret(self, name: str) -> bytes:
        """A 32-byte key for the purpose `name`, independent of every other, always the same."""
        return derived_secret(self._current().ring.root_secret, name)

    # What an administrator asks, after the operations of AWS KMS.

    def ring(self) -> Ring:
        """All keys as they are now."""
        return self._current().ring

    def edit(self, change: Callable[[Ring], Ring]) -> Ring:
        """Keep what `change` makes of all keys; where it raises, everything is as before."""
        return self._file.change(change)

    def now(self) -> datetime:
        """The time by which keys are rotated and destroyed."""
        return self._clock()

    def create(self, description: str = "", alias: str | None = None) -> KeyMetadata:
        """A new enabled key. Raises ParameterInvalid, or Conflict where the alias is taken."""
        aliases = () if alias is None else (checked_alias(alias),)
        key = new_key(self._clock(), self._scope, checked_description(description), aliases)

        def change(ring: Ring) -> Ring:
            if alias is not None and ring.holder(alias, self._scope) is not None:
                raise Conflict(f"an alias {shown(alias)} exists already")
            return ring.added(key)

        return self._metadata(self._file.change(change).key(key.key_id))

    def list(self) -> tuple[KeyMetadata, ...]:
        """Every key, in the order of their creation."""
        return tuple(self._metadata(key) for key in self._current().ring.keys)

    def describe(self, reference: str) -> KeyMetadata:
        """One key. Raises KeyNotFound."""
        return self._metadata(self._find(self._current().ring, reference))

    def rotate(self, reference: str) -> KeyMetadata:
        """New material for what is wrapped from now on. Raises KeyNotFound, Conflict."""
        material = os.urandom(SECRET_SIZE)
        return self._change(reference, lambda key: key.rotated(material, self._clock()))

    def enable(self, reference: str) -> KeyMetadata:
        """Let a disabled key be used again. Raises KeyNotFound, Conflict."""
        return self._change(reference, MasterKey.enabled)

    def disable(self, reference: str) -> KeyMetadata:
        """Refuse the key to everybody from now on.

        Raises KeyNotFound, ParameterInvalid for a managed key, Conflict.
        """
        return self._change(reference, MasterKey.disabled)

    def schedule_deletion(self, reference: str, days: int = 30) -> KeyMetadata:
        """Refuse the key from now on; `purge` destroys it after 7 to 30 days.

        Raises KeyNotFound, ParameterInvalid for a managed key or other days, Conflict.
        """
        return self._change(reference, lambda key: key.scheduled(self._clock(), days))

    def cancel_deletion(self, reference: str) -> KeyMetadata:
        """Keep a key that was to be deleted; it is disabled then. Raises KeyNotFound, Conflict."""
        return self._change(reference, MasterKey.deletion_cancelled)

    def set_alias(self, alias: str, reference: str) -> KeyMetadata:
        """Let `alias` stand for a key, and for no other.

        Raises KeyNotFound, ParameterInvalid, Conflict where the key is pending deletion.
        """
        checked_alias(alias)
        key_id = self.resolve(reference)
        return self._metadata(
            self._file.change(lambda ring: ring.aliased(alias, key_id, self._clock())).key(key_id)
        )

    def rotate_due(self) -> tuple[str, ...]:
        """Rotate the keys whose automatic rotation is due; their ids."""
        rotated: tuple[str, ...] = ()

        def change(ring: Ring) -> Ring:
            nonlocal rotated
            now = self._clock()
            due = [each for each in ring.keys if each.rotates(now)]
            rotated = tuple(each.key_id for each in due)
            for each in due:
                ring = ring.changed(each.rotated(os.urandom(SECRET_SIZE), now, automatic=True))
            return ring

        if any(each.rotates(self._clock()) for each in self._current().ring.keys):
            self._file.change(change)
        return rotated

    def purge(self) -> tuple[str, ...]:
        """Destroy the keys whose deletion date has come; their ids.

        What was sealed under them can never be read again.
        """
        destroyed: tuple[str, ...] = ()

        def change(ring: Ring) -> Ring:
            nonlocal destroyed
            destroyed = ring.due(self._clock())
            return ring.without(destroyed)

        self._file.change(change)
        return destroyed

    def _current(self) -> _Loaded:
        loaded = self._loaded
        if self._file.signature() == loaded.signature:
            return loaded
        with self._lock:
            # Read after the lock is held: what another thread has loaded meanwhile may be
            # older than the change this call has to see.
            self._loaded = _Loaded(*self._file.read())
            return self._loaded

    def _usable(self, loaded: _Loaded, key_id: str) -> MasterKey:
        key = loaded.keys.get(key_id)
        if key is None:
            raise KeyNotFound(f"key {shown(key_id)} does not exist")
        if key.state is not KeyState.ENABLED:
            what = "disabled" if key.state is KeyState.DISABLED else "pending deletion"
            raise KeyUnavailable(f"{self._arn(key)} is {what}")
        return key

    def _find(self, ring: Ring, reference: str) -> MasterKey:
        """As an administrator of the whole server names a key."""
        by_id = (each for each in ring.keys if each.key_id == reference)
        found = next(by_id, None) or ring.named(reference, self._scope)
        if found is None:
            scope, resource = located(reference, self._scope)
            own = ring.named(resource.removeprefix("key/"), SERVER)
            found = own if scope == self._scope else None
        if found is None:
            raise KeyNotFound(f"key {shown(reference)} does not exist")
        return found

    def _arn(self, key: MasterKey) -> str:
        """Of the server's own keys, as if they were of its first account."""
        scope = Scope(key.account, key.region) if key.account else self._scope
        return replace(key, account=scope.account, region=scope.region).arn

    def _change(self, reference: str, change: Callable[[MasterKey], MasterKey]) -> KeyMetadata:
        key_id = ""

        def changed(ring: Ring) -> Ring:
            nonlocal key_id
            key = self._find(ring, reference)
            key_id = key.key_id
            return ring.changed(change(key))

        ring = self._file.change(changed)
        return self._metadata(ring.key(key_id))

    def _metadata(self, key: MasterKey) -> KeyMetadata:
        return KeyMetadata(
            key_id=key.key_id,
            arn=self._arn(key),
            description=key.description,
            created=key.created,
            state=key.state,
            deletion_date=key.deletion_date,
            aliases=key.aliases,
            versions=len(key.versions),
            managed=key.managed,
        )
