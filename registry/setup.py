"""The first start, and every start after it: make the data directory ready.

DATA/moorage.db       metadata
DATA/logs.db          log groups and their events
DATA/ecs.db           what ECS keeps
DATA/keyring.json     master keys
DATA/credentials      administrators' access keys, in the AWS shared-credentials format
DATA/audit/           the audit log, a file for each day
DATA/events/          the event log, a file for each day, where it is kept
DATA/journal/         pulls that are not in the metadata yet
DATA/storage/         blobs, where they lie on disk
DATA/moorage.lock     held while a server runs on this directory
"""

from __future__ import annotations

import fcntl
import logging
import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from registry.config import Settings
from registry.database import migrate
from registry.database.database import Database
from registry.domain.events.pusher import TASK as DELIVERY
from registry.domain.identities.accounts import ADMINISTRATOR, NewKey
from registry.domain.logs import tables as log_tables
from registry.domain.policyfiles.applying import PolicyFiles
from registry.domain.policyfiles.folder import read_folder
from registry.domain.policyfiles.problems import PolicyFilesInvalid
from registry.domain.quotas import Limits, Quotas
from registry.domain.rekeyer import TASK as REKEYING
from registry.domain.scanning.queue import start_anew
from registry.domain.tasks import free
from registry.ecs.store.migrating import ECS
from registry.ground import ECS_DATABASE, aws_keys, keyring, lay_ground
from registry.http.logs import fields
from registry.server import StartFailed
from registry.storage.filesystem import FilesystemDriver
from registry.storage.s3 import S3Driver

_log = logging.getLogger("moorage.policies")


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
    keys = keyring(settings, aws_keys(settings), create=not path.exists())
    keys.protect()
    keys.purge()
    for file, migrations in ((path, migrate.REGISTRY), (settings.data / ECS_DATABASE, ECS)):
        database = Database(file)
        migrate.upgrade(database, migrations)
        database.close()
    ground = lay_ground(settings)
    try:
        log_tables.upgrade(ground.logs)
        path = credentials_path(settings)
        ground.accounts.bootstrap(settings.account, lambda key: write_credentials(path, key))
        Quotas(ground.database).set_for_everybody(Limits(**settings.quotas))
        for task in (DELIVERY, REKEYING):
            free(ground.database, task)  # of a server that was killed: this one is alone here
        start_anew(ground.database)
        ground.pulls.recover()
        if settings.policies is not None:
            apply_policies(settings.policies, PolicyFiles(ground.database, settings.scope))
        # The driver that is there: each further client of S3 costs tens of MB for good.
        if isinstance(ground.storage, FilesystemDriver | S3Driver):
            ground.storage.clean()
    finally:
        ground.close()


def apply_policies(directory: Path, files: PolicyFiles) -> None:
    """Put a directory's policies in force, and log what changed and what has no effect.

    Raises StartFailed, naming every problem, and then nothing was applied.
    """
    try:
        outcome = files.apply(read_folder(directory))
    except PolicyFilesInvalid as error:
        raise StartFailed(f"the policy files cannot be applied:\n{error}") from None
    for change in outcome.changes:
        _log.info("policy file applied", extra=fields(change=f"{change.sign} {change.what}"))
    for what in outcome.kept:
        _log.warning("policy stands though its file is gone", extra=fields(policy=what))
    for problem in outcome.waiting:
        _log.warning("policy file not in force", extra=fields(reason=str(problem)))


def new_credentials(settings: Settings) -> NewKey:
    """Another access key for the administrator, written to the credentials file.

    Raises StartFailed where no server has ever started, or there is no administrator.
    """
    if not (settings.data / "moorage.db").exists():
        raise StartFailed(f"no server has kept its data in {settings.data} yet; start one first")
    ground = lay_ground(settings)
    try:
        user = ground.directory.user_named(settings.account, ADMINISTRATOR)
        if user is None:
            raise StartFailed(f"account {settings.account} has no user {ADMINISTRATOR!r}")
        path = credentials_path(settings)
        profile = _profile(path, settings.account)
        return ground.accounts.new_key(
            user.id, user.name, lambda key: write_credentials(path, key, profile)
        )
    finally:
        ground.close()


def credentials_path(settings: Settings) -> Path:
    """Where the administrator's access key is."""
    return settings.data / "credentials"


def write_credentials(path: Path, key: NewKey, profile: str = "default") -> None:
    """Write the key as a profile of the file, durably; readable by its owner alone.

    The file's other profiles stay as they are.
    Source: AWS SDKs and Tools Reference Guide, "Shared config and credentials files".
    """
    lines = [f"aws_access_key_id = {key.id}", f"aws_secret_access_key = {key.secret}"]
    before = path.read_text("ascii") if path.exists() else ""
    text = with_profile(before, profile, lines)
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


def _profile(path: Path, account: str) -> str:
    """The profile of an account's administrator: its number if `account create` made one."""
    kept = path.read_text("ascii").splitlines() if path.exists() else []
    return account if f"[{account}]" in kept else "default"


def with_profile(text: str, profile: str, lines: list[str]) -> str:
    """A credentials file's text with these lines as that profile, in place of one it has."""
    kept: list[str] = []
    inside = False
    for line in text.splitlines():
        if line.startswith("["):
            inside = line.strip() == f"[{profile}]"
        if not inside:
            kept.append(line)
    while kept and not kept[-1].strip():
        kept.pop()
    gap = [""] if kept else []
    return "\n".join([*kept, *gap, f"[{profile}]", *lines]) + "\n"
