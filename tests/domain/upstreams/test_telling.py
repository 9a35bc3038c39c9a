"""What those who listen are told of imports: what happened, and nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from tests.application import OpenRegistry, Registry
from tests.domain.events.conftest import Ear
from tests.images import layer, oci_image
from tests.upstream.fake import FakeRegistry, serving

IMAGE = oci_image(layer({"hello": b"one"}))
NEWER = oci_image(layer({"hello": b"two"}))
NAME = "hub/library/app"


@pytest.fixture
def fake() -> Iterator[FakeRegistry]:
    with serving() as running:
        running.hold("library/app", IMAGE, "v1")
        yield running


@pytest.fixture
def registry(open_one: OpenRegistry, fake: FakeRegistry) -> Registry:
    registry = open_one(upstreams=fake.url, upstream_check_hours=0)
    registry.ecr().create_pull_through_cache_rule(
        ecrRepositoryPrefix="hub", upstreamRegistryUrl=fake.address
    )
    return registry


def pull(registry: Registry, reference: str) -> int:
    with registry.http() as client:
        return client.get(f"/v2/{NAME}/manifests/{reference}").status_code


def through(ear: Ear) -> list[dict[str, Any]]:
    kind = "ECR Pull Through Cache Action"
    return [detail for told, detail in ear.told() if told == kind]


def test_an_import_is_told_once(registry: Registry, fake: FakeRegistry, ear: Ear) -> None:
    assert pull(registry, "v1") == 200
    common = {
        "rule-version": "1",
        "sync-status": "SUCCESS",
        "ecr-repository-prefix": "hub",
        "upstream-registry-url": fake.address,
        "repository-name": NAME,
    }
    assert through(ear) == [{**common, "image-digest": IMAGE.digest, "image-tag": "v1"}]
    assert pull(registry, "v1") == 200  # compared, and nothing came
    assert through(ear) == []
    fake.hold("library/app", NEWER)
    assert pull(registry, NEWER.digest) == 200
    assert through(ear) == [{**common, "image-digest": NEWER.digest}]
    fake.hold("library/app", NEWER, "v1")
    assert pull(registry, "v1") == 200
    assert through(ear) == [{**common, "image-digest": NEWER.digest, "image-tag": "v1"}]


@pytest.mark.parametrize(
    ("status", "code"),
    [
        (403, "UpstreamAccessDenied"),
        (429, "UpstreamTooManyRequests"),
        (500, "UpstreamUnavailable"),
    ],
)
def test_a_failure_is_told_with_its_reason(
    registry: Registry, fake: FakeRegistry, ear: Ear, status: int, code: str
) -> None:
    fake.status = status
    assert pull(registry, "v1") == {500: 502}.get(status, status)
    assert through(ear) == []  # there is no repository that it could be about
    fake.status = 0
    pull(registry, "v1")
    through(ear)
    fake.status = status
    assert pull(registry, "v1") == 200
    (failed,) = through(ear)
    assert failed["sync-status"] == "FAILURE"
    assert failed["failure-code"] == code
    assert fake.address in failed["failure-reason"]
    assert failed["image-tag"] == "v1"


def test_what_is_not_there_is_no_failure(registry: Registry, ear: Ear) -> None:
    pull(registry, "v1")
    through(ear)
    assert pull(registry, "v2") == 404
    assert through(ear) == []
