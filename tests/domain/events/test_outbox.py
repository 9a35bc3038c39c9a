"""Every change has its events in the outbox, and what is no change has none."""

from __future__ import annotations

import json
from datetime import UTC, datetime
from typing import Any

import pytest
import sqlalchemy as sa

from registry.database.schema import event_deliveries
from registry.domain import events
from registry.domain.deletions import Named
from registry.domain.events.targets import Targets, Wish
from registry.values.digest import Digest
from registry.values.errors import (
    ImageNotFound,
    ImageReferenced,
    RepositoryExists,
    RepositoryNotEmpty,
    TagImmutable,
)
from registry.values.scope import Scope
from tests.application import ACCOUNT, REGION, SCOPE, Registry
from tests.domain.events.conftest import URL, Ear
from tests.images import OCI_CONFIG, OCI_MANIFEST, Image, index, layer, oci_image

REPOSITORY = "team/app"
IMAGE, MADE, REFERRER = "ECR Image Action", "ECR Repository Action", "ECR Referrer Action"
ONE, TWO = (oci_image(layer({"a": content})) for content in (b"1", b"2"))


def action(kind: str, image: Image | None = None, tag: str = "") -> dict[str, Any]:
    named = {"image-digest": image.digest} if image else {}
    tagged = {"image-tag": tag} if tag else {}
    return {"repository-name": REPOSITORY, "action-type": kind, **named, **tagged}


def push(registry: Registry, image: Image, *tags: str) -> None:
    registry.hold(REPOSITORY, image)
    repository = registry.repositories.get(SCOPE, REPOSITORY)
    for tag in tags:
        registry.images.put(repository, image.manifest, image.media_type, tag_names=[tag])


def test_an_event_has_the_form_of_eventbridge(registry: Registry, ear: Ear) -> None:
    before = datetime.now(UTC).replace(microsecond=0)
    made = registry.create(REPOSITORY)
    registry.hold(REPOSITORY, ONE, "v1")
    created, pushed = ear.heard()
    moment = datetime.strptime(pushed.pop("time"), "%Y-%m-%dT%H:%M:%SZ").replace(tzinfo=UTC)
    assert before <= moment <= datetime.now(UTC)
    assert len(pushed.pop("id")) == 36
    assert pushed == {
        "version": "0",
        "detail-type": "ECR Image Action",
        "source": "aws.ecr",
        "account": ACCOUNT,
        "region": REGION,
        "resources": [],
        "detail": {
            "result": "SUCCESS",
            "repository-name": REPOSITORY,
            "image-digest": ONE.digest,
            "action-type": "PUSH",
            "image-tag": "v1",
            "manifest-media-type": OCI_MANIFEST,
            "artifact-media-type": OCI_CONFIG,
        },
    }
    assert created["resources"] == [made.arn]
    assert created["detail-type"] == MADE


def test_a_push_tells_of_each_tag_that_moved_and_of_nothing_else(
    registry: Registry, ear: Ear
) -> None:
    registry.create(REPOSITORY)
    push(registry, ONE, "v1")
    assert ear.told() == [
        (MADE, action("CREATE")),
        (IMAGE, action("PUSH", ONE)),
        (IMAGE, action("PUSH", ONE, "v1")),
    ]
    push(registry, ONE, "v1")
    assert ear.told() == []
    repository = registry.repositories.get(SCOPE, REPOSITORY)
    registry.hold(REPOSITORY, TWO)
    registry.images.put(repository, TWO.manifest, tag_names=["v1", "v2"])
    registry.images.put(repository, TWO.manifest, tag_names=["v1", "v3"])
    tags = [detail.get("image-tag") for _, detail in ear.told()]
    assert tags == [None, "v1", "v2", "v3"]


def test_a_refused_push_is_no_event(registry: Registry, ear: Ear) -> None:
    registry.create(REPOSITORY, mutability="IMMUTABLE")
    push(registry, ONE, "v1")
    ear.heard()
    registry.hold(REPOSITORY, TWO)
    assert ear.told() == [(IMAGE, action("PUSH", TWO))]
    repository = registry.repositories.get(SCOPE, REPOSITORY)
    with pytest.raises(TagImmutable):
        registry.images.put(repository, TWO.manifest, tag_names=["new", "v1"])
    with pytest.raises(RepositoryExists):
        registry.create(REPOSITORY)
    with pytest.raises(RepositoryNotEmpty):
        registry.repositories.delete(SCOPE, REPOSITORY)
    assert ear.told() == []


def test_a_deletion_tells_of_each_tag_that_went(registry: Registry, ear: Ear) -> None:
    repository = registry.create(REPOSITORY)
    push(registry, ONE, "v1", "v2", "v3")
    push(registry, TWO)
    ear.heard()
    registry.images.untag(repository, "v1")
    assert ear.told() == [(IMAGE, action("DELETE", ONE, "v1"))]
    registry.images.delete(repository, Digest.parse(ONE.digest))
    registry.images.delete(repository, Digest.parse(TWO.digest))
    assert ear.told() == [
        (IMAGE, action("DELETE", ONE, "v2")),
        (IMAGE, action("DELETE", ONE, "v3")),
        (IMAGE, action("DELETE", TWO)),
    ]
    with pytest.raises(ImageNotFound):
        registry.images.untag(repository, "v1")
    with pytest.raises(ImageNotFound):
        registry.images.delete(repository, Digest.parse(ONE.digest))
    assert ear.told() == []


def test_a_batch_tells_of_nothing_twice(registry: Registry, ear: Ear) -> None:
    repository = registry.create(REPOSITORY)
    push(registry, ONE, "a", "b")
    ear.heard()
    deletions = registry.stores.deletions
    by_tag, by_digest = Named(None, "a"), Named(Digest.parse(ONE.digest), None)
    deletions.delete(repository, [by_tag, by_tag])
    assert ear.told() == [(IMAGE, action("DELETE", ONE, "a"))]
    deletions.delete(repository, [by_digest, by_digest, Named(None, "b")])
    assert ear.told() == [(IMAGE, action("DELETE", ONE, "b"))]
    deletions.delete(repository, [by_digest])
    assert ear.told() == []


def test_what_an_index_lists_stays_and_is_no_event(registry: Registry, ear: Ear) -> None:
    repository = registry.create(REPOSITORY)
    listing = index({"linux/amd64": ONE})
    registry.hold(REPOSITORY, listing, "all")
    ear.heard()
    with pytest.raises(ImageReferenced):
        registry.images.delete(repository, Digest.parse(ONE.digest))
    child, whole = (Named(Digest.parse(each.digest), None) for each in (ONE, listing))
    registry.stores.deletions.delete(repository, [child])
    assert ear.told() == []
    registry.stores.deletions.delete(repository, [child, whole])
    found = [(detail["image-digest"], detail.get("image-tag")) for _, detail in ear.told()]
    assert found == [(listing.digest, "all"), (ONE.digest, None)]


def test_a_deleted_repository_tells_how_many_images_went_with_it(
    registry: Registry, ear: Ear
) -> None:
    registry.create(REPOSITORY)
    push(registry, ONE, "v1")
    push(registry, TWO, "v2")
    ear.heard()
    registry.repositories.delete(SCOPE, REPOSITORY, force=True)
    assert ear.told() == [(MADE, action("DELETE") | {"image-count": 2})]


def test_a_referrer_is_told_apart(registry: Registry, ear: Ear) -> None:
    repository = registry.create(REPOSITORY)
    push(registry, ONE)
    ear.heard()
    signature = {
        **json.loads(ONE.manifest),
        "subject": {"mediaType": ONE.media_type, "digest": ONE.digest, "size": len(ONE.manifest)},
        "artifactType": "application/vnd.example.signature",
    }
    registry.images.put(repository, json.dumps(signature).encode())
    ((_, detail),) = told = [(each["detail-type"], each["detail"]) for each in ear.heard()]
    assert told[0][0] == REFERRER
    assert detail["artifact-media-type"] == "application/vnd.example.signature"


def test_filters_let_through_what_they_name(registry: Registry, ear: Ear, targets: Targets) -> None:
    targets.put(SCOPE, "kind", Wish(URL, detail_types=[MADE]))
    targets.put(SCOPE, "place", Wish(URL, repositories=["lib/*", "*/app"]))
    targets.put(SCOPE, "none", Wish(URL, detail_types=[MADE], repositories=["lib"]))
    for name in ("team/app", "team/other", "lib/x"):
        registry.create(name)
    registry.hold("team/app", ONE, "v1")

    def names(ear: Ear) -> list[str]:
        return [detail["repository-name"] for _, detail in ear.told()]

    by_name = {name: names(Ear(registry, targets, name)) for name in ("kind", "place", "none")}
    assert by_name == {
        "kind": ["team/app", "team/other", "lib/x"],
        "place": ["team/app", "lib/x", "team/app"],
        "none": [],
    }
    assert len(names(ear)) == 4


def test_each_registry_has_its_own_targets_and_the_log_hears_all(
    registry: Registry, ear: Ear, targets: Targets
) -> None:
    targets.keep_log(on=True)
    targets.keep_log(on=True)
    elsewhere = Scope(ACCOUNT, "eu-west-1")
    registry.repositories.create(elsewhere, REPOSITORY)
    registry.create("here")
    assert [detail["repository-name"] for _, detail in ear.told()] == ["here"]
    (log,) = [each for each in targets.list() if each.is_log]
    assert _count(registry, log.id) == 2
    targets.keep_log(on=False)
    assert not [each for each in targets.list() if each.is_log]
    assert _count(registry, log.id) == 0


def _count(registry: Registry, target_id: int) -> int:
    query = sa.select(event_deliveries.c.id).where(event_deliveries.c.event_target_id == target_id)
    with registry.ground.database.read() as connection:
        return len(connection.execute(query).all())


def test_without_a_target_nothing_is_written(registry: Registry) -> None:
    registry.create(REPOSITORY)
    push(registry, ONE, "v1")
    registry.repositories.delete(SCOPE, REPOSITORY, force=True)
    assert registry.rows()["event_deliveries"] == []


def test_what_is_undone_was_never_told(registry: Registry, ear: Ear) -> None:
    repository = registry.create(REPOSITORY)
    ear.heard()

    def fail() -> None:
        with registry.ground.database.write() as connection:
            events.repository_deleted(connection, repository)
            raise ZeroDivisionError

    with pytest.raises(ZeroDivisionError):
        fail()
    assert ear.told() == []


def test_the_other_kinds_look_as_at_aws(registry: Registry, ear: Ear) -> None:
    repository = registry.create(REPOSITORY)
    push(registry, ONE)
    ear.heard()
    moment = datetime(2025, 10, 10, 19, 13, 2, 740000, UTC)
    with registry.ground.database.write() as connection:
        image_id = registry.images.page(repository, 0, 1)[0].id
        events.storage_class_changed(connection, repository, image_id, events.ARCHIVE)
        events.storage_class_changed(connection, repository, image_id, events.STANDARD, moment)
        severities = {"CRITICAL": 10, "MEDIUM": 9, "LOW": 0}
        events.scanned(
            connection, repository, ONE.digest, ["v1"], status="COMPLETE", severities=severities
        )
        source = Scope(ACCOUNT, "us-west-2")
        events.replicated(connection, repository, source, digest=ONE.digest, tag="3.17.2")
        events.replicated(connection, repository, source, digest=ONE.digest, succeeded=False)
        upstream = "public.ecr.aws"
        events.pulled_through(
            connection, repository, "team", upstream, digest=ONE.digest, tag="3.17.2"
        )
        failure = ("UPSTREAM_TOO_MANY_REQUESTS", "later")
        events.pulled_through(connection, repository, "team", upstream, tag="x", failure=failure)
        events.about_to_expire(
            connection, repository, ONE.digest, ["v1"], rule_priority=3, expires_at=moment
        )
    found = [(each["detail-type"], each["resources"], each["detail"]) for each in ear.heard()]
    assert all(detail.pop("repository-name") == REPOSITORY for _, _, detail in found)
    archived = {
        "action-type": "UPDATE_STORAGE_CLASS",
        "target-storage-class": "ARCHIVE",
        "image-digest": ONE.digest,
        "result": "SUCCESS",
        "manifest-media-type": OCI_MANIFEST,
        "artifact-media-type": OCI_CONFIG,
    }
    restored = archived | {
        "target-storage-class": "STANDARD",
        "last-activated-at": "2025-10-10T19:13:02.74Z",
    }
    replicated = {
        "result": "SUCCESS",
        "image-digest": ONE.digest,
        "source-account": ACCOUNT,
        "action-type": "REPLICATE",
        "source-region": "us-west-2",
    }
    synced = {
        "rule-version": "1",
        "sync-status": "SUCCESS",
        "ecr-repository-prefix": "team",
        "upstream-registry-url": "public.ecr.aws",
        "image-tag": "3.17.2",
        "image-digest": ONE.digest,
    }
    failed = {
        **synced,
        "sync-status": "FAILURE",
        "image-tag": "x",
        "failure-code": "UPSTREAM_TOO_MANY_REQUESTS",
        "failure-reason": "later",
    }
    del failed["image-digest"]
    scanned = {
        "scan-status": "COMPLETE",
        "finding-severity-counts": {"CRITICAL": 10, "MEDIUM": 9},
        "image-digest": ONE.digest,
        "image-tags": ["v1"],
    }
    notice = {
        "action-type": "EXPIRE",
        "image-digest": ONE.digest,
        "image-tags": ["v1"],
        "rule-priority": 3,
        "expires-at": "2025-10-10T19:13:02Z",
    }
    mine = [repository.arn]
    assert found == [
        (IMAGE, [], archived),
        (IMAGE, [], restored),
        ("ECR Image Scan", mine, scanned),
        ("ECR Replication Action", mine, replicated | {"image-tag": "3.17.2"}),
        ("ECR Replication Action", mine, replicated | {"result": "FAILED"}),
        ("ECR Pull Through Cache Action", mine, synced),
        ("ECR Pull Through Cache Action", mine, failed),
        ("ECR Lifecycle Notice", mine, notice),
    ]
