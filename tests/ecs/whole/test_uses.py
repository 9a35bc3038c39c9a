"""What runs is reported to the registry by the server itself."""

from __future__ import annotations

import json
import sqlite3
from collections.abc import Mapping
from contextlib import closing
from typing import Any

import httpx
import pytest
from botocore.auth import SigV4Auth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from tests.ecs.whole.conftest import World
from tests.images import OCI_LAYER, Blob, oci_image
from tests.server_process import ACCOUNT, REGION

pytestmark = pytest.mark.slow


def reported(world: World) -> dict[str, Any]:
    """The report of ECS, as the administrator sees it."""
    url = f"{world.server.url}/api/v1/registries/{ACCOUNT}/images-in-use"
    key = world.server.credentials
    request = AWSRequest("GET", url)
    held = Credentials(key.access_key_id, key.secret_access_key)
    SigV4Auth(held, "ecr", REGION).add_auth(request)
    answer = httpx.get(url, headers=dict(request.headers.items())).raise_for_status()
    found: list[dict[str, Any]] = answer.json()["reports"]
    return next((each for each in found if each["reporter"] == "ecs"), {"images": []})


def digests(world: World) -> dict[str, Any]:
    """Of the images that the repository has."""
    found = world.server.ecr.describe_images(repositoryName="team/box")["imageDetails"]
    return {each["imageDigest"]: each.get("imageTags", []) for each in found}


def holds(use: str, *, there: bool = True) -> Any:
    def done(report: Mapping[str, Any]) -> bool:
        return (use in report["images"]) is there

    return done


def test_an_image_that_a_task_runs_survives_its_policy_and_goes_after(world: World) -> None:
    (digest,) = digests(world)
    arn = world.register("held", "/bin/busybox", "sleep", "600")
    (task,) = world.run("held")
    world.reaches(task, "RUNNING")
    use = f"team/box@{digest}"
    world.until(lambda: reported(world), holds(use))
    ecs = world.client("ecs")
    ecs.deregister_task_definition(taskDefinition=arn)
    # Untagged from here on, and not the newest, which alone the policy leaves.
    world.push("team/box", oci_image(Blob(b"newer" * 20, OCI_LAYER, "newer")), "v1")
    idle = oci_image(Blob(b"idle" * 20, OCI_LAYER, "idle"))
    world.push("team/box", idle, "v0")
    newest = oci_image(Blob(b"newest" * 20, OCI_LAYER, "newest"))
    world.push("team/box", newest, "v0")
    world.until(lambda: reported(world), holds("team/box:v1", there=False))
    expire(world, 1)
    world.until(lambda: digests(world), lambda found: idle.digest not in found)
    assert digests(world) == {digest: [], newest.digest: ["v0"]}
    ecs.stop_task(cluster="demo", task=task)
    world.reaches(task, "STOPPED")
    world.until(lambda: reported(world), holds(use, there=False))
    expire(world, 2)
    world.until(lambda: digests(world), lambda found: digest not in found)


def expire(world: World, priority: int) -> None:
    """A policy by which the newest image alone stays."""
    selection = {"tagStatus": "any", "countType": "imageCountMoreThan", "countNumber": 1}
    rule = {"rulePriority": priority, "selection": selection, "action": {"type": "expire"}}
    world.server.ecr.put_lifecycle_policy(
        repositoryName="team/box", lifecyclePolicyText=json.dumps({"rules": [rule]})
    )
    # A new policy waits for a minute; a test does not.
    with closing(sqlite3.connect(world.server.data / "moorage.db")) as database, database:
        database.execute("UPDATE lifecycle_policies SET due_at = 0")
