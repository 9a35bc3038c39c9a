from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import pytest

from registry.aws.context import Context
from registry.aws.errors import RequestError
from registry.aws.service import ANY, DeclarationError, Declarations
from tests.aws.demo import ACCOUNT, ADA, REGION, Demo

Result = Mapping[str, Any]


def no_context(self: object, *, repository_name: str) -> Result:
    return {}


def missing(self: object, context: Context, *, force: bool = False) -> Result:
    return {}


def unknown(
    self: object, context: Context, *, repository_name: str, really: bool = False
) -> Result:
    return {}


def no_default(self: object, context: Context, *, repository_name: str, registry_id: str) -> Result:
    return {}


def default(self: object, context: Context, *, repository_name: str = "x") -> Result:
    return {}


def positional(self: object, context: Context, repository_name: str) -> Result:
    return {}


def fine(
    self: object,
    context: Context,
    *,
    repository_name: str,
    registry_id: str | None = None,
    force: bool = False,
) -> Result:
    return {}


def lacking(
    self: object, context: Context, *, repository_name: str, registry_id: str | None = None
) -> Result:
    return {}


@pytest.mark.parametrize(
    ("function", "complaint"),
    [
        (no_context, "first parameter is the context"),
        (missing, r"missing \['repository_name'\]"),
        (unknown, r"unknown \['really'\]"),
        (no_default, r"no default: \['registry_id'\]"),
        (default, r"no default: \['repository_name'\]"),
        (positional, "keyword-only"),
    ],
)
def test_a_function_must_agree_with_the_model(
    function: Callable[..., Result], complaint: str
) -> None:
    function.__name__ = "delete_repository"
    with pytest.raises(DeclarationError, match=complaint):
        Declarations("ecr").operation(resource=ANY)(function)


def test_an_operation_is_in_the_model_once_and_says_who_may_use_it() -> None:
    ecr = Declarations("ecr")
    with pytest.raises(DeclarationError, match="ecr operation fine is not in the model"):
        ecr.operation(resource=ANY)(fine)
    fine.__name__ = "delete_repository"
    with pytest.raises(DeclarationError, match="resource or open_to_any_caller"):
        ecr.operation()(fine)
    with pytest.raises(DeclarationError, match="resource or open_to_any_caller"):
        ecr.operation(resource=ANY, open_to_any_caller=True)(fine)
    assert ecr.operation(resource=ANY)(fine) is fine
    with pytest.raises(DeclarationError, match="declared twice"):
        ecr.operation(resource=ANY)(fine)


def test_an_optional_member_without_a_parameter_is_listed_and_refused() -> None:
    ecr = Declarations("ecr")
    lacking.__name__ = "delete_repository"
    handler = type("Handler", (), {"delete_repository": lacking})()
    ecr.operation(resource=ANY)(lacking)
    assert ecr.lacking == {"delete_repository": {"force"}}
    operation = ecr.bind(handler).operations["DeleteRepository"]
    assert operation.parameters({"repositoryName": "a"}) == {"repository_name": "a"}
    with pytest.raises(RequestError, match="does not support the parameters force"):
        operation.parameters({"repositoryName": "a", "force": True})


def test_every_declared_operation_is_bound_once() -> None:
    sts = Declarations("sts")

    class First:
        @sts.operation(open_to_any_caller=True)
        def get_caller_identity(self, context: Context) -> Result:
            return {"Account": context.account}

    class Second(First):
        pass

    with pytest.raises(DeclarationError, match="on 0 of the objects"):
        sts.bind(object())
    with pytest.raises(DeclarationError, match="on 2 of the objects"):
        sts.bind(First(), Second())
    assert list(sts.bind(Second()).operations) == ["GetCallerIdentity"]


def test_actions_and_names() -> None:
    ecr, sts = Demo().services()
    assert ecr.operations["CreateRepository"].actions == ("ecr:CreateRepository",)
    assert ecr.operations["CreateRepository"].label == "ecr:CreateRepository"
    assert sts.operations["AssumeRole"].actions == ("sts:AssumeRole", "sts:TagSession")
    assert sts.operations["GetCallerIdentity"].resource is None
    assert (ecr.signing_name, sts.signing_name) == ("ecr", "sts")
    assert (ecr.target_prefix, sts.target_prefix) == ("AmazonEC2ContainerRegistry_V20150921", None)


class Owner:
    """Its methods know what a plain function cannot: where things are stored."""

    def __init__(self, path: str) -> None:
        self._path = path

    def arn(self, _context: Context, parameters: Mapping[str, Any]) -> tuple[str, ...]:
        return (self._path + parameters["repository_name"],)

    def keys(self, _context: Context, _parameters: object) -> tuple[dict[str, str], ...]:
        return ({"x:path": self._path},)


def test_resource_and_conditions_are_methods_of_the_object_that_is_bound() -> None:
    ecr = Declarations("ecr")

    class Handler(Owner):
        @ecr.operation(resource=Owner.arn, conditions=Owner.keys)
        def delete_repository(
            self,
            context: Context,
            *,
            repository_name: str,
            force: bool = False,
        ) -> Result:
            return fine(self, context, repository_name=repository_name, force=force)

    context = Context(ADA, ACCOUNT, REGION, "id", "host", secure=False, source_ip="", user_agent="")
    for path in ("a/", "b/"):
        operation = ecr.bind(Handler(path)).operations["DeleteRepository"]
        assert operation.resource is not None
        assert operation.resource(context, {"repository_name": "x"}) == (f"{path}x",)
        assert operation.conditions(context, {}) == ({"x:path": path},)
