"""The boto3 client of the S3 driver, and what its failures mean.

Sources: botocore's `Config`; Amazon S3 API Reference, "Error responses".
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from botocore.exceptions import BotoCoreError, ClientError

from registry.values.errors import ObjectNotFound, StorageFull, StorageUnavailable

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

RACES_MAX = 8
RACE_SECONDS = 0.01
MISSING = frozenset({"NoSuchKey", "NotFound", "404"})
_FULL = frozenset({"QuotaExceeded", "InsufficientStorage", "507", "XMinioStorageFull"})


def s3_client(
    *,
    endpoint: str | None = None,
    region: str | None = None,
    path_style: bool = False,
    access_key: str | None = None,
    secret_key: str | None = None,
    connect_timeout: float = 5,
    read_timeout: float = 10,
    attempts: int = 3,
    connections: int = 64,
) -> S3Client:
    """A client for Amazon S3, or for the store at `endpoint` (a URL).

    Without both keys boto3 looks for credentials where it always does. Timeouts are in seconds
    and hold for each attempt. Raises ValueError for an endpoint that is not a URL.
    """
    # Only here: a server that keeps its objects on a disk never pays for loading boto3.
    import boto3  # noqa: PLC0415 - see above
    from botocore.config import Config  # noqa: PLC0415 - see above

    config = Config(  # type: ignore[call-arg] # the stubs lack ignore_configured_endpoint_urls
        connect_timeout=connect_timeout,
        read_timeout=read_timeout,
        retries={"mode": "standard", "total_max_attempts": attempts},
        max_pool_connections=connections,
        tcp_keepalive=True,
        signature_version="s3v4",
        # AWS_ENDPOINT_URL is how a user's tools find this registry: it must not be its own store.
        ignore_configured_endpoint_urls=True,
        # Stores other than Amazon's may not know the newer checksums.
        request_checksum_calculation="when_required",
        response_checksum_validation="when_required",
        s3={"addressing_style": "path" if path_style else "auto"},
    )
    client = boto3.session.Session().client(
        "s3",
        endpoint_url=endpoint,
        region_name=region,
        aws_access_key_id=access_key,
        aws_secret_access_key=secret_key,
        config=config,
    )
    events = client.meta.events
    events.register("needs-retry.s3", _lost_race)  # type: ignore[arg-type] # answers with seconds
    return client


def _lost_race(
    response: tuple[object, dict[str, Any]] | None, attempts: int, **_: object
) -> float | None:
    """Seconds until another try of a request that lost a race inside the store, else None.

    A store that keeps objects as files may prune a directory under an object on its way there:
    versitygw 1.8 then answers ExistingObjectIsDirectory.
    """
    code = response[1].get("Error", {}).get("Code") if response else None
    if code != "ExistingObjectIsDirectory" or attempts > RACES_MAX:
        return None
    return RACE_SECONDS * attempts


@contextmanager
def s3_failures(doing: str, path: str | None = None) -> Iterator[None]:
    """Turn what boto3 raises into the errors of the law, saying what was being done.

    With a `path`, an answer that there is no such object is ObjectNotFound.
    """
    try:
        yield
    except ClientError as error:
        code = code_of(error)
        if path is not None and code in MISSING:
            raise ObjectNotFound(f"no object at {path}") from None
        message = f"the object store answered {code} while {doing}"
        raise (StorageFull if code in _FULL else StorageUnavailable)(message) from error
    except (BotoCoreError, OSError) as error:
        # The type alone: the text may name an address that a client need not know.
        reason = type(error).__name__
        raise StorageUnavailable(f"the object store failed while {doing}: {reason}") from error


def code_of(error: ClientError) -> str:
    """The store's error code; the HTTP status where an answer has no body, as to HEAD."""
    return error.response.get("Error", {}).get("Code", "nothing that S3 says")
