"""Pulling: what is tried again, what is not, and what serves from the cache."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import pytest

from registry.ecs.agent.collaborators import PullSource, Resolved, Unavailable
from registry.ecs.agent.engine import Engine, EngineRefused, EngineTimeout, split_reference
from registry.ecs.agent.pulling import CannotPull, Pulled, Pulling
from registry.ecs.agent.settings import AgentSettings
from registry.ecs.protocol import TaskPayload
from registry.ecs.statuses import DesiredStatus, TaskStatus
from tests.ecs.agent.harness import Rig, container
from tests.upstream.fake import FakeRegistry, Handler

DIGEST = f"sha256:{'1' * 64}"
NAME = "registry.example/team/app:v1"
PULLED = [{"status": "Pulling from team/app"}, {"status": f"Digest: {DIGEST}"}]
UNREACHABLE = "Get https://registry.example/v2/: dial tcp: connect: connection refused"
Answer = Sequence[Mapping[str, Any]] | Exception


class FakeEngine(Engine):
    """Gives one answer after the other to what is pulled."""

    def __init__(self, *answers: Answer, cached: bool = True) -> None:
        super().__init__("unix:///nowhere")
        self.answers = list(answers)
        self.asked: list[tuple[str, Mapping[str, str]]] = []
        self.cached = cached

    def pull(self, reference: str, authorization: Mapping[str, str]) -> Iterator[dict[str, Any]]:
        self.asked.append((reference, authorization))
        answer = self.answers.pop(0)
        if isinstance(answer, Exception):
            raise answer
        yield from (dict(line) for line in answer)

    def image(self, name: str) -> Mapping[str, Any] | None:
        repository, _ = split_reference(name)
        shown = {"Id": "sha256:config", "RepoDigests": [f"{repository}@{DIGEST}"]}
        return shown if self.cached else None


class FakePuller:
    def __init__(self, error: Exception | None = None) -> None:
        self.error = error

    def source(self, _payload: TaskPayload, definition: Mapping[str, Any]) -> PullSource:
        if self.error:
            raise self.error
        return PullSource(definition["image"], "AWS", "token")


def payload(launch_type: str = "EC2") -> TaskPayload:
    return TaskPayload("arn:task", "arn:cluster", {}, DesiredStatus.RUNNING, launch_type, {})


def pull(
    engine: FakeEngine,
    launch_type: str = "EC2",
    digest: str | None = None,
    puller: FakePuller | None = None,
) -> tuple[Pulled, list[float]]:
    pauses: list[float] = []
    pulling = Pulling(engine, puller or FakePuller(), AgentSettings(), pauses.append)
    return pulling.pull(payload(launch_type), {"image": NAME}, digest), pauses


def test_an_image_is_named_by_the_digest_that_was_pulled() -> None:
    engine = FakeEngine(PULLED)
    pulled, pauses = pull(engine)
    assert pulled == Pulled(f"registry.example/team/app@{DIGEST}", DIGEST)
    assert pauses == []
    assert engine.asked == [(NAME, {"username": "AWS", "password": "token"})]


def test_a_pull_that_fails_is_tried_again_with_growing_pauses() -> None:
    broken: Answer = [{"status": "Downloading"}, {"error": "unexpected EOF"}]
    engine = FakeEngine(
        broken, EngineTimeout("slow"), EngineRefused(500, "toomanyrequests"), PULLED
    )
    pulled, pauses = pull(engine)
    assert pulled.digest == DIGEST
    assert pauses == pytest.approx([1.1, 2.2, 4.4])


def test_it_is_not_tried_for_ever() -> None:
    engine = FakeEngine(*[EngineTimeout("slow")] * 5)
    with pytest.raises(CannotPull, match="inactivity time exceeded timeout while pulling image"):
        pull(engine)
    assert engine.answers == []


@pytest.mark.parametrize(
    "message",
    [
        "pull access denied for team/app, repository does not exist or may require 'docker login'",
        "manifest for registry.example/team/app:v1 not found: manifest unknown",
        "denied: the image has findings of severity CRITICAL",
        "Head https://registry.example/v2/team/app/manifests/v1: no basic auth credentials",
    ],
)
def test_what_was_refused_is_neither_tried_again_nor_taken_from_the_cache(message: str) -> None:
    engine = FakeEngine(EngineRefused(404, message))
    with pytest.raises(CannotPull) as raised:
        pull(engine)
    assert str(raised.value) == f"Error response from daemon: {message}"
    assert len(engine.asked) == 1


def test_the_cache_serves_on_ec2_where_the_registry_cannot_be_reached() -> None:
    answers = [EngineRefused(500, UNREACHABLE)] * 5
    pulled, _ = pull(FakeEngine(*answers))
    assert pulled.digest == DIGEST
    with pytest.raises(CannotPull, match="connection refused"):
        pull(FakeEngine(*answers), "FARGATE")
    with pytest.raises(CannotPull, match="connection refused"):
        pull(FakeEngine(*answers, cached=False))


def test_the_same_image_is_pulled_again_by_its_digest() -> None:
    engine = FakeEngine([{"status": "Image is up to date"}])
    pulled, _ = pull(engine, digest=DIGEST)
    assert engine.asked[0][0] == f"registry.example/team/app@{DIGEST}"
    assert pulled == Pulled(f"registry.example/team/app@{DIGEST}", DIGEST)


def test_credentials_that_are_not_to_be_had() -> None:
    engine = FakeEngine()
    with pytest.raises(CannotPull, match="AccessDenied"):
        pull(engine, puller=FakePuller(Unavailable("AccessDenied: not authorized")))
    with pytest.raises(CannotPull, match="away"):
        pull(engine, puller=FakePuller(ConnectionError("away")))
    assert engine.asked == []


@pytest.mark.parametrize(
    ("reference", "parts"),
    [
        ("busybox", ("busybox", "latest")),
        ("localhost:5000/app", ("localhost:5000/app", "latest")),
        ("localhost:5000/team/app:v1", ("localhost:5000/team/app", "v1")),
        (f"localhost:5000/app@{DIGEST}", ("localhost:5000/app", DIGEST)),
        (f"localhost:5000/app:v1@{DIGEST}", ("localhost:5000/app", DIGEST)),
    ],
)
def test_references(reference: str, parts: tuple[str, str]) -> None:
    assert split_reference(reference) == parts


def test_with_credentials_from_a_registry_that_asks_for_them(
    rig: Rig, registry_of_images: FakeRegistry
) -> None:
    registry_of_images.username, registry_of_images.password = "AWS", "secret"
    try:
        refused = rig.stopped({})
        assert (container(refused).reason or "").startswith("CannotPullContainerError: ")
        rig.others.password = "secret"
        rig.running({})
    finally:
        registry_of_images.username = registry_of_images.password = ""


def test_an_image_that_was_removed_after_its_pull_is_pulled_again(
    rig: Rig, registry_of_images: FakeRegistry
) -> None:
    registry_of_images.hold("gone", registry_of_images.manifests["box", "1"], "1")
    image = f"{registry_of_images.address}/gone:1"
    removed: list[str] = []
    resolve = rig.others.resolve

    def remove_first(_payload: TaskPayload, definition: Mapping[str, Any]) -> Resolved:
        if not removed:
            rig.engine.remove_image(image, force=True)
            removed.append(image)
        return resolve(_payload, definition)

    rig.others.resolve = remove_first  # type: ignore[method-assign]  # to come in between
    payload = rig.running({"image": image})
    assert removed == [image]
    assert rig.plane.tasks[payload.arn].status is TaskStatus.RUNNING


def test_a_registry_that_fails_for_a_while(rig: Rig, registry_of_images: FakeRegistry) -> None:
    registry_of_images.hold("late", registry_of_images.manifests["box", "1"], "1")
    failures = iter(range(2))

    def fails(handler: Handler) -> bool:
        if "/late/manifests" not in handler.path or next(failures, None) is None:
            return False
        handler.answer(503, b'{"errors":[{"code":"UNAVAILABLE","message":"later"}]}')
        return True

    registry_of_images.special = fails
    try:
        rig.running({"image": f"{registry_of_images.address}/late:1"})
    finally:
        registry_of_images.special = None
