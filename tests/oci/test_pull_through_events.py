"""What the targets of events hear of pulls through the cache."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import httpx
import pytest

from registry.domain.events.targets import Wish
from tests.application import SCOPE, OpenRegistry, Registry
from tests.domain.events.conftest import URL, Ear, targets_of
from tests.oci.test_pull_through import IMAGE, NAME, NEWER, cached, expire, manifest
from tests.upstream.fake import FakeRegistry, serving

KIND = "ECR Pull Through Cache Action"


@pytest.fixture
def fake() -> Iterator[FakeRegistry]:
    with serving() as running:
        running.hold("library/app", IMAGE, "v1")
        yield running


@pytest.fixture
def registry(open_one: OpenRegistry, fake: FakeRegistry) -> Registry:
    registry = cached(open_one, fake)
    targets_of(registry).put(SCOPE, "all", Wish(URL, detail_types=[KIND]))
    return registry


@pytest.fixture
def client(registry: Registry) -> Iterator[httpx.Client]:
    with registry.http() as client:
        yield client


def heard(registry: Registry, fake: FakeRegistry) -> list[dict[str, Any]]:
    details = [each["detail"] for each in Ear(registry, targets_of(registry)).heard()]
    for each in details:
        assert each.pop("repository-name") == NAME
        assert each.pop("ecr-repository-prefix") == "hub"
        assert each.pop("upstream-registry-url") == fake.address
        assert each.pop("rule-version") == "1"
    return details


def brought(digest: str, tag: str) -> dict[str, str]:
    return {"sync-status": "SUCCESS", "image-digest": digest, "image-tag": tag}


def test_each_manifest_that_is_brought_is_told_once(
    registry: Registry, client: httpx.Client, fake: FakeRegistry
) -> None:
    for _ in range(2):
        assert manifest(client).status_code == 200
    assert heard(registry, fake) == [brought(IMAGE.digest, "v1")]
    expire(registry)
    assert manifest(client).status_code == 200
    assert heard(registry, fake) == []
    fake.hold("library/app", NEWER, "v1")
    expire(registry)
    assert manifest(client).content == NEWER.manifest
    assert heard(registry, fake) == [brought(NEWER.digest, "v1")]
    assert manifest(client, IMAGE.digest).status_code == 200
    assert heard(registry, fake) == []


def test_what_could_not_be_brought_anew_is_told_while_the_old_is_served(
    registry: Registry, client: httpx.Client, fake: FakeRegistry
) -> None:
    assert manifest(client, "none").status_code == 404
    assert heard(registry, fake) == []
    assert manifest(client).status_code == 200
    heard(registry, fake)
    fake.manifests.clear()
    expire(registry)
    for _ in range(3):
        assert manifest(client).content == IMAGE.manifest
    (failed,) = heard(registry, fake)
    assert failed.pop("failure-reason")
    assert failed == {
        "sync-status": "FAILURE",
        "image-tag": "v1",
        "failure-code": "ImageNotFoundException",
    }
