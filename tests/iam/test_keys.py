from __future__ import annotations

from typing import Any

from registry.domain.identities.directory import AccessKey
from tests.application import Registry, allow
from tests.iam.client import arn, iam_client, refused


def new_key(registry: Registry, iam: Any, user: str) -> AccessKey:
    made = iam.create_access_key(UserName=user)["AccessKey"]
    found = registry.key(made["AccessKeyId"])
    assert found.secret == made["SecretAccessKey"]
    return found


def test_the_life_of_a_key(registry: Registry, iam: Any) -> None:
    iam.create_user(UserName="ada")
    made = iam.create_access_key(UserName="ada")["AccessKey"]
    assert made["UserName"] == "ada"
    assert made["Status"] == "Active"
    assert len(made["AccessKeyId"]) == 20
    assert made["AccessKeyId"].startswith("AKIA")
    assert len(made["SecretAccessKey"]) == 40
    (listed,) = iam.list_access_keys(UserName="ada")["AccessKeyMetadata"]
    assert listed == {key: made[key] for key in made if key != "SecretAccessKey"}
    used = iam.get_access_key_last_used(AccessKeyId=made["AccessKeyId"])
    assert used["UserName"] == "ada"
    assert used["AccessKeyLastUsed"] == {"ServiceName": "N/A", "Region": "N/A"}
    iam.delete_access_key(UserName="ada", AccessKeyId=made["AccessKeyId"])
    assert iam.list_access_keys(UserName="ada")["AccessKeyMetadata"] == []
    with refused("NoSuchEntity", made["AccessKeyId"]):
        iam.delete_access_key(UserName="ada", AccessKeyId=made["AccessKeyId"])
    with refused("NoSuchEntity", made["AccessKeyId"]):
        iam.get_access_key_last_used(AccessKeyId=made["AccessKeyId"])


def test_a_key_ends_at_once_with_its_docker_tokens_on_every_worker(
    registry: Registry, iam: Any
) -> None:
    iam.create_user(UserName="ada")
    iam.put_user_policy(UserName="ada", PolicyName="p", PolicyDocument=allow("*"))
    key = new_key(registry, iam, "ada")
    worker = registry.beside()
    try:
        mine = iam_client(worker, key)
        with worker.http(key) as docker:
            assert docker.get("/v2/").status_code == 200
            mine.get_user()
            change = {"UserName": "ada", "AccessKeyId": key.id}
            iam.update_access_key(**change, Status="Inactive")
            (listed,) = iam.list_access_keys(UserName="ada")["AccessKeyMetadata"]
            assert listed["Status"] == "Inactive"
            with refused("InvalidClientTokenId", status=403):
                mine.get_user()
            assert docker.get("/v2/").status_code == 401
            iam.update_access_key(**change, Status="Active")
            mine.get_user()
            assert docker.get("/v2/").status_code == 200
            iam.delete_access_key(**change)
            assert docker.get("/v2/").status_code == 401
    finally:
        worker.close()


def test_a_user_changes_its_own_key(registry: Registry) -> None:
    actions = ("iam:CreateAccessKey", "iam:DeleteAccessKey", "iam:ListAccessKeys")
    key = registry.user("ada", allow(*actions, resource=arn("user/${aws:username}")))
    mine = iam_client(registry, key)
    made = mine.create_access_key()["AccessKey"]
    assert made["UserName"] == "ada"
    assert len(mine.list_access_keys()["AccessKeyMetadata"]) == 2
    mine.delete_access_key(AccessKeyId=key.id)
    with refused("InvalidClientTokenId", status=403):
        mine.list_access_keys()
    with refused("AccessDenied", "iam:CreateAccessKey on resource: " + arn("user/admin")):
        iam_client(registry, registry.key(made["AccessKeyId"])).create_access_key(UserName="admin")


def test_a_user_has_two_keys_at_most(iam: Any) -> None:
    iam.create_user(UserName="ada")
    iam.create_access_key(UserName="ada")
    iam.create_access_key(UserName="ada")
    with refused("LimitExceeded", "Cannot exceed quota for AccessKeysPerUser: 2"):
        iam.create_access_key(UserName="ada")


def test_keys_of_nobody_and_of_others(registry: Registry, iam: Any) -> None:
    iam.create_user(UserName="ada")
    for call in (iam.create_access_key, iam.list_access_keys):
        with refused("NoSuchEntity", "The user with name bob cannot be found."):
            call(UserName="bob")
    other = registry.admin.id
    with refused("NoSuchEntity", f"The Access Key with id {other} cannot be found."):
        iam.update_access_key(UserName="ada", AccessKeyId=other, Status="Inactive")
    with refused("NoSuchEntity", other):
        iam.delete_access_key(UserName="ada", AccessKeyId=other)
    with refused("InvalidInput", "Active or Inactive"):
        iam.update_access_key(UserName="admin", AccessKeyId=other, Status="Expired")
    assert registry.key(other).user.name == "admin"


def test_a_secret_is_stored_sealed_and_logged_nowhere(
    registry: Registry, iam: Any, caplog: Any
) -> None:
    caplog.set_level("DEBUG", "moorage")
    iam.create_user(UserName="ada")
    secret = iam.create_access_key(UserName="ada")["AccessKey"]["SecretAccessKey"]
    iam.list_access_keys(UserName="ada")
    assert secret not in caplog.text
    assert secret not in str(registry.rows())
    folder = registry.settings.data
    for file in [*folder.rglob("*")]:
        if file.is_file() and not file.name.startswith("credentials"):
            assert secret.encode() not in file.read_bytes(), file
