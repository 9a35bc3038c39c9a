"""Operations that this server does not offer, as boto3 sees them."""

from __future__ import annotations

from typing import Any

import pytest
from botocore import xform_name
from botocore.exceptions import ClientError

from registry.ecs.operations.refusals import REFUSED
from registry.ecs.service import ecs as declared
from tests.application import Registry, allow
from tests.ecs.test_clusters import error

LEAST: dict[str, Any] = {
    "string": "x",
    "list": [],
    "structure": {},
    "integer": 1,
    "boolean": True,
    "double": 1.0,
}


def least(shape: Any) -> dict[str, Any]:
    """The least input that the model allows."""
    found: dict[str, Any] = {}
    wanted = shape.required_members
    if getattr(shape, "is_tagged_union", False):
        wanted = list(shape.members)[:1]
    for name in wanted:
        member = shape.members[name]
        if member.type_name == "structure":
            found[name] = least(member)
        else:
            found[name] = member.enum[0] if getattr(member, "enum", ()) else LEAST[member.type_name]
    return found


def call(client: Any, operation: str) -> tuple[str, str]:
    """The error that the operation is answered with."""
    shape = declared.model.operation_model(operation).input_shape
    with pytest.raises(ClientError) as caught:
        getattr(client, xform_name(operation))(**least(shape))
    return error(caught)


def test_each_is_answered_with_an_error_of_its_own_that_names_what_is_missing(ecs: Any) -> None:
    for operation, refusal in REFUSED.items():
        assert call(ecs, operation) == (refusal.code, refusal.message)
    assert call(ecs, "UpdateContainerAgent")[0] == "NoUpdateAvailableException"
    assert call(ecs, "CreateDaemon")[0] == "UnsupportedFeatureException"
    assert call(ecs, "RegisterDaemonTaskDefinition")[0] == "ClientException"


def test_whoever_may_not_call_them_is_told_that_first(registry: Registry) -> None:
    key = registry.user("ada", allow("ecs:ListDaemons"))
    hers: Any = registry.aws("ecs", key.id, key.secret)
    assert call(hers, "ListDaemons")[0] == "UnsupportedFeatureException"
    assert call(hers, "CreateDaemon")[0] == "AccessDeniedException"
