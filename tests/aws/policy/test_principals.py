"""Who is named, and who is spared: IAM User Guide, "Principal" and "NotPrincipal"."""

from __future__ import annotations

from typing import Any

import pytest

from registry.aws.policy import Policies, PolicyInvalid, Principal, PrincipalType, Reason, decide
from registry.aws.policy.principals import Grant, Principals, principals
from registry.aws.policy.reading import Node, Object
from tests.aws.policy.builders import (
    FEDERATED_USER,
    HERE,
    ROLE,
    ROOT,
    SERVICE,
    SESSION,
    STRANGER,
    THERE,
    USER,
    allow,
    deny,
    identity,
    request,
    resource,
    to,
)

CANONICAL = "79a59df900b949e55d96a1e698fbacedfd6e09d98eacf8f8d5218e7cd47ef2be"


def element(value: Any, *, negated: bool = False) -> Principals:
    whole = Object(list(value.items())) if isinstance(value, dict) else value
    return principals(Node(whole, ("Principal",)), negated=negated)


@pytest.mark.parametrize(
    ("named", "principal", "grant"),
    [
        ("*", USER, Grant.DIRECT),
        ("*", None, Grant.DIRECT),
        ("*", SERVICE, Grant.DIRECT),
        (to("*"), None, Grant.DIRECT),
        (to(USER.arn), USER, Grant.DIRECT),
        (to(USER.arn.upper().replace("ARN:AWS:IAM", "arn:aws:iam")), USER, None),
        (to(USER.arn.replace("ann", "Ann")), USER, Grant.NONE),
        (to(HERE), USER, Grant.ACCOUNT),
        (to(f"arn:aws:iam::{HERE}:root"), SESSION, Grant.ACCOUNT),
        (to(f"arn:aws-cn:iam::{HERE}:root"), SESSION, Grant.ACCOUNT),
        (to(HERE, ROLE), SESSION, Grant.ROLE),
        (to(HERE, ROLE, SESSION.arn), SESSION, Grant.DIRECT),
        (to(SESSION.arn.replace("/ci", "/cd")), SESSION, Grant.NONE),
        (to(USER.arn), FEDERATED_USER, Grant.ROLE),
        (to(FEDERATED_USER.arn), FEDERATED_USER, Grant.DIRECT),
        (to(THERE), USER, Grant.NONE),
        (to(HERE), None, Grant.NONE),
        ({"Service": SERVICE.arn}, SERVICE, Grant.DIRECT),
        ({"Service": "other.amazonaws.com"}, SERVICE, Grant.NONE),
        ({"Service": SERVICE.arn}, USER, Grant.NONE),
        (
            {"Federated": "accounts.google.com", "AWS": HERE},
            Principal("accounts.google.com", type=PrincipalType.FEDERATED),
            Grant.DIRECT,
        ),
        (
            {"CanonicalUser": CANONICAL},
            Principal(CANONICAL, type=PrincipalType.CANONICAL_USER),
            Grant.DIRECT,
        ),
    ],
)
def test_what_an_allow_gives(named: object, principal: Principal, grant: Grant | None) -> None:
    if grant is None:
        with pytest.raises(PolicyInvalid):
            element(named)
        return
    assert element(named).grant(principal) is grant


@pytest.mark.parametrize("gone", ["AIDACKCEVSQ6C2EXAMPLE", "AROACKCEVSQ6C2EXAMPLE"])
def test_who_was_deleted_is_nobody(gone: str) -> None:
    assert element(to(gone)).grant(USER) is Grant.NONE
    assert element(to(gone)).grant(None) is Grant.NONE


@pytest.mark.parametrize(
    ("named", "reason"),
    [
        ("arn:aws:iam::*:root", "a wildcard cannot match part of a principal's name"),
        (to(f"arn:aws:iam::{HERE}:user/*"), "a wildcard cannot match part"),
        (to(f"arn:aws:sts::{HERE}:assumed-role/builder/*"), "a wildcard cannot match part"),
        (to("12345678901"), "is not *, an account id, or the ARN"),
        (to(f"arn:aws:iam::{HERE}:group/devs"), "is not *, an account id, or the ARN"),
        (to("ASIACKCEVSQ6C2EXAMPLE"), "is not *, an account id, or the ARN"),
        (to(""), "is not *, an account id, or the ARN"),
        ({"Service": "*"}, "is not a principal of type Service"),
        ({"Service": "tasks"}, "is not a principal of type Service"),
        ({"CanonicalUser": "x"}, "is not a principal of type CanonicalUser"),
        ({"Aws": "*"}, "'Aws' is not a type of principal (AWS, Service,"),
        ({"AWS": []}, "Principal.AWS: must not be empty"),
        ({"AWS": [1]}, "Principal.AWS[0]: must be a string"),
        ({}, "Principal: must not be empty"),
        (["*"], "Principal: must be an object, not a list"),
    ],
)
def test_what_is_not_a_principal(named: Any, reason: str) -> None:
    value = to(named) if isinstance(named, str) else named
    with pytest.raises(PolicyInvalid) as caught:
        element(value)
    assert reason in str(caught.value)


def test_a_bare_name_is_not_a_principal() -> None:
    with pytest.raises(PolicyInvalid, match=r'^Principal: must be "\*" or an object'):
        element(HERE)


@pytest.mark.parametrize(
    ("spared", "principal", "denied"),
    [
        # AWS: name the account as well as the user …
        (to(STRANGER.arn, THERE), STRANGER, False),
        (to(STRANGER.arn), STRANGER, True),
        (to(THERE), STRANGER, True),
        # … and for a session also the role.
        (to(SESSION.arn, ROLE, HERE), SESSION, False),
        (to(ROLE, HERE), SESSION, True),
        (to(SESSION.arn, HERE), SESSION, True),
        (to(HERE), ROOT, False),
        (to(HERE), USER, True),
        (to(HERE), None, True),
        (to(HERE), SERVICE, True),
        ({"Service": SERVICE.arn}, SERVICE, False),
        ("*", None, False),
    ],
)
def test_not_principal_spares_whom_it_names_in_full(
    spared: object, principal: Principal, denied: bool
) -> None:
    rest = {"Action": "*", "Resource": "*"}
    refusing = resource(
        allow("*", Principal="*"), {"Effect": "Deny", "NotPrincipal": spared, **rest}
    )
    mine = (identity(allow("*")),) if principal in (USER, SESSION, STRANGER) else ()
    decision = decide(Policies(mine, refusing), request(principal))
    assert (decision.reason is Reason.EXPLICIT_DENY) is denied
    assert decision.allowed is not denied


def test_the_recommended_form_of_sparing_one_user() -> None:
    condition = {"ArnNotEquals": {"aws:PrincipalArn": STRANGER.arn}}
    refusing = resource(allow(Principal="*"), deny(Principal="*", Condition=condition))
    mine = (identity(allow()),)
    assert decide(Policies(mine, refusing), request(STRANGER)).allowed
    assert decide(Policies(mine, refusing), request(USER)).reason is Reason.EXPLICIT_DENY
    # Nobody has no PrincipalArn, so that the negated condition holds.
    assert decide(Policies((), refusing), request(None)).reason is Reason.EXPLICIT_DENY
