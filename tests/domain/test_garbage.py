"""What is collected, what never is, and what a crash leaves to it."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from registry.database.schema import links, tasks
from registry.domain.blobs import Blobs
from registry.domain.garbage import Freed, Garbage
from registry.domain.repositories import Repository
from registry.domain.tasks import HELD, Task
from registry.domain.uploads import Uploads
from registry.storage.driver import Driver
from registry.stores import garbage_of
from registry.values.digest import Digest
from registry.values.errors import (
    BlobNotFound,
    ManifestReferenceUnknown,
    StorageUnavailable,
    UploadNotFound,
)
from tests import images
from tests.application import OpenRegistry, Registry
from tests.faults.client import chance
from tests.yardstick import slowness

ARN = "arn:aws:iam::123456789012:user/ada"
CONTENT = b"layer" * 1000
DIGEST = Digest.of(CONTENT)
DAY = timedelta(hours=24)
LATER = DAY + timedelta(minutes=2)


@pytest.fixture
def registry(open_one: OpenRegistry) -> Registry:
    """Where what is deleted is gone at once."""
    return open_one(undelete_days=0)


@pytest.fixture
def repository(registry: Registry) -> Repository:
    return registry.create("team/app")


def collector(
    registry: Registry, after: timedelta = LATER, storage: Driver | None = None
) -> Garbage:
    """A collector whose clock is ahead by so much."""
    return Garbage(
        registry.ground.database,
        registry.vault,
        storage or registry.ground.storage,
        grace=DAY,
        expiry=DAY,
        clock=lambda: datetime.now(UTC) + after,
    )


def collect(registry: Registry, after: timedelta = LATER) -> Freed:
    """A whole run, which must free what its survey told before."""
    garbage = collector(registry, after)
    expected = garbage.survey()
    freed = garbage.run(threading.Event())
    assert freed == expected
    assert garbage.survey() == Freed()
    return freed


@contextmanager
def collecting(registry: Registry) -> Iterator[None]:
    """Collect all the time, as the settings say, until the block ends."""
    garbage, done = garbage_of(registry.settings, registry.ground), threading.Event()

    def collect_all() -> int:
        runs = 0
        while not done.is_set():
            garbage.run(threading.Event())
            runs += 1
        return runs

    with ThreadPoolExecutor(1) as pool:
        running = pool.submit(collect_all)
        try:
            yield
        finally:
            done.set()
        assert running.result(30) > 5


def readable(registry: Registry, repository: Repository, digest: Digest = DIGEST) -> bool:
    try:
        blob = registry.blobs.get(repository, digest)
    except BlobNotFound:
        return False
    content = b"".join(bytes(part) for part in registry.blobs.open(repository, blob))
    assert Digest.of(content) == digest
    return True


def age(registry: Registry, by: timedelta) -> None:
    """Let every promise have been given so much earlier."""
    with registry.ground.database.write() as connection:
        microseconds = round(by.total_seconds() * 1_000_000)
        connection.exec_driver_sql("UPDATE links SET idle_since = idle_since - ?", (microseconds,))


class TestBlobs:
    def test_one_that_no_image_needs_goes_after_the_grace_period(
        self, registry: Registry, repository: Repository
    ) -> None:
        registry.hold_blob(repository, CONTENT)
        assert collect(registry, DAY - timedelta(minutes=1)) == Freed()
        assert readable(registry, repository)
        assert collect(registry) == Freed(links=1, blobs=1, blob_bytes=len(CONTENT))
        assert not readable(registry, repository)
        assert registry.objects() == set()
        assert not any(registry.rows()[name] for name in ("links", "blobs", "leftovers"))

    def test_those_of_images_stay_tagged_or_not(
        self, registry: Registry, repository: Repository
    ) -> None:
        untagged = images.oci_image(images.layer({"a": b"1"}))
        tree = images.multi_arch()
        signature = images.artifact("application/vnd.sig", b"signature", subject=untagged)
        for image, tag in ((untagged, None), (tree, "v1"), (signature, None)):
            registry.hold(repository.name, image, tag)
        before = registry.stored()
        assert collect(registry, 100 * DAY) == Freed()
        after = registry.stored()
        for rows in (before[0], after[0]):
            rows.pop("tasks")
        assert after == before

    def test_those_of_a_deleted_image_have_a_grace_period_of_their_own(
        self, registry: Registry, repository: Repository
    ) -> None:
        base = images.layer({"base": b"base"})
        kept = images.oci_image(base)
        gone = images.oci_image(base, images.layer({"top": b"top"}))
        for image in (kept, gone):
            registry.hold(repository.name, image)
        registry.images.delete(repository, Digest.parse(gone.digest))
        assert collect(registry, DAY - timedelta(minutes=1)) == Freed()
        freed = collect(registry)
        assert (freed.links, freed.blobs) == (2, 2)  # its config and the layer on top
        assert readable(registry, repository, Digest.parse(base.digest))
        registry.check_whole()

    def test_the_bytes_stay_while_another_repository_holds_them(
        self, registry: Registry, repository: Repository
    ) -> None:
        other = registry.create("team/other")
        image = images.oci_image(images.Blob(CONTENT, images.OCI_LAYER, "x"))
        registry.hold(other.name, image)
        registry.hold_blob(repository, CONTENT)
        assert collect(registry) == Freed(links=1)
        assert not readable(registry, repository)
        assert readable(registry, other)

    def test_one_that_came_after_its_manifest_is_needed(
        self, open_one: Callable[..., Registry]
    ) -> None:
        registry = open_one(undelete_days=0)
        repository = registry.create("team/sparse")
        image = images.oci_image(images.Blob(CONTENT, images.OCI_LAYER, "x"))
        registry.images._sparse = "all"
        registry.images.put(repository, image.manifest, tag_names=["v1"])
        assert len(registry.rows()["image_gaps"]) == 2
        registry.hold_blob(repository, CONTENT)
        assert len(registry.rows()["image_gaps"]) == 1
        assert collect(registry) == Freed()
        assert readable(registry, repository)
        registry.images.delete(repository, Digest.parse(image.digest))
        assert collect(registry).blobs == 1

    def test_an_old_link_that_an_image_came_to_need_is_left_alone(
        self, registry: Registry, repository: Repository
    ) -> None:
        """Even if its row says idle: the reference decides."""
        registry.hold(repository.name, images.oci_image(images.layer({"a": b"1"})))
        with registry.ground.database.write() as connection:
            long_ago = datetime(2020, 1, 1, tzinfo=UTC)
            connection.execute(sa.update(links).values(idle_since=long_ago))
        assert collect(registry) == Freed()
        assert [row[3] for row in registry.rows()["links"]] == [None, None]

    def test_only_what_is_idle_is_looked_at(self, registry: Registry) -> None:
        """The plan of the query that each run begins with: an index of idle links alone."""
        query = (
            "EXPLAIN QUERY PLAN SELECT blob_id FROM links"
            " WHERE idle_since < 1 ORDER BY idle_since LIMIT 9"
        )
        with registry.ground.database.read() as connection:
            plan = [row.detail for row in connection.exec_driver_sql(query)]
        assert plan == ["SEARCH links USING INDEX ix_links_idle_since (idle_since<?)"]


class TestPromises:
    """What tells a client that a blob is there keeps it for another grace period."""

    def promise(self, registry: Registry, repository: Repository, how: str) -> None:
        path = f"/v2/{repository.name}/blobs"
        with registry.http() as client:
            if how == "HEAD":
                assert client.head(f"{path}/{DIGEST}").status_code == 200
            elif how == "mount":
                answer = client.post(f"{path}/uploads/?mount={DIGEST}&from=team/other")
                assert answer.status_code == 201
            else:
                images.push_blob(client, repository.name, CONTENT)

    @pytest.mark.parametrize("how", ["HEAD", "mount", "upload"])
    def test_it_is_kept(self, registry: Registry, repository: Repository, how: str) -> None:
        registry.hold_blob(repository, CONTENT)
        registry.hold_blob(registry.create("team/other"), b"other")
        age(registry, 2 * DAY)
        self.promise(registry, repository, how)
        assert collect(registry, timedelta(0)).blobs == 1  # the other one
        assert readable(registry, repository)
        assert collect(registry).blobs == 1

    def test_a_promise_is_written_once_a_minute(
        self, registry: Registry, repository: Repository
    ) -> None:
        registry.hold_blob(repository, CONTENT)
        fresh = registry.rows()["links"]
        self.promise(registry, repository, "HEAD")
        assert registry.rows()["links"] == fresh
        age(registry, timedelta(minutes=2))
        self.promise(registry, repository, "HEAD")
        renewed = registry.rows()["links"]
        self.promise(registry, repository, "HEAD")
        assert registry.rows()["links"] == renewed
        assert renewed[0][3] >= fresh[0][3]

    def test_what_an_image_needs_costs_no_write(
        self, registry: Registry, repository: Repository
    ) -> None:
        registry.hold(
            repository.name, images.oci_image(images.Blob(CONTENT, images.OCI_LAYER, "x"))
        )
        before = registry.rows()["links"]
        self.promise(registry, repository, "HEAD")
        assert registry.rows()["links"] == before
        assert {row[3] for row in before} == {None}

    def test_what_goes_between_the_look_and_the_promise_is_not_promised(
        self, registry: Registry, repository: Repository, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        registry.hold_blob(repository, CONTENT)
        age(registry, timedelta(minutes=2))
        found = registry.blobs.get(repository, DIGEST)
        collect(registry)
        monkeypatch.setattr(Blobs, "get", lambda *_: found)
        with pytest.raises(BlobNotFound):
            registry.blobs.promise(repository, DIGEST)
        with registry.http() as client:
            assert client.head(f"/v2/{repository.name}/blobs/{DIGEST}").status_code == 404

    def test_a_mount_of_what_goes_meanwhile_takes_it_from_elsewhere_or_asks_for_an_upload(
        self, registry: Registry, repository: Repository, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        registry.hold_blob(repository, CONTENT)

        def gone(*_: object) -> None:
            raise BlobNotFound("collected")

        monkeypatch.setattr(Blobs, "promise", gone)
        with registry.http() as client:
            path = f"/v2/{repository.name}/blobs/uploads/?mount={DIGEST}&from=team/none"
            assert client.post(path).status_code == 202

    def test_a_push_beside_collections_finds_what_it_was_told_of(
        self, open_one: Callable[..., Registry]
    ) -> None:
        """distribution#3045: HEAD says it is there, then comes the manifest that needs it."""
        grace = 0.4 * slowness()
        registry = open_one(gc_grace_hours=grace / 3600)
        repository = registry.create("team/app")
        image = images.oci_image(images.Blob(CONTENT, images.OCI_LAYER, "x"))
        with collecting(registry):
            put = sum(self.pushed(registry, repository, image, grace) for _ in range(25))
        assert put > 5
        registry.check_whole()

    def pushed(
        self, registry: Registry, repository: Repository, image: images.Image, grace: float
    ) -> bool:
        """Push as a client does; nothing may be missing while the promise holds."""
        begun = time.monotonic()
        for blob in image.blobs:
            try:
                registry.blobs.promise(repository, Digest.parse(blob.digest))
            except BlobNotFound:
                registry.hold_blob(repository, blob.content)
        time.sleep(grace / 2)
        try:
            registry.images.put(repository, image.manifest, tag_names=["v1"])
        except ManifestReferenceUnknown:
            assert time.monotonic() - begun > 0.75 * grace  # this machine is too busy
            return False
        assert readable(registry, repository)
        registry.images.delete(repository, Digest.parse(image.digest))
        return True


class TestPushAgain:
    """distribution#3254, #1848, #3800: delete, collect, push again: it always pulls."""

    def test_one_after_the_other(self, registry: Registry, repository: Repository) -> None:
        image = images.multi_arch()
        with registry.http() as client:
            for _ in range(5):
                images.push(client, repository.name, image, "v1")
                for digest in (image.digest, *(child.digest for child in image.children)):
                    path = f"/v2/{repository.name}/manifests/{digest}"
                    assert client.delete(path).status_code == 202
                collect(registry)
                assert registry.objects() == set()
            images.push(client, repository.name, image, "v1")
            collect(registry)
            for child in image.children:
                for blob in child.blobs:
                    answer = client.get(f"/v2/{repository.name}/blobs/{blob.digest}")
                    assert answer.content == blob.content

    def test_at_once(self, open_one: Callable[..., Registry]) -> None:
        registry = open_one(gc_grace_hours=1e-9)
        repository, other = registry.create("team/app"), registry.create("team/other")
        with collecting(registry):
            for _ in range(50):
                registry.hold_blob(other, CONTENT)
                registry.hold_blob(repository, CONTENT)
        registry.check_whole()
        registry.hold_blob(repository, CONTENT)
        assert readable(registry, repository)


class Killed(BaseException):
    """Nothing after it runs, as after SIGKILL."""


@pytest.fixture
def killed_before_commit(monkeypatch: pytest.MonkeyPatch) -> Iterator[pytest.MonkeyPatch]:
    """Every finish dies when the bytes are moved and nothing is committed."""

    def die(*_: object, **__: object) -> None:
        raise Killed

    with monkeypatch.context() as patched:
        patched.setattr(Uploads, "_commit", die)
        patched.setattr(Uploads, "_tidy", lambda *_: None)
        yield patched


class TestCutShort:
    @pytest.fixture(params=[(CONTENT,), (CONTENT[:99], CONTENT[99:]), ()])
    def upload(
        self,
        registry: Registry,
        repository: Repository,
        killed_before_commit: pytest.MonkeyPatch,
        request: pytest.FixtureRequest,
    ) -> str:
        """An upload in one piece, in two, or empty, whose finish was killed after the move."""
        upload = registry.uploads.start(repository, ARN)
        for part in request.param:
            upload = registry.uploads.append(repository, ARN, upload.id, [part])
        with pytest.raises(Killed):
            registry.uploads.finish(repository, ARN, upload.id, self.digest(upload.size))
        killed_before_commit.undo()
        assert any(path.startswith("blobs/") for path in registry.objects())
        return upload.id

    def digest(self, size: int) -> Digest:
        return Digest.of(CONTENT[:size])

    def test_it_can_be_finished(
        self, registry: Registry, repository: Repository, upload: str
    ) -> None:
        size = registry.uploads.get(repository, ARN, upload).size
        blob = registry.uploads.finish(repository, ARN, upload, self.digest(size))
        assert readable(registry, repository, blob.digest)
        registry.check_whole()
        assert len(registry.objects()) == 1
        assert registry.rows()["leftovers"] == []

    def test_more_can_be_appended(
        self, registry: Registry, repository: Repository, upload: str
    ) -> None:
        size = registry.uploads.get(repository, ARN, upload).size
        registry.uploads.append(repository, ARN, upload, [b"more"])
        digest = Digest.of(CONTENT[:size] + b"more")
        registry.uploads.finish(repository, ARN, upload, digest)
        assert readable(registry, repository, digest)
        registry.check_whole()
        assert len(registry.objects()) == 1

    def test_it_can_be_cancelled(
        self, registry: Registry, repository: Repository, upload: str
    ) -> None:
        registry.uploads.cancel(repository, ARN, upload)
        assert registry.objects() == set()
        assert registry.rows()["leftovers"] == []

    def test_it_goes_with_its_repository(
        self, registry: Registry, repository: Repository, upload: str
    ) -> None:
        registry.repositories.delete(repository.scope, repository.name)
        assert upload not in {row[0] for row in registry.rows()["uploads"]}
        assert registry.objects() == set()

    def test_it_is_collected(self, registry: Registry, repository: Repository, upload: str) -> None:
        assert collect(registry, DAY - timedelta(minutes=1)) == Freed()
        size = registry.uploads.get(repository, ARN, upload).size
        assert collect(registry) == Freed(uploads=1, upload_bytes=size)
        assert registry.objects() == set()
        with pytest.raises(UploadNotFound):
            registry.uploads.get(repository, ARN, upload)

    def test_the_same_content_pushed_meanwhile_stands(
        self, registry: Registry, repository: Repository, upload: str
    ) -> None:
        size = registry.uploads.get(repository, ARN, upload).size
        registry.hold_blob(repository, CONTENT[:size])
        registry.uploads.finish(repository, ARN, upload, self.digest(size))
        registry.check_whole()
        assert len(registry.objects()) == 1


class Silent:
    """A store that does not answer when asked to delete."""

    def __init__(self, inner: Driver) -> None:
        self._inner = inner

    def __getattr__(self, name: str) -> Any:
        return getattr(self._inner, name)

    def delete(self, path: str) -> None:
        raise StorageUnavailable(f"no answer for {path}")


class TestLeftovers:
    def test_what_could_not_be_deleted_is_tried_again(
        self, registry: Registry, repository: Repository
    ) -> None:
        registry.hold_blob(repository, CONTENT)
        silent = registry.over(Silent(registry.ground.storage))
        silent.blobs.unlink(repository, DIGEST)
        assert not readable(registry, repository)
        (path,) = registry.objects()
        assert registry.rows()["leftovers"] == [(path,)]
        assert collector(silent).run(threading.Event()) == Freed()
        freed = collect(registry, timedelta(0))
        assert (freed.objects, freed.object_bytes > len(CONTENT)) == (1, True)
        assert registry.objects() == set()
        assert registry.rows()["leftovers"] == []

    def test_parts_of_ended_uploads_are_found_and_strangers_left_alone(
        self, registry: Registry, repository: Repository
    ) -> None:
        open_upload = registry.uploads.start(repository, ARN)
        registry.uploads.append(repository, ARN, open_upload.id, [CONTENT])
        ended = registry.uploads.start(repository, ARN)
        driver = registry.vault.driver(repository.key_id)
        stray = f"uploads/{repository.key_id}/{ended.id}/{'0' * 32}"
        driver.put(stray, [CONTENT])
        assert collect(registry, timedelta(0)) == Freed()  # its upload goes on
        with registry.ground.database.write() as connection:
            connection.exec_driver_sql("DELETE FROM uploads WHERE id = ?", (ended.id,))
        registry.ground.storage.put("uploads/notes/mine", [b"x"])
        assert collect(registry, timedelta(0)).objects == 1
        assert stray not in registry.objects()
        assert len(registry.objects()) == 2

    def test_an_upload_that_still_comes_in_is_not_abandoned(
        self, registry: Registry, repository: Repository, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr("registry.domain.uploads.TOUCH_SECONDS", -1)
        upload = registry.uploads.start(repository, ARN)
        with registry.ground.database.write() as connection:
            connection.exec_driver_sql("UPDATE uploads SET updated_at = 1")

        def slowly() -> Iterator[bytes]:
            yield CONTENT
            assert collect(registry, timedelta(0)) == Freed()
            yield CONTENT

        registry.uploads.append(repository, ARN, upload.id, slowly())
        registry.uploads.finish(repository, ARN, upload.id, Digest.of(CONTENT * 2))


class TestRuns:
    def test_one_process_at_a_time(self, registry: Registry, repository: Repository) -> None:
        registry.hold_blob(repository, CONTENT)
        other = Task(registry.ground.database, "garbage")
        assert other.take()
        assert collector(registry).run(threading.Event()) is None
        other.release(finished=False)
        assert collector(registry).run(threading.Event()) == Freed(1, 1, len(CONTENT))

    def test_not_more_often_than_asked(self, registry: Registry) -> None:
        hour = timedelta(hours=1)
        assert collector(registry).run(threading.Event(), every=hour) == Freed()
        assert collector(registry).run(threading.Event(), every=hour) is None
        assert collector(registry).run(threading.Event()) == Freed()

    def test_one_that_is_stopped_goes_on_later(
        self, registry: Registry, repository: Repository
    ) -> None:
        count = 120
        for number in range(count):
            registry.hold_blob(repository, b"%d" % number)
        stop, garbage = threading.Event(), collector(registry)
        first = garbage.run(stop, report=lambda _: stop.set())
        assert first is not None
        assert 0 < first.links < count
        registry.check_whole()
        second = garbage.run(threading.Event(), every=timedelta(hours=1))  # the first never ended
        assert second is not None
        assert first.links + second.links == count
        assert registry.objects() == set()

    def test_one_that_lost_its_lease_stops(
        self, registry: Registry, repository: Repository, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        for number in range(120):
            registry.hold_blob(repository, b"%d" % number)
        garbage = collector(registry)
        monkeypatch.setattr("registry.domain.tasks._RENEWED_AFTER", timedelta(0))

        def taken_over(_: Freed) -> None:
            with registry.ground.database.write() as connection:
                connection.execute(sa.update(tasks).values(holder="another"))

        freed = garbage.run(threading.Event(), report=taken_over)
        assert freed is not None
        assert freed.links < 120
        assert registry.rows()["tasks"][0][1] == "another"

    def test_a_survey_tells_what_a_run_does_in_any_state(self, registry: Registry) -> None:
        random_ = chance(5)
        teams = [registry.create(f"team/{number}") for number in range(3)]
        contents = [random_.randbytes(random_.randrange(10, 3000)) for _ in range(12)]
        for _ in range(15):
            for _ in range(6):
                self.change(registry, random_.choice(teams), random_.choice(contents), random_)
            collect(registry, random_.choice([timedelta(0), DAY / 2, LATER]))
            age(registry, DAY / 3)
            registry.check_whole()

    def change(
        self, registry: Registry, repository: Repository, content: bytes, random_: Any
    ) -> None:
        what = random_.randrange(5)
        if what == 0:
            upload = registry.uploads.start(repository, ARN)
            registry.uploads.append(repository, ARN, upload.id, [content])
        elif what == 1:
            image = images.oci_image(images.Blob(content, images.OCI_LAYER, "x"))
            registry.hold(repository.name, image)
        elif what == 2:
            for image_ in registry.images.page(repository, 0, 1):
                registry.images.delete(repository, image_.digest)
        else:
            registry.hold_blob(repository, content)


class TestTask:
    def test_a_holder_that_crashed_loses_its_lease(self, registry: Registry) -> None:
        start = datetime.now(UTC)
        moment = [start]
        first, second = (
            Task(registry.ground.database, "work", lambda: moment[0]) for _ in range(2)
        )
        assert first.take()
        assert first.save({"at": 7})
        assert not second.take()
        moment[0] = start + HELD / 2
        assert first.renew()
        moment[0] = start + HELD
        assert not second.take()
        moment[0] = start + 2 * HELD
        assert second.take()
        assert second.state() == {"at": 7}
        assert not first.renew()
        assert not first.renew(), "lost is lost"
        assert not first.save({"at": 8})
        first.release(finished=True)
        assert not first.take()
        assert second.state() == {"at": 7}
