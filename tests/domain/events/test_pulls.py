"""Pulls are told of where somebody asked for that, and never hold up a pull."""

from __future__ import annotations

import pytest

from registry.domain.events import pulls
from registry.domain.events.event import IMAGE
from registry.domain.events.targets import Wish
from registry.values.errors import StorageUnavailable
from tests.application import SCOPE, OpenRegistry, Registry
from tests.domain.events.conftest import URL, Ear, targets_of
from tests.images import layer, oci_image

NAME = "team/app"
IMAGE_ONE = oci_image(layer({"a": b"1"}))


@pytest.fixture
def pulled(open_one: OpenRegistry) -> Registry:
    registry = open_one(event_pulls=True)
    registry.create(NAME)
    registry.hold(NAME, IMAGE_ONE, "v1")
    targets = targets_of(registry)
    targets.put(SCOPE, "all", Wish(URL))
    targets.put(SCOPE, "pulls", Wish(URL, actions=["PULL"]))
    return registry


def pull(registry: Registry, *references: str) -> None:
    with registry.http() as docker:
        for reference in references:
            answer = docker.get(f"/v2/{NAME}/manifests/{reference}")
            assert answer.status_code == 200
        docker.head(f"/v2/{NAME}/manifests/{references[0]}")


def test_pulls_are_told_to_who_names_them(pulled: Registry) -> None:
    pull(pulled, "v1", IMAGE_ONE.digest)
    pulled.ecr().batch_get_image(repositoryName=NAME, imageIds=[{"imageTag": "v1"}])
    assert pulled.ground.pull_events is not None
    ear = Ear(pulled, targets_of(pulled), "pulls")
    assert ear.told() == []
    assert pulled.ground.pull_events.flush() == 0
    expected = {"repository-name": NAME, "action-type": "PULL", "image-digest": IMAGE_ONE.digest}
    tagged = {**expected, "image-tag": "v1"}
    assert ear.told() == [(IMAGE, tagged), (IMAGE, expected), (IMAGE, tagged)]
    assert Ear(pulled, targets_of(pulled)).told() == []
    assert pulled.ground.pull_events.flush() == 0
    assert ear.told() == []


def test_they_are_off_by_default(registry: Registry) -> None:
    registry.create(NAME)
    registry.hold(NAME, IMAGE_ONE, "v1")
    targets_of(registry).put(SCOPE, "pulls", Wish(URL, actions=["PULL"]))
    pull(registry, "v1")
    assert registry.ground.pull_events is None
    assert Ear(registry, targets_of(registry), "pulls").told() == []


def test_too_many_are_counted_as_lost(pulled: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(pulls, "CAPACITY", 2)
    pull(pulled, *["v1"] * 5)
    assert pulled.ground.pull_events is not None
    assert pulled.ground.pull_events.flush() == 3
    assert len(Ear(pulled, targets_of(pulled), "pulls").told()) == 2
    assert pulled.ground.pull_events.flush() == 0


def test_a_database_that_does_not_answer_loses_none(
    pulled: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    pull(pulled, "v1")
    assert pulled.ground.pull_events is not None

    def unavailable(*_: object) -> None:
        raise StorageUnavailable("no")

    with monkeypatch.context() as patch:
        patch.setattr(pulls, "record", unavailable)
        with pytest.raises(StorageUnavailable):
            pulled.ground.pull_events.flush()
    pulled.ground.pull_events.flush()
    assert len(Ear(pulled, targets_of(pulled), "pulls").told()) == 1
