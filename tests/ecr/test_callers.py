"""Who may call ECR's operations, and what is none."""

from __future__ import annotations

import json

import httpx

from tests.application import Registry, allow, on
from tests.ecr.calls import NAME, refusal


def test_every_operation_refuses_who_may_not(registry: Registry) -> None:
    registry.create(NAME)
    user = registry.user("ada", allow("ecr:*", resource=on("other/*")))
    ecr = registry.ecr(user)
    before = registry.stored()
    for action, call in (
        ("CreateRepository", lambda: ecr.create_repository(repositoryName=NAME)),
        ("DeleteRepository", lambda: ecr.delete_repository(repositoryName=NAME)),
        ("DescribeRepositories", lambda: ecr.describe_repositories(repositoryNames=[NAME])),
        ("DescribeRepositories", ecr.describe_repositories),
        ("ListImages", lambda: ecr.list_images(repositoryName=NAME)),
        ("DescribeImages", lambda: ecr.describe_images(repositoryName=NAME)),
        ("BatchGetImage", lambda: ecr.batch_get_image(repositoryName=NAME, imageIds=[{}])),
        ("PutImage", lambda: ecr.put_image(repositoryName=NAME, imageManifest="{}")),
    ):
        code, message = refusal(call)
        assert code == "AccessDeniedException"
        assert f"ecr:{action} on resource" in message
    assert registry.stored() == before


def test_ended_rights_end_signatures_at_once_on_every_worker(registry: Registry) -> None:
    user, beside = registry.user("ada", allow("*")), registry.beside()
    for worker in (registry, beside):
        assert worker.ecr(user).describe_repositories()["repositories"] == []
    registry.set_user_active(user, active=False)
    for worker in (registry, beside):
        code, _ = refusal(lambda worker=worker: worker.ecr(user).describe_repositories())  # type: ignore[misc]  # bound now
        assert code == "UnrecognizedClientException"
    beside.close()


def test_what_is_not_here_yet_says_so(registry: Registry, client: httpx.Client) -> None:
    kms = registry.aws("kms", registry.admin.id, registry.admin.secret)
    code, message = refusal(kms.describe_custom_key_stores)
    assert (code, "DescribeCustomKeyStores" in message) == ("UnknownOperationException", True)
    target = "AmazonEC2ContainerRegistry_V20150921.ListImages"
    unsigned = client.post("/", headers={"x-amz-target": target})
    assert unsigned.status_code == 400
    assert json.loads(unsigned.text)["__type"]
