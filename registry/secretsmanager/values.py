"""Secrets Manager's operations on values.

Source: Secrets Manager API reference, GetSecretValue, BatchGetSecretValue, PutSecretValue,
ListSecretVersionIds, UpdateSecretVersionStage, GetRandomPassword.
"""

from __future__ import annotations

import string
import uuid
from typing import TYPE_CHECKING, Any

from registry.aws.errors import RequestError, ServiceError
from registry.aws.service import ANY
from registry.domain.requests import circumstances_of, identity_of
from registry.domain.secrets.filters import wanted
from registry.domain.secrets.passwords import PUNCTUATION, password
from registry.domain.secrets.values import UTF8, Value
from registry.secretsmanager.errors import invalid_request, service_error
from registry.secretsmanager.service import Operations, conditions, scope_of, secretsmanager
from registry.values.errors import Denied, MoorageError, ParameterInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.aws.context import Context

BATCH, PAGE = 20, 100
_LENGTH = 32


class ValueOperations(Operations):
    """Get, put, move stages."""

    @secretsmanager.operation(resource=Operations.one_secret, conditions=conditions)
    def get_secret_value(
        self,
        context: Context,
        *,
        secret_id: str,
        version_id: str | None = None,
        version_stage: str | None = None,
    ) -> Mapping[str, Any]:
        """One version, the current one if nothing is said."""
        secret = self._get(context, secret_id)
        version = self._values.version(secret, version_id, version_stage)
        return self._shown(context, secret, version)

    @secretsmanager.operation(resource=ANY)
    def batch_get_secret_value(
        self,
        context: Context,
        *,
        secret_id_list: Sequence[str] | None = None,
        filters: Sequence[Mapping[str, Any]] | None = None,
        max_results: int | None = None,
        next_token: str | None = None,
    ) -> Mapping[str, Any]:
        """The current versions of several secrets; each needs GetSecretValue by itself."""
        if (secret_id_list is None) == (filters is None):
            raise ParameterInvalid(
                "Either 'SecretIdList' or 'Filters' must be provided, but not both."
            )
        if secret_id_list is not None and max_results is not None:
            raise ParameterInvalid(
                "'Filters' not specified. 'Filters' must also be specified when 'MaxResults' is"
                " provided."
            )
        more: dict[str, Any] = {}
        ids = list(dict.fromkeys(secret_id_list or ()))
        if filters is not None:
            ids, more = self._filtered(context, filters, max_results or BATCH, next_token)
        found, failed = [], []
        for secret_id in ids:
            try:
                found.append(self._allowed(context, secret_id))
            except (MoorageError, ServiceError, RequestError) as error:
                failed.append(_failure(secret_id, error))
        return {"SecretValues": found, "Errors": failed, **more}

    def _filtered(
        self,
        context: Context,
        filters: Sequence[Mapping[str, Any]],
        limit: int,
        token: str | None,
    ) -> tuple[list[str], dict[str, str]]:
        test = wanted(filters)
        listing = f"secret values {context.caller.arn} {[context.region, list(filters)]}"
        start = self._position(listing, token)
        secrets = [
            each
            for each in self._secrets.all(scope_of(context))
            if each.deleted_at is None and test(each)
        ]
        ids = [each.arn for each in secrets[start : start + limit]]
        end = start + limit
        return ids, {"NextToken": self._pages.seal(listing, end)} if end < len(secrets) else {}

    def _allowed(self, context: Context, secret_id: str) -> dict[str, Any]:
        """One of several. Raises Denied."""
        action = f"{secretsmanager.model.signing_name}:GetSecretValue"
        (found,) = conditions(context, {"secret_id": secret_id})
        self._access.require(
            identity_of(context),
            (action,),
            self._arn(context, secret_id),
            circumstances_of(context, found),
        )
        secret = self._get(context, secret_id)
        return self._shown(context, secret, self._values.version(secret, None, None))

    @secretsmanager.operation(resource=Operations.one_secret, conditions=conditions)
    def put_secret_value(
        self,
        context: Context,
        *,
        secret_id: str,
        client_request_token: str | None = None,
        secret_binary: bytes | None = None,
        secret_string: str | None = None,
        version_stages: Sequence[str] | None = None,
        rotation_token: str | None = None,  # noqa: ARG002 - nothing rotates here
    ) -> Mapping[str, Any]:
        """Keep a value as a new version, the current one if nothing is said."""
        secret = self._get(context, secret_id)
        value = value_of(secret_string, secret_binary)
        if value is None:
            raise invalid_request("You must provide either SecretString or SecretBinary.")
        version = client_request_token or str(uuid.uuid4())
        key_id = self._key(secret.scope, secret.kms_key)
        self._require(context, secret, version, key_id, "kms:GenerateDataKey", "kms:Decrypt")
        stages = self._values.put(secret, version, value, key_id, version_stages)
        return {
            "ARN": secret.arn,
            "Name": secret.name,
            "VersionId": version,
            "VersionStages": list(stages),
        }

    @secretsmanager.operation(resource=Operations.one_secret, conditions=conditions)
    def list_secret_version_ids(
        self,
        context: Context,
        *,
        secret_id: str,
        max_results: int = PAGE,
        next_token: str | None = None,
        include_deprecated: bool = False,
    ) -> Mapping[str, Any]:
        """The versions, the newest first; those without a stage only if they are asked for."""
        secret = self._secrets.known(scope_of(context), secret_id)
        listing = f"secret versions {context.caller.arn} {[secret.arn, include_deprecated]}"
        start = self._position(listing, next_token)
        every = [
            each for each in self._values.all(secret)[::-1] if each.stages or include_deprecated
        ]
        end = start + max_results
        more = {"NextToken": self._pages.seal(listing, end)} if end < len(every) else {}
        shown = [
            {
                "VersionId": each.id,
                "VersionStages": list(each.stages) or None,
                "LastAccessedDate": each.accessed_at,
                "CreatedDate": each.created_at,
                "KmsKeyIds": [secret.kms_key or "DefaultEncryptionKey"],
            }
            for each in every[start:end]
        ]
        return {"Versions": shown, "ARN": secret.arn, "Name": secret.name, **more}

    @secretsmanager.operation(resource=Operations.one_secret, conditions=conditions)
    def update_secret_version_stage(
        self,
        context: Context,
        *,
        secret_id: str,
        version_stage: str,
        remove_from_version_id: str | None = None,
        move_to_version_id: str | None = None,
    ) -> Mapping[str, Any]:
        """Move a staging label between versions."""
        secret = self._get(context, secret_id)
        self._values.move(
            secret, version_stage, source=remove_from_version_id, target=move_to_version_id
        )
        return {"ARN": secret.arn, "Name": secret.name}

    @secretsmanager.operation(resource=ANY)
    def get_random_password(
        self,
        context: Context,  # noqa: ARG002 - the same for everybody
        *,
        password_length: int = _LENGTH,
        exclude_characters: str = "",
        exclude_numbers: bool = False,
        exclude_punctuation: bool = False,
        exclude_uppercase: bool = False,
        exclude_lowercase: bool = False,
        include_space: bool = False,
        require_each_included_type: bool = True,
    ) -> Mapping[str, Any]:
        """A password of the operating system's random numbers."""
        kinds = [
            "" if exclude_uppercase else string.ascii_uppercase,
            "" if exclude_lowercase else string.ascii_lowercase,
            "" if exclude_numbers else string.digits,
            "" if exclude_punctuation else PUNCTUATION,
            " " if include_space else "",
        ]
        left = ["".join(c for c in kind if c not in exclude_characters) for kind in kinds]
        made = password(password_length, left, each=require_each_included_type)
        return {"RandomPassword": made}


def value_of(text: str | None, binary: bytes | None) -> Value | None:
    """The value in a request, if there is one. Raises ParameterInvalid for two."""
    if text is not None and binary is not None:
        raise ParameterInvalid(
            "You can't specify both a binary secret value and a string secret value in the same"
            " secret."
        )
    if text is not None:
        return Value("string", text.encode(*UTF8))
    return None if binary is None else Value("binary", binary)


def _failure(secret_id: str, error: MoorageError | ServiceError | RequestError) -> dict[str, str]:
    found = service_error(error) if isinstance(error, MoorageError) else error
    if isinstance(error, Denied) or isinstance(found, RequestError):
        code, message = "AccessDeniedException", str(error)
    elif found is None:
        code, message = "InternalServiceError", str(error)
    else:
        code, message = found.code, found.message
    return {"SecretId": secret_id, "ErrorCode": code, "Message": message}
