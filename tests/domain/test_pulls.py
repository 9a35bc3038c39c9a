"""When an image was pulled last: who counts, when it is written, how often."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from registry.database.schema import images
from registry.domain.events.pulls import PullEvents
from registry.domain.journal import Journal
from registry.domain.pulls import SPACING, Pulls
from registry.setup import prepare
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

    def __call__(self) -> float:
        return self.now.timestamp()


@pytest.fixture
def held(registry: Registry) -> Registry:
    registry.create(NAME)
    registry.hold(NAME, WHOLE, "v1")
    return registry


def pulls_of(registry: Registry, now: Callable[[], float] = time.time) -> Pulls:
    """What another worker has, with a journal of its own."""
    database = registry.ground.database
    journal = Journal(registry.settings.journal_path)
    return Pulls(database, journal, PullEvents(database, on=True), now=now)


def a_pull(registry: Registry, pulls: Pulls) -> None:
    repository = registry.repositories.get(SCOPE, NAME)
    pulls.pulled(repository, registry.images.get(repository, "v1").image, None, "v1")


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
    pulls = pulls_of(held, clock)

    def stored() -> datetime | None:
        with held.ground.database.read() as connection:
            return connection.execute(sa.select(images.c.pulled_at)).scalar()

    assert pulls.flush() == 0
    a_pull(held, pulls)
    a_pull(held, pulls)
    assert pulls.flush() == 1
    first = clock.now
    assert stored() == first
    clock.now += timedelta(seconds=SPACING - 1)
    a_pull(held, pulls)
    late = clock.now
    assert pulls.flush() == 0
    assert stored() == first
    clock.now += timedelta(seconds=1)
    assert pulls.flush() == 1
    assert stored() == late
    a_pull(held, pulls)
    assert pulls.flush() == 0
    assert pulls.flush(everything=True) == 1
    assert stored() == clock.now
    early = pulls_of(held, Clock())
    a_pull(held, early)
    early.flush()
    assert stored() == clock.now  # another worker that comes late takes nothing back


def test_nothing_is_lost_while_the_database_does_not_answer(
    held: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    pulls = pulls_of(held)
    a_pull(held, pulls)

    def fail() -> None:
        raise StorageUnavailable("not now")

    with monkeypatch.context() as patched:
        patched.setattr(held.ground.database, "write", fail)
        for everything in (False, True):
            with pytest.raises(StorageUnavailable):
                pulls.flush(everything=everything)
    assert pulls.flush() == 1
    assert list(held.settings.journal_path.iterdir()) == []


def test_an_image_that_is_gone_is_no_error(held: Registry) -> None:
    repository = held.repositories.get(SCOPE, NAME)
    pulls = pulls_of(held)
    a_pull(held, pulls)
    held.images.delete(repository, held.images.get(repository, "v1").image.digest)
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


# What a process left that was killed. A lock is its process's no more when its file is closed:
# so closing it is what a kill does.


def killed(pulls: Pulls) -> None:
    """As if its process had ended here."""
    full, page = pulls._journal.pages()
    for each in (*full, page):
        assert each is not None
        each.close()


def test_a_start_goes_on_with_what_a_killed_server_left(held: Registry) -> None:
    pulls = pulls_of(held)
    a_pull(held, pulls)
    killed(pulls)
    assert pulled(held) is None
    prepare(held.settings)
    assert pulled(held) is not None
    assert list(held.settings.journal_path.iterdir()) == []


def test_another_worker_goes_on_with_what_a_killed_one_left(held: Registry) -> None:
    dead, living, other = (pulls_of(held) for _ in range(3))
    a_pull(held, dead)
    a_pull(held, living)
    killed(dead)
    assert other.recover() == 1
    assert pulled(held) is not None
    assert other.recover() == 0
    (page,) = held.settings.journal_path.iterdir()  # the living one's own, still locked
    living.flush(everything=True)
    assert not page.exists()


def test_a_database_that_does_not_answer_leaves_it_for_later(
    held: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    dead, other = pulls_of(held), pulls_of(held)
    a_pull(held, dead)
    killed(dead)

    def fail() -> None:
        raise StorageUnavailable("not now")

    with monkeypatch.context() as patched:
        patched.setattr(held.ground.database, "write", fail)
        with pytest.raises(StorageUnavailable):
            other.recover()
    assert pulls_of(held).recover() == 1
    assert pulled(held) is not None


def test_whose_pulls_do_not_count_is_known_when_they_pull(held: Registry) -> None:
    database, journal = held.ground.database, Journal(held.settings.journal_path)
    pulls = Pulls(database, journal, PullEvents(database, on=True), excluded=lambda *_: True)
    a_pull(held, pulls)
    assert pulls.flush(everything=True) == 0
    assert pulled(held) is None
