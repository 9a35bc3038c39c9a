"""Where the bytes of each key lie, and who may open them.

    blobs/<key>/<algorithm>/<first two hex>/<hex>/<object>     a blob, by digest
    uploads/<key>/<upload>/<object>                            a part on its way in

Blobs are shared by all repositories of one key and never across keys, so that disabling or
destroying a key does exactly what its owner expects. An object's name is random and new for
each put: deleting an old copy of a blob can never touch the copy that a later push stored.
"""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

from registry.storage.encryption import EncryptedDriver
from registry.storage.sealing import Sealer

if TYPE_CHECKING:
    from registry.keys.provider import KeyProvider
    from registry.storage.driver import Driver
    from registry.values.digest import Digest

PLAIN = "plain"
"""The name space of what is stored without encryption, where a setting turned it off."""


class Vault:
    """One driver for each key, around the one that holds the bytes."""

    def __init__(self, storage: Driver, keys: KeyProvider) -> None:
        self._storage = storage
        self._keys = keys
        self._drivers: dict[str, EncryptedDriver] = {}
        self._sealers: dict[str, Sealer] = {}

    def driver(self, key_id: str) -> Driver:
        """The driver to read and write the objects of a key."""
        return self._storage if key_id == PLAIN else self._encrypted(key_id)

    def check(self, key_id: str) -> None:
        """Raise KeyNotFound or KeyUnavailable unless what lies under the key may be read now."""
        if key_id != PLAIN:
            self._keys.check(key_id)

    def seal(self, key_id: str, content: bytes, name: str) -> bytes:
        """A small value sealed for a database row, bound to `name`."""
        return content if key_id == PLAIN else self._sealer(key_id).seal(content, name)

    def open(self, key_id: str, sealed: bytes, name: str) -> bytes:
        """What was sealed. Raises Damaged, KeyNotFound, KeyUnavailable."""
        return sealed if key_id == PLAIN else self._sealer(key_id).open_sealed(sealed, name)

    def _encrypted(self, key_id: str) -> EncryptedDriver:
        if key_id not in self._drivers:
            self._drivers[key_id] = EncryptedDriver(self._storage, self._keys, key_id)
        return self._drivers[key_id]

    def _sealer(self, key_id: str) -> Sealer:
        if key_id not in self._sealers:
            self._sealers[key_id] = Sealer(self._keys, key_id)
        return self._sealers[key_id]


def new_object() -> str:
    """A name that no object ever had."""
    return uuid.uuid4().hex


def key_of(path: str) -> str:
    """The key whose name space a path lies in."""
    return path.split("/", 2)[1]


def blob_path(key_id: str, digest: Digest, name: str) -> str:
    """Where a finished blob lies."""
    return f"blobs/{key_id}/{digest.algorithm}/{digest.hex[:2]}/{digest.hex}/{name}"


def upload_path(key_id: str, upload: str, name: str) -> str:
    """Where a part of an upload lies."""
    return f"uploads/{key_id}/{upload}/{name}"
