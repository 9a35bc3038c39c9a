"""KMS's cryptographic operations on small plaintexts.

Source: KMS API reference, Encrypt, Decrypt, ReEncrypt.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.aws.errors import ServiceError
from registry.domain.requests import circumstances_of, identity_of
from registry.keys import ciphertext
from registry.kms.conditions import conditions
from registry.kms.errors import unsupported, usable, would_succeed
from registry.kms.service import Operations, kms, material_id, scope_of
from registry.values.errors import Damaged, Denied

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.aws.context import Context
    from registry.aws.service import Conditions
    from registry.keys.ring import MasterKey

ALGORITHM = "SYMMETRIC_DEFAULT"
_IGNORE = "IGNORE_CIPHERTEXT"
_NOT_YOURS = (
    "The ciphertext refers to a customer master key that does not exist, does not exist in this"
    " region, or you are not allowed to access."
)


class EncryptionOperations(Operations):
    """Encrypt, decrypt, and both at once."""

    def source_arn(self, context: Context, parameters: Mapping[str, Any]) -> Sequence[str]:
        """ARN of the key that is named, or that the ciphertext says it is under."""
        return (self._source(context, parameters.get("key_id"), parameters),)

    def destination_arn(self, context: Context, parameters: Mapping[str, Any]) -> Sequence[str]:
        """ARN of `DestinationKeyId`."""
        return (self._arn(context, parameters["destination_key_id"]),)

    def destination_conditions(
        self, context: Context, parameters: Mapping[str, Any]
    ) -> Sequence[Conditions]:
        """Condition keys of the encryption under the destination."""
        reference = parameters["destination_key_id"]
        given = {
            "key_id": reference,
            "encryption_context": parameters.get("destination_encryption_context"),
        }
        found = conditions(context.caller.account, given, self._find(context, reference))
        return ({**found, **self._on_same_key(context, parameters)},)

    @kms.operation(resource=Operations.named_key_arn, conditions=Operations.key_conditions)
    def encrypt(
        self,
        context: Context,
        *,
        key_id: str,
        plaintext: bytes,
        encryption_context: Mapping[str, str] | None = None,
        grant_tokens: Sequence[str] = (),
        encryption_algorithm: str = ALGORITHM,
        dry_run: bool = False,
    ) -> Mapping[str, Any]:
        """Encrypt at most 4096 bytes."""
        self._check_tokens(grant_tokens)
        key = usable(self._key(context, key_id))
        _check_algorithm(encryption_algorithm)
        would_succeed(dry_run=dry_run)
        return {
            "CiphertextBlob": ciphertext.encrypt(key, plaintext, encryption_context or {}),
            "KeyId": key.arn,
            "EncryptionAlgorithm": ALGORITHM,
        }

    @kms.operation(resource=source_arn, conditions=Operations.key_conditions)
    def decrypt(
        self,
        context: Context,
        *,
        ciphertext_blob: bytes | None = None,
        encryption_context: Mapping[str, str] | None = None,
        grant_tokens: Sequence[str] = (),
        key_id: str | None = None,
        encryption_algorithm: str = ALGORITHM,
        recipient: Mapping[str, Any] | None = None,
        dry_run: bool = False,
        dry_run_modifiers: Sequence[str] = (),
    ) -> Mapping[str, Any]:
        """Decrypt what Encrypt or GenerateDataKey made."""
        self._check_tokens(grant_tokens)
        _check_algorithm(encryption_algorithm)
        if recipient is not None:
            raise unsupported("attested recipients")
        if dry_run and _IGNORE in dry_run_modifiers and key_id is not None:
            usable(self._key(context, key_id))
            would_succeed(dry_run=True)
        key = self._under(context, key_id, ciphertext_blob)
        opened = ciphertext.decrypt(key, ciphertext_blob or b"", encryption_context or {})
        would_succeed(dry_run=dry_run)
        return {
            "KeyId": key.arn,
            "Plaintext": opened.plaintext,
            "EncryptionAlgorithm": ALGORITHM,
            "KeyMaterialId": material_id(key, opened.version),
        }

    @kms.operation(
        resource=destination_arn, actions=("kms:ReEncryptTo",), conditions=destination_conditions
    )
    def re_encrypt(
        self,
        context: Context,
        *,
        destination_key_id: str,
        ciphertext_blob: bytes | None = None,
        source_encryption_context: Mapping[str, str] | None = None,
        source_key_id: str | None = None,
        destination_encryption_context: Mapping[str, str] | None = None,
        source_encryption_algorithm: str = ALGORITHM,
        destination_encryption_algorithm: str = ALGORITHM,
        grant_tokens: Sequence[str] = (),
        dry_run: bool = False,
        dry_run_modifiers: Sequence[str] = (),
    ) -> Mapping[str, Any]:
        """Decrypt under one key and encrypt under another; the plaintext stays here."""
        self._check_source(context)
        self._check_tokens(grant_tokens)
        _check_algorithm(source_encryption_algorithm)
        _check_algorithm(destination_encryption_algorithm)
        target = usable(self._key(context, destination_key_id))
        if dry_run and _IGNORE in dry_run_modifiers and source_key_id is not None:
            usable(self._key(context, source_key_id))
            would_succeed(dry_run=True)
        source = self._under(context, source_key_id, ciphertext_blob)
        opened = ciphertext.decrypt(source, ciphertext_blob or b"", source_encryption_context or {})
        would_succeed(dry_run=dry_run)
        return {
            "CiphertextBlob": ciphertext.encrypt(
                target, opened.plaintext, destination_encryption_context or {}
            ),
            "SourceKeyId": source.arn,
            "KeyId": target.arn,
            "SourceEncryptionAlgorithm": ALGORITHM,
            "DestinationEncryptionAlgorithm": ALGORITHM,
            "SourceKeyMaterialId": material_id(source, opened.version),
            "DestinationKeyMaterialId": material_id(target, target.versions[-1].number),
        }

    def _check_source(self, context: Context) -> None:
        """Raise Denied unless the caller may decrypt under the source, as ReEncryptFrom."""
        parameters = context.parameters
        reference = parameters.get("source_key_id")
        arn = self._source(context, reference, parameters)
        given = {
            "key_id": reference,
            "encryption_context": parameters.get("source_encryption_context"),
        }
        found = conditions(context.caller.account, given, self._find(context, arn))
        found |= self._on_same_key(context, parameters)
        circumstances = circumstances_of(context, found)
        self._access.require(identity_of(context), ("kms:ReEncryptFrom",), arn, circumstances)

    def _on_same_key(self, context: Context, parameters: Mapping[str, Any]) -> dict[str, str]:
        source = self._source(context, parameters.get("source_key_id"), parameters)
        same = source == self._arn(context, parameters["destination_key_id"])
        return {"kms:reencryptonsamekey": str(same).lower()}

    def _source(
        self, context: Context, reference: str | None, parameters: Mapping[str, Any]
    ) -> str:
        if reference is not None:
            return self._arn(context, reference)
        key = self._carried(context, parameters.get("ciphertext_blob"))
        scope = scope_of(context)
        return f"arn:aws:kms:{scope.region}:{scope.account}:key/*" if key is None else key.arn

    def _carried(self, context: Context, blob: bytes | None) -> MasterKey | None:
        """The key that a ciphertext says it is under, of any account in the region."""
        key_id = ciphertext.key_of(blob or b"")
        keys = self._keys.ring().keys
        found = next((each for each in keys if each.key_id == key_id and each.account), None)
        return None if found is None or found.region != context.region else found

    def _under(self, context: Context, reference: str | None, blob: bytes | None) -> MasterKey:
        """The key of a ciphertext, which must be the one named."""
        if ciphertext.key_of(blob or b"") is None:
            raise Damaged("the ciphertext is not one that this server made")
        key = self._carried(context, blob)
        if reference is not None:
            named = usable(self._key(context, reference))
            if named != key:
                message = (
                    "The key ID in the request does not identify a CMK that can perform this"
                    " operation."
                )
                raise ServiceError("IncorrectKeyException", message)
        if key is None:
            raise Denied(_NOT_YOURS)
        return usable(key)


def _check_algorithm(name: str) -> None:
    if name != ALGORITHM:
        message = f"{name} is not an algorithm of a symmetric key; {ALGORITHM} is"
        raise ServiceError("InvalidKeyUsageException", message)
