from __future__ import annotations

import pytest

from registry.aws.policy import Decision, Policies, Policy, Reason, decide
from tests.aws.policy.builders import (
    HERE,
    RESOURCE,
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
    trust,
)

YES, OTHER, NO = identity(allow()), identity(allow("svc:Other")), identity(deny())


@pytest.mark.parametrize(
    ("policies", "because"),
    [
        (Policies(), "because no identity-based policy allows the svc:Get action"),
        (
            Policies((YES,), None, OTHER),
            "because no permissions boundary allows the svc:Get action",
        ),
        (
            Policies((YES,), None, None, (OTHER,)),
            "because no session policy allows the svc:Get action",
        ),
        (Policies((NO,)), "with an explicit deny in an identity-based policy"),
        (Policies((YES,), None, NO), "with an explicit deny in a permissions boundary"),
        (Policies((YES,), None, None, (NO,)), "with an explicit deny in a session policy"),
        (
            Policies((YES,), resource(deny(Principal="*"))),
            "with an explicit deny in a resource-based policy",
        ),
    ],
)
def test_refusals_in_the_words_of_aws(policies: Policies, because: str) -> None:
    assert decide(policies, request()).message(USER.arn, "svc:Get", RESOURCE) == (
        f"User: arn:aws:iam::{HERE}:user/div/ann is not authorized to perform: svc:Get"
        f" on resource: {RESOURCE} {because}"
    )


def test_across_accounts_the_resource_policy_is_missed() -> None:
    message = decide(Policies((YES,)), request(STRANGER)).message(STRANGER.arn, "svc:Get", "r")
    assert message.endswith("because no resource-based policy allows the svc:Get action")


@pytest.mark.parametrize(
    ("role", "because"),
    [
        (
            trust(allow("sts:AssumeRole", Principal=to(THERE))),
            "because no role trust policy allows the sts:AssumeRole action",
        ),
        (
            trust(deny("sts:AssumeRole", Principal="*")),
            "with an explicit deny in the role trust policy",
        ),
    ],
)
def test_refusals_by_a_trust_policy(role: Policy, because: str) -> None:
    asked = request(SESSION, "sts:AssumeRole")
    message = decide(Policies((identity(allow("*")),), role), asked).message("a", asked.action, "r")
    assert (
        message == f"User: a is not authorized to perform: sts:AssumeRole on resource: r {because}"
    )


def test_an_allowed_request_and_the_anonymous_caller() -> None:
    decision = Decision(True, Reason.ALLOWED)
    assert decision.message(None, "a:B", "r") == (
        "User: anonymous is authorized to perform: a:B on resource: r"
    )
