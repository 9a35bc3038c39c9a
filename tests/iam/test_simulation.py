from __future__ import annotations

import json
from typing import Any

import pytest

from tests.application import Registry, allow
from tests.iam.client import READ_ONLY, TRUST, arn, refused

REPOSITORY = "arn:aws:ecr:us-east-1:123456789012:repository/app"


def decisions(answer: Any) -> list[str]:
    return [each["EvalDecision"] for each in answer["EvaluationResults"]]


def statement(**more: Any) -> str:
    full = {"Effect": "Allow", "Action": "ecr:*", "Resource": "*"} | more
    return json.dumps({"Version": "2012-10-17", "Statement": [full]})


def test_policies_of_nobody(iam: Any) -> None:
    answer = iam.simulate_custom_policy(
        PolicyInputList=[
            allow("ecr:PutImage", "ecr:DeleteRepository"),
            allow("ecr:Delete*", effect="Deny"),
        ],
        ActionNames=["ecr:PutImage", "ecr:DeleteRepository", "ecr:ListImages"],
    )
    assert decisions(answer) == ["allowed", "explicitDeny", "implicitDeny"]
    first, second, third = answer["EvaluationResults"]
    assert first["MatchedStatements"] == [
        {"SourcePolicyId": "PolicyInputList.1", "SourcePolicyType": "none"}
    ]
    assert second["MatchedStatements"][0]["SourcePolicyId"] == "PolicyInputList.2"
    assert third["MatchedStatements"] == []
    assert (first["EvalActionName"], first["EvalResourceName"]) == ("ecr:PutImage", "*")


def test_conditions_and_what_is_missing_for_them(iam: Any) -> None:
    document = statement(Condition={"StringEquals": {"ecr:ImageTag": ["v1", "v2"]}})
    asked = {"PolicyInputList": [document], "ActionNames": ["ecr:PutImage"]}
    answer = iam.simulate_custom_policy(**asked)
    assert decisions(answer) == ["implicitDeny"]
    assert answer["EvaluationResults"][0]["MissingContextValues"] == ["ecr:imagetag"]
    entry = {"ContextKeyName": "ecr:ImageTag", "ContextKeyType": "string"}
    given = [{**entry, "ContextKeyValues": ["v1"]}]
    answer = iam.simulate_custom_policy(**asked, ContextEntries=given)
    assert decisions(answer) == ["allowed"]
    assert answer["EvaluationResults"][0]["MissingContextValues"] == []
    for wrong in ({**entry, "ContextKeyValues": ["v1", "v2"]}, {"ContextKeyValues": ["v1"]}):
        with refused("InvalidInput", "A context entry has a name"):
            iam.simulate_custom_policy(**asked, ContextEntries=[wrong])


def test_lists_of_values(iam: Any) -> None:
    condition = {"ForAllValues:StringEquals": {"aws:TagKeys": ["a", "b"]}}
    asked = {"PolicyInputList": [statement(Condition=condition)], "ActionNames": ["ecr:X"]}
    for values, expected in ((["a", "b"], "allowed"), (["a", "c"], "implicitDeny")):
        entry = {"ContextKeyName": "aws:TagKeys", "ContextKeyType": "stringList"}
        entries = [{**entry, "ContextKeyValues": values}]
        assert decisions(iam.simulate_custom_policy(**asked, ContextEntries=entries)) == [expected]


def test_boundaries(iam: Any) -> None:
    answer = iam.simulate_custom_policy(
        PolicyInputList=[allow("ecr:*")],
        PermissionsBoundaryPolicyInputList=[allow("ecr:ListImages")],
        ActionNames=["ecr:ListImages", "ecr:PutImage"],
    )
    assert decisions(answer) == ["allowed", "implicitDeny"]
    details = [
        each["PermissionsBoundaryDecisionDetail"]["AllowedByPermissionsBoundary"]
        for each in answer["EvaluationResults"]
    ]
    assert details == [True, False]
    with refused("InvalidInput", "Only one permissions boundary"):
        iam.simulate_custom_policy(
            PolicyInputList=[], PermissionsBoundaryPolicyInputList=[allow("a:b")] * 2,
            ActionNames=["a:b"],
        )  # fmt: skip


def test_policies_of_a_resource(iam: Any) -> None:
    user, other = arn("user/x/ada"), "210987654321"
    policy = statement(Principal={"AWS": user}, Action="ecr:PutImage")
    policy = json.dumps(
        json.loads(policy)
        | {"Statement": [{"Effect": "Allow", "Principal": {"AWS": user}, "Action": "ecr:PutImage"}]}
    )
    asked = {"ActionNames": ["ecr:PutImage"], "ResourceArns": [REPOSITORY]}
    answer = iam.simulate_custom_policy(
        **asked, PolicyInputList=[], ResourcePolicy=policy, CallerArn=user
    )
    assert decisions(answer) == ["allowed"]
    (matched,) = answer["EvaluationResults"][0]["MatchedStatements"]
    assert matched == {"SourcePolicyId": "ResourcePolicy", "SourcePolicyType": "resource"}
    owner = {"ResourceOwner": f"arn:aws:iam::{other}:root"}
    answer = iam.simulate_custom_policy(
        **asked, **owner, PolicyInputList=[], ResourcePolicy=policy, CallerArn=user
    )
    assert decisions(answer) == ["implicitDeny"]
    answer = iam.simulate_custom_policy(
        **asked, **owner, PolicyInputList=[allow("ecr:*")], ResourcePolicy=policy, CallerArn=user
    )
    assert decisions(answer) == ["allowed"]


@pytest.mark.parametrize(
    ("more", "words"),
    [
        ({"PolicyInputList": ["{}"]}, "PolicyInputList.1: "),
        ({"ResourcePolicy": "{}"}, "ResourcePolicy: "),
        ({"CallerArn": arn("role/r")}, "Invalid CallerArn"),
        ({"ResourceOwner": "nobody"}, "Invalid ResourceOwner"),
    ],
)
def test_what_cannot_be_simulated(iam: Any, more: dict[str, Any], words: str) -> None:
    with refused("InvalidInput", words):
        iam.simulate_custom_policy(
            **{"PolicyInputList": [], "ActionNames": ["ecr:PutImage"], **more}
        )
    with refused("ValidationError", "does not support the parameters ResourceHandlingOption"):
        iam.simulate_custom_policy(
            PolicyInputList=[], ActionNames=["ecr:PutImage"], ResourceHandlingOption="EC2-VPC"
        )


def test_a_user_with_its_groups_and_boundary(registry: Registry, iam: Any) -> None:
    registry.user("ada", allow("iam:GetUser", resource=arn("user/${aws:username}")))
    iam.create_group(GroupName="team")
    iam.add_user_to_group(GroupName="team", UserName="ada")
    iam.attach_group_policy(GroupName="team", PolicyArn=READ_ONLY)
    asked = {"PolicySourceArn": arn("user/ada")}
    actions = {"ActionNames": ["ecr:ListImages", "ecr:PutImage", "iam:GetUser"]}
    resources = {"ResourceArns": [arn("user/ada")]}
    answer = iam.simulate_principal_policy(**asked, **actions, **resources)
    assert decisions(answer) == ["allowed", "implicitDeny", "allowed"]
    matched = [each["MatchedStatements"] for each in answer["EvaluationResults"]]
    assert matched[0][0] == {"SourcePolicyId": READ_ONLY, "SourcePolicyType": "aws-managed"}
    assert matched[2][0] == {"SourcePolicyId": "policy-0", "SourcePolicyType": "user"}
    further = {"PolicyInputList": [allow("ecr:PutImage")]}
    answer = iam.simulate_principal_policy(**asked, **actions, **resources, **further)
    assert decisions(answer) == ["allowed", "allowed", "allowed"]
    iam.put_user_permissions_boundary(UserName="ada", PermissionsBoundary=READ_ONLY)
    answer = iam.simulate_principal_policy(**asked, **actions, **resources)
    assert decisions(answer) == ["allowed", "implicitDeny", "implicitDeny"]


def test_a_group_and_a_role(iam: Any) -> None:
    iam.create_policy(PolicyName="own", PolicyDocument=allow("ecr:PutImage"))
    iam.create_group(GroupName="team")
    iam.attach_group_policy(GroupName="team", PolicyArn=arn("policy/own"))
    iam.create_role(RoleName="task", AssumeRolePolicyDocument=TRUST)
    iam.put_role_policy(RoleName="task", PolicyName="in", PolicyDocument=allow("ecr:PutImage"))
    for source, policy, kind in (
        (arn("group/team"), arn("policy/own"), "user-managed"),
        (arn("role/task"), "in", "role"),
    ):
        answer = iam.simulate_principal_policy(
            PolicySourceArn=source, ActionNames=["ecr:PutImage", "ecr:ListImages"]
        )
        assert decisions(answer) == ["allowed", "implicitDeny"]
        (matched,) = answer["EvaluationResults"][0]["MatchedStatements"]
        assert matched == {"SourcePolicyId": policy, "SourcePolicyType": kind}


@pytest.mark.parametrize(
    "source", [arn("user/none"), arn("policy/x"), arn("user/x/admin"), arn("user/ADMIN")]
)
def test_a_source_that_is_not_there(iam: Any, source: str) -> None:
    with refused("NoSuchEntity", f"The policy source {source} cannot be found."):
        iam.simulate_principal_policy(PolicySourceArn=source, ActionNames=["ecr:PutImage"])
