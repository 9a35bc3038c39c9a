"""The boto3 clients of AWS KMS, and what their failures mean.

Sources: AWS KMS API Reference, the "Errors" of GenerateDataKey, Decrypt, DescribeKey; botocore's
`Config`.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from botocore.exceptions import BotoCoreError, ClientError

from registry.values.digest import shown
from registry.values.errors import (
    Damaged,
    KeyDisabled,
    KeyNotFound,
    KeyServiceUnavailable,
    KeyUnavailable,
)

if TYPE_CHECKING:
    from types_boto3_kms import KMSClient

CONNECT_SECONDS = 2.0
READ_SECONDS = 5.0
ATTEMPTS = 3

_MISSING = frozenset({"NotFoundException", "InvalidArnException"})
_OFF = frozenset({"DisabledException", "KMSInvalidStateException"})
_REFUSED = frozenset({
    "AccessDeniedException", "UnrecognizedClientException", "InvalidSignatureException",
    "InvalidClientTokenId", "ExpiredTokenException", "InvalidKeyUsageException",
})  # fmt: skip
_FOREIGN = frozenset({"InvalidCiphertextException", "IncorrectKeyException"})


def kms_client(
    region: str,
    endpoint: str | None = None,
    *,
    connect_timeout: float = CONNECT_SECONDS,
    read_timeout: float = READ_SECONDS,
    attempts: int = ATTEMPTS,
) -> KMSClient:
    """A client for AWS KMS in a region, or for the service at `endpoint` (a URL).

    boto3 looks for credentials where it always does. Timeouts are in seconds and hold for each
    attempt. Raises ValueError for an endpoint that is not a URL.
    """
    # Only here: a server whose keys are its own never pays for loading boto3.
    import boto3  # noqa: PLC0415 - see above
    from botocore.config import Config  # noqa: PLC0415 - see above

    config = Config(  # type: ignore[call-arg] # the stubs lack ignore_configured_endpoint_urls
        connect_timeout=connect_timeout,
        read_timeout=read_timeout,
        retries={"mode": "standard", "total_max_attempts": attempts},
        max_pool_connections=32,
        tcp_keepalive=True,
        # AWS_ENDPOINT_URL is how a user's tools find this registry: it must not keep its own keys.
        ignore_configured_endpoint_urls=True,
    )
    return boto3.session.Session().client(
        "kms", region_name=region, endpoint_url=endpoint, config=config
    )


@contextmanager
def kms_failures(key: str) -> Iterator[None]:
    """Turn what boto3 raises about a key into KeyNotFound, KeyUnavailable or Damaged."""
    try:
        yield
    except ClientError as error:
        raise _meaning(key, error.response.get("Error", {}).get("Code", "no code")) from error
    except (BotoCoreError, OSError) as error:
        # The type alone: the text may name an address that a client need not know.
        reason = type(error).__name__
        raise KeyServiceUnavailable(f"AWS KMS does not answer about {key}: {reason}") from error


def _meaning(key: str, code: str) -> KeyNotFound | KeyUnavailable | Damaged:
    if code in _MISSING:
        return KeyNotFound(f"AWS KMS has no key {shown(key)}")
    if code in _OFF:
        return KeyDisabled(f"{key} is disabled or pending deletion ({code})")
    if code in _REFUSED:
        return KeyUnavailable(f"AWS KMS refuses this server the use of {key}: {code}")
    if code in _FOREIGN:
        return Damaged(f"a data key was not wrapped by {key} ({code})")
    return KeyServiceUnavailable(f"AWS KMS could not answer about {key}: {code}")
