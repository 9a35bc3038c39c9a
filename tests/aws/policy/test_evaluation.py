"""The tables follow the IAM User Guide, "Policy evaluation logic" and its cross-account page."""

from __future__ import annotations

import pytest

from registry.aws.policy import Policies, Policy, PolicyKind, Principal, Reason, Request, decide
from registry.aws.policy import parse as parse_policy
from tests.aws.policy.builders import (
    ACTION,
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
    trust,
)

YES, OTHER = identity(allow()), identity(allow("svc:Other"))
ACCOUNT = f"arn:aws:iam::{HERE}:root"


def outcome(policies: Policies, asked: Request) -> Reason:
    return decide(policies, asked).reason


def test_everything_is_denied_by_default() -> None:
    assert outcome(Policies(), request()) is Reason.NO_IDENTITY_POLICY


@pytest.mark.parametrize(
    ("by_identity", "boundary", "session", "reason"),
    [
        (YES, None, (), Reason.ALLOWED),
        (OTHER, None, (), Reason.NO_IDENTITY_POLICY),
        (YES, YES, (), Reason.ALLOWED),
        (YES, OTHER, (), Reason.NO_BOUNDARY),
        (OTHER, YES, (), Reason.NO_IDENTITY_POLICY),
        (YES, None, (YES,), Reason.ALLOWED),
        (YES, None, (OTHER,), Reason.NO_SESSION_POLICY),
        (YES, None, (OTHER, YES), Reason.ALLOWED),
        (OTHER, YES, (YES,), Reason.NO_IDENTITY_POLICY),
        (YES, OTHER, (YES,), Reason.NO_BOUNDARY),
        (YES, YES, (OTHER,), Reason.NO_SESSION_POLICY),
        (YES, YES, (YES,), Reason.ALLOWED),
    ],
)
def test_identity_policies_are_cut_down_by_boundary_and_session_policies(
    by_identity: Policy, boundary: Policy | None, session: tuple[Policy, ...], reason: Reason
) -> None:
    policies = Policies((by_identity,), None, boundary, session)
    assert outcome(policies, request(SESSION)) is reason


# "Resource-based policies and implicit denies in other policy types (same account)":
# who asks, whom the resource's policy names, and what comes of it when it is alone, when a
# boundary does not allow, and when a session policy does not allow.
NAMED = [
    (USER, to(USER.arn), Reason.ALLOWED, Reason.ALLOWED, Reason.ALLOWED),
    (SESSION, to(SESSION.arn), Reason.ALLOWED, Reason.ALLOWED, Reason.ALLOWED),
    (SESSION, to(ROLE), Reason.ALLOWED, Reason.NO_BOUNDARY, Reason.NO_SESSION_POLICY),
    (SESSION, "*", Reason.ALLOWED, Reason.ALLOWED, Reason.ALLOWED),
    (SESSION, to("*"), Reason.ALLOWED, Reason.ALLOWED, Reason.ALLOWED),
    (FEDERATED_USER, to(FEDERATED_USER.arn), Reason.ALLOWED, Reason.ALLOWED, Reason.ALLOWED),
    (
        FEDERATED_USER,
        to(USER.arn),
        Reason.NO_SESSION_POLICY,
        Reason.NO_BOUNDARY,
        Reason.NO_SESSION_POLICY,
    ),
    # Naming the account leaves it to the account's own policies.
    (USER, to(ACCOUNT), *[Reason.NO_IDENTITY_POLICY] * 3),
    (SESSION, to(HERE), *[Reason.NO_IDENTITY_POLICY] * 3),
    (USER, to(THERE, STRANGER.arn, ROLE), *[Reason.NO_IDENTITY_POLICY] * 3),
]


@pytest.mark.parametrize(("principal", "named", "alone", "bounded", "in_session"), NAMED)
def test_how_a_resource_policy_names_the_caller_says_what_limits_it(
    principal: Principal,
    named: object,
    alone: Reason,
    bounded: Reason,
    in_session: Reason,
) -> None:
    granting = resource(allow(Principal=named))
    asked = request(principal)
    assert outcome(Policies((), granting), asked) is alone
    assert outcome(Policies((), granting, boundary=OTHER), asked) is bounded
    assert outcome(Policies((), granting, session=(OTHER,)), asked) is in_session


def test_an_account_named_by_the_resource_needs_an_identity_policy_too() -> None:
    granting = resource(allow(Principal=to(HERE)))
    assert outcome(Policies((YES,), granting), request(SESSION)) is Reason.ALLOWED


def test_everyone_with_the_principals_arn_as_condition_is_not_limited() -> None:
    condition = {"ArnEquals": {"aws:PrincipalArn": ROLE}}
    granting = resource(allow(Principal="*", Condition=condition))
    assert outcome(Policies((), granting, OTHER, (OTHER,)), request(SESSION)) is Reason.ALLOWED
    assert outcome(Policies((), granting), request(USER)) is Reason.NO_IDENTITY_POLICY


def test_the_strongest_of_several_grants_counts() -> None:
    granting = resource(
        allow(Principal=to(HERE)), allow(Principal=to(ROLE)), allow(Principal=to(SESSION.arn))
    )
    decision = decide(Policies((), granting, OTHER), request(SESSION))
    assert (decision.allowed, decision.statement) == (True, 2)


@pytest.mark.parametrize(("principal", "named", "alone", "bounded", "in_session"), NAMED)
def test_a_policy_around_the_resource_grants_as_its_own_would(
    principal: Principal,
    named: object,
    alone: Reason,
    bounded: Reason,
    in_session: Reason,
) -> None:
    around, asked = resource(allow(Principal=named)), request(principal)
    for own in (None, resource(allow("svc:Other", Principal="*"))):
        assert outcome(Policies((), own, around=around), asked) is alone
        assert outcome(Policies((), own, OTHER, around=around), asked) is bounded
        assert outcome(Policies((), own, session=(OTHER,), around=around), asked) is in_session


@pytest.mark.parametrize("swapped", [False, True])
def test_a_deny_of_either_policy_of_a_resource_wins(swapped: bool) -> None:
    sides = resource(allow(Principal="*")), resource(deny(Principal="*"))
    own, around = sides if swapped else reversed(sides)
    for principal in (USER, STRANGER, None):
        decision = decide(Policies((YES,), own, around=around), request(principal))
        assert decision.reason is Reason.EXPLICIT_DENY


def test_only_a_policy_that_names_principals_is_around_a_resource() -> None:
    with pytest.raises(ValueError, match="cannot be a resource's policy"):
        Policies(around=YES)


@pytest.mark.parametrize("place", ["identity", "resource", "boundary", "session"])
def test_an_explicit_deny_anywhere_wins(place: str) -> None:
    no = identity(allow("*"), deny())
    places: dict[str, Policies] = {
        "identity": Policies((YES, no), resource(allow(Principal="*")), YES, (YES,)),
        "resource": Policies((YES,), resource(allow(Principal="*"), deny(Principal=to(HERE)))),
        "boundary": Policies((YES,), resource(allow(Principal="*")), no, (YES,)),
        "session": Policies((YES,), resource(allow(Principal="*")), YES, (YES, no)),
    }
    decision = decide(places[place], request(SESSION))
    assert decision.reason is Reason.EXPLICIT_DENY
    assert decision.kind is not None
    assert decision.kind.name.lower() == place
    assert decision.statement == 1


@pytest.mark.parametrize("named", [to(ROLE), to(SESSION.arn), to(HERE), "*"])
def test_a_denial_of_role_session_or_account_holds_for_the_session(named: object) -> None:
    refusing = resource(deny(Principal=named))
    assert outcome(Policies((YES,), refusing), request(SESSION)) is Reason.EXPLICIT_DENY
    elsewhere = resource(deny(Principal=to(THERE, USER.arn)))
    assert outcome(Policies((YES,), elsewhere), request(SESSION)) is Reason.ALLOWED


@pytest.mark.parametrize("named", [to(STRANGER.arn), to(THERE), "*"])
def test_across_accounts_both_sides_must_allow(named: object) -> None:
    granting, asked = resource(allow(Principal=named)), request(STRANGER)
    assert outcome(Policies((YES,), granting), asked) is Reason.ALLOWED
    assert outcome(Policies((), granting), asked) is Reason.NO_IDENTITY_POLICY
    assert outcome(Policies((YES,), None), asked) is Reason.NO_RESOURCE_POLICY
    assert outcome(Policies((YES,), granting, OTHER), asked) is Reason.NO_BOUNDARY
    assert outcome(Policies((YES,), granting, None, (OTHER,)), asked) is Reason.NO_SESSION_POLICY
    unnamed = resource(allow(Principal=to(HERE, ROLE)))
    assert outcome(Policies((YES,), unnamed), asked) is Reason.NO_RESOURCE_POLICY


def test_a_session_named_directly_from_another_account_still_needs_its_own_side() -> None:
    asked = request(SESSION, account=THERE)
    granting = resource(allow(Principal=to(SESSION.arn)))
    assert outcome(Policies((), granting), asked) is Reason.NO_IDENTITY_POLICY
    assert outcome(Policies((YES,), granting), asked) is Reason.ALLOWED


def test_the_anonymous_caller_gets_in_by_everyone_alone() -> None:
    asked = request(None)
    everyone: list[object] = ["*", to("*")]
    for named in everyone:
        assert outcome(Policies((), resource(allow(Principal=named))), asked) is Reason.ALLOWED
    somebody: list[object] = [to(HERE, USER.arn), {"Service": SERVICE.arn}]
    for named in somebody:
        granting = resource(allow(Principal=named))
        assert outcome(Policies((), granting), asked) is Reason.NO_RESOURCE_POLICY
    assert outcome(Policies(), asked) is Reason.NO_RESOURCE_POLICY
    assert outcome(Policies((YES,)), asked) is Reason.NO_RESOURCE_POLICY


def test_a_service_is_allowed_by_name() -> None:
    named = resource(allow(Principal={"Service": [SERVICE.arn, "other.amazonaws.com"]}))
    assert outcome(Policies((), named), request(SERVICE)) is Reason.ALLOWED
    assert outcome(Policies((YES,), None), request(SERVICE)) is Reason.NO_RESOURCE_POLICY
    unnamed = resource(allow(Principal={"Service": "other.amazonaws.com"}))
    assert outcome(Policies((), unnamed), request(SERVICE)) is Reason.NO_RESOURCE_POLICY


def test_the_root_user_needs_no_policy_but_heeds_denials() -> None:
    assert decide(Policies(), request(ROOT)).allowed
    refusing = resource(deny(Principal=to(HERE)))
    assert outcome(Policies((), refusing), request(ROOT)) is Reason.EXPLICIT_DENY
    assert outcome(Policies(), request(ROOT, account=THERE)) is Reason.NO_RESOURCE_POLICY
    granting = resource(allow(Principal=to(HERE)))
    assert outcome(Policies((), granting), request(ROOT, account=THERE)) is Reason.ALLOWED


@pytest.mark.parametrize("name", ["root", f"x:iam::{HERE}:root", f"x/iam::{HERE}:/root"])
def test_a_user_that_is_called_root_is_not_the_root_user(name: str) -> None:
    cheat = Principal(f"arn:aws:iam::{HERE}:user/{name}", HERE, name="root")
    assert outcome(Policies(), request(cheat)) is Reason.NO_IDENTITY_POLICY


ASSUME = {"action": "sts:AssumeRole", "on": ROLE}


@pytest.mark.parametrize(
    ("principal", "named", "by_identity", "reason"),
    [
        (USER, to(USER.arn), False, Reason.ALLOWED),
        (USER, to(HERE), False, Reason.NO_IDENTITY_POLICY),
        (USER, to(HERE), True, Reason.ALLOWED),
        (USER, to(THERE), True, Reason.NO_RESOURCE_POLICY),
        (SESSION, to(ROLE), False, Reason.ALLOWED),
        (STRANGER, to(STRANGER.arn), False, Reason.NO_IDENTITY_POLICY),
        (STRANGER, to(STRANGER.arn), True, Reason.ALLOWED),
        (STRANGER, to(HERE), True, Reason.NO_RESOURCE_POLICY),
        (SERVICE, {"Service": SERVICE.arn}, False, Reason.ALLOWED),
        (None, to(HERE), False, Reason.NO_RESOURCE_POLICY),
    ],
)
def test_a_trust_policy_must_allow(
    principal: Principal | None, named: object, by_identity: bool, reason: Reason
) -> None:
    role = trust(allow("sts:AssumeRole", Principal=named))
    mine = (identity(allow("sts:*")),) if by_identity else ()
    assert outcome(Policies(mine, role), request(principal, **ASSUME)) is reason


def test_the_decision_names_the_statement_and_the_place_where_the_policy_stood() -> None:
    statements = [allow("svc:Other"), allow(Sid="Here"), deny("svc:Never", Sid="No")]
    managed = parse_policy(
        {"Version": "2012-10-17", "Statement": statements}, PolicyKind.IDENTITY, name="Managed"
    )
    decision = decide(Policies((managed,)), request())
    assert decision.kind is PolicyKind.IDENTITY
    assert (decision.policy, decision.statement, decision.sid) == ("Managed", 1, "Here")
    denied = decide(
        Policies((identity(allow("*")),), boundary=managed), request(action="SVC:NEVER")
    )
    assert denied.kind is PolicyKind.BOUNDARY
    assert (denied.policy, denied.statement, denied.sid) == ("Managed", 2, "No")


def test_policies_stand_only_where_they_can() -> None:
    with pytest.raises(ValueError, match="cannot be a resource's policy"):
        Policies(resource=YES)
    with pytest.raises(ValueError, match="only be a resource's policy"):
        Policies((resource(allow(Principal="*")),))
    with pytest.raises(ValueError, match="only be a resource's policy"):
        Policies(boundary=trust(allow(Principal="*")))


def carlos(on: str, action: str, *, account: str, policy_of_bucket: Policy) -> Reason:
    """The guide's worked example: carlossalazar, S3 and two buckets."""
    user = Principal("arn:aws:iam::111111111111:user/carlossalazar", "111111111111", name="carlos")
    mine = identity(
        allow("s3:ListAllMyBuckets", Sid="AllowS3ListRead"),
        allow("s3:*Object*", Sid="AllowObjects", Resource="arn:aws:s3:::Production/*"),
        deny("s3:*", Sid="DenyS3Logs", Resource=["arn:aws:s3:::*log*", "arn:aws:s3:::*log*/*"]),
    )
    return outcome(Policies((mine,), policy_of_bucket), Request(user, action, on, account))


def test_the_guides_cross_account_example() -> None:
    bucket = resource(
        allow(
            ["s3:GetObject*", "s3:PutObject*", "s3:ReplicateObject", "s3:RestoreObject"],
            Principal=to("arn:aws:iam::111111111111:user/carlossalazar"),
            Resource="arn:aws:s3:::Production/*",
        )
    )

    def ask(on: str, action: str) -> Reason:
        return carlos(on, action, account="222222222222", policy_of_bucket=bucket)

    assert ask("arn:aws:s3:::Production/report", "s3:PutObject") is Reason.ALLOWED
    assert ask("arn:aws:s3:::Production-logs/a", "s3:PutObject") is Reason.EXPLICIT_DENY
    assert ask("arn:aws:s3:::Production/a", "s3:DeleteObject") is Reason.NO_RESOURCE_POLICY
    assert ask("arn:aws:s3:::Other/a", "s3:GetObject") is Reason.NO_IDENTITY_POLICY


def test_actions_without_case_resources_with() -> None:
    mine = identity(allow("SVC:gE?", Resource="arn:aws:svc:*:*:thing/One"))
    there = "arn:aws:svc:us-east-1:1:thing/"
    assert outcome(Policies((mine,)), request(action="svc:Get", on=f"{there}One")) is Reason.ALLOWED
    assert not decide(Policies((mine,)), request(action="svc:Get", on=f"{there}one")).allowed
    assert not decide(Policies((mine,)), request(action="svc:Gets", on=f"{there}One")).allowed


def test_not_action_and_not_resource() -> None:
    statement = {
        "Effect": "Allow",
        "NotAction": ["iam:*", "svc:Delete*"],
        "NotResource": "arn:aws:svc:*:*:secret/*",
    }
    mine = Policies((identity(statement),))
    assert decide(mine, request()).allowed
    assert not decide(mine, request(action="IAM:CreateUser")).allowed
    assert not decide(mine, request(action="svc:DeleteThing")).allowed
    assert not decide(mine, request(on=f"arn:aws:svc:us-east-1:{HERE}:secret/x")).allowed


def test_a_resource_policy_may_leave_the_resource_out() -> None:
    granting = resource({"Effect": "Allow", "Principal": to(USER.arn), "Action": ACTION})
    assert decide(Policies((), granting), request()).allowed
