"""Parameter Store's operations that read.

Source: Systems Manager API reference, GetParameter, GetParameters, GetParametersByPath,
GetParameterHistory, DescribeParameters.
"""

from __future__ import annotations

from itertools import islice
from typing import TYPE_CHECKING, Any

from registry.domain.parameters import filters as filtering
from registry.domain.parameters.errors import ParameterNotFound
from registry.domain.parameters.names import check_path
from registry.ssm.service import (
    Operations,
    any_parameter,
    one_parameter,
    path_conditions,
    path_of_parameters,
    scope_of,
    some_parameters,
    ssm,
)
from registry.values.errors import ParameterInvalid

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.aws.context import Context
    from registry.domain.parameters.parameters import Version

PATH_PAGE, PAGE = 10, 50


class ReadingOperations(Operations):
    """Get one, some, those below a path; list."""

    @ssm.operation(resource=one_parameter)
    def get_parameter(
        self, context: Context, *, name: str, with_decryption: bool = False
    ) -> Mapping[str, Any]:
        """One value."""
        found = self._reference(context, name)
        version = self._parameters.get(found)
        shown = self._shown(context, version, decrypted=with_decryption, selector=found.selector)
        return {"Parameter": shown}

    @ssm.operation(resource=some_parameters)
    def get_parameters(
        self, context: Context, *, names: Sequence[str], with_decryption: bool = False
    ) -> Mapping[str, Any]:
        """Several values, those that there are."""
        shown, invalid = [], []
        for name in dict.fromkeys(names):
            try:
                found, version = self._find(context, name)
            except ParameterNotFound:
                version = None
            if version is None:
                invalid.append(name)
                continue
            shown.append(
                self._shown(context, version, decrypted=with_decryption, selector=found.selector)
            )
        return {"Parameters": shown, "InvalidParameters": invalid}

    @ssm.operation(resource=path_of_parameters, conditions=path_conditions)
    def get_parameters_by_path(
        self,
        context: Context,
        *,
        path: str,
        recursive: bool = False,
        parameter_filters: Sequence[Mapping[str, Any]] = (),
        with_decryption: bool = False,
        max_results: int = PATH_PAGE,
        next_token: str | None = None,
    ) -> Mapping[str, Any]:
        """The values below a path."""
        below, test = check_path(path), filtering.by_path(parameter_filters)
        asked = [context.region, path, recursive, list(parameter_filters)]
        listing = f"parameters by path {context.caller.arn} {asked}"
        after = self._position(listing, next_token)
        walked = self._parameters.walk(scope_of(context), below=below, after=after)
        wanted = (
            each for each in walked if filtering.beneath(each, below, recursive) and test(each)
        )
        found = list(islice(wanted, max_results + 1))
        shown = [
            self._shown(context, each, decrypted=with_decryption) for each in found[:max_results]
        ]
        return {"Parameters": shown, **self._more(listing, found, max_results)}

    @ssm.operation(resource=any_parameter)
    def describe_parameters(
        self,
        context: Context,
        *,
        filters: Sequence[Mapping[str, Any]] = (),
        parameter_filters: Sequence[Mapping[str, Any]] = (),
        max_results: int = PAGE,
        next_token: str | None = None,
        shared: bool = False,
    ) -> Mapping[str, Any]:
        """What is known of parameters, without their values."""
        if filters and parameter_filters:
            raise ParameterInvalid(
                "You can use either Filters or ParameterFilters in a single request."
            )
        test = filtering.older(filters) if filters else filtering.described(parameter_filters)
        asked = [context.region, list(filters), list(parameter_filters)]
        listing = f"parameters {context.caller.arn} {asked}"
        after = self._position(listing, next_token)
        walked = () if shared else self._parameters.walk(scope_of(context), after=after)
        found = list(islice((each for each in walked if test(each)), max_results + 1))
        shown = [_described(each) | {"ARN": each.arn} for each in found[:max_results]]
        return {"Parameters": shown, **self._more(listing, found, max_results)}

    @ssm.operation(resource=one_parameter)
    def get_parameter_history(
        self,
        context: Context,
        *,
        name: str,
        with_decryption: bool = False,
        max_results: int = PAGE,
        next_token: str | None = None,
    ) -> Mapping[str, Any]:
        """All versions of one parameter, the oldest first."""
        reference = self._reference(context, name)
        listing = f"parameter history {context.caller.arn} {reference.arn}"
        after = int(self._position(listing, next_token) or 0)
        history = self._parameters.history(reference.scope, reference.key)
        found = [each for each in history if each.number > after]
        shown = [
            _described(each)
            | {
                "Value": self._value(context, each, decrypted=with_decryption),
                "Labels": list(each.labels),
            }
            for each in found[:max_results]
        ]
        answer: dict[str, Any] = {"Parameters": shown}
        if len(found) > max_results:
            last = str(found[max_results - 1].number)
            answer["NextToken"] = self._pages.seal(listing, last)
        return answer

    def _more(self, listing: str, found: Sequence[Version], limit: int) -> dict[str, str]:
        if len(found) <= limit:
            return {}
        return {"NextToken": self._pages.seal(listing, found[limit - 1].key)}


def _described(version: Version) -> dict[str, Any]:
    return {
        "Name": version.name,
        "Type": version.type,
        "KeyId": version.kms_key,
        "LastModifiedDate": version.modified_at,
        "LastModifiedUser": version.modified_by,
        "Description": version.description,
        "AllowedPattern": version.allowed_pattern,
        "Version": version.number,
        "Tier": version.tier,
        "Policies": [],
        "DataType": version.data_type,
    }
