"""ECR's operations on signing.

Source: ECR API reference, PutSigningConfiguration, DescribeImageSigningStatus and their like.
AWS Signer cannot be here: a profile's ARN stands for a key of this server (`domain/signing`).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.aws.service import ANY
from registry.domain.api.identifiers import identifier
from registry.domain.api.images import named
from registry.ecr.service import ecr, repository_arn, scope_of

if TYPE_CHECKING:
    from collections.abc import Mapping

    from types_boto3_ecr.type_defs import ImageIdentifierTypeDef, SigningConfigurationTypeDef

    from registry.aws.context import Context
    from registry.domain.images import Images
    from registry.domain.repositories import Repositories
    from registry.domain.signing.configuration import SigningConfigurations
    from registry.domain.signing.requests import Signing, Signings


class SigningOperations:
    """Put, get, delete; and how far an image is."""

    def __init__(
        self,
        repositories: Repositories,
        images: Images,
        configurations: SigningConfigurations,
        signings: Signings,
    ) -> None:
        self._repositories = repositories
        self._images = images
        self._configurations = configurations
        self._signings = signings

    @ecr.operation(resource=ANY)
    def put_signing_configuration(
        self, context: Context, *, signing_configuration: SigningConfigurationTypeDef
    ) -> Mapping[str, Any]:
        """Sign what is pushed from now on by these rules."""
        self._configurations.put(scope_of(context, None), signing_configuration)
        return {"signingConfiguration": signing_configuration}

    @ecr.operation(resource=ANY)
    def get_signing_configuration(self, context: Context) -> Mapping[str, Any]:
        """The rules."""
        scope = scope_of(context, None)
        found = self._configurations.get(scope)
        return {"registryId": scope.account, "signingConfiguration": found}

    @ecr.operation(resource=ANY)
    def delete_signing_configuration(self, context: Context) -> Mapping[str, Any]:
        """Sign nothing any more; signatures stay."""
        scope = scope_of(context, None)
        gone = self._configurations.delete(scope)
        return {"registryId": scope.account, "signingConfiguration": gone}

    @ecr.operation(resource=repository_arn)
    def describe_image_signing_status(
        self,
        context: Context,
        *,
        repository_name: str,
        image_id: ImageIdentifierTypeDef,
        registry_id: str | None = None,
    ) -> Mapping[str, Any]:
        """How far each profile's signature of the image is."""
        repository = self._repositories.get(scope_of(context, registry_id), repository_name)
        (image,) = named(self._images, repository, [image_id])
        return {
            "registryId": repository.scope.account,
            "repositoryName": repository.name,
            "imageId": identifier(image.digest, image_id.get("imageTag")),
            "signingStatuses": [_described(each) for each in self._signings.of(image.id)],
        }


def _described(signing: Signing) -> dict[str, str]:
    described = {"signingProfileArn": signing.profile_arn, "status": signing.status}
    if signing.failure_code is not None:
        described["failureCode"] = signing.failure_code
    if signing.failure_reason is not None:
        described["failureReason"] = signing.failure_reason
    return described
