from __future__ import annotations

import pytest

from registry.aws.policy import Principal
from registry.aws.policy.request import Value
from tests.aws.policy.builders import (
    FEDERATED_USER,
    HERE,
    ROLE,
    ROOT,
    SERVICE,
    SESSION,
    USER,
    request,
)

KEYS = (
    "aws:principalarn",
    "aws:principalaccount",
    "aws:username",
    "aws:userid",
    "aws:principaltype",
    "aws:principalisawsservice",
    "aws:principalservicename",
)


@pytest.mark.parametrize(
    ("principal", "values"),
    [
        (USER, (USER.arn, HERE, "ann", "AIDAANN", "User", "false", None)),
        (SESSION, (ROLE, HERE, None, "AROA1:ci", "AssumedRole", "false", None)),
        (
            FEDERATED_USER,
            (USER.arn, HERE, None, "111122223333:ann", "FederatedUser", "false", None),
        ),
        (ROOT, (ROOT.arn, HERE, None, HERE, "Account", "false", None)),
        (SERVICE, (None, None, None, None, None, "true", "tasks.amazonaws.com")),
        (None, (None, None, None, "anonymous", "Anonymous", "false", None)),
    ],
)
def test_keys_that_the_principal_implies(
    principal: Principal | None, values: tuple[Value, ...]
) -> None:
    asked = request(principal)
    assert tuple(asked.value(key) for key in KEYS) == values


@pytest.mark.parametrize("path", ["x:assumed-role/", "x:federated-user/", "x:root/"])
def test_a_users_path_does_not_change_what_the_user_is(path: str) -> None:
    user = Principal(f"arn:aws:iam::{HERE}:user/{path}ann", HERE, name="ann")
    asked = request(user)
    assert (asked.value("aws:principaltype"), asked.value("aws:username")) == ("User", "ann")


def test_keys_of_tags_resource_and_context() -> None:
    asked = request(svc__many=("a", "b"), svc__empty="")
    assert asked.value("aws:principaltag/team") == "blue"
    assert asked.value("aws:principaltag/none") is None
    assert asked.value("aws:resourceaccount") == HERE
    assert asked.value("svc:many") == ("a", "b")
    assert asked.value("svc:empty") == ""
    assert asked.value("svc:none") is None


def test_requests_and_principals_can_be_keys_of_a_cache() -> None:
    assert len({request(), request()}) == 1
    assert len({USER, SESSION, USER}) == 2
