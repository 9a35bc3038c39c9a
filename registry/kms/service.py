"""What all operations of KMS share: the declarations, and which key a request is about."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypeVar

from registry.aws.errors import ServiceError
from registry.aws.service import Declarations
from registry.domain.access import Found
from registry.keys.ring import located
from registry.kms.conditions import conditions
from registry.values.digest import shown
from registry.values.errors import Denied, KeyNotFound, ParameterInvalid
from registry.values.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping, Sequence

    from registry.aws.context import Context
    from registry.aws.pages import Pages
    from registry.aws.service import Conditions
    from registry.domain.access import Access
    from registry.domain.grants import Grants
    from registry.keys.local import LocalKeyring
    from registry.keys.ring import MasterKey

kms = Declarations("kms")

T = TypeVar("T")
TOKENS = "grant tokens"
"""What grant tokens are sealed as."""


@dataclass(frozen=True, slots=True)
class Stores:
    """The domain under these operations."""

    keys: LocalKeyring
    grants: Grants
    access: Access


def scope_of(context: Context) -> Scope:
    """The account and region that an operation is about."""
    return Scope(context.account, context.region)


class Operations:
    """What every group of operations has."""

    def __init__(self, stores: Stores, pages: Pages) -> None:
        self._keys = stores.keys
        self._grants = stores.grants
        self._access = stores.access
        self._pages = pages

    # Resources of operations: ARNs of what was found, or as it was asked for.

    def key_arn(self, context: Context, parameters: Mapping[str, Any]) -> Sequence[str]:
        """Of the key with the id or ARN `KeyId`, in whichever account."""
        return (self._arn(context, _no_alias(parameters["key_id"])),)

    def own_key_arn(self, context: Context, parameters: Mapping[str, Any]) -> Sequence[str]:
        """The same, of the caller's account alone."""
        return (self._own(context, _no_alias(parameters["key_id"])),)

    def named_key_arn(self, context: Context, parameters: Mapping[str, Any]) -> Sequence[str]:
        """Of the key with the id, alias or ARN `KeyId`, in whichever account."""
        return (self._arn(context, parameters["key_id"]),)

    def key_conditions(
        self, context: Context, parameters: Mapping[str, Any]
    ) -> Sequence[Conditions]:
        """The condition keys of the request."""
        key = self._find(context, parameters.get("key_id") or "")
        return (conditions(context.caller.account, parameters, key),)

    def _arn(self, context: Context, reference: str) -> str:
        scope, resource = _located(context, reference)
        asked = f"arn:aws:kms:{scope.region}:{scope.account}:{resource}"
        key = self._find(context, reference)
        return Found(asked if key is None else key.arn, asked)

    def _own(self, context: Context, reference: str) -> str:
        arn = self._arn(context, reference)
        if _located(context, reference)[0].account != context.account:
            raise Denied(
                f"User: {context.caller.arn} is not authorized to do that to a key of another"
                f" account: {shown(reference)}"
            )
        return arn

    # Keys.

    def _find(self, context: Context, reference: str) -> MasterKey | None:
        return self._keys.ring().named(reference, scope_of(context))

    def _key(self, context: Context, reference: str) -> MasterKey:
        """The key of a reference. Raises KeyNotFound."""
        key = self._find(context, reference)
        if key is None:
            scope, resource = _located(context, reference)
            arn = f"arn:aws:kms:{scope.region}:{scope.account}:{resource}"
            alias = f"Alias {arn} is not found."
            raise KeyNotFound(
                alias if resource.startswith("alias/") else f"Key '{arn}' does not exist"
            )
        return key

    def _change(
        self, context: Context, reference: str, change: Callable[[MasterKey], MasterKey]
    ) -> MasterKey:
        """Keep what `change` makes of a key. Raises KeyNotFound, and what `change` raises."""
        key_id = self._key(context, reference).key_id
        ring = self._keys.edit(lambda ring: ring.changed(change(ring.key(key_id))))
        return ring.key(key_id)

    # Grant tokens. A grant counts from its creation, so a token adds nothing to it.

    def _check_tokens(self, tokens: Sequence[str]) -> None:
        for token in tokens:
            self._token(token)

    def _token(self, token: str | None) -> str:
        """The id of the grant that a token was given for. Raises InvalidGrantTokenException."""
        try:
            return self._pages.open(TOKENS, token, "")
        except ParameterInvalid:
            message = "The grant token is not one that CreateGrant returned"
            raise ServiceError("InvalidGrantTokenException", message) from None

    # Listings.

    def _page(
        self,
        listing: str,
        entries: Sequence[T],
        position: Callable[[T], str],
        *,
        marker: str | None,
        limit: int,
    ) -> tuple[list[T], dict[str, Any]]:
        """A page of entries in the order of their positions, and what the answer says of more."""
        try:
            after = self._pages.open(listing, marker, "")
        except ParameterInvalid:
            message = "The marker is not that of the page before, of the same caller and listing"
            raise ServiceError("InvalidMarkerException", message) from None
        rest = sorted((each for each in entries if position(each) > after), key=position)
        found = rest[:limit]
        if len(rest) <= limit:
            return found, {"Truncated": False}
        marker = self._pages.seal(listing, position(found[-1]))
        return found, {"Truncated": True, "NextMarker": marker}


def _no_alias(reference: str) -> str:
    if reference.startswith("alias/") or ":alias/" in reference:
        raise ServiceError("NotFoundException", f"Invalid keyId {shown(reference)}")
    return reference


def _located(context: Context, reference: str) -> tuple[Scope, str]:
    """Raise InvalidArnException for what is no key's ARN, NotFoundException for another region."""
    scope, resource = located(reference, scope_of(context))
    if reference.startswith("arn:") and resource.endswith(reference):
        raise ServiceError("InvalidArnException", f"{shown(reference)} is not the ARN of a key")
    if scope.region != context.region:
        raise ServiceError("NotFoundException", f"Invalid arn {shown(scope.region)}")
    return scope, resource


def described(key: MasterKey) -> dict[str, Any]:
    """KMS's KeyMetadata."""
    found: dict[str, Any] = {
        "AWSAccountId": key.account,
        "KeyId": key.key_id,
        "Arn": key.arn,
        "CreationDate": key.created,
        "Enabled": key.state == "Enabled",
        "Description": key.description,
        "KeyUsage": "ENCRYPT_DECRYPT",
        "KeyState": key.state.value,
        "Origin": "AWS_KMS",
        "KeyManager": "AWS" if key.managed else "CUSTOMER",
        "CustomerMasterKeySpec": "SYMMETRIC_DEFAULT",
        "KeySpec": "SYMMETRIC_DEFAULT",
        "EncryptionAlgorithms": ["SYMMETRIC_DEFAULT"],
        "MultiRegion": False,
        "CurrentKeyMaterialId": material_id(key, key.versions[-1].number),
    }
    return found | ({"DeletionDate": key.deletion_date} if key.deletion_date else {})


def material_id(key: MasterKey, number: int) -> str:
    """What a version of a key is called; it says nothing about its bytes."""
    return hashlib.sha256(f"{key.key_id} {number}".encode()).hexdigest()
