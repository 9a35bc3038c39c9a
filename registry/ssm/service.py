"""What all operations of Parameter Store share: the declarations, ARNs, keys, pages.

Source: Service Authorization Reference, "AWS Systems Manager": the resource of an operation on
parameters is `parameter/<name without a slash at its beginning>`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from registry.aws.errors import ServiceError
from registry.aws.service import Declarations
from registry.domain.key_calls import Asking
from registry.domain.parameters.errors import ParameterVersionNotFound
from registry.domain.parameters.names import key_of, parameter_arn, reference
from registry.domain.parameters.parameters import SECURE
from registry.domain.requests import circumstances_of, identity_of
from registry.values.errors import ParameterInvalid
from registry.values.scope import Scope

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from registry.aws.context import Context
    from registry.aws.pages import Pages
    from registry.aws.service import Conditions
    from registry.domain.key_calls import KeyCalls
    from registry.domain.parameters.names import Reference
    from registry.domain.parameters.parameters import Parameters, Version
    from registry.keys.provider import KeyProvider

ssm = Declarations("ssm")


@dataclass(frozen=True, slots=True)
class Stores:
    """The domain under these operations."""

    parameters: Parameters
    keys: KeyProvider
    calls: KeyCalls


def scope_of(context: Context) -> Scope:
    """The account and region that an operation is about."""
    return Scope(context.account, context.region)


class Operations:
    """What every group of operations has."""

    def __init__(self, stores: Stores, pages: Pages) -> None:
        self._parameters = stores.parameters
        self._keys = stores.keys
        self._calls = stores.calls
        self._pages = pages

    def _reference(self, context: Context, text: str) -> Reference:
        """What a name or an ARN refers to. Raises ParameterInvalid for another region."""
        found = reference(scope_of(context), text)
        if found.scope.region != context.region:
            raise ParameterInvalid("The parameter's ARN is of another region.")
        return found

    def _require(self, context: Context, action: str, key_id: str, arn: str) -> None:
        """Raise Denied unless the caller may use the key for a parameter."""
        asking = Asking(identity_of(context), circumstances_of(context, {}), scope_of(context))
        self._calls.require(asking, action, key_id, {"PARAMETER_ARN": arn})

    def _value(self, context: Context, version: Version, *, decrypted: bool) -> str:
        """What a version says. Raises Denied, KeyNotFound, KeyUnavailable."""
        if version.type == SECURE:
            if not decrypted:
                return version.sealed.hex()
            self._require(context, "kms:Decrypt", version.key_id, version.arn)
        return self._parameters.value(version)

    def _shown(
        self, context: Context, version: Version, *, decrypted: bool, selector: str = ""
    ) -> dict[str, Any]:
        """AWS's Parameter."""
        return {
            "Name": version.name,
            "Type": version.type,
            "Value": self._value(context, version, decrypted=decrypted),
            "Version": version.number,
            "Selector": f":{selector}" if selector else None,
            "LastModifiedDate": version.modified_at,
            "ARN": version.arn,
            "DataType": version.data_type,
        }

    def _position(self, listing: str, token: str | None) -> str:
        try:
            return self._pages.open(listing, token, "")
        except ParameterInvalid:
            raise ServiceError("InvalidNextToken", "The specified token is not valid.") from None

    def _find(self, context: Context, name: str) -> tuple[Reference, Version | None]:
        """A version by a name of GetParameters, or nothing."""
        found = self._reference(context, name)
        try:
            return found, self._parameters.get(found)
        except ParameterVersionNotFound:
            return found, None


# Resources of operations: ARNs of what was asked for, whether it exists or not.


def any_parameter(context: Context, _parameters: Mapping[str, Any]) -> Sequence[str]:
    """Of a listing."""
    return (f"arn:aws:ssm:{context.region}:{context.account}:*",)


def one_parameter(context: Context, parameters: Mapping[str, Any]) -> Sequence[str]:
    """Of what is done to one."""
    name = parameters.get("name") or parameters.get("resource_id") or ""
    return (reference(scope_of(context), name).arn,)


def some_parameters(context: Context, parameters: Mapping[str, Any]) -> Sequence[str]:
    """Of what is done to several."""
    return tuple(reference(scope_of(context), name).arn for name in parameters["names"])


def path_of_parameters(context: Context, parameters: Mapping[str, Any]) -> Sequence[str]:
    """Of all below a path."""
    path = parameters["path"]
    return (parameter_arn(scope_of(context), key_of(path).rstrip("/")),)


def put_conditions(_context: Context, parameters: Mapping[str, Any]) -> Sequence[Conditions]:
    """The condition keys of what writes: tags, and whether it overwrites."""
    found: dict[str, str | tuple[str, ...]] = {}
    tags = {each["Key"]: each["Value"] for each in parameters.get("tags") or ()}
    found |= {f"aws:requesttag/{key.lower()}": value for key, value in tags.items()}
    if keys := tuple(parameters.get("tag_keys") or tags):
        found["aws:tagkeys"] = keys
    if "overwrite" in parameters:
        found["ssm:overwrite"] = str(parameters["overwrite"]).lower()
    return (found,)


def path_conditions(_context: Context, parameters: Mapping[str, Any]) -> Sequence[Conditions]:
    """Whether all levels of a hierarchy are asked for."""
    return ({"ssm:recursive": str(bool(parameters.get("recursive"))).lower()},)
