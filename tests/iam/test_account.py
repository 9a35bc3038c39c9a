from __future__ import annotations

from typing import Any

from tests.application import Registry
from tests.iam.client import ALLOW, OTHER, TRUST, admin_of, arn


def test_the_account_has_no_alias(iam: Any) -> None:
    answer = iam.list_account_aliases()
    assert answer["AccountAliases"] == []
    assert answer["IsTruncated"] is False


def test_the_summary_counts_the_accounts_own(registry: Registry, iam: Any) -> None:
    stranger = admin_of(registry, OTHER)
    stranger.create_group(GroupName="theirs")
    iam.create_user(UserName="ada")
    iam.create_group(GroupName="team")
    iam.create_role(RoleName="task", AssumeRolePolicyDocument=TRUST)
    iam.create_instance_profile(InstanceProfileName="host")
    iam.create_policy(PolicyName="p", PolicyDocument=ALLOW)
    iam.create_policy_version(PolicyArn=arn("policy/p"), PolicyDocument=ALLOW)
    summary = iam.get_account_summary()["SummaryMap"]
    counted = {
        "Users": 2, "Groups": 1, "Roles": 1, "InstanceProfiles": 1, "Policies": 1,
        "PolicyVersionsInUse": 2,
    }  # fmt: skip
    assert {name: summary[name] for name in counted} == counted
    assert summary["AccessKeysPerUserQuota"] == 2
    assert summary["PolicySizeQuota"] == 6144
    assert stranger.get_account_summary()["SummaryMap"]["Users"] == 1
