"""The first start, and every start after it: make the data directory ready.

DATA/moorage.db       metadata
DATA/keyring.json     master keys
DATA/credentials      the administrator's access key, in the AWS shared-credentials format
DATA/storage/         blobs, where they lie on disk
DATA/moorage.lock     held while a server runs on this directory
"""

from __future__ import annotations

import fcntl
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from registry.app import lay_ground, storage_driver
from registry.config import Settings
from registry.database import migrate
from registry.database.database import Database
from registry.domain.identities import ADMINISTRATOR, AccessKey
from registry.keys.local import LocalKeyring
from registry.server import StartFailed


@contextmanager
def held(settings: Settings) -> Iterator[None]:
    """The data directory, made if it is missing, for this server alone.

    Raises StartFailed if another server runs on it, or it cannot be made.
    """
    try:
        settings.data.mkdir(mode=0o700, parents=True, exist_ok=True)
        lock = os.open(settings.data / "moorage.lock", os.O_RDWR | os.O_CREAT, 0o600)
    except OSError as error:
        raise StartFailed(
            f"cannot use the data directory {settings.data}: {error.strerror}"
        ) from error
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        os.close(lock)
        raise StartFailed(
            f"another moorage server runs on the data directory {settings.data}"
        ) from None
    try:
        yield
    finally:
        os.close(lock)


def prepare(settings: Settings) -> None:
    """Bring tables, keyring, administrator and storage to where a server needs them.

    Raises KeyUnavailable where data is there but its keyring is not: a new one could open
    nothing of it.
    """
    path = settings.data / "moorage.db"
    LocalKeyring(
        settings.keyring_path, settings.account, settings.region, create=not path.exists()
    ).purge()
    database = Database(path)
    migrate.upgrade(database)
    database.close()
    ground = lay_ground(settings)
    try:
        path = credentials_path(settings)
        ground.identities.bootstrap(settings.account, lambda key: write_credentials(path, key))
    finally:
        ground.close()
    storage_driver(settings).clean()


def new_credentials(settings: Settings) -> AccessKey:
    """Another access key for the administrator, written to the credentials file.

    Raises StartFailed where no server has ever started, or there is no administrator.
    """
    if not (settings.data / "moorage.db").exists():
        raise StartFailed(f"no server has kept its data in {settings.data} yet; start one first")
    ground = lay_ground(settings)
    try:
        user = ground.identities.named(settings.account, ADMINISTRATOR)
        if user is None:
            raise StartFailed(f"account {settings.account} has no user {ADMINISTRATOR!r}")
        key = ground.identities.create_access_key(user)
        write_credentials(credentials_path(settings), key)
        return key
    finally:
        ground.close()


def credentials_path(settings: Settings) -> Path:
    """Where the administrator's access key is."""
    return settings.data / "credentials"


def write_credentials(path: Path, key: AccessKey) -> None:
    """Write the file durably, readable by its owner alone.

    Source: AWS SDKs and Tools Reference Guide, "Shared config and credentials files".
    """
    text = f"[default]\naws_access_key_id = {key.id}\naws_secret_access_key = {key.secret}\n"
    draft = path.with_name(path.name + ".new")
    descriptor = os.open(draft, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    with os.fdopen(descriptor, "w", encoding="ascii") as file:
        os.fchmod(file.fileno(), 0o600)
        file.write(text)
        file.flush()
        os.fsync(file.fileno())
    draft.replace(path)
    directory = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(directory)
    finally:
        os.close(directory)
