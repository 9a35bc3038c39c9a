"""AWS KMS as the keeper of master keys.

Every object's data key comes from GenerateDataKey and goes back through Decrypt, with the
encryption context that storage gives it; a plain data key is in memory only, and briefly. A key
id here is `aws.<region>.<account>.<id>`: it names the key's ARN wherever it is written, in the
database, in storage's paths and in each object's header.

`check` asks nobody: it tells what KMS said last, which `refresh` keeps up to date.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from threading import Lock
from typing import TYPE_CHECKING

from registry.keys.aws_client import kms_client, kms_failures
from registry.keys.cache import DataKeyCache
from registry.keys.provider import DataKey
from registry.values.digest import shown
from registry.values.errors import (
    KeyDisabled,
    KeyNotFound,
    KeyServiceUnavailable,
    KeyUnavailable,
    ParameterInvalid,
)

if TYPE_CHECKING:
    from types_boto3_kms import KMSClient

REFRESH_SECONDS = 30.0
"""How often KMS is asked about each key in use: so late a disabled key is noticed."""
SILENCE_SECONDS = 300.0
"""For so long a key is used while KMS does not answer; plain data keys live as long at most."""
PREFIX = "aws."

_ARN = re.compile(r"arn:(aws[a-z-]*):kms:([a-z0-9-]+):(\d{12}):key/([A-Za-z0-9-]{1,64})", re.ASCII)
_ID = re.compile(r"aws\.([a-z0-9-]+)\.(\d{12})\.([A-Za-z0-9-]{1,64})", re.ASCII)

_SEALING = ("SYMMETRIC_DEFAULT", "ENCRYPT_DECRYPT")

Clients = Callable[[str], "KMSClient"]


@dataclass(frozen=True, slots=True)
class _State:
    """What KMS said of a key last, and when."""

    answered: float
    kind: type[KeyNotFound | KeyUnavailable] = KeyUnavailable
    problem: str | None = None


class AwsKeys:
    """A KeyProvider over AWS KMS. `default` names the key of whoever names none.

    Safe for threads. Everything but `check` may take as long as AWS KMS takes to answer,
    within the bounds of `aws_client`.
    """

    remote = True

    def __init__(
        self,
        default: str,
        region: str,
        clients: Clients,
        *,
        clock: Callable[[], float] = time.monotonic,
    ) -> None:
        self.default = default
        self._region = region
        self._make_client = clients
        self._clients: dict[str, KMSClient] = {}
        self._clock = clock
        self._lock = Lock()
        self._states: dict[str, _State] = {}
        self._data_keys = DataKeyCache(seconds=SILENCE_SECONDS, clock=clock)

    def __repr__(self) -> str:
        return f"AwsKeys({self.default!r}, {self._region!r})"

    def resolve(self, reference: str) -> str:
        """Key id of an id, alias or ARN, of the key of KMS or of ours.

        Raises KeyNotFound, KeyUnavailable, ParameterInvalid for a key that seals no data keys.
        """
        name = arn_of(reference) if _ID.fullmatch(reference) else reference
        with kms_failures(name):
            found = self._client(self._region_of(name)).describe_key(KeyId=name)["KeyMetadata"]
        if (found.get("KeySpec"), found.get("KeyUsage", _SEALING[1])) != _SEALING:
            raise ParameterInvalid(f"{name} is not a symmetric key for encryption")
        key_id, state = id_of(found["Arn"]), found.get("KeyState", "unknown")
        self._note(key_id, None if state == "Enabled" else KeyUnavailable(_off(name, state)))
        return key_id

    def state(self, key_id: str) -> str:
        """What is known of a key, in a word or a sentence."""
        try:
            self.check(key_id)
        except (KeyNotFound, KeyUnavailable) as error:
            return str(error)
        return "Enabled"

    def check(self, key_id: str) -> None:
        """Raise KeyNotFound or KeyUnavailable where KMS said so, or says nothing any more.

        A key that nobody has asked about yet is taken for usable: KMS decides at its first use.
        """
        state = self._states.get(key_id)
        if state is None:
            with self._lock:
                self._states.setdefault(key_id, _State(self._clock()))
            return
        if state.problem is not None:
            raise state.kind(state.problem)
        if self._clock() - state.answered > SILENCE_SECONDS:
            raise KeyServiceUnavailable(
                f"AWS KMS has not said for {SILENCE_SECONDS:.0f} s whether {arn_of(key_id)}"
                " may be used"
            )

    def refresh(self) -> None:
        """Ask KMS about every key in use. What it learns, `check` tells."""
        for key_id in list(self._states):
            try:
                self.resolve(key_id)
            except KeyServiceUnavailable:
                continue
            except (KeyNotFound, KeyUnavailable) as error:
                self._note(key_id, error)

    def generate_data_key(self, key_id: str, context: Mapping[str, str]) -> DataKey:
        """A new data key bound to `context`. Raises KeyNotFound, KeyUnavailable."""
        arn = arn_of(key_id)
        with self._noting(key_id):
            made = self._client_of(key_id).generate_data_key(
                KeyId=arn, KeySpec="AES_256", EncryptionContext=dict(context)
            )
        return DataKey(made["Plaintext"], made["CiphertextBlob"])

    def decrypt_data_key(self, key_id: str, wrapped: bytes, context: Mapping[str, str]) -> bytes:
        """The plaintext of a data key. Raises KeyNotFound, KeyUnavailable, Damaged."""
        self.check(key_id)
        name = (key_id, wrapped, tuple(sorted(context.items())))
        plaintext = self._data_keys.get(name)
        if plaintext is None:
            arn = arn_of(key_id)
            with self._noting(key_id):
                plaintext = self._client_of(key_id).decrypt(
                    KeyId=arn, CiphertextBlob=wrapped, EncryptionContext=dict(context)
                )["Plaintext"]
            self._data_keys.put(name, plaintext)
        return plaintext

    @contextmanager
    def _noting(self, key_id: str) -> Iterator[None]:
        """Remember what an answer of KMS says of the key itself."""
        try:
            with kms_failures(arn_of(key_id)):
                yield
        except KeyServiceUnavailable:
            raise
        except (KeyNotFound, KeyDisabled) as error:
            self._note(key_id, error)
            raise
        self._note(key_id, None)

    def _note(self, key_id: str, problem: KeyNotFound | KeyUnavailable | None) -> None:
        text = None if problem is None else str(problem)
        kind = KeyUnavailable if problem is None else type(problem)
        with self._lock:
            self._states[key_id] = _State(self._clock(), kind, text)

    def _client_of(self, key_id: str) -> KMSClient:
        return self._client(self._region_of(arn_of(key_id)))

    def _region_of(self, name: str) -> str:
        parts = name.split(":")
        return parts[3] if len(parts) == 6 and parts[0] == "arn" else self._region

    def _client(self, region: str) -> KMSClient:
        client = self._clients.get(region)
        if client is None:
            with self._lock:  # a client takes a while to make, and is safe for threads
                client = self._clients.get(region) or self._make_client(region)
                self._clients[region] = client
        return client


def keys_of_aws(default: str, region: str, endpoint: str | None = None) -> AwsKeys:
    """The keys of AWS KMS in `region`, and in any other that an ARN names."""
    return AwsKeys(default, region, lambda where: kms_client(where, endpoint))


def of_aws(key_id: str) -> bool:
    """Whether AWS KMS keeps the key of that id."""
    return key_id.startswith(PREFIX)


def id_of(arn: str) -> str:
    """The key id that stands for a key's ARN. Raises ParameterInvalid."""
    match = _ARN.fullmatch(arn)
    if match is None:
        raise ParameterInvalid(f"{shown(arn)} is not the ARN of a KMS key")
    _, region, account, name = match.groups()
    return f"{PREFIX}{region}.{account}.{name}"


def arn_of(key_id: str) -> str:
    """The ARN that a key id stands for. Raises KeyNotFound."""
    match = _ID.fullmatch(key_id)
    if match is None:
        raise KeyNotFound(f"{shown(key_id)} is not the id of a key of AWS KMS")
    region, account, name = match.groups()
    return f"arn:{_partition(region)}:kms:{region}:{account}:key/{name}"


def _partition(region: str) -> str:
    """Source: AWS General Reference, "Amazon Resource Names"."""
    if region.startswith("cn-"):
        return "aws-cn"
    return "aws-us-gov" if region.startswith("us-gov-") else "aws"


def _off(name: str, state: str) -> str:
    return f"{name} cannot be used: AWS KMS says that it is {state}"
