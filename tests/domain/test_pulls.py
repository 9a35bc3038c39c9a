"""When an image was pulled last: who counts, when it is written, how often."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from registry.database.schema import images
from registry.domain.pulls import SPACING, Pulls
from registry.values.errors import StorageUnavailable
from tests.application import SCOPE, Registry
from tests.images import Blob, Image, multi_arch, oci_image

NAME = "team/app"
WHOLE = oci_image(Blob(b"a", "application/vnd.oci.image.layer.v1.tar+gzip", "x"))
"""One image; its manifest is all that counts here."""


class Clock:
    """Stands still until it is moved."""

    def __init__(self) -> None:
        self.now = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)

    def __call__(self) -> datetime:
        return self.now


@pytest.fixture
def held(registry: Registry) -> Registry:
    registry.create(NAME)
    registry.hold(NAME, WHOLE, "v1")
    return registry


def pulled(registry: Registry, image: Image = WHOLE) -> datetime | None:
    """As the next look at the image tells, once what was noted is written."""
    registry.ground.pulls.flush(everything=True)
    (detail,) = registry.ecr().describe_images(
        repositoryName=NAME, imageIds=[{"imageDigest": image.digest}]
    )["imageDetails"]
    return detail.get("lastRecordedPullTime")


def test_what_counts(held: Registry) -> None:
    ecr = held.ecr()
    assert pulled(held) is None
    with held.http() as docker:
        path = f"/v2/{NAME}/manifests/v1"
        docker.head(path)
        docker.get(path, headers={"if-none-match": f'"{WHOLE.digest}"'})
        docker.get(f"/v2/{NAME}/referrers/{WHOLE.digest}")
        docker.get(f"/v2/{NAME}/manifests/none")
        ecr.list_images(repositoryName=NAME)
        types = ["application/none"]
        ids: Any = [{"imageTag": "v1"}]
        ecr.batch_get_image(repositoryName=NAME, imageIds=ids, acceptedMediaTypes=types)
        assert pulled(held) is None
        assert docker.get(path).status_code == 200
    first = pulled(held)
    assert first is not None
    assert abs(datetime.now(UTC) - first) < timedelta(minutes=1)
    ecr.batch_get_image(repositoryName=NAME, imageIds=ids)
    second = pulled(held)
    assert second is not None
    assert second > first


def test_an_index_and_its_image_each_have_their_own(held: Registry) -> None:
    index = multi_arch()
    held.hold(NAME, index, "all")
    with held.http() as docker:
        docker.get(f"/v2/{NAME}/manifests/all")
        docker.get(f"/v2/{NAME}/manifests/{index.children[0].digest}")
    assert pulled(held, index)
    assert pulled(held, index.children[0])
    assert pulled(held, index.children[1]) is None


def test_an_image_is_written_once_a_minute(held: Registry) -> None:
    clock = Clock()
    pulls = Pulls(held.ground.database, clock)
    image = held.images.get(held.repositories.get(SCOPE, NAME), "v1").image

    def stored() -> datetime | None:
        with held.ground.database.read() as connection:
            return connection.execute(sa.select(images.c.pulled_at)).scalar()

    assert pulls.flush() == 0
    pulls.record(image)
    pulls.record(image)
    assert pulls.flush() == 1
    first = clock.now
    assert stored() == first
    clock.now += SPACING - timedelta(seconds=1)
    pulls.record(image)
    late = clock.now
    assert pulls.flush() == 0
    assert stored() == first
    clock.now += timedelta(seconds=1)
    assert pulls.flush() == 1
    assert stored() == late
    pulls.record(image)
    assert pulls.flush() == 0
    assert pulls.flush(everything=True) == 1
    assert stored() == clock.now
    early = Pulls(held.ground.database, Clock())
    early.record(image)
    early.flush()
    assert stored() == clock.now  # another worker that comes late takes nothing back


def test_nothing_is_lost_while_the_database_does_not_answer(
    held: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    image = held.images.get(held.repositories.get(SCOPE, NAME), "v1").image
    pulls = Pulls(held.ground.database)
    pulls.record(image)

    def fail() -> None:
        raise StorageUnavailable("not now")

    with monkeypatch.context() as patched:
        patched.setattr(held.ground.database, "write", fail)
        with pytest.raises(StorageUnavailable):
            pulls.flush()
    assert pulls.flush() == 1


def test_an_image_that_is_gone_is_no_error(held: Registry) -> None:
    repository = held.repositories.get(SCOPE, NAME)
    stored = held.images.get(repository, "v1").image
    held.images.delete(repository, stored.digest)
    pulls = Pulls(held.ground.database)
    pulls.record(stored)
    assert pulls.flush() == 1
    assert pulls.flush(everything=True) == 0


def test_a_stop_writes_what_is_noted(held: Registry) -> None:
    beside = held.beside()
    with beside.http() as docker:
        docker.get(f"/v2/{NAME}/manifests/v1")
    assert pulled(held) is None
    beside.close()
    assert pulled(held) is not None


def test_a_running_worker_writes_by_itself(held: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.app.PULLS_SECONDS", 0.1)
    beside = held.beside()
    with beside.http() as docker:
        docker.get(f"/v2/{NAME}/manifests/v1")

    async def live() -> None:
        written = asyncio.Event()
        flush = beside.ground.pulls.flush

        def told(**options: bool) -> int:
            count = flush(**options)
            loop.call_soon_threadsafe(written.set)
            return count

        beside.ground.pulls.flush = told  # type: ignore[method-assign]  # to hear of it
        loop = asyncio.get_running_loop()
        started = False

        async def receive() -> dict[str, str]:
            nonlocal started
            if started:
                await asyncio.wait_for(written.wait(), 60)
                return {"type": "lifespan.shutdown"}
            started = True
            return {"type": "lifespan.startup"}

        async def send(_message: object) -> None:
            pass

        await beside.app({"type": "lifespan", "asgi": {"version": "3.0"}}, receive, send)

    asyncio.run(live())
    assert pulled(held) is not None
