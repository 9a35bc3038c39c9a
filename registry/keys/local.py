"""Master keys kept in a file of one's own, with the behaviour of AWS KMS."""

from __future__ import annotations

import os
from collections.abc import Callable, Mapping
from datetime import UTC, datetime
from pathlib import Path
from threading import Lock
from uuid import uuid4

from registry.keys.cache import DataKeyCache
from registry.keys.filesealing import FileSealing
from registry.keys.keyfile import KeyFile, Signature
from registry.keys.provider import DataKey
from registry.keys.ring import (
    DEFAULT_ALIAS,
    ECR_ALIAS,
    KeyMetadata,
    KeyState,
    KeyVersion,
    MasterKey,
    Ring,
    checked_alias,
    checked_description,
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

    A key `reference` is an id, an alias (`alias/…`), or an ARN of either in this account and
    region.
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
        self._prefix = f"arn:aws:kms:{region}:{account}:"
        self._clock = clock
        self._lock = Lock()
        if create:
            self._file.create(self._first)
        self._loaded = _Loaded(*self._file.read())

    def __repr__(self) -> str:
        return f"LocalKeyring({os.fspath(self._file.path)!r})"

    # What storage asks: KeyProvider.

    def resolve(self, reference: str, scope: Scope | None = None) -> str:  # noqa: ARG002 - tmp
        """Key id of a reference. Raises KeyNotFound."""
        return self._find(self._current().ring, reference).key_id

    def arn(self, key_id: str, scope: Scope) -> str:
        """ARN of a key; of one that is destroyed, as if it had been in `scope`."""
        return f"arn:aws:kms:{scope.region}:{scope.account}:key/{key_id}"

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

    def create(self, description: str = "", alias: str | None = None) -> KeyMetadata:
        """A new enabled key. Raises ParameterInvalid, or Conflict where the alias is taken."""
        aliases = () if alias is None else (checked_alias(alias),)
        key = self._new_key(checked_description(description), aliases)

        def change(ring: Ring) -> Ring:
            if alias is not None and ring.holder(alias) is not None:
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
            self._file.change(lambda ring: ring.aliased(alias, key_id)).key(key_id)
        )

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
            raise KeyUnavailable(f"{self._prefix}key/{key_id} is {what}")
        return key

    def _find(self, ring: Ring, reference: str) -> MasterKey:
        if reference.startswith(self._prefix + "key/"):
            return ring.key(reference.removeprefix(self._prefix + "key/"))
        alias = reference.removeprefix(self._prefix)
        if not alias.startswith("alias/"):
            return ring.key(reference)
        key = ring.holder(alias)
        if key is None:
            raise KeyNotFound(f"alias {shown(reference)} does not exist")
        return key

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
            arn=f"{self._prefix}key/{key.key_id}",
            description=key.description,
            created=key.created,
            state=key.state,
            deletion_date=key.deletion_date,
            aliases=key.aliases,
            versions=len(key.versions),
            managed=key.managed,
        )

    def _first(self) -> Ring:
        default = self._new_key(
            "Default key of repositories with AES256 encryption", (DEFAULT_ALIAS,), managed=True
        )
        ecr = self._new_key(
            "Default key of repositories with KMS encryption", (ECR_ALIAS,), managed=True
        )
        return Ring(os.urandom(SECRET_SIZE), (default, ecr))

    def _new_key(
        self, description: str, aliases: tuple[str, ...], *, managed: bool = False
    ) -> MasterKey:
        now = self._clock()
        version = KeyVersion(1, os.urandom(SECRET_SIZE), now)
        return MasterKey(
            str(uuid4()), description, now, (version,), aliases=aliases, managed=managed
        )
