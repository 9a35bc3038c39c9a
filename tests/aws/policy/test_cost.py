"""One decision must be cheap enough for every request: 30 µs for a typical principal."""

from __future__ import annotations

import pytest

from registry.aws.policy import Policies, Request, decide
from tests.aws.policy.builders import HERE, ROLE, USER, allow, deny, identity, request, resource, to
from tests.yardstick import cost, slowness

LIMIT_SECONDS = 60e-6  # twice what is asked, for the noise of a shared machine

MANAGED = identity(
    allow(["svc:GetToken", "svc:CheckLayer", "svc:GetLayerUrl", "svc:Describe"], Sid="Read"),
    allow(["svc:Get*", "svc:*Layer*"], Resource=f"arn:aws:svc:*:{HERE}:thing/team/*"),
    allow("svc:Put", Resource=f"arn:aws:svc:*:{HERE}:thing/${{aws:PrincipalTag/team}}/*"),
    deny(
        "svc:*",
        Condition={
            "Bool": {"aws:SecureTransport": "false"},
            "NotIpAddress": {"aws:SourceIp": ["10.0.0.0/8", "2001:db8::/32"]},
        },
    ),
    {
        "Effect": "Deny",
        "NotAction": "svc:*",
        "Resource": "*",
        "Condition": {"StringNotEquals": {"aws:RequestedRegion": "us-east-1"}},
    },
)
REPOSITORY = resource(
    allow(["svc:GetImage", "svc:GetLayerUrl"], Principal=to(ROLE)),
    deny("svc:Put", Principal="*", Condition={"ArnNotLike": {"aws:PrincipalArn": f"{USER.arn}*"}}),
)


def asked(action: str) -> Request:
    return request(
        action=action,
        on=f"arn:aws:svc:us-east-1:{HERE}:thing/blue/app",
        aws__SecureTransport="true",
        aws__SourceIp="10.1.2.3",
        aws__RequestedRegion="us-east-1",
    )


@pytest.mark.parametrize(
    ("action", "allowed"), [("svc:Put", True), ("svc:CheckLayer", True), ("svc:Delete", False)]
)
def test_a_decision_for_a_typical_principal(action: str, allowed: bool) -> None:
    wanted = asked(action)
    assert decide(Policies((MANAGED,), REPOSITORY), wanted).allowed is allowed

    def fifty() -> None:
        for _ in range(50):
            decide(Policies((MANAGED,), REPOSITORY), wanted)

    seconds = cost(fifty, 40) / 50
    print(f"{action}: {seconds * 1e6:.1f} µs a decision")
    assert seconds < LIMIT_SECONDS * slowness()
