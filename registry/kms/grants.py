"""KMS's operations on grants.

Source: KMS API reference, CreateGrant, ListGrants, ListRetirableGrants, RetireGrant, RevokeGrant.
"""

from __future__ import annotations

import secrets
from typing import TYPE_CHECKING, Any

from registry.aws.errors import Fault, RequestError, ServiceError
from registry.aws.policy import PolicyInvalid, PolicyKind, parse
from registry.aws.service import ANY
from registry.domain.grants import GRANT, Grant, principal_of
from registry.kms.conditions import conditions
from registry.kms.errors import usable, would_succeed
from registry.kms.service import TOKENS, Operations, kms
from registry.values.errors import Denied

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.aws.context import Context
    from registry.aws.service import Conditions

PAGE, PAGE_MAX = 50, 100
"""Grants in one answer, where `Limit` says nothing; at most."""
_OPERATIONS = frozenset(
    {"Decrypt", "Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "ReEncryptFrom"}
    | {"ReEncryptTo", "CreateGrant", "RetireGrant", "DescribeKey"}
)
"""What a grant on a symmetric key may allow."""


class GrantOperations(Operations):
    """Create, list, retire, revoke."""

    def retired_arn(self, context: Context, parameters: Mapping[str, Any]) -> Sequence[str]:
        """ARN of the key that a grant token or `KeyId` leads to."""
        if "key_id" in parameters:
            return self.key_arn(context, parameters)
        grant = self._grants.find(self._token(parameters.get("grant_token")))
        if grant is None:
            return (f"arn:aws:kms:{context.region}:{context.account}:key/*",)
        return (self._keys.ring().key(grant.key_id).arn,)

    def retired_conditions(
        self, context: Context, parameters: Mapping[str, Any]
    ) -> Sequence[Conditions]:
        """The condition keys, with the grant that is to end."""
        key = self._find(context, parameters.get("key_id") or "")
        found = conditions(context.caller.account, parameters, key)
        token = parameters.get("grant_token")
        return ({**found, GRANT: self._token(token)} if token else found,)

    @kms.operation(resource=Operations.key_arn, conditions=Operations.key_conditions)
    def create_grant(
        self,
        context: Context,
        *,
        key_id: str,
        operations: Sequence[str],
        grantee_principal: str | None = None,
        retiring_principal: str | None = None,
        constraints: Mapping[str, Any] | None = None,
        grant_tokens: Sequence[str] = (),
        name: str | None = None,
        dry_run: bool = False,
        grantee_service_principal: str | None = None,
        retiring_service_principal: str | None = None,
    ) -> Mapping[str, Any]:
        """Allow somebody to use the key."""
        self._check_tokens(grant_tokens)
        _check_operations(operations)
        key = usable(self._key(context, key_id))
        grant = Grant(
            id=secrets.token_hex(32),
            key_id=key.key_id,
            name=name,
            issuer=context.account,
            grantee=_one("Grantee", grantee_principal, grantee_service_principal) or "",
            retiring=_one("Retiring", retiring_principal, retiring_service_principal),
            operations=tuple(sorted(set(operations))),
            constraints=dict(constraints or {}),
            created_at=self._keys.now(),
        )
        if not grant.grantee:
            raise RequestError(Fault.INVALID, "GranteePrincipal is missing")
        would_succeed(dry_run=dry_run)
        made = self._grants.create(grant)
        return {"GrantToken": self._pages.seal(TOKENS, made.id), "GrantId": made.id}

    @kms.operation(resource=Operations.key_arn, conditions=Operations.key_conditions)
    def list_grants(
        self,
        context: Context,
        *,
        key_id: str,
        limit: int = PAGE,
        marker: str | None = None,
        grant_id: str | None = None,
        grantee_principal: str | None = None,
        grantee_service_principal: str | None = None,
    ) -> Mapping[str, Any]:
        """The grants on a key by their id, ECR's own on its repositories among them."""
        key = self._key(context, key_id)
        grantee = grantee_principal or grantee_service_principal
        found = [
            each
            for each in self._grants.on(key.key_id)
            if grant_id in (None, each.id) and grantee in (None, each.grantee)
        ]
        if grant_id is not None and not found:
            raise _no_grant(grant_id)
        listing = f"grants {key.arn} {grant_id} {grantee} {context.caller.arn}"
        return self._listed(listing, found, marker, limit)

    @kms.operation(resource=ANY)
    def list_retirable_grants(
        self,
        context: Context,
        *,
        limit: int = PAGE,
        marker: str | None = None,
        retiring_principal: str | None = None,
        retiring_service_principal: str | None = None,
    ) -> Mapping[str, Any]:
        """The grants that a principal of the caller's account may retire."""
        principal = _one("Retiring", retiring_principal, retiring_service_principal)
        if principal is None:
            raise RequestError(Fault.INVALID, "RetiringPrincipal is missing")
        if f"::{context.account}:" not in principal and principal != context.account:
            raise Denied(f"{principal} is no principal of the account {context.account}")
        found = self._grants.retirable_by(principal)
        listing = f"retirable {principal} {context.caller.arn}"
        return self._listed(listing, found, marker, limit)

    @kms.operation(resource=retired_arn, conditions=retired_conditions)
    def retire_grant(
        self,
        context: Context,
        *,
        grant_token: str | None = None,
        key_id: str | None = None,
        grant_id: str | None = None,
        dry_run: bool = False,
    ) -> None:
        """End a grant that has served its purpose."""
        if (grant_token is None) == (key_id is None or grant_id is None):
            message = "give either a grant token, or a key ARN and a grant ID"
            raise RequestError(Fault.INVALID, message)
        if key_id is None:
            grant = self._grants.find(self._token(grant_token))
            if grant is None:
                raise ServiceError("NotFoundException", "The grant of the token has ended")
            self._end(grant, dry_run=dry_run)
        else:
            self._end(self._on(context, key_id, grant_id or ""), dry_run=dry_run)

    @kms.operation(resource=Operations.key_arn, conditions=Operations.key_conditions)
    def revoke_grant(
        self, context: Context, *, key_id: str, grant_id: str, dry_run: bool = False
    ) -> None:
        """End a grant, whoever uses it."""
        self._end(self._on(context, key_id, grant_id), dry_run=dry_run)

    def _on(self, context: Context, key_id: str, grant_id: str) -> Grant:
        key = self._key(context, key_id)
        found = (each for each in self._grants.on(key.key_id) if each.id == grant_id)
        grant = next(found, None)
        if grant is None:
            raise _no_grant(grant_id)
        return grant

    def _end(self, grant: Grant, *, dry_run: bool) -> None:
        if grant.repository is not None:
            raise ServiceError(
                "KMSInvalidStateException",
                f"The grant is ECR's for {grant.repository} and ends with it; to make the"
                " repository unreadable, disable the key",
            )
        would_succeed(dry_run=dry_run)
        self._grants.end(grant.id)

    def _listed(
        self, listing: str, grants: Sequence[Grant], marker: str | None, limit: int
    ) -> Mapping[str, Any]:
        found, more = self._page(
            listing, grants, lambda grant: grant.id, marker=marker, limit=min(limit, PAGE_MAX)
        )
        arns = {key.key_id: key.arn for key in self._keys.ring().keys}
        return {"Grants": [_described(each, arns) for each in found], **more}


def _described(grant: Grant, arns: Mapping[str, str]) -> dict[str, Any]:
    found: dict[str, Any] = {
        "KeyId": arns.get(grant.key_id, grant.key_id),
        "GrantId": grant.id,
        "Name": grant.name or "",
        "CreationDate": grant.created_at,
        "GranteePrincipal": grant.grantee,
        "IssuingAccount": f"arn:aws:iam::{grant.issuer}:root",
        "Operations": list(grant.operations),
    }
    if grant.retiring is not None:
        found["RetiringPrincipal"] = grant.retiring
    return found | ({"Constraints": grant.constraints} if grant.constraints else {})


def _no_grant(grant_id: str) -> ServiceError:
    return ServiceError("NotFoundException", f"Grant ID {grant_id} not found")


def _check_operations(operations: Sequence[str]) -> None:
    if not operations or set(operations) - _OPERATIONS:
        wrong = ", ".join(sorted(set(operations) - _OPERATIONS)) or "none"
        message = f"Unsupported grant operations for a symmetric encryption key: {wrong}"
        raise RequestError(Fault.INVALID, message)


def _one(kind: str, principal: str | None, service: str | None) -> str | None:
    """The principal that is given by either member. Raises InvalidArnException."""
    if principal is not None and service is not None:
        message = f"give {kind}Principal or {kind}ServicePrincipal, not both"
        raise RequestError(Fault.INVALID, message)
    found = principal or service
    if found is None:
        return None
    statement = {"Effect": "Allow", "Principal": principal_of(found), "Action": "kms:*"}
    try:
        parse({"Version": "2012-10-17", "Statement": statement}, PolicyKind.RESOURCE)
    except PolicyInvalid:
        raise ServiceError(
            "InvalidArnException", f"{found} is not the ARN of a principal"
        ) from None
    return found
