"""A lifecycle notice: from a policy in a real server to a webhook, before its image goes.

The receiver answers 500 at first, looks whether the image is still there each time that it is
told, and checks the signature by what docs/events.md says.
"""

from __future__ import annotations

import time
from datetime import datetime
from pathlib import Path

from registry.domain.events.targets import Wish
from registry.ground import lay_ground
from registry.stores import event_targets_of, lifecycle_stores, repositories_of
from registry.values.scope import Scope
from tests import images
from tests.domain.events.hook import SECRET, Received, hook
from tests.domain.lifecycle.world import policy, rule
from tests.faults.client import Client
from tests.faults.forked import Forked

NAME = "team/app"
NOTICE = 8.0
"""Seconds; a delivery that failed is tried again after one."""
OLD, NEW = (images.oci_image(images.layer({"a": each})) for each in (b"old", b"new"))


def hold(client: Client, made: images.Image, tag: str) -> None:
    for blob in made.blobs:
        assert client.put_blob(NAME, blob.content).status == 201
    assert client.put_manifest(NAME, tag, made.manifest, made.media_type).status == 201


def let_one_stay(server: Forked, url: str) -> None:
    """A target for notices alone; a policy, due now."""
    settings = server.settings
    scope = Scope(settings.account, settings.region)
    ground = lay_ground(settings)
    try:
        wish = Wish(url, detail_types=["ECR Lifecycle Notice"], secret=SECRET)
        event_targets_of(ground).put(scope, "ear", wish)
        repositories = repositories_of(settings, ground)
        lifecycle = lifecycle_stores(settings, ground, repositories)
        repository = repositories.get(scope, NAME)
        lifecycle.policies.put(repository, policy(rule(countNumber=1)))
        lifecycle.runs.hurry(repository)
    finally:
        ground.close()


def test_it_arrives_signed_and_after_a_failure_before_the_image_goes(quick_folder: Path) -> None:
    hours = NOTICE / 3600
    forked = Forked(quick_folder, lifecycle_notice_hours=hours, event_local_targets=True)
    with hook() as ear, forked as server:
        server.start()
        server.create_repository(NAME)
        with Client(server.port, server.authorization(), timeout=20) as client:
            hold(client, OLD, "v1")
            hold(client, NEW, "v2")
            there: list[bool] = []

            def answer(received: Received) -> int:
                received.verify()
                with Client(server.port, authorization, timeout=20) as asking:
                    there.append(asking.manifest(NAME, OLD.digest).status == 200)
                return 500 if len(there) == 1 else 200

            authorization, ear.answer = server.authorization(), answer
            let_one_stay(server, ear.url)
            ear.wait(2)
            gone = await_gone(client, OLD.digest)
            assert client.manifest(NAME, "v2").status == 200
        server.stop()
    assert there == [True, True]
    first, second = ear.received
    assert (first.headers["moorage-attempt"], second.headers["moorage-attempt"]) == ("1", "2")
    assert first.event["id"] == second.event["id"]
    detail = second.event["detail"]
    assert (detail["image-digest"], detail["image-tags"]) == (OLD.digest, ["v1"])
    assert gone >= datetime.fromisoformat(detail["expires-at"]).timestamp()


def await_gone(client: Client, digest: str, seconds: float = 40) -> float:
    """When it was seen to be gone."""
    deadline = time.monotonic() + seconds
    while time.monotonic() < deadline:
        if client.manifest(NAME, digest).status == 404:
            return time.time()
        time.sleep(0.1)
    raise AssertionError("the image did not go")
