"""An AWS service as this server has it: some operations of the model, each a typed function.

    ecr = Declarations("ecr")

    class ImageOperations:
        @ecr.operation(resource=repository_arn)
        def put_image(self, context: Context, *, repository_name: str, …) -> Mapping[str, Any]: …

    service = ecr.bind(ImageOperations(images), errors=service_error_of)

A function is checked against botocore's model as it is declared, so a mistake shows at import.
Only an optional member that the function lacks is no mistake by itself: the next botocore may
well add one, and a server that is installed with it has to start. `lacking` lists these for a
test to hold down, and a request that sets one is refused rather than half understood.
"""

from __future__ import annotations

import inspect
import keyword
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from types import MappingProxyType
from typing import Any, TypeVar, cast

from botocore import xform_name
from botocore.loaders import Loader
from botocore.model import OperationModel, ServiceModel, Shape

from registry.aws.constraints import Violation, validation_error
from registry.aws.context import Context
from registry.aws.errors import Fault, RequestError, ServiceError
from registry.aws.json_protocol import JsonProtocol
from registry.aws.protocol import WireProtocol
from registry.aws.query_protocol import QueryProtocol

Parameters = Mapping[str, Any]
"""An operation's input; the top level in snake case, below it the model's own names."""
ResourceOf = Callable[[Context, Parameters], Sequence[str]]
"""The ARNs that an operation touches."""
Conditions = Mapping[str, str | tuple[str, ...]]
"""Condition keys that only the operation knows, in lower case, such as `aws:tagkeys`."""
ConditionsOf = Callable[[Context, Parameters], Sequence[Conditions]]
"""One for each thing that the operation does at once: each must be allowed."""
Resource = ResourceOf | Callable[[Any, Context, Parameters], Sequence[str]]
"""A function, or a method of the object that is bound, where only that knows the ARN."""
ConditionsFound = ConditionsOf | Callable[[Any, Context, Parameters], Sequence[Conditions]]
"""The same of conditions."""
PassesOf = Callable[[Context, Parameters], Sequence[str]]
"""The ARNs of roles that a request hands to a service: the caller needs `iam:PassRole` on each."""
Passes = PassesOf | Callable[[Any, Context, Parameters], Sequence[str]]
"""The same of a method."""
ErrorOf = Callable[[Exception], ServiceError | None]
"""The wire error of a domain error, or None where the service has no word for it."""
InvalidOf = Callable[[Sequence[Violation]], ServiceError | RequestError]
"""The error of an input that fails constraints."""

_Any = TypeVar("_Any")
_Function = TypeVar("_Function", bound=Callable[..., Mapping[str, Any] | None])

_PROTOCOLS: dict[str, Callable[[], WireProtocol]] = {"json": JsonProtocol, "query": QueryProtocol}


def ANY(_context: Context, _parameters: Parameters) -> Sequence[str]:  # noqa: N802 - a constant in use
    """The resource of an operation that has none of its own, such as a listing: `*`."""
    return ("*",)


def no_conditions(_context: Context, _parameters: Parameters) -> Sequence[Conditions]:
    """The conditions of an operation that has none of its own."""
    return ({},)


def no_roles(_context: Context, _parameters: Parameters) -> Sequence[str]:
    """The roles of an operation that hands on none."""
    return ()


class DeclarationError(Exception):
    """A declared operation that does not agree with the model."""


@dataclass(frozen=True, slots=True)
class Operation:
    """One operation, ready to be called."""

    model: OperationModel
    function: Callable[..., Mapping[str, Any] | None] = field(repr=False)
    actions: tuple[str, ...]
    """The IAM actions that the caller needs."""
    resource: ResourceOf | None
    """None for an operation that every caller with a valid signature may use."""
    names: Mapping[str, str] = field(repr=False)
    """Parameter name by member name."""
    lacking: frozenset[str]
    """Optional members that the function has no parameter for."""
    conditions: ConditionsOf = field(repr=False)
    passes: PassesOf = field(repr=False)
    passed_to: str
    """The service that gets them, as `iam:PassedToService` names it."""

    @property
    def label(self) -> str:
        """What logs and metrics call it, e.g. `ecr:PutImage`."""
        return f"{self.model.service_model.signing_name}:{self.model.name}"

    def parameters(self, members: Mapping[str, Any]) -> dict[str, Any]:
        """The members by the names of the function's parameters.

        Raises RequestError (INVALID) for one that the function lacks.
        """
        if refused := sorted(self.lacking & members.keys()):
            message = f"this server does not support the parameters {', '.join(refused)}"
            raise RequestError(Fault.INVALID, message)
        return {self.names[name]: value for name, value in members.items()}


@dataclass(frozen=True, slots=True)
class Service:
    """A bound service."""

    model: ServiceModel
    wire: WireProtocol
    operations: Mapping[str, Operation] = field(repr=False)
    errors: ErrorOf = field(repr=False)
    invalid: InvalidOf = field(repr=False)
    global_region: str | None
    """A region whose scope is accepted beside the server's, for services AWS has in one place."""

    @property
    def signing_name(self) -> str:
        """The service's name in a credential scope and in IAM actions."""
        return str(self.model.signing_name)

    @property
    def target_prefix(self) -> str | None:
        """What stands before the operation in X-Amz-Target; None for the query protocol."""
        return self.model.metadata.get("targetPrefix")


class Declarations:
    """The operations of one service, collected as their functions are defined."""

    def __init__(self, service_name: str) -> None:
        """Load the model that botocore calls `service_name`. A few milliseconds."""
        description = _bare(Loader().load_service_model(service_name, "service-2"))
        self.model = ServiceModel(description, service_name)
        self._models = {xform_name(name): name for name in self.model.operation_names}
        self._declared: dict[str, Operation] = {}

    def operation(
        self,
        *,
        resource: Resource | None = None,
        actions: Sequence[str] = (),
        conditions: ConditionsFound = no_conditions,
        passes: Passes = no_roles,
        passed_to: str = "",
        open_to_any_caller: bool = False,
    ) -> Callable[[_Function], _Function]:
        """Declare a method as the operation of its name.

        `actions` replaces the IAM action, `<signing name>:<Operation>` by default. `passes` are
        roles on which the caller needs `iam:PassRole` as well, to hand them to the service
        `passed_to` (IAM User Guide, "Granting a user permissions to pass a role to an AWS
        service"). Either a resource is declared or the operation is open to any caller.
        Raises DeclarationError.
        """

        def declare(function: _Function) -> _Function:
            name = function.__name__
            if (resource is None) != open_to_any_caller:
                raise DeclarationError(f"{name}: declare a resource or open_to_any_caller, one")
            if name not in self._models or name in self._declared:
                known = "declared twice" if name in self._declared else "not in the model"
                raise DeclarationError(f"{self.model.service_name} operation {name} is {known}")
            model = self.model.operation_model(self._models[name])
            action = f"{self.model.signing_name}:{model.name}"
            names = _parameter_names(model.input_shape)
            lacking = _check_signature(function, model.input_shape, names)
            self._declared[name] = Operation(
                model,
                function,
                tuple(actions) or (action,),
                cast("ResourceOf | None", resource),  # `bind` makes functions of methods
                names,
                lacking,
                cast("ConditionsOf", conditions),
                cast("PassesOf", passes),
                passed_to,
            )
            return function

        return declare

    @property
    def lacking(self) -> dict[str, frozenset[str]]:
        """Optional members without a parameter, by operation; none for the botocore locked."""
        return {name: each.lacking for name, each in self._declared.items() if each.lacking}

    def bind(
        self,
        *handlers: object,
        errors: ErrorOf = lambda _error: None,
        invalid: InvalidOf = validation_error,
        global_region: str | None = None,
        refused: Mapping[str, ServiceError] = MappingProxyType({}),
    ) -> Service:
        """The service with its declared operations on these objects.

        `refused` are operations of the model that are not offered, each with its error: whoever
        may call them gets it. Raises DeclarationError where a declared operation is on none of
        the objects, or on several, or refused.
        """
        operations = {}
        for name, declared in self._declared.items():
            owners = [each for each in handlers if _has(each, name, declared.function)]
            if len(owners) != 1:
                raise DeclarationError(f"{name} is on {len(owners)} of the objects bound, not one")
            operations[declared.model.name] = replace(
                declared,
                function=getattr(owners[0], name),
                resource=_bound(owners[0], declared.resource),
                conditions=_bound(owners[0], declared.conditions),
                passes=_bound(owners[0], declared.passes),
            )
        for name, error in refused.items():
            if name in operations:
                raise DeclarationError(f"{name} is both declared and refused")
            operations[name] = self._refusal(name, error)
        wire = _PROTOCOLS[self.model.protocol]()
        return Service(self.model, wire, operations, errors, invalid, global_region)

    def _refusal(self, name: str, error: ServiceError) -> Operation:
        def refuse(_context: Context, **_parameters: object) -> None:
            raise ServiceError(error.code, error.message)

        model = self.model.operation_model(name)
        names = _parameter_names(model.input_shape)
        action = f"{self.model.signing_name}:{name}"
        return Operation(
            model, refuse, (action,), ANY, names, frozenset(), no_conditions, no_roles, ""
        )


def _bare(description: Any) -> Any:
    """A model without its prose, which is most of it: several MB of memory for each service."""
    if isinstance(description, list):
        return [_bare(each) for each in description]
    if not isinstance(description, dict):
        return description
    # A member may be called so; then it is a shape, and no text.
    return {
        name: _bare(value)
        for name, value in description.items()
        if name != "documentation" or not isinstance(value, str)
    }


def _bound(owner: object, function: _Any) -> _Any:
    """A method of the owner's class as the owner's own; any other function as it is."""
    name = getattr(function, "__name__", "")
    if not name or not _has(owner, name, function):
        return function
    return cast("_Any", getattr(owner, name))


def _has(handler: object, name: str, function: object) -> bool:
    return inspect.getattr_static(type(handler), name, None) is function


def _parameter_names(shape: Shape | None) -> dict[str, str]:
    names = {}
    for member in getattr(shape, "members", {}):
        name = xform_name(member)
        names[member] = f"{name}_" if keyword.iskeyword(name) else name
    return names


def _check_signature(
    function: Callable[..., object], shape: Shape | None, names: Mapping[str, str]
) -> frozenset[str]:
    """The optional members that are no parameters.

    Raises DeclarationError where the parameters and the model's members disagree otherwise.
    """
    _self, context, *rest = inspect.signature(function).parameters.values()
    required = {names[name] for name in getattr(shape, "required_members", ())}
    given = {each.name: each.default is inspect.Parameter.empty for each in rest}
    where = function.__qualname__
    if context.name != "context":
        raise DeclarationError(f"{where}: the first parameter is the context")
    if any(each.kind is not inspect.Parameter.KEYWORD_ONLY for each in rest):
        raise DeclarationError(f"{where}: the members are keyword-only parameters")
    missing, unknown = required - given.keys(), given.keys() - set(names.values())
    if missing or unknown:
        raise DeclarationError(f"{where}: missing {sorted(missing)}, unknown {sorted(unknown)}")
    if wrong := sorted(name for name in given if given[name] != (name in required)):
        raise DeclarationError(f"{where}: only what the model requires has no default: {wrong}")
    return frozenset(name for name, parameter in names.items() if parameter not in given)
