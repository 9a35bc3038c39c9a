"""What lies below the domain: database, keys, storage, and who there is."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from registry.config import Settings
from registry.database.database import Cache, Database
from registry.domain.audit import AuditLog
from registry.domain.events.pulls import PullEvents
from registry.domain.identities.accounts import Accounts
from registry.domain.identities.directory import Directory
from registry.domain.identities.robots import Robots
from registry.domain.identities.secrets import Secrets
from registry.domain.identities.services import ServiceKeys
from registry.domain.identities.sessions import Sessions
from registry.domain.journal import Journal
from registry.domain.pull_exclusions import PullExclusions
from registry.domain.pulls import Pulls
from registry.keys.aws import AwsKeys, keys_of_aws
from registry.keys.filesealing import AwsFileSealing
from registry.keys.local import LocalKeyring
from registry.keys.providers import Providers
from registry.storage.filesystem import FilesystemDriver
from registry.storage.s3 import S3Driver
from registry.storage.s3_client import s3_client
from registry.values.errors import Unavailable

if TYPE_CHECKING:
    from registry.keys.provider import KeyProvider
    from registry.storage.driver import Driver


ECS_DATABASE = "ecs.db"


@dataclass(frozen=True, slots=True)
class Ground:
    """What lies below the domain."""

    database: Database
    ecs: Database
    """What ECS keeps."""
    cache: Cache
    logs: Database
    """Log groups and their events, apart from all else."""
    keys: LocalKeyring
    """The keyring: keys of our own, and what all other secrets derive from."""
    provider: KeyProvider
    """Every key that something can be stored under."""
    aws: AwsKeys | None
    """AWS KMS, where it keeps the keys."""
    storage: Driver
    secrets: Secrets
    directory: Directory
    sessions: Sessions
    services: ServiceKeys
    robots: Robots
    accounts: Accounts
    pulls: Pulls
    audit: AuditLog | None
    """None where the settings turn it off."""

    def close(self) -> None:
        """Write what waits for it, and let go of the database."""
        if self.audit is not None:
            self.audit.close()
        with suppress(Unavailable):
            self.pulls.flush(everything=True)
        self.cache.close()
        self.database.close()
        self.logs.close()
        self.ecs.close()


def lay_ground(settings: Settings) -> Ground:
    """Open database, keyring and storage in a directory that `setup.prepare` has prepared."""
    database = Database(settings.data / "moorage.db")
    cache = Cache(database)
    aws = aws_keys(settings)
    keys = keyring(settings, aws)
    secrets = Secrets(keys.secret("access keys"))
    directory = Directory(database, cache, secrets)
    return Ground(
        database=database,
        ecs=Database(settings.data / ECS_DATABASE),
        cache=cache,
        logs=Database(settings.data / "logs.db"),
        keys=keys,
        provider=keys if aws is None else Providers(keys, aws),
        aws=aws,
        storage=storage_driver(settings),
        secrets=secrets,
        directory=directory,
        sessions=Sessions(keys.secret("session tokens"), directory),
        services=ServiceKeys(keys.secret("service keys")),
        robots=Robots(database, cache, directory, allowed=settings.robot_tokens),
        accounts=Accounts(database, secrets),
        pulls=Pulls(
            database,
            Journal(settings.journal_path),
            PullEvents(database, on=settings.event_pulls),
            excluded=PullExclusions(database, cache).cover,
        ),
        audit=AuditLog(settings.audit_path, settings.audit_days) if settings.audit else None,
    )


def aws_keys(settings: Settings) -> AwsKeys | None:
    """AWS KMS, where the settings have it keep the keys."""
    if settings.key_provider == "local":
        return None
    region = settings.aws_kms_region or settings.region
    return keys_of_aws(settings.aws_kms_key or "", region, settings.aws_kms_endpoint)


def keyring(settings: Settings, aws: AwsKeys | None, *, create: bool = False) -> LocalKeyring:
    """The keyring file, sealed under a key of AWS KMS where that keeps the keys."""
    return LocalKeyring(
        settings.keyring_path,
        settings.account,
        settings.region,
        create=create,
        sealing=None if aws is None else AwsFileSealing(aws),
    )


def storage_driver(settings: Settings) -> FilesystemDriver | S3Driver:
    """The driver for the bytes, before encryption."""
    if settings.storage == "disk":
        return FilesystemDriver(settings.data / "storage")
    client = s3_client(
        endpoint=settings.s3_endpoint,
        region=settings.s3_region,
        path_style=settings.s3_path_style,
        connect_timeout=settings.s3_connect_timeout,
        read_timeout=settings.s3_read_timeout,
        attempts=settings.s3_attempts,
    )
    return S3Driver(
        client,
        settings.s3_bucket or "",
        settings.s3_prefix.strip("/"),
        spool=settings.data / "spool",
    )
