"""Every setting, once: its name, type, default and meaning.

A setting comes from, in this order: the command line, `MOORAGE_<NAME>` in the environment, the
TOML file of `--config`, the default. `docs/configuration.md` lists them all; a test compares.
"""

from __future__ import annotations

import json
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from pathlib import Path
from typing import Any, Literal, get_args

from registry.bounds import check_bounds
from registry.values.conversion import CONVERTERS
from registry.values.errors import ParameterInvalid
from registry.values.reports import attached
from registry.values.scope import Hosts, Scope

ENVIRONMENT_PREFIX = "MOORAGE_"

_CUSTOM_DOMAIN = re.compile(r"([A-Za-z0-9.-]+)=(?:([0-9]{12})/([a-z0-9-]+)|public)", re.ASCII)
_MIRROR = re.compile(r"([A-Za-z0-9.-]+)=([A-Za-z0-9.-]+(?::[0-9]{1,5})?)", re.ASCII)


Default = str | int | float | bool | Path | None


def _setting(default: Default, text: str) -> Any:
    return field(default=default, metadata={"help": text})


@dataclass(frozen=True, slots=True)
class Settings:
    """All settings of a server. Times are in seconds, sizes in bytes."""

    data: Path = _setting(Path("moorage-data"), "directory for everything the server keeps")
    host: str = _setting("127.0.0.1", "address to listen on; 0.0.0.0 for every interface")
    port: int = _setting(5000, "TCP port to listen on")
    workers: int = _setting(1, "server processes; one already uses two cores for transfers")
    account: str = _setting("123456789012", "AWS account id of the default registry, 12 digits")
    region: str = _setting("us-east-1", "AWS region of the default registry")
    regions: str = _setting("", "further regions to serve, comma-separated")
    domain: str = _setting(
        "localhost", "registries other than the default: <account>.dkr.ecr.<region>.<domain>"
    )
    custom_domains: str = _setting(
        "",
        "host names of one's own, comma-separated: images.example.com=123456789012/eu-west-1,"
        " or =public for public registries",
    )
    robot_tokens: bool = _setting(False, "allow long-lived tokens (moorage token create)")
    policies: Path | None = _setting(None, "directory of policy files, applied at every start")
    audit: bool = _setting(True, "write every decision to DATA/audit/")
    audit_days: int = _setting(90, "days that the audit log is kept")
    event_log: bool = _setting(False, "write every event to DATA/events/")
    event_log_days: int = _setting(30, "days that the event log is kept")
    event_pulls: bool = _setting(True, "tell of pulls too, where somebody wants to hear of them")
    event_retry_hours: float = _setting(24.0, "hours for which an event is tried to be delivered")
    event_local_targets: bool = _setting(
        False, "webhooks may go to loopback and link-local addresses"
    )
    trivy: str = _setting("trivy", "Trivy's program: a path, or a name to be looked for in PATH")
    trivy_arguments: str = _setting("", "further arguments of each scan, as a shell splits them")
    trivy_cache: Path | None = _setting(None, "Trivy's databases; default DATA/trivy")
    trivy_database: str | None = _setting(
        None, "OCI repository of Trivy's vulnerability database; without it Trivy's own default"
    )
    trivy_java_database: str | None = _setting(None, "the same, of its database of Java archives")
    trivy_offline: bool = _setting(False, "Trivy is to ask nothing of the network")
    trivy_server: str | None = _setting(None, "address of a Trivy server that has the databases")
    scan_workers: int = _setting(2, "images scanned at once, by all processes of the server")
    scan_timeout: float = _setting(600.0, "seconds that the scan of one image may take")
    scan_memory_mib: int = _setting(2048, "MiB of memory that a running scanner may take")
    scan_daily_limit: int = _setting(
        1, "scans of an image in 24 hours, as ECR has it: with StartImageScan; 0: any number"
    )
    scan_database_hours: float = _setting(
        6.0, "hours after which a newer vulnerability database is looked for"
    )
    scan_days: int = _setting(
        0, "days after its push that an image is scanned continuously; 0: as long as it is there"
    )
    scan_attach: str = _setting("", "reports to attach after scans: cyclonedx, spdx, sarif")
    ecs_engine: str = _setting(
        "",
        "URL of the Docker Engine that runs ECS's tasks; without it DOCKER_HOST's, or the"
        " machine's own; none: ECS runs nothing",
    )
    create_on_push: bool = _setting(False, "a push to a missing repository creates it")
    sparse_manifests: Literal["none", "index", "all"] = _setting(
        "index", "which manifests may name content that was not pushed: none, an index, all"
    )
    gc_grace_hours: float = _setting(
        24.0, "hours that a blob which no image needs is kept after a client was told of it"
    )
    upload_expiry_hours: float = _setting(24.0, "hours after which an abandoned upload is dropped")
    upstreams: str = _setting(
        "", "upstream registries on private networks, comma-separated: [http://]host[:port]"
    )
    upstream_check_hours: float = _setting(
        24.0, "hours that a cached tag is served before it is compared with its upstream's"
    )
    upstream_timeout: float = _setting(30.0, "seconds an upstream registry may stand still")
    mirror_hosts: str = _setting(
        "", "host names that are mirrors for dockerd, comma-separated: hub.example.com=docker.io"
    )
    undelete_days: float = _setting(
        7.0, "days for which what is deleted can be brought back; 0 for not at all"
    )
    delete_immutable: bool = _setting(True, "immutable tags can be deleted, as at AWS")
    delete_children: bool = _setting(
        True, "images that only a deleted index listed follow it a grace period later"
    )
    quota_account_bytes: int = _setting(0, "bytes that an account may hold; 0 for no limit")
    quota_repository_bytes: int = _setting(0, "bytes that a repository may hold; 0 for no limit")
    quota_images: int = _setting(0, "images that a repository may hold; 0 for no limit")
    quota_repositories: int = _setting(0, "repositories in a registry; 0 for no limit")
    lifecycle_notice_hours: float = _setting(
        0.0, "hours that an image is announced before a lifecycle policy deletes it; 0: not at all"
    )
    encryption: bool = _setting(True, "encrypt blobs and manifests of new repositories at rest")
    keyring: Path | None = _setting(None, "file of the local keyring; default DATA/keyring.json")
    key_provider: Literal["local", "aws"] = _setting(
        "local", "who keeps the master keys: local (the keyring) or aws (AWS KMS)"
    )
    aws_kms_key: str | None = _setting(None, "AWS KMS: id, alias or ARN of the default key")
    aws_kms_region: str | None = _setting(None, "AWS KMS: region of the keys; default: region")
    aws_kms_endpoint: str | None = _setting(None, "AWS KMS: endpoint URL, for another than AWS's")
    storage: Literal["disk", "s3"] = _setting("disk", "where blobs lie: disk (DATA/storage) or s3")
    s3_bucket: str | None = _setting(None, "S3: bucket")
    s3_prefix: str = _setting("", "S3: prefix of every key")
    s3_endpoint: str | None = _setting(None, "S3: endpoint URL, for stores other than AWS")
    s3_region: str | None = _setting(None, "S3: region of the bucket")
    s3_path_style: bool = _setting(False, "S3: bucket in the path instead of the host name")
    s3_connect_timeout: float = _setting(5.0, "S3: seconds to connect in, for each attempt")
    s3_read_timeout: float = _setting(10.0, "S3: seconds it may be silent, for each attempt")
    s3_attempts: int = _setting(3, "S3: how often a request that fails is tried, at most")
    tls_cert: Path | None = _setting(None, "PEM file with the certificate chain; with --tls-key")
    tls_key: Path | None = _setting(None, "PEM file with the certificate's private key")
    trusted_proxies: str = _setting(
        "", "addresses or networks, comma-separated, whose X-Forwarded-* headers are believed"
    )
    log_level: Literal["debug", "info", "warning", "error"] = _setting("info", "least level logged")
    log_format: Literal["json", "text"] = _setting("json", "form of the log on standard error")
    grace_seconds: float = _setting(30.0, "how long a stop waits for transfers in flight")
    header_timeout: float = _setting(20.0, "seconds within which a request's head must be complete")
    body_timeout: float = _setting(60.0, "seconds a request's body may stand still")
    send_timeout: float = _setting(120.0, "seconds a client may take no byte of its answer")
    max_connections: int = _setting(4096, "connections at once, for each worker")

    def __post_init__(self) -> None:
        """Raise ParameterInvalid for what makes no sense together."""
        if len(self.account) != 12 or not self.account.isascii() or not self.account.isdigit():
            raise ParameterInvalid(f"account: {self.account!r} is not 12 digits")
        if not 0 <= self.port <= 65535:
            raise ParameterInvalid(f"port: {self.port} is not between 0 and 65535")
        if self.workers < 1:
            raise ParameterInvalid("workers: at least 1")
        if self.audit_days < 1:
            raise ParameterInvalid("audit_days: at least 1")
        if self.event_log_days < 1:
            raise ParameterInvalid("event_log_days: at least 1")
        if (self.tls_cert is None) != (self.tls_key is None):
            raise ParameterInvalid("tls_cert and tls_key: give both or neither")
        self.hosts, self.attached_forms  # noqa: B018 - they raise for what they cannot read
        if self.storage == "s3" and not self.s3_bucket:
            raise ParameterInvalid("s3_bucket: required with storage = s3")
        if self.key_provider == "aws" and not self.aws_kms_key:
            raise ParameterInvalid("aws_kms_key: required with key_provider = aws")
        check_bounds(self)

    @property
    def scope(self) -> Scope:
        """The default registry."""
        return Scope(self.account, self.region)

    @property
    def all_regions(self) -> tuple[str, ...]:
        """The regions served, the default first."""
        return tuple(dict.fromkeys((self.region, *_listed(self.regions))))

    @property
    def hosts(self) -> Hosts:
        """Which host name means which registry. Raises ParameterInvalid."""
        custom, public = {}, set()
        for entry in _listed(self.custom_domains):
            match = _CUSTOM_DOMAIN.fullmatch(entry)
            if match is None:
                raise ParameterInvalid(
                    f"custom_domains: {entry!r} is not <host>=<account>/<region> or <host>=public"
                )
            name, account, region = match.groups()
            if account is None:
                public.add(name.lower())
            else:
                custom[name.lower()] = Scope(account, region)
        return Hosts(self.scope, self.domain, custom, frozenset(public), self._mirrors())

    def _mirrors(self) -> dict[str, str]:
        found = {}
        for entry in _listed(self.mirror_hosts):
            match = _MIRROR.fullmatch(entry)
            if match is None:
                raise ParameterInvalid(f"mirror_hosts: {entry!r} is not <host>=<upstream>")
            found[match[1].lower()] = match[2]
        return found

    @property
    def gc_grace(self) -> timedelta:
        """How long a blob that no image needs is kept after a client was told of it."""
        return timedelta(hours=self.gc_grace_hours)

    @property
    def upload_expiry(self) -> timedelta:
        """After how long without a byte an upload is dropped."""
        return timedelta(hours=self.upload_expiry_hours)

    @property
    def upstream_check(self) -> timedelta:
        """How long a cached tag is served before it is compared with its upstream's."""
        return timedelta(hours=self.upstream_check_hours)

    @property
    def undelete(self) -> timedelta:
        """For how long what is deleted can be brought back."""
        return timedelta(days=self.undelete_days)

    @property
    def quotas(self) -> dict[str, int | None]:
        """The limits of accounts that have none of their own, as `quotas.Limits` names them."""
        names = ("account_bytes", "repository_bytes", "images", "repositories")
        return {name: getattr(self, f"quota_{name}") or None for name in names}

    @property
    def lifecycle_notice(self) -> timedelta:
        """How long before a lifecycle policy deletes it an image is announced."""
        return timedelta(hours=self.lifecycle_notice_hours)

    @property
    def trivy_path(self) -> Path:
        """Trivy's cache directory."""
        return self.trivy_cache or self.data / "trivy"

    @property
    def attached_forms(self) -> tuple[str, ...]:
        """Forms of reports that are attached after each scan. Raises ParameterInvalid."""
        return attached("scan_attach", _listed(self.scan_attach))

    @property
    def scan_duration(self) -> timedelta | None:
        """How long after its push an image is scanned continuously; None: for ever."""
        return timedelta(days=self.scan_days) if self.scan_days else None

    @property
    def event_retry(self) -> timedelta:
        """How long an event is tried to be delivered."""
        return timedelta(hours=self.event_retry_hours)

    @property
    def event_path(self) -> Path:
        """Where the event log is, a file for each day."""
        return self.data / "events"

    @property
    def journal_path(self) -> Path:
        """Where the processes of the server keep what is not in the database yet."""
        return self.data / "journal"

    @property
    def keyring_path(self) -> Path:
        """Where the keyring is."""
        return self.keyring or self.data / "keyring.json"

    @property
    def audit_path(self) -> Path:
        """Where the audit log is, a file for each day."""
        return self.data / "audit"

    def dump(self) -> str:
        """All of it as JSON, for the workers' environment."""
        return json.dumps({item.name: _plain(getattr(self, item.name)) for item in fields(self)})

    @classmethod
    def load(cls, text: str) -> Settings:
        """The reverse of `dump`."""
        return read(json.loads(text))


def read(*sources: Mapping[str, Any]) -> Settings:
    """Settings out of mappings by name, the first that has a name wins.

    Text is converted to the setting's type. Raises ParameterInvalid naming the setting.
    """
    known = {item.name: item for item in fields(Settings)}
    values: dict[str, Any] = {}
    for source in reversed(sources):
        for name, value in source.items():
            if name not in known:
                raise ParameterInvalid(f"{name}: there is no such setting")
            if value is not None:
                values[name] = _converted(name, str(known[name].type), value)
    return Settings(**values)


def from_environment(environment: Mapping[str, str]) -> dict[str, str]:
    """The settings that the environment gives; an empty variable gives none."""
    found = {}
    for item in fields(Settings):
        text = environment.get(ENVIRONMENT_PREFIX + item.name.upper())
        if text:
            found[item.name] = text
    return found


def from_file(path: Path) -> dict[str, Any]:
    """The settings of a TOML file. Raises ParameterInvalid with the file and the reason."""
    try:
        return tomllib.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ParameterInvalid(f"{path}: {error.strerror}") from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise ParameterInvalid(f"{path}: {error}") from None


def choices(kind: str) -> tuple[str, ...]:
    """The values of a setting whose type is a Literal, else none."""
    if not kind.startswith("Literal"):
        return ()
    return get_args(eval(kind, {"Literal": Literal}))  # noqa: S307 - an annotation of ours


def _converted(name: str, kind: str, value: Any) -> Any:
    try:
        if allowed := choices(kind):
            if value not in allowed:
                raise ValueError(f"{value!r} is not one of {', '.join(allowed)}")
            return value
        return CONVERTERS[kind](value)
    except (TypeError, ValueError) as error:
        raise ParameterInvalid(f"{name}: {error}") from None


def _listed(text: str) -> list[str]:
    return [part.strip() for part in text.split(",") if part.strip()]


def _plain(value: Any) -> Any:
    return str(value) if isinstance(value, Path) else value
