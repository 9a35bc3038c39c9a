from __future__ import annotations

from typing import Any

from tests.iam.client import TRUST, arn, refused


def test_the_life_of_a_profile(iam: Any) -> None:
    iam.create_role(RoleName="task", AssumeRolePolicyDocument=TRUST)
    made = iam.create_instance_profile(
        InstanceProfileName="host", Path="/x/", Tags=[{"Key": "a", "Value": "1"}]
    )["InstanceProfile"]
    assert made["Arn"] == arn("instance-profile/x/host")
    assert made["InstanceProfileId"].startswith("AIPA")
    assert made["Roles"] == []
    assert made["Tags"] == [{"Key": "a", "Value": "1"}]
    iam.add_role_to_instance_profile(InstanceProfileName="host", RoleName="task")
    shown = iam.get_instance_profile(InstanceProfileName="host")["InstanceProfile"]
    assert [role["Arn"] for role in shown["Roles"]] == [arn("role/task")]
    (listed,) = iam.list_instance_profiles(PathPrefix="/x/")["InstanceProfiles"]
    assert listed == {key: value for key, value in shown.items() if key != "Tags"}
    assert iam.list_instance_profiles(PathPrefix="/y/")["InstanceProfiles"] == []
    assert iam.list_instance_profiles_for_role(RoleName="task")["InstanceProfiles"] == [listed]
    with refused("DeleteConflict", "must remove roles from instance profile first"):
        iam.delete_instance_profile(InstanceProfileName="host")
    iam.remove_role_from_instance_profile(InstanceProfileName="host", RoleName="task")
    assert iam.list_instance_profiles_for_role(RoleName="task")["InstanceProfiles"] == []
    iam.delete_instance_profile(InstanceProfileName="host")
    with refused("NoSuchEntity", "Instance Profile host cannot be found."):
        iam.get_instance_profile(InstanceProfileName="host")


def test_a_profile_has_one_role(iam: Any) -> None:
    for name in ("one", "two"):
        iam.create_role(RoleName=name, AssumeRolePolicyDocument=TRUST)
    iam.create_instance_profile(InstanceProfileName="host")
    iam.add_role_to_instance_profile(InstanceProfileName="host", RoleName="one")
    with refused("LimitExceeded", "InstanceSessionsPerInstanceProfile: 1"):
        iam.add_role_to_instance_profile(InstanceProfileName="host", RoleName="two")
    with refused("NoSuchEntity", "Role two is not in instance profile host."):
        iam.remove_role_from_instance_profile(InstanceProfileName="host", RoleName="two")


def test_names_that_are_taken_or_not_there(iam: Any) -> None:
    iam.create_role(RoleName="task", AssumeRolePolicyDocument=TRUST)
    iam.create_instance_profile(InstanceProfileName="host")
    with refused("EntityAlreadyExists", "Instance Profile HOST already exists."):
        iam.create_instance_profile(InstanceProfileName="HOST")
    for call in (iam.add_role_to_instance_profile, iam.remove_role_from_instance_profile):
        with refused("NoSuchEntity", "Instance Profile none cannot be found."):
            call(InstanceProfileName="none", RoleName="task")
        with refused("NoSuchEntity", "The role with name none cannot be found."):
            call(InstanceProfileName="host", RoleName="none")
    with refused("NoSuchEntity", "Instance Profile none cannot be found."):
        iam.delete_instance_profile(InstanceProfileName="none")
