"""AWS KMS as the provider: what it asks, and what becomes of each way in which that can fail."""

from __future__ import annotations

import socket
import time
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import pytest
from botocore.exceptions import EndpointConnectionError, NoCredentialsError, ReadTimeoutError
from hypothesis import given
from hypothesis import strategies as st

from registry.keys.aws import SILENCE_SECONDS, AwsKeys, arn_of, id_of
from registry.keys.aws_client import kms_client
from registry.storage.driver import checked
from registry.storage.header import Header
from registry.values.errors import (
    Damaged,
    KeyDisabled,
    KeyNotFound,
    KeyServiceUnavailable,
    KeyUnavailable,
    ParameterInvalid,
)
from tests.keys.awskms import REGION, Told, aws, credentials, key_arn, kms, kms_url

if TYPE_CHECKING:
    from types_boto3_kms import KMSClient

__all__ = ["aws", "credentials", "key_arn", "kms", "kms_url"]

CONTEXT = {"moorage:name": "a", "moorage:purpose": "object"}


class Clock:
    now = 1000.0

    def __call__(self) -> float:
        return self.now


@pytest.fixture
def clock() -> Clock:
    return Clock()


@pytest.fixture
def told(kms: KMSClient) -> Told:
    return Told(kms)


@pytest.fixture
def keys(told: Told, key_arn: str, clock: Clock) -> AwsKeys:
    """A provider whose clients fail as told."""
    client: Any = told
    return AwsKeys(key_arn, REGION, lambda _region: client, clock=clock)


def test_a_data_key_comes_back_under_its_context_alone(aws: AwsKeys, key_arn: str) -> None:
    key_id = aws.resolve(key_arn)
    made = aws.generate_data_key(key_id, CONTEXT)
    assert len(made.plaintext) == 32
    assert made.plaintext not in made.wrapped
    assert aws.decrypt_data_key(key_id, made.wrapped, CONTEXT) == made.plaintext
    assert aws.generate_data_key(key_id, CONTEXT).plaintext != made.plaintext
    with pytest.raises(Damaged):
        aws.decrypt_data_key(key_id, made.wrapped, {**CONTEXT, "moorage:name": "b"})
    with pytest.raises(Damaged):
        aws.decrypt_data_key(key_id, made.wrapped[:-1] + b"!", CONTEXT)


def test_another_key_opens_nothing(aws: AwsKeys, kms: KMSClient, key_arn: str) -> None:
    made = aws.generate_data_key(aws.resolve(key_arn), CONTEXT)
    other = aws.resolve(kms.create_key()["KeyMetadata"]["Arn"])
    with pytest.raises((Damaged, KeyUnavailable)):  # moto refuses, AWS says IncorrectKey
        aws.decrypt_data_key(other, made.wrapped, CONTEXT)


def test_a_key_is_found_by_every_name_that_kms_knows(
    aws: AwsKeys, kms: KMSClient, key_arn: str
) -> None:
    alias = f"alias/{key_arn[-12:]}"
    kms.create_alias(AliasName=alias, TargetKeyId=key_arn)
    key_id = id_of(key_arn)
    name = key_arn.rpartition("/")[2]
    for reference in (key_arn, name, alias, key_arn.partition(":key/")[0] + f":{alias}", key_id):
        assert aws.resolve(reference) == key_id
    assert arn_of(key_id) == key_arn


@pytest.mark.parametrize(
    "reference", ["alias/none", "arn:aws:kms:eu-west-1:123456789012:key/" + "0" * 36]
)
def test_a_key_that_is_not_there_is_said_to_be_missing(aws: AwsKeys, reference: str) -> None:
    with pytest.raises(KeyNotFound, match=reference):
        aws.resolve(reference)


def test_a_key_that_signs_is_refused(aws: AwsKeys, kms: KMSClient) -> None:
    made = kms.create_key(KeySpec="ECC_NIST_P256", KeyUsage="SIGN_VERIFY")["KeyMetadata"]
    with pytest.raises(ParameterInvalid, match="not a symmetric key"):
        aws.resolve(made["Arn"])


REGIONS = st.sampled_from(["us-east-1", "eu-central-1", "cn-north-1", "us-gov-west-1"])
NAMES = st.one_of(
    st.uuids().map(str), st.text("0123456789abcdef", min_size=32, max_size=32).map("mrk-{}".format)
)


@given(region=REGIONS, account=st.from_regex(r"[0-9]{12}", fullmatch=True), name=NAMES)
def test_an_id_stands_for_one_arn_wherever_it_is_written(
    region: str, account: str, name: str
) -> None:
    partition = {"cn-north-1": "aws-cn", "us-gov-west-1": "aws-us-gov"}.get(region, "aws")
    arn = f"arn:{partition}:kms:{region}:{account}:key/{name}"
    key_id = id_of(arn)
    assert arn_of(key_id) == arn
    assert checked(f"blobs/{key_id}/x")
    header = Header(key_id, b"w" * 200, "a", b"1234567")
    assert Header.decode(header.encode()) == header


@pytest.mark.parametrize("text", ["", "aws.", "aws.a.1.b", "6f1d3c52", "aws.us-east-1.12.x/y"])
def test_what_is_no_id_stands_for_nothing(text: str) -> None:
    with pytest.raises(KeyNotFound):
        arn_of(text)
    with pytest.raises(ParameterInvalid):
        id_of(text)


@pytest.mark.parametrize(
    ("code", "kind"),
    [
        ("NotFoundException", KeyNotFound),
        ("DisabledException", KeyDisabled),
        ("KMSInvalidStateException", KeyDisabled),
        ("AccessDeniedException", KeyUnavailable),
        ("InvalidCiphertextException", Damaged),
        ("IncorrectKeyException", Damaged),
        ("ThrottlingException", KeyServiceUnavailable),
        ("KMSInternalException", KeyServiceUnavailable),
        ("DependencyTimeoutException", KeyServiceUnavailable),
        ("NobodyKnowsException", KeyServiceUnavailable),
    ],
)
def test_each_answer_has_its_meaning(
    keys: AwsKeys, told: Told, key_arn: str, code: str, kind: type[Exception]
) -> None:
    key_id = id_of(key_arn)
    told.fail(code)
    for call in (
        lambda: keys.generate_data_key(key_id, CONTEXT),
        lambda: AwsKeys.decrypt_data_key(keys, key_id, b"wrapped", CONTEXT),
    ):
        with pytest.raises(kind) as caught:
            call()
        if kind is not KeyNotFound:
            assert type(caught.value) is kind


@pytest.mark.parametrize(
    "error",
    [
        EndpointConnectionError(endpoint_url="http://secret.internal"),
        ReadTimeoutError(endpoint_url="http://secret.internal"),
        NoCredentialsError(),
        OSError("reset"),
    ],
)
def test_silence_is_told_without_an_address(
    keys: AwsKeys, told: Told, key_arn: str, error: Exception
) -> None:
    told.error = error
    with pytest.raises(KeyServiceUnavailable) as caught:
        keys.generate_data_key(id_of(key_arn), CONTEXT)
    assert type(error).__name__ in str(caught.value)
    assert "internal" not in str(caught.value)


def test_a_plain_data_key_is_kept_for_a_while_and_not_longer(
    keys: AwsKeys, told: Told, key_arn: str, clock: Clock
) -> None:
    key_id = id_of(key_arn)
    made = keys.generate_data_key(key_id, CONTEXT)
    for _ in range(3):
        assert keys.decrypt_data_key(key_id, made.wrapped, CONTEXT) == made.plaintext
    assert told.calls.count("decrypt") == 1
    clock.now += SILENCE_SECONDS - 1
    keys.refresh()
    clock.now += 2
    keys.decrypt_data_key(key_id, made.wrapped, CONTEXT)
    assert told.calls.count("decrypt") == 2
    assert repr(made.plaintext) not in repr(made) + repr(keys)


def test_a_key_that_is_disabled_at_aws_is_refused_after_a_refresh(
    keys: AwsKeys, told: Told, kms: KMSClient, key_arn: str
) -> None:
    key_id = id_of(key_arn)
    made = keys.generate_data_key(key_id, CONTEXT)
    keys.decrypt_data_key(key_id, made.wrapped, CONTEXT)
    kms.disable_key(KeyId=key_arn.rpartition("/")[2])
    keys.check(key_id)
    keys.refresh()
    for _ in range(2):
        with pytest.raises(KeyUnavailable, match="AWS KMS says that it is Disabled"):
            keys.check(key_id)
        with pytest.raises(KeyUnavailable):
            keys.decrypt_data_key(key_id, made.wrapped, CONTEXT)
    kms.enable_key(KeyId=key_arn.rpartition("/")[2])
    keys.refresh()
    keys.check(key_id)
    assert keys.decrypt_data_key(key_id, made.wrapped, CONTEXT) == made.plaintext


@pytest.mark.parametrize("code", ["NotFoundException", "AccessDeniedException"])
def test_a_key_that_was_taken_away_is_refused_after_a_refresh(
    keys: AwsKeys, told: Told, key_arn: str, code: str
) -> None:
    key_id = id_of(key_arn)
    keys.check(key_id)
    told.fail(code)
    keys.refresh()
    with pytest.raises((KeyNotFound, KeyUnavailable)):
        keys.check(key_id)


def test_what_kms_says_of_the_key_itself_is_remembered_at_once(
    keys: AwsKeys, told: Told, key_arn: str
) -> None:
    key_id = id_of(key_arn)
    told.fail("DisabledException")
    with pytest.raises(KeyDisabled):
        keys.generate_data_key(key_id, CONTEXT)
    with pytest.raises(KeyDisabled):
        keys.check(key_id)
    told.error = None
    keys.generate_data_key(key_id, CONTEXT)
    keys.check(key_id)


def test_while_kms_is_silent_a_key_is_used_for_so_long_and_not_longer(
    keys: AwsKeys, told: Told, key_arn: str, clock: Clock
) -> None:
    key_id = id_of(key_arn)
    made = keys.generate_data_key(key_id, CONTEXT)
    keys.decrypt_data_key(key_id, made.wrapped, CONTEXT)
    told.fail("ThrottlingException")
    clock.now += SILENCE_SECONDS - 1
    keys.refresh()
    keys.check(key_id)
    assert keys.decrypt_data_key(key_id, made.wrapped, CONTEXT) == made.plaintext
    clock.now += 2
    keys.refresh()
    with pytest.raises(KeyServiceUnavailable, match="has not said for 300 s"):
        keys.check(key_id)
    with pytest.raises(KeyServiceUnavailable):
        keys.decrypt_data_key(key_id, made.wrapped, CONTEXT)
    told.error = None
    keys.refresh()
    keys.check(key_id)


def test_check_asks_nobody(keys: AwsKeys, told: Told, key_arn: str) -> None:
    for _ in range(10):
        keys.check(id_of(key_arn))
    assert told.calls == []


@pytest.fixture
def silent() -> Iterator[str]:
    """Takes connections and says nothing."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        yield f"http://127.0.0.1:{listening.getsockname()[1]}"


def test_a_silent_endpoint_is_waited_for_within_bounds(
    silent: str, credentials: None, key_arn: str
) -> None:
    def client(region: str) -> KMSClient:
        return kms_client(region, silent, read_timeout=0.2, attempts=2)

    keys = AwsKeys(key_arn, REGION, client)
    begun = time.monotonic()
    with pytest.raises(KeyServiceUnavailable, match="ReadTimeoutError"):
        keys.resolve(key_arn)
    assert time.monotonic() - begun < 20


def test_another_region_is_asked_there(key_arn: str) -> None:
    asked: list[str] = []

    def client(region: str) -> Any:
        asked.append(region)
        raise OSError("far away")

    keys = AwsKeys(key_arn, REGION, client)
    for name in ("arn:aws:kms:eu-west-1:123456789012:key/a", "alias/here"):
        with pytest.raises(KeyServiceUnavailable):
            keys.resolve(name)
    assert asked == ["eu-west-1", REGION]
