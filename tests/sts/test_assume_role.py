"""AssumeRole: who may, for how long, within which limits; and what ends a session."""

from __future__ import annotations

import hashlib
import json
from typing import Any

import pytest
from botocore.exceptions import ClientError

from registry.domain.identities.arns import account_of_session_key
from registry.domain.identities.entities import ROLES
from registry.domain.identities.holdings import Holdings
from registry.domain.identities.policies import Policies
from registry.domain.identities.roles import Roles
from registry.domain.identities.users import AccessKeys
from tests.application import ACCOUNT, Registry, allow, basic
from tests.identities import (
    ADMIN,
    OTHER,
    assume,
    aws,
    docker_password,
    make_role,
    temporary,
    trusting,
)

ROLE = f"arn:aws:iam::{ACCOUNT}:role/puller"
DENIED = f"is not authorized to perform: sts:AssumeRole on resource: {ROLE}"


def refused(call: Any, **options: Any) -> tuple[str, str]:
    """Code and message of the error that a call ends with."""
    with pytest.raises(ClientError) as caught:
        call(**options)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


def refused_role(registry: Registry, key: Any, arn: str = ROLE, **more: Any) -> tuple[str, str]:
    call = aws(registry, "sts", key).assume_role
    return refused(call, RoleArn=arn, **{"RoleSessionName": "test", **more})


def test_a_session_is_who_it_says_and_works_for_docker(registry: Registry) -> None:
    registry.create("team/app")
    make_role(registry, "puller", trusting(ADMIN), allow("ecr:*"))
    answer = aws(registry, "sts").assume_role(RoleArn=ROLE, RoleSessionName="ci@build-7")
    role = Roles(registry.ground.database).get(ACCOUNT, "puller").entity
    assert answer["AssumedRoleUser"] == {
        "AssumedRoleId": f"{role.id}:ci@build-7",
        "Arn": f"arn:aws:sts::{ACCOUNT}:assumed-role/puller/ci@build-7",
    }
    assert "PackedPolicySize" not in answer
    key = temporary(answer)
    assert key.id.startswith("ASIA")
    assert account_of_session_key(key.id) == ACCOUNT
    found = aws(registry, "sts", key).get_caller_identity()
    assert (found["UserId"], found["Account"], found["Arn"]) == (
        f"{role.id}:ci@build-7",
        ACCOUNT,
        f"arn:aws:sts::{ACCOUNT}:assumed-role/puller/ci@build-7",
    )
    password = docker_password(registry, key)
    with registry.anyone({"authorization": basic(password)}) as docker:
        assert docker.get("/v2/team/app/tags/list").status_code == 200


def test_what_the_role_has_not_the_session_has_not(registry: Registry) -> None:
    registry.create("team/app")
    make_role(registry, "puller", trusting(ADMIN), allow("ecr:ListImages"))
    session = aws(registry, "ecr", assume(registry, None, ROLE))
    session.list_images(repositoryName="team/app")
    code, message = refused(session.delete_repository, repositoryName="team/app")
    assert code == "AccessDeniedException"
    assert message == (
        f"User: arn:aws:sts::{ACCOUNT}:assumed-role/puller/test is not authorized to perform:"
        f" ecr:DeleteRepository on resource:"
        f" arn:aws:ecr:us-east-1:{ACCOUNT}:repository/team/app"
        " because no identity-based policy allows the ecr:DeleteRepository action"
    )


def test_the_trust_policy_decides_even_for_an_administrator(registry: Registry) -> None:
    make_role(registry, "puller", trusting(f"arn:aws:iam::{ACCOUNT}:user/nobody"))
    assert refused_role(registry, None) == (
        "AccessDenied",
        f"User: {ADMIN} {DENIED} because no role trust policy allows the sts:AssumeRole action",
    )


def test_a_missing_role_looks_like_one_without_trust(registry: Registry) -> None:
    make_role(registry, "other", trusting(f"arn:aws:iam::{ACCOUNT}:user/nobody"))
    missing = refused_role(registry, None)
    there = refused_role(registry, None, f"arn:aws:iam::{ACCOUNT}:role/other")
    assert missing[1].replace("puller", "other") == there[1]
    assert missing[0] == there[0] == "AccessDenied"


def test_what_is_no_role_cannot_be_assumed(registry: Registry) -> None:
    for arn in (ADMIN, f"arn:aws:iam::{ACCOUNT}:role/", "nothing-that-is-an-arn"):
        code, message = refused_role(registry, None, arn)
        assert code == "AccessDenied"
        assert f"sts:AssumeRole on resource: {arn}" in message


def test_trust_in_the_account_leaves_it_to_the_users_policies(registry: Registry) -> None:
    make_role(registry, "puller", trusting(ACCOUNT))
    nobody = registry.user("nobody")
    somebody = registry.user("somebody", allow("sts:AssumeRole", resource=ROLE))
    assume(registry, somebody, ROLE)
    assert refused_role(registry, nobody) == (
        "AccessDenied",
        f"User: arn:aws:iam::{ACCOUNT}:user/nobody {DENIED}"
        " because no identity-based policy allows the sts:AssumeRole action",
    )


def test_an_explicit_deny_wins(registry: Registry) -> None:
    make_role(registry, "puller", trusting(ADMIN))
    denied = registry.user("denied", allow("*"), allow("sts:*", effect="Deny"))
    make_role(registry, "open", trusting(ACCOUNT))
    code, message = refused_role(registry, denied, f"arn:aws:iam::{ACCOUNT}:role/open")
    assert code == "AccessDenied"
    assert message.endswith("with an explicit deny in an identity-based policy")


def test_across_accounts_both_sides_must_allow(registry: Registry) -> None:
    make_role(registry, "puller", trusting(OTHER))
    allowed = registry.user("allowed", allow("sts:AssumeRole"), account=OTHER)
    alone = registry.user("alone", account=OTHER)
    assume(registry, allowed, ROLE)
    assert refused_role(registry, alone)[0] == "AccessDenied"
    make_role(registry, "closed", trusting(ACCOUNT))
    closed = f"arn:aws:iam::{ACCOUNT}:role/closed"
    assert "role trust policy" in refused_role(registry, allowed, closed)[1]


def test_the_external_id_must_be_the_one_agreed_on(registry: Registry) -> None:
    agreed = {"StringEquals": {"sts:ExternalId": "s3same"}}
    make_role(registry, "puller", trusting(OTHER, **agreed))
    partner = registry.user("partner", allow("sts:AssumeRole"), account=OTHER)
    assume(registry, partner, ROLE, ExternalId="s3same")
    assert refused_role(registry, partner)[0] == "AccessDenied"
    assert refused_role(registry, partner, ExternalId="other")[0] == "AccessDenied"


def test_conditions_on_the_principal_and_the_sessions_name(registry: Registry) -> None:
    condition = {
        "ArnEquals": {"aws:PrincipalArn": ADMIN},
        "StringLike": {"sts:RoleSessionName": "ci-*"},
    }
    make_role(registry, "puller", trusting("*", **condition))
    assume(registry, None, ROLE, RoleSessionName="ci-7")
    assert refused_role(registry, None, RoleSessionName="me")[0] == "AccessDenied"
    somebody = registry.user("somebody", allow("sts:*"))
    assert refused_role(registry, somebody, RoleSessionName="ci-7")[0] == "AccessDenied"


@pytest.mark.parametrize(
    ("options", "told"),
    [
        ({"RoleSessionName": "a"}, "at 'roleSessionName' failed to satisfy constraint"),
        ({"RoleSessionName": "a b"}, "at 'roleSessionName' failed to satisfy constraint"),
        ({"DurationSeconds": 899}, "at 'durationSeconds' failed to satisfy constraint"),
        ({"DurationSeconds": 43201}, "at 'durationSeconds' failed to satisfy constraint"),
        (
            {"DurationSeconds": 7201},
            "The requested DurationSeconds exceeds the MaxSessionDuration set for this role.",
        ),
        ({"SourceIdentity": "somebody"}, "does not support the parameters SourceIdentity"),
        ({"PolicyArns": [{"arn": "arn:aws:iam::aws:policy/None"}]}, "does not exist"),
        (
            {"PolicyArns": [{"arn": f"arn:aws:iam::{OTHER}:policy/Any"}]},
            f"is not a managed policy of account {ACCOUNT}",
        ),
        (
            {"Tags": [{"Key": "Team", "Value": "a"}, {"Key": "team", "Value": "b"}]},
            "Duplicate tag keys found. Please note that Tag keys are case insensitive.",
        ),
        ({"Tags": [{"Key": "aws:x", "Value": "a"}]}, "Tag keys must not begin with 'aws:'."),
        ({"Policy": " " * 2049}, "have more than 2048 characters"),
    ],
)
def test_what_is_outside_the_bounds(registry: Registry, options: Any, told: str) -> None:
    make_role(registry, "puller", trusting(ADMIN, "sts:AssumeRole", "sts:TagSession"), seconds=7200)
    code, message = refused_role(registry, None, **options)
    assert code == "ValidationError"
    assert told in message


def test_a_bad_session_policy(registry: Registry) -> None:
    make_role(registry, "puller", trusting(ADMIN))
    code, message = refused_role(registry, None, Policy='{"Statement": [{"Effect": "Perhaps"}]}')
    assert code == "MalformedPolicyDocument"
    assert "Statement[0].Effect: must be Allow or Deny" in message


def test_too_much_to_pack(registry: Registry) -> None:
    make_role(registry, "puller", trusting(ADMIN, "sts:AssumeRole", "sts:TagSession"))
    tags = [
        {"Key": f"k{number}", "Value": hashlib.sha512(bytes([number])).hexdigest() * 2}
        for number in range(50)
    ]
    code, message = refused_role(registry, None, Tags=tags)
    assert code == "PackedPolicyTooLarge"
    assert "of allotted space" in message


def test_session_policies_limit_and_never_add(registry: Registry) -> None:
    registry.create("team/app")
    make_role(registry, "puller", trusting(ADMIN), allow("ecr:ListImages", "ecr:DescribeImages"))
    answer = registry.sts().assume_role(
        RoleArn=ROLE,
        RoleSessionName="narrow",
        Policy=allow("ecr:ListImages", "ecr:DeleteRepository"),
    )
    assert 0 < answer["PackedPolicySize"] <= 100
    session = aws(registry, "ecr", temporary(answer))
    session.list_images(repositoryName="team/app")
    _, message = refused(session.describe_images, repositoryName="team/app")
    assert message.endswith("because no session policy allows the ecr:DescribeImages action")
    _, message = refused(session.delete_repository, repositoryName="team/app")
    assert message.endswith("no identity-based policy allows the ecr:DeleteRepository action")


def test_a_managed_session_policy_counts_as_it_is_now(registry: Registry) -> None:
    registry.create("team/app")
    make_role(registry, "puller", trusting(ADMIN), allow("ecr:*"))
    policies = Policies(registry.ground.database)
    arn = policies.create(ACCOUNT, "Narrow", allow("ecr:ListImages")).arn
    session = aws(registry, "ecr", assume(registry, None, ROLE, PolicyArns=[{"arn": arn}]))
    session.list_images(repositoryName="team/app")
    policies.delete(ACCOUNT, arn)
    assert refused(session.list_images, repositoryName="team/app")[0] == "AccessDeniedException"


def test_tags_need_permission_and_become_the_principals(registry: Registry) -> None:
    registry.create("red/app")
    tagged = allow(
        "ecr:ListImages",
        resource=f"arn:aws:ecr:*:{ACCOUNT}:repository/${{aws:PrincipalTag/team}}/*",
    )
    tags = [{"Key": "team", "Value": "red"}]
    make_role(registry, "untagged", trusting(ADMIN), tagged)
    code, message = refused_role(registry, None, f"arn:aws:iam::{ACCOUNT}:role/untagged", Tags=tags)
    assert code == "AccessDenied"
    assert "is not authorized to perform: sts:TagSession on resource" in message
    wanted = {"StringEquals": {"aws:RequestTag/team": "red"}}
    make_role(
        registry, "puller", trusting(ADMIN, "sts:AssumeRole", "sts:TagSession", **wanted), tagged
    )
    session = aws(registry, "ecr", assume(registry, None, ROLE, Tags=tags))
    session.list_images(repositoryName="red/app")
    assert refused(session.list_images, repositoryName="blue/app")[0] == "AccessDeniedException"
    blue = [{"Key": "team", "Value": "blue"}]
    assert refused_role(registry, None, Tags=blue)[0] == "AccessDenied"


def test_a_chain_lasts_an_hour(registry: Registry) -> None:
    first = make_role(registry, "first", trusting(ADMIN), allow("sts:AssumeRole"))
    make_role(registry, "puller", trusting(first), seconds=43200)
    session = assume(registry, None, first)
    assume(registry, session, ROLE, DurationSeconds=3600)
    code, message = refused_role(registry, session, DurationSeconds=3601)
    assert code == "ValidationError"
    assert message == (
        "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by"
        " role chaining."
    )


@pytest.mark.parametrize("ending", ["role", "key", "key gone", "user"])
def test_what_ends_a_session_at_once_on_another_worker(registry: Registry, ending: str) -> None:
    worker = registry.beside()
    registry.create("team/app")
    somebody = registry.user("somebody", allow("sts:AssumeRole"))
    first = make_role(registry, "first", trusting(ACCOUNT), allow("sts:AssumeRole"))
    make_role(registry, "puller", trusting(first), allow("ecr:*"))
    key = assume(registry, assume(registry, somebody, first), ROLE)
    headers = {"authorization": basic(docker_password(registry, key))}
    with worker.anyone(headers) as docker:
        assert docker.get("/v2/team/app/tags/list").status_code == 200
        aws(worker, "sts", key).get_caller_identity()
        _end(registry, ending, somebody.id)
        assert docker.get("/v2/team/app/tags/list").status_code == 401
        code, message = refused(aws(worker, "sts", key).get_caller_identity)
    assert code == "InvalidClientTokenId"
    assert message == "The security token included in the request is invalid."
    worker.close()


def _end(registry: Registry, what: str, key_id: str) -> None:
    keys = AccessKeys(registry.ground.database, registry.ground.secrets)
    if what == "role":
        Holdings(registry.ground.database).delete_inline(ROLES, ACCOUNT, "puller", "policy-0")
        Roles(registry.ground.database).delete(ACCOUNT, "puller")
    elif what == "key":
        keys.set_active(ACCOUNT, "somebody", key_id, active=False)
    elif what == "key gone":
        keys.delete(ACCOUNT, "somebody", key_id)
    else:
        with registry.ground.database.write() as connection:
            connection.exec_driver_sql("DELETE FROM users WHERE name = 'somebody'")


def test_a_role_made_again_under_its_name_is_another(registry: Registry) -> None:
    make_role(registry, "puller", trusting(ADMIN))
    key = assume(registry, None, ROLE)
    Roles(registry.ground.database).delete(ACCOUNT, "puller")
    make_role(registry, "puller", trusting(ADMIN))
    assert refused(aws(registry, "sts", key).get_caller_identity)[0] == "InvalidClientTokenId"


def test_an_administrators_policy_document_is_no_trust_policy(registry: Registry) -> None:
    """A role's own trust policy is not asked about actions of IAM."""
    make_role(registry, "puller", trusting(f"arn:aws:iam::{ACCOUNT}:user/nobody"))
    access_to = allow("iam:GetRole", resource=ROLE)
    reader = registry.user("reader", access_to)
    found = aws(registry, "iam", reader).get_role(RoleName="puller")["Role"]
    assert found["Arn"] == ROLE


def test_a_refusal_is_recorded_as_one(registry: Registry) -> None:
    for arn in (ROLE, ADMIN, f"arn:aws:ecr:us-east-1:{ACCOUNT}:repository/team/app"):
        assert refused_role(registry, None, arn)[0] == "AccessDenied"
    assert registry.ground.audit is not None
    registry.ground.audit.flush()
    (path,) = registry.settings.audit_path.iterdir()
    events = [json.loads(line) for line in path.read_text().splitlines()]
    assert [each["decision"]["allowed"] for each in events] == [False] * 3
    assert {each["eventName"] for each in events} == {"AssumeRole"}
