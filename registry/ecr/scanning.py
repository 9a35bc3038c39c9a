"""ECR's operations on what is to be scanned, and when.

Source: ECR API reference, PutRegistryScanningConfiguration and its like; ECR User Guide,
"Using filters" (of image scanning).
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from registry.aws.service import ANY
from registry.domain.scanning.rules import FREQUENCIES, Configuration, filters, frequency
from registry.ecr.service import ecr, repository_arns, scope_of
from registry.values.errors import ParameterInvalid, RepositoryNotFound

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from types_boto3_ecr.type_defs import RegistryScanningRuleTypeDef

    from registry.aws.context import Context
    from registry.domain.registries import Registries
    from registry.domain.repositories import Repositories, Repository


class ScanningOperations:
    """Put, get, and what it comes to for a repository."""

    def __init__(self, repositories: Repositories, registries: Registries) -> None:
        self._repositories = repositories
        self._registries = registries

    @ecr.operation(resource=ANY)
    def put_registry_scanning_configuration(
        self,
        context: Context,
        *,
        scan_type: str = "BASIC",
        rules: Sequence[RegistryScanningRuleTypeDef] = (),
    ) -> Mapping[str, Any]:
        """Keep which repositories are to be scanned when."""
        allowed = FREQUENCIES[scan_type]
        asked = [rule["scanFrequency"] for rule in rules]
        if refused := [each for each in asked if each not in allowed]:
            raise _invalid(f"{refused[0]} does not go with scan type {scan_type}")
        if len(set(asked)) != len(asked):
            raise _invalid("one rule for each scan frequency")
        configuration = {"scanType": scan_type, "rules": list(rules)}
        self._registries.set_scanning(scope_of(context, None), configuration)
        return {"registryScanningConfiguration": configuration}

    @ecr.operation(resource=ANY)
    def get_registry_scanning_configuration(self, context: Context) -> Mapping[str, Any]:
        """What was put."""
        scope = scope_of(context, None)
        return {
            "registryId": scope.account,
            "scanningConfiguration": self._registries.scanning(scope),
        }

    @ecr.operation(resource=repository_arns)
    def batch_get_repository_scanning_configuration(
        self, context: Context, *, repository_names: Sequence[str]
    ) -> Mapping[str, Any]:
        """When each of the repositories is to be scanned, and by which filters."""
        scope = scope_of(context, None)
        configuration = Configuration(**self._registries.scanning(scope))
        found: list[dict[str, Any]] = []
        failures: list[dict[str, str]] = []
        for name in dict.fromkeys(repository_names):
            try:
                found.append(_applied(self._repositories.get(scope, name), configuration))
            except RepositoryNotFound as error:
                failures.append(
                    {
                        "repositoryName": name,
                        "failureCode": "REPOSITORY_NOT_FOUND",
                        "failureReason": str(error),
                    }
                )
        return {"scanningConfigurations": found, "failures": failures}


def _applied(repository: Repository, configuration: Configuration) -> dict[str, Any]:
    wanted = frequency(configuration, repository)
    return {
        "repositoryArn": repository.arn,
        "repositoryName": repository.name,
        "scanOnPush": wanted != "MANUAL",
        "scanFrequency": wanted,
        "appliedScanFilters": [
            each for rule in configuration.rules for each in filters(rule, repository)
        ],
    }


def _invalid(reason: str) -> ParameterInvalid:
    return ParameterInvalid(
        f"Invalid parameter at 'rules' failed to satisfy constraint: '{reason}'"
    )
