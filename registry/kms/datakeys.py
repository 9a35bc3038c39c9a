"""KMS's operations that make data keys and random bytes.

Source: KMS API reference, GenerateDataKey, GenerateDataKeyWithoutPlaintext, GenerateRandom.
"""

from __future__ import annotations

import os
from typing import TYPE_CHECKING, Any

from registry.aws.errors import Fault, RequestError
from registry.aws.service import ANY
from registry.keys import ciphertext
from registry.kms.errors import unsupported, usable, would_succeed
from registry.kms.service import Operations, kms, material_id

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.aws.context import Context

_SIZES = {"AES_128": 16, "AES_256": 32}


class DataKeyOperations(Operations):
    """Data keys, with their plaintext and without."""

    @kms.operation(resource=Operations.named_key_arn, conditions=Operations.key_conditions)
    def generate_data_key(
        self,
        context: Context,
        *,
        key_id: str,
        encryption_context: Mapping[str, str] | None = None,
        number_of_bytes: int | None = None,
        key_spec: str | None = None,
        grant_tokens: Sequence[str] = (),
        recipient: Mapping[str, Any] | None = None,
        dry_run: bool = False,
    ) -> Mapping[str, Any]:
        """A fresh data key, in clear and encrypted."""
        if recipient is not None:
            raise unsupported("attested recipients")
        self._check_tokens(grant_tokens)
        return self._data_key(
            context, key_id, _size(key_spec, number_of_bytes), encryption_context, dry_run=dry_run
        )

    @kms.operation(resource=Operations.named_key_arn, conditions=Operations.key_conditions)
    def generate_data_key_without_plaintext(
        self,
        context: Context,
        *,
        key_id: str,
        encryption_context: Mapping[str, str] | None = None,
        key_spec: str | None = None,
        number_of_bytes: int | None = None,
        grant_tokens: Sequence[str] = (),
        dry_run: bool = False,
    ) -> Mapping[str, Any]:
        """A fresh data key, encrypted alone."""
        self._check_tokens(grant_tokens)
        found = self._data_key(
            context, key_id, _size(key_spec, number_of_bytes), encryption_context, dry_run=dry_run
        )
        return {name: value for name, value in found.items() if name != "Plaintext"}

    @kms.operation(resource=ANY)
    def generate_random(
        self,
        context: Context,  # noqa: ARG002 - the same for everybody
        *,
        number_of_bytes: int | None = None,
        custom_key_store_id: str | None = None,
        recipient: Mapping[str, Any] | None = None,
    ) -> Mapping[str, Any]:
        """Random bytes of the operating system."""
        if custom_key_store_id is not None:
            raise unsupported("custom key stores")
        if recipient is not None:
            raise unsupported("attested recipients")
        if number_of_bytes is None:
            raise RequestError(Fault.INVALID, "NumberOfBytes is missing")
        return {"Plaintext": os.urandom(number_of_bytes)}

    def _data_key(
        self,
        context: Context,
        reference: str,
        size: int,
        encryption_context: Mapping[str, str] | None,
        *,
        dry_run: bool,
    ) -> dict[str, Any]:
        key = usable(self._key(context, reference))
        would_succeed(dry_run=dry_run)
        plaintext = os.urandom(size)
        return {
            "CiphertextBlob": ciphertext.encrypt(key, plaintext, encryption_context or {}),
            "Plaintext": plaintext,
            "KeyId": key.arn,
            "KeyMaterialId": material_id(key, key.versions[-1].number),
        }


def _size(spec: str | None, number: int | None) -> int:
    if (spec is None) == (number is None):
        message = "Please specify either number of bytes or key spec."
        raise RequestError(Fault.INVALID, message)
    return _SIZES[spec] if spec is not None else int(number or 0)
