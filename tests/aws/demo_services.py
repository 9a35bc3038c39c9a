"""Two small services: some of ECR in a dict, and some of STS."""

# ruff: noqa: ARG002 - an operation takes every member of its model, used or not

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import Any

from registry.aws.context import Context
from registry.aws.errors import ServiceError
from registry.aws.service import ANY, Declarations, Parameters
from registry.values.errors import Conflict, NotFound, StorageFull

ecr = Declarations("ecr")
sts = Declarations("sts")


def repository_arn(context: Context, parameters: Parameters) -> Sequence[str]:
    name = parameters["repository_name"]
    return (f"arn:aws:ecr:{context.region}:{context.account}:repository/{name}",)


class Repositories:
    """Repositories in a dict; some names make trouble on purpose."""

    def __init__(self) -> None:
        self.names: dict[str, datetime] = {}
        self.parts: list[bytes] = []
        self.contexts: list[Context] = []

    @ecr.operation(resource=repository_arn)
    def create_repository(
        self,
        context: Context,
        *,
        repository_name: str,
        registry_id: str | None = None,
        tags: Sequence[Mapping[str, str]] = (),
        image_tag_mutability: str = "MUTABLE",
        image_tag_mutability_exclusion_filters: Sequence[Mapping[str, str]] = (),
        image_scanning_configuration: Mapping[str, Any] | None = None,
        encryption_configuration: Mapping[str, Any] | None = None,
    ) -> Mapping[str, Any]:
        self.contexts.append(context)
        trouble: dict[str, Exception] = {
            "trouble/conflict": Conflict("taken"),
            "trouble/full": StorageFull("no space left"),
            "trouble/bug": RuntimeError("a secret of the server"),
            "trouble/missing": NotFound("not there"),
        }
        if repository_name in trouble:
            raise trouble[repository_name]
        if repository_name == "trouble/result":
            return {"repository": {"repositoryName": 5}}
        self.names[repository_name] = datetime(2026, 11, 22, 10, 30, 15, 250_000, UTC)
        return {
            "repository": {
                "repositoryName": repository_name,
                "createdAt": self.names[repository_name],
                "imageTagMutability": image_tag_mutability,
                "encryptionConfiguration": encryption_configuration,
            }
        }

    @ecr.operation(resource=ANY)
    def describe_repositories(
        self,
        context: Context,
        *,
        registry_id: str | None = None,
        repository_names: Sequence[str] | None = None,
        next_token: str | None = None,
        max_results: int | None = None,
    ) -> Mapping[str, Any]:
        names = sorted(self.names) if repository_names is None else repository_names
        return {"repositories": [{"repositoryName": name} for name in names]}

    @ecr.operation(resource=repository_arn)
    def upload_layer_part(
        self,
        context: Context,
        *,
        repository_name: str,
        upload_id: str,
        part_first_byte: int,
        part_last_byte: int,
        layer_part_blob: bytes,
        registry_id: str | None = None,
    ) -> Mapping[str, Any]:
        self.parts.append(layer_part_blob)
        return {"uploadId": upload_id, "lastByteReceived": part_last_byte}


class Identity:
    @sts.operation(open_to_any_caller=True)
    def get_caller_identity(self, context: Context) -> Mapping[str, Any]:
        return {
            "UserId": context.caller.user_id,
            "Account": context.account,
            "Arn": context.caller.arn,
        }

    @sts.operation(resource=ANY, actions=["sts:AssumeRole", "sts:TagSession"])
    def assume_role(
        self,
        context: Context,
        *,
        role_arn: str,
        role_session_name: str,
        policy_arns: Sequence[Mapping[str, str]] = (),
        policy: str | None = None,
        duration_seconds: int | None = None,
        tags: Sequence[Mapping[str, str]] = (),
        transitive_tag_keys: Sequence[str] = (),
        external_id: str | None = None,
        serial_number: str | None = None,
        token_code: str | None = None,
        source_identity: str | None = None,
        provided_contexts: Sequence[Mapping[str, str]] = (),
        minimum_session_token_size: int | None = None,
    ) -> Mapping[str, Any]:
        told = "|".join(f"{tag['Key']}={tag['Value']}" for tag in tags)
        return {
            "SourceIdentity": told,
            "PackedPolicySize": duration_seconds,
            "Credentials": {
                "AccessKeyId": "ASIAEXAMPLEEXAMPLE00",
                "SecretAccessKey": "x",
                "SessionToken": policy or "",
                "Expiration": datetime(2026, 11, 22, tzinfo=UTC),
            },
        }


def service_error_of(error: Exception) -> ServiceError | None:
    if isinstance(error, Conflict):
        return ServiceError("RepositoryAlreadyExistsException", str(error))
    return None
