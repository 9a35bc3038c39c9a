"""What is held is counted exactly, and no way to write goes over a quota."""

from __future__ import annotations

import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.database.schema import repositories
from registry.domain.garbage import Garbage
from registry.domain.quotas import EVERYBODY, Limits, Quotas
from registry.domain.undelete import Undelete
from registry.domain.usage import Held, Totals, Usage, recount
from registry.setup import prepare
from registry.values.digest import Digest
from registry.values.errors import MoorageError, QuotaExceeded
from registry.values.scope import Scope
from tests import images
from tests.application import ACCOUNT, SCOPE, OpenRegistry, Registry
from tests.ecr.calls import refusal
from tests.oci.bodies import Unchanged, refused

NAME, OTHER = "team/app", "team/other"
BLOB = b"x" * 1000
DAY = timedelta(days=1)


@pytest.fixture
def quotas(registry: Registry) -> Quotas:
    registry.create(NAME)
    registry.create(OTHER)
    return Quotas(registry.ground.database)


def held(registry: Registry, name: str = NAME) -> int:
    (found,) = [each for each in usage(registry).repositories(SCOPE, "", 10) if each.name == name]
    return found.bytes


def usage(registry: Registry) -> Usage:
    return Usage(registry.ground.database)


def counted(registry: Registry) -> None:
    """The counts are those of the links, and the check is not about nothing."""
    with registry.ground.database.read() as connection:
        found = recount(connection)
        query = sa.select(repositories.c.id, repositories.c.bytes)
        kept = {row.id: row.bytes for row in connection.execute(query)}
    assert kept == found


class TestUsage:
    def test_a_shared_layer_counts_once_in_a_repository(self, registry: Registry) -> None:
        repository = registry.create(NAME)
        registry.create(OTHER)
        base, top = images.layer({"base": b"b"}), images.layer({"top": b"t"})
        one, two = images.oci_image(base), images.oci_image(base, top)
        for image in (one, two):
            registry.hold(NAME, image)
        registry.hold(OTHER, one)
        size = {blob.digest: len(blob.content) for blob in (*one.blobs, *two.blobs)}
        of_one = sum(len(blob.content) for blob in one.blobs)
        everything = sum(size.values())
        assert usage(registry).repositories(SCOPE, "", 10) == [
            Held(NAME, everything, 2),
            Held(OTHER, of_one, 1),
        ]
        assert usage(registry).account(ACCOUNT) == Totals(everything + of_one, 0, everything)
        only = everything - of_one
        registry.images.delete(repository, Digest.parse(two.digest))
        expected = Totals(2 * of_one, only, everything)  # what another image has is not at rest
        for _ in range(2):
            assert usage(registry).account(ACCOUNT) == usage(registry).server() == expected
            collect(registry, DAY + timedelta(minutes=1))
        assert usage(registry).account("210987654321") == Totals(0, 0, 0)
        counted(registry)

    def test_pages(self, registry: Registry) -> None:
        for number in range(3):
            registry.create(f"team/n{number}")
        found = usage(registry).repositories(SCOPE, "team/n0", 1)
        assert found == [Held("team/n1", 0, 0)]


class TestLimits:
    def test_the_nearest_one_counts(self, quotas: Quotas) -> None:
        assert quotas.of(SCOPE, NAME) == Limits()
        quotas.set_for_everybody(Limits(account_bytes=100, repository_bytes=50, images=5))
        assert quotas.of(SCOPE, NAME) == Limits(100, 50, 5)
        quotas.set(SCOPE, "", {"account_bytes": 1000, "images": None})
        assert quotas.of(SCOPE, NAME) == Limits(1000, 50, None)
        quotas.set(SCOPE, NAME, {"repository_bytes": None})
        quotas.set(SCOPE, NAME, {"images": 7})
        assert quotas.of(SCOPE, NAME) == Limits(1000, None, 7)
        assert quotas.own(SCOPE, NAME) == {"repository_bytes": None, "images": 7}
        assert quotas.of(SCOPE, OTHER) == Limits(1000, 50, None)
        assert quotas.of(Scope(ACCOUNT, "eu-west-1"), NAME) == Limits(1000, 50, None)
        assert quotas.of(Scope("210987654321", "us-east-1")) == Limits(100, 50, 5)
        quotas.unset(SCOPE, NAME)
        quotas.unset(SCOPE)
        assert quotas.of(SCOPE, NAME) == Limits(100, 50, 5)

    def test_settings_are_read_at_a_start(self, open_one: OpenRegistry) -> None:
        registry = open_one(quota_account_bytes=5000, quota_images=3)
        found = Quotas(registry.ground.database)
        assert found.of(SCOPE) == Limits()
        prepare(registry.settings)
        assert found.of(SCOPE) == Limits(account_bytes=5000, images=3)
        before = registry.rows()
        prepare(registry.settings)
        assert registry.rows() == before
        prepare(replace(registry.settings, quota_account_bytes=0, quota_images=0))
        assert found.of(SCOPE) == Limits()
        assert not [row for row in registry.rows()["quotas"] if row[0] == EVERYBODY]


class TestRefusal:
    @pytest.fixture(params=["repository", "account"])
    def full(self, request: pytest.FixtureRequest, registry: Registry, quotas: Quotas) -> Registry:
        """1,000 of 1,500 bytes are used up."""
        registry.hold_blob(registry.repositories.get(SCOPE, NAME), BLOB)
        if request.param == "account":
            quotas.set(SCOPE, "", {"account_bytes": 1500})
        else:
            for name in (NAME, OTHER):
                quotas.set(SCOPE, name, {"repository_bytes": 1500})
            registry.hold_blob(registry.repositories.get(SCOPE, OTHER), BLOB)
        return registry

    def test_every_way_over_v2(self, full: Registry) -> None:
        digest = images.digest_of(b"y" * 501)
        before = held(full)
        with full.http() as client:
            location = client.post(f"/v2/{NAME}/blobs/uploads/").headers["location"]
            put = httpx.URL(location).copy_merge_params({"digest": digest})
            answer = client.put(put, content=b"y" * 501)
            refused(answer, 403, "DENIED", "501 bytes more are over its quota")
            refused(answer, 403, "DENIED", "1,500 bytes and holds ")
            # It is over, with its bytes.
            assert client.get(location).status_code == 404
            refused(
                client.post(f"/v2/{NAME}/blobs/uploads/?digest={digest}", content=b"y" * 501),
                403, "DENIED", "quota",
            )  # fmt: skip
            with Unchanged(full):
                assert client.head(f"/v2/{NAME}/blobs/{digest}").status_code == 404
            images.push_blob(client, NAME, b"z" * 500)  # and this just fits
            refused(client.post(f"/v2/{NAME}/blobs/uploads/"), 403, "DENIED", "1 bytes more")
        assert held(full) == before + 500
        assert not [path for path in full.objects() if path.startswith("uploads/")]
        counted(full)

    def test_a_mount(self, full: Registry, quotas: Quotas) -> None:
        third = full.create("team/third")
        quotas.set(SCOPE, "team/third", {"repository_bytes": 999})
        quotas.set(SCOPE, "", {"account_bytes": 100_000})
        with full.http() as client, Unchanged(full):
            path = f"/v2/{third.name}/blobs/uploads/?mount={images.digest_of(BLOB)}&from={NAME}"
            refused(client.post(path), 403, "DENIED", "1,000 bytes more")

    def test_layers_by_ecr(self, full: Registry) -> None:
        ecr = full.ecr()
        upload = ecr.initiate_layer_upload(repositoryName=NAME)["uploadId"]
        code, message = refusal(
            lambda: ecr.upload_layer_part(
                repositoryName=NAME, uploadId=upload, partFirstByte=0, partLastByte=600,
                layerPartBlob=b"p" * 601,
            )
        )  # fmt: skip
        assert code == "LimitExceededException"
        assert "601 bytes more are over its quota" in message
        assert held(full) == 1000

    def test_images(self, registry: Registry, quotas: Quotas) -> None:
        quotas.set(SCOPE, "", {"images": 2})
        made = [images.oci_image(images.layer({"n": b"%d" % number})) for number in range(3)]
        for image in made[:2]:
            registry.hold(NAME, image)
        for blob in made[2].blobs:
            registry.hold_blob(registry.repositories.get(SCOPE, NAME), blob.content)
        text = (
            f"The repository with name '{NAME}' in registry with id '{ACCOUNT}' already has the"
            " maximum allowed number of images which is '2'"
        )
        with registry.http() as client, Unchanged(registry):
            refused(images.put_manifest(client, NAME, made[2], "v3"), 403, "DENIED", text)
            put = registry.ecr().put_image
            manifest = made[2].manifest.decode()
            assert refusal(lambda: put(repositoryName=NAME, imageManifest=manifest)) == (
                "LimitExceededException",
                text,
            )
        with registry.http() as client:  # no new image
            assert images.put_manifest(client, NAME, made[0], "again").status_code == 201

    def test_repositories(self, registry: Registry, quotas: Quotas) -> None:
        quotas.set(SCOPE, "", {"repositories": 3})
        registry.create("team/third")
        create = registry.ecr().create_repository
        assert refusal(lambda: create(repositoryName="team/fourth")) == (
            "LimitExceededException",
            f"The registry with id '{ACCOUNT}' already has the maximum allowed number of"
            " repositories which is '3'",
        )
        registry.repositories.delete(SCOPE, "team/third")
        registry.create("team/fourth")  # what rests does not count
        (item,) = Undelete(registry.ground.database).page(SCOPE, None, None, 9)
        with pytest.raises(QuotaExceeded):
            Undelete(registry.ground.database).restore(SCOPE, item.id)

    def test_deleting_makes_room_at_once(self, registry: Registry, quotas: Quotas) -> None:
        first, second = (images.oci_image(images.layer({"n": n * 100})) for n in (b"1", b"2"))
        size = max(sum(len(blob.content) for blob in each.blobs) for each in (first, second))
        quotas.set(SCOPE, NAME, {"repository_bytes": size})
        repository = registry.repositories.get(SCOPE, NAME)
        with registry.http() as client:
            images.push(client, NAME, first, "v1")
            for blob in first.blobs:  # and a push of the same was told that all is there
                assert client.head(f"/v2/{NAME}/blobs/{blob.digest}").status_code == 200
            refused(client.post(f"/v2/{NAME}/blobs/uploads/"), 403, "DENIED", "quota")
            registry.images.delete(repository, Digest.parse(first.digest))
            assert held(registry) == 0
            images.push(client, NAME, second, "v2")
            with Unchanged(registry):
                answer = images.put_manifest(client, NAME, first, "again")
                refused(answer, 403, "DENIED", "quota")
                with pytest.raises(QuotaExceeded):
                    Undelete(registry.ground.database).restore(SCOPE, 1)
        counted(registry)

    def test_what_comes_back(self, registry: Registry, quotas: Quotas) -> None:
        image = images.oci_image(images.layer({"a": b"a" * 100}))
        size = sum(len(blob.content) for blob in image.blobs)
        registry.hold(NAME, image, "v1")
        undelete = Undelete(registry.ground.database)
        registry.images.delete(registry.repositories.get(SCOPE, NAME), Digest.parse(image.digest))
        quotas.set(SCOPE, NAME, {"repository_bytes": size - 1})
        (item,) = undelete.page(SCOPE, None, None, 9)
        with Unchanged(registry), pytest.raises(QuotaExceeded):
            undelete.restore(SCOPE, item.id)
        quotas.set(SCOPE, NAME, {"repository_bytes": size})
        undelete.restore(SCOPE, item.id)
        quotas.unset(SCOPE, NAME)
        registry.repositories.delete(SCOPE, NAME, force=True)
        quotas.set(SCOPE, "", {"account_bytes": size - 1})
        (item,) = undelete.page(SCOPE, None, None, 9)
        with Unchanged(registry), pytest.raises(QuotaExceeded):
            undelete.restore(SCOPE, item.id)
        quotas.set(SCOPE, "", {"account_bytes": size})
        undelete.restore(SCOPE, item.id)
        assert held(registry) == size
        counted(registry)


@pytest.mark.parametrize("limit", ["repository_bytes", "account_bytes"])
def test_pushes_at_once_do_not_slip_over_it_together(
    registry: Registry, quotas: Quotas, limit: str
) -> None:
    """On two workers, into two repositories where the account is limited."""
    beside = registry.beside()
    quotas.set(SCOPE, "", {limit: 5 * 1000})
    ready = threading.Barrier(16)

    def push(number: int) -> bool:
        worker = (registry, beside)[number % 2]
        name = (NAME, OTHER)[number // 2 % 2] if limit == "account_bytes" else NAME
        repository = worker.repositories.get(SCOPE, name)
        upload = worker.uploads.start(repository, "arn:test")
        content = b"%04d" % number * 250
        ready.wait()
        try:
            worker.uploads.append(repository, "arn:test", upload.id, [content])
            worker.uploads.finish(repository, "arn:test", upload.id, Digest.of(content))
        except QuotaExceeded:
            return False
        return True

    with ThreadPoolExecutor(16) as pool:
        assert sum(pool.map(push, range(16))) == 5
    assert usage(registry).account(ACCOUNT).used == 5000
    counted(registry)
    beside.close()


def collect(registry: Registry, ahead: timedelta) -> None:
    garbage = Garbage(
        registry.ground.database,
        registry.vault,
        registry.ground.storage,
        grace=DAY,
        expiry=DAY,
        clock=lambda: datetime.now(UTC) + ahead,
    )
    assert garbage.run(threading.Event()) is not None


class Killed(BaseException):
    """Nothing after it runs, as after SIGKILL."""


WORDS = st.sampled_from(
    ["push", "push", "push", "blob", "unlink", "untag", "delete", "delete", "remove", "restore",
     "restore", "end", "collect", "collect later", "mount", "killed"]
)  # fmt: skip


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(words=st.lists(st.tuples(WORDS, st.integers(0, 5), st.booleans()), max_size=25))
def test_the_count_is_that_of_the_links(
    open_one: OpenRegistry, words: list[tuple[str, int, bool]]
) -> None:
    """After whatever happened, in whatever order; each repository, each shadow."""
    registry = open_one()
    undelete = Undelete(registry.ground.database)
    made = [
        images.oci_image(*(images.layer({"n": b"%d" % each}) for each in range(number, number + 2)))
        for number in range(6)
    ]
    for word, number, first in words:
        name = NAME if first else OTHER
        image = made[number]
        act = acts(registry, undelete, name, image).get(word)
        try:
            if act is not None:
                act()
            else:
                killed(registry, name, image)
        except (MoorageError, Killed):
            pass
        counted(registry)
        registry.check_whole()
    collect(registry, timedelta(days=30))
    counted(registry)


def acts(
    registry: Registry, undelete: Undelete, name: str, image: images.Image
) -> dict[str, Callable[[], object]]:
    def push() -> None:
        if name not in [each.name for each in registry.repositories.page(SCOPE, "", 9)]:
            registry.create(name)
        registry.hold(name, image, f"v{len(image.manifest) % 3}")

    def restore() -> None:
        for item in undelete.page(SCOPE, None, None, 2):
            undelete.restore(SCOPE, item.id)

    def end() -> None:
        for item in undelete.page(SCOPE, None, None, 1):
            undelete.end(SCOPE, item.id)

    blob = image.blobs[1]
    found: dict[str, Callable[[], object]] = {
        "push": push,
        "blob": lambda: registry.hold_blob(registry.repositories.get(SCOPE, name), b"loose"),
        "unlink": lambda: registry.blobs.unlink(
            registry.repositories.get(SCOPE, name), Digest.of(b"loose")
        ),
        "untag": lambda: registry.images.untag(registry.repositories.get(SCOPE, name), "v1"),
        "delete": lambda: registry.images.delete(
            registry.repositories.get(SCOPE, name), Digest.parse(image.digest)
        ),
        "remove": lambda: registry.repositories.delete(SCOPE, name, force=True),
        "restore": restore,
        "end": end,
        "collect": lambda: collect(registry, timedelta(0)),
        "collect later": lambda: collect(registry, timedelta(days=8)),
        "mount": lambda: registry.blobs.mount(
            registry.repositories.get(SCOPE, name), Digest.parse(blob.digest), None, lambda _: True
        ),
    }
    return found


def killed(registry: Registry, name: str, image: images.Image) -> None:
    """The transaction of a deletion dies before its commit."""
    repository = registry.repositories.get(SCOPE, name)
    with registry.ground.database.write() as connection:
        row = registry.rows()["images"]
        if row:
            registry.stores.deletions._removal.image(connection, repository, row[0][0])
        raise Killed
