"""What rests: out of sight everywhere at once, brought back whole, freed when its time is over."""

from __future__ import annotations

import json
import re
import threading
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from registry.database.schema import blobs, links, resting
from registry.domain import rest_ending
from registry.domain.garbage import Freed, Garbage
from registry.domain.rekeying import Rekeying
from registry.domain.repair import Repair
from registry.domain.repositories import Encryption
from registry.domain.undelete import Resting, Restored, Undelete
from registry.domain.verification import Pace, Verification
from registry.stores import rekeyer_of
from registry.values.digest import Digest
from registry.values.errors import Conflict, RepositoryExists, RestingNotFound, Vanished
from tests import images
from tests.application import ACCOUNT, SCOPE, OpenRegistry, Registry

NAME = "team/app"
WEEK = timedelta(days=7)
DAY = timedelta(days=1)
IMAGE = images.oci_image(images.layer({"a": b"a"}), images.layer({"b": b"b"}))


@pytest.fixture
def held(registry: Registry) -> Registry:
    registry.create(NAME)
    registry.hold(NAME, IMAGE, "v1")
    registry.hold(NAME, IMAGE, "latest")
    return registry


@pytest.fixture
def beside(held: Registry) -> Iterator[Registry]:
    """Another worker."""
    worker = held.beside()
    yield worker
    worker.close()


def rests(registry: Registry, repository: str | None = None) -> list[Resting]:
    return Undelete(registry.ground.database).page(SCOPE, repository, None, 100)


def restore(registry: Registry, item: Resting, name: str | None = None) -> Restored:
    return Undelete(registry.ground.database).restore(SCOPE, item.id, name)


def delete(registry: Registry, image: images.Image) -> None:
    repository = registry.repositories.get(SCOPE, NAME)
    registry.images.delete(repository, Digest.parse(image.digest))


def collector(registry: Registry, ahead: timedelta) -> Garbage:
    return Garbage(
        registry.ground.database,
        registry.vault,
        registry.ground.storage,
        grace=DAY,
        expiry=DAY,
        clock=lambda: datetime.now(UTC) + ahead,
    )


def collect(registry: Registry, ahead: timedelta) -> Freed:
    """A run that frees what its survey told."""
    garbage = collector(registry, ahead)
    expected = garbage.survey()
    freed = garbage.run(threading.Event())
    assert freed == expected
    return freed


def pulls(client: httpx.Client, image: images.Image, *tags: str, name: str = NAME) -> None:
    """Everything of the image, byte for byte."""
    for reference in (image.digest, *tags):
        answer = client.get(f"/v2/{name}/manifests/{reference}")
        assert (answer.status_code, answer.content) == (200, image.manifest)
    for blob in image.blobs:
        answer = client.get(f"/v2/{name}/blobs/{blob.digest}")
        assert (answer.status_code, answer.content) == (200, blob.content)
    for child in image.children:
        pulls(client, child, name=name)


def mount(client: httpx.Client, digest: str, source: str) -> int:
    query = f"?mount={digest}" + (f"&from={source}" if source else "")
    return client.post(f"/v2/team/other/blobs/uploads/{query}").status_code


def seen(worker: Registry) -> dict[str, Any]:
    """Every way in which something of the image shows on a worker."""
    ecr = worker.ecr()
    ids: Any = [{"imageDigest": IMAGE.digest}, {"imageTag": "v1"}]
    digests = [blob.digest for blob in IMAGE.blobs]
    found: dict[str, Any] = {}
    with worker.http() as client:
        for reference in (IMAGE.digest, "v1", "latest"):
            for method in ("GET", "HEAD"):
                answer = client.request(method, f"/v2/{NAME}/manifests/{reference}")
                found[f"{method} {reference}"] = answer.status_code
        for digest in digests:
            for method in ("GET", "HEAD"):
                answer = client.request(method, f"/v2/{NAME}/blobs/{digest}")
                found[f"{method} {digest}"] = answer.status_code
        for source in (NAME, ""):
            found[f"mount from {source}"] = mount(client, digests[0], source)
        found["tags"] = client.get(f"/v2/{NAME}/tags/list").json().get("tags")
    found["ids"] = ecr.list_images(repositoryName=NAME)["imageIds"]
    found["details"] = ecr.describe_images(repositoryName=NAME)["imageDetails"]
    found["images"] = ecr.batch_get_image(repositoryName=NAME, imageIds=ids)["images"]
    layers = ecr.batch_check_layer_availability(repositoryName=NAME, layerDigests=digests)
    found["layers"] = {each["layerAvailability"] for each in layers["layers"]}
    return found


NOTHING = {"tags": [], "ids": [], "details": [], "images": [], "layers": {"UNAVAILABLE"}}


class TestImage:
    def test_it_is_seen_nowhere_at_once(self, held: Registry, beside: Registry) -> None:
        held.create("team/other")
        before = [seen(worker) for worker in (held, beside)]  # and every cache is warm
        assert {before[0][f"mount from {source}"] for source in (NAME, "")} == {201}
        with held.http() as client:
            client.delete(f"/v2/team/other/blobs/{IMAGE.blobs[0].digest}").raise_for_status()
        delete(held, IMAGE)
        for worker in (held, beside):
            after = seen(worker)
            for what, status in after.items():
                expected = NOTHING.get(what, 202 if "mount" in what else 404)
                assert status == expected, what

    def test_it_comes_back_whole(self, held: Registry, beside: Registry) -> None:
        before = seen(held)
        with beside.http() as client:
            assert client.delete(f"/v2/{NAME}/manifests/{IMAGE.digest}").status_code == 202
        (item,) = rests(held)
        assert (item.kind, item.repository, item.digest) == ("image", NAME, IMAGE.digest)
        assert (item.tags, item.images) == (("latest", "v1"), 1)
        assert item.bytes == sum(len(blob.content) for blob in IMAGE.blobs)
        assert item.until - item.deleted_at == WEEK
        back = restore(held, item)
        assert back == Restored(NAME, (IMAGE.digest,), ("latest", "v1"))
        for worker in (held, beside):
            assert seen(worker) == before
            with worker.http() as client:
                pulls(client, IMAGE, "v1", "latest")
        assert rests(held) == []
        assert len(held.rows()["repositories"]) == 1
        held.check_whole()

    def test_a_blob_that_another_image_holds_is_served(self, held: Registry) -> None:
        other = images.oci_image(images.layer({"a": b"a"}))
        held.hold(NAME, other, "other")
        delete(held, IMAGE)
        with held.http() as client:
            pulls(client, other, "other")
            only = IMAGE.blobs[2].digest
            assert client.get(f"/v2/{NAME}/blobs/{only}").status_code == 404

    def test_a_push_that_was_told_before_is_completed(self, held: Registry) -> None:
        """distribution#3045."""
        with held.http() as client:
            for blob in IMAGE.blobs:
                assert client.head(f"/v2/{NAME}/blobs/{blob.digest}").status_code == 200
            delete(held, IMAGE)
            collect(held, timedelta(hours=23))
            images.put_manifest(client, NAME, IMAGE, "v2").raise_for_status()
            pulls(client, IMAGE, "v2")
        # Brought back, it finds itself there: the tags come, nothing else.
        assert restore(held, rests(held)[0]) == Restored(NAME, (), ("latest", "v1"))
        assert held.rows()["resting"] == []

    def test_collections_hold_it_until_its_time_is_over(self, held: Registry) -> None:
        delete(held, IMAGE)
        freed = collect(held, WEEK - timedelta(minutes=1))
        assert (freed.links, freed.blobs) == (3, 0)  # its repository's links, no bytes
        held.check_whole()
        restore(held, rests(held)[0])
        with held.http() as client:
            pulls(client, IMAGE, "v1", "latest")
        delete(held, IMAGE)
        freed = collect(held, WEEK + timedelta(minutes=1))
        assert freed.blobs == 3
        assert held.objects() == set()
        assert {len(held.rows()[name]) for name in ("images", "links", "blobs", "resting")} == {0}
        assert len(held.rows()["repositories"]) == 1

    def test_pushed_and_deleted_again_it_rests_twice(self, held: Registry) -> None:
        delete(held, IMAGE)
        held.hold(NAME, IMAGE, "v2")
        delete(held, IMAGE)
        last, first = rests(held)
        assert (last.tags, first.tags) == (("v2",), ("latest", "v1"))
        restore(held, first)
        back = restore(held, last)
        assert back == Restored(NAME, (), ("v2",))
        with held.http() as client:
            pulls(client, IMAGE, "v1", "v2", "latest")
        held.check_whole()

    def test_a_tag_on_another_image_stays_there(self, held: Registry) -> None:
        delete(held, IMAGE)
        newer = images.oci_image(images.layer({"n": b"newer"}))
        held.hold(NAME, newer, "latest")
        back = restore(held, rests(held)[0])
        assert (back.tags, back.taken) == (("v1",), ("latest",))
        with held.http() as client:
            pulls(client, newer, "latest")
            pulls(client, IMAGE, "v1")

    def test_an_index_brings_its_images_and_what_refers_to_it(self, held: Registry) -> None:
        tree = images.multi_arch()
        signature = images.artifact("application/vnd.sig", b"sig", subject=tree)
        old = images.artifact("application/vnd.sig", b"old", subject=tree)
        for each in (tree, signature, old):
            held.hold(NAME, each, "tree" if each is tree else None)
        delete(held, old)  # on its own, before
        ids: Any = [{"imageDigest": e.digest} for e in (signature, *tree.children, tree)]
        answer = held.ecr().batch_delete_image(repositoryName=NAME, imageIds=ids)
        assert answer["failures"] == []
        (item,) = [each for each in rests(held) if each.digest == tree.digest]
        back = restore(held, item)
        expected = {tree.digest, signature.digest, *(child.digest for child in tree.children)}
        assert set(back.images) == expected
        assert [each.digest for each in rests(held)] == [old.digest]
        with held.http() as client:
            pulls(client, tree, "tree")
            referrers = client.get(f"/v2/{NAME}/referrers/{tree.digest}").json()["manifests"]
        assert [each["digest"] for each in referrers] == [signature.digest]

    def test_one_of_a_sparse_index_holds_what_came_meanwhile(self, held: Registry) -> None:
        late = images.oci_image(images.layer({"late": b"late"}))
        sparse = held.beside(sparse_manifests="all")
        repository = held.repositories.get(SCOPE, NAME)
        sparse.stores.images.put(repository, late.manifest, tag_names=["late"])
        sparse.close()
        delete(held, late)
        for blob in late.blobs:
            held.hold_blob(repository, blob.content)
        restore(held, rests(held)[0])
        collect(held, WEEK)
        with held.http() as client:
            pulls(client, late, "late")

    def test_its_repository_must_be_there(self, held: Registry) -> None:
        delete(held, IMAGE)
        (item,) = rests(held)
        held.repositories.delete(SCOPE, NAME, force=True)
        with pytest.raises(Conflict, match="was deleted: bring it back first"):
            restore(held, item)
        restore(held, rests(held)[0])
        restore(held, item)
        with held.http() as client:
            pulls(client, IMAGE, "v1", "latest")

    def test_a_new_repository_has_it_under_its_own_key_soon(self, held: Registry) -> None:
        """At once it is read where it lies, and then moved."""
        delete(held, IMAGE)
        (item,) = rests(held)
        held.repositories.delete(SCOPE, NAME, force=True)
        key = held.ground.keys.create("other", "alias/other")
        held.ecr().create_repository(
            repositoryName=NAME,
            encryptionConfiguration={"encryptionType": "KMS", "kmsKey": "alias/other"},
        )
        there = held.repositories.get(SCOPE, NAME)
        held.hold_blob(there, IMAGE.blobs[1].content)  # one layer lies there already
        restore(held, item)
        with held.http() as client:
            pulls(client, IMAGE, "v1", "latest")
            rekeyer_of(held.settings, held.ground).run(threading.Event())
            pulls(client, IMAGE, "v1", "latest")
        held.check_whole()
        mine = sa.select(blobs.c.key_id).join(links, links.c.blob_id == blobs.c.id)
        mine = mine.where(links.c.repository_id == there.id).distinct()
        with held.ground.database.read() as connection:
            assert connection.execute(mine).scalars().all() == [key.key_id]

    def test_a_move_to_another_key_serves_nothing_that_was_deleted(self, held: Registry) -> None:
        key = held.ground.keys.create("other", "alias/other")
        delete(held, IMAGE)
        vault = Rekeying(held.ground.database, held.vault, held.repositories)
        repository = held.repositories.get(SCOPE, NAME)
        moved = vault.start(repository, Encryption("KMS", key.key_id))
        rekeyer_of(held.settings, held.ground).run(threading.Event())
        assert [move.left.nothing for move in vault.moves(moved)] == [True]
        with held.http() as client:
            for blob in IMAGE.blobs:
                for method in ("GET", "HEAD"):
                    answer = client.request(method, f"/v2/{NAME}/blobs/{blob.digest}")
                    assert answer.status_code == 404
        restore(held, rests(held)[0])
        with held.http() as client:
            pulls(client, IMAGE, "v1", "latest")


class TestTag:
    def test_it_comes_back_to_its_image(self, held: Registry) -> None:
        with held.http() as client:
            assert client.delete(f"/v2/{NAME}/manifests/latest").status_code == 202
            assert client.get(f"/v2/{NAME}/manifests/latest").status_code == 404
            (item,) = rests(held)
            assert (item.kind, item.tags, item.digest) == ("tag", ("latest",), IMAGE.digest)
            assert restore(held, item) == Restored(NAME, (), ("latest",))
            pulls(client, IMAGE, "latest", "v1")
        assert rests(held) == []

    def test_it_brings_its_image_along(self, held: Registry) -> None:
        for tag in ("latest", "v1"):  # by the last one the image goes
            ids: Any = [{"imageTag": tag}]
            held.ecr().batch_delete_image(repositoryName=NAME, imageIds=ids)
        image, tag_ = rests(held)
        assert (image.kind, tag_.kind) == ("image", "tag")
        assert restore(held, tag_) == Restored(NAME, (IMAGE.digest,), ("v1", "latest"))
        with held.http() as client:
            pulls(client, IMAGE, "latest", "v1")

    def test_without_its_image_it_cannot(self, held: Registry) -> None:
        held.images.untag(held.repositories.get(SCOPE, NAME), "latest")
        (item,) = rests(held)
        delete(held, IMAGE)
        Undelete(held.ground.database).end(SCOPE, rests(held)[0].id)
        with pytest.raises(Conflict, match="is gone"):
            restore(held, item)

    def test_many_are_forgotten(self, held: Registry) -> None:
        repository = held.repositories.get(SCOPE, NAME)
        for _ in range(3):
            held.images.untag(repository, "latest")
            held.hold(NAME, IMAGE, "latest")
        collect(held, WEEK + timedelta(minutes=1))
        assert held.rows()["resting"] == []


class TestRepository:
    def test_it_comes_back_with_everything(self, held: Registry, beside: Registry) -> None:
        ecr = held.ecr()
        statement = {"Effect": "Allow", "Principal": "*", "Action": "ecr:BatchGetImage"}
        policy = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        ecr.set_repository_policy(repositoryName=NAME, policyText=policy)
        arn = SCOPE.repository_arn(NAME)
        ecr.tag_resource(resourceArn=arn, tags=[{"Key": "team", "Value": "blue"}])
        ecr.put_image_tag_mutability(repositoryName=NAME, imageTagMutability="IMMUTABLE")
        before = ecr.describe_repositories(repositoryNames=[NAME])["repositories"]
        ecr.delete_repository(repositoryName=NAME, force=True)
        for worker in (held, beside):
            assert worker.ecr().describe_repositories()["repositories"] == []
            with worker.http() as client:
                assert client.get("/v2/_catalog").json()["repositories"] == []
                for path in ("manifests/v1", f"blobs/{IMAGE.blobs[0].digest}", "tags/list"):
                    assert client.get(f"/v2/{NAME}/{path}").status_code == 404
        (item,) = rests(held)
        assert (item.kind, item.images) == ("repository", 1)
        assert restore(held, item) == Restored(NAME)
        assert ecr.describe_repositories(repositoryNames=[NAME])["repositories"] == before
        assert ecr.get_repository_policy(repositoryName=NAME)["policyText"] == policy
        assert ecr.list_tags_for_resource(resourceArn=arn)["tags"][0]["Value"] == "blue"
        with beside.http() as client:
            pulls(client, IMAGE, "v1", "latest")
        assert rests(held) == []

    def test_a_new_one_of_its_name_is_another(self, held: Registry) -> None:
        held.ecr().delete_repository(repositoryName=NAME, force=True)
        held.create(NAME)
        assert held.ecr().list_images(repositoryName=NAME)["imageIds"] == []
        (item,) = rests(held)
        with pytest.raises(RepositoryExists, match="under another name"):
            restore(held, item)
        restore(held, item, "team/before")
        with held.http() as client:
            pulls(client, IMAGE, "v1", name="team/before")
            assert client.get(f"/v2/{NAME}/manifests/v1").status_code == 404

    def test_what_was_begun_before_does_not_reach_it(self, held: Registry) -> None:
        seen_before = held.repositories.get(SCOPE, NAME)
        held.repositories.delete(SCOPE, NAME, force=True)
        rows = held.rows()
        for late in (
            lambda: held.uploads.start(seen_before, "arn:test"),
            lambda: held.images.put(seen_before, IMAGE.manifest, tag_names=["late"]),
            lambda: held.repositories.set_policy(seen_before, "{}"),
            lambda: held.stores.settings.tag(seen_before, {"a": "b"}),
        ):
            with pytest.raises(Vanished, match="deleted in the meantime"):
                late()
        assert held.rows() == rows

    def test_it_is_freed_in_steps_that_can_be_cut_short(
        self, held: Registry, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        monkeypatch.setattr(rest_ending, "STEP", 2)
        for number in range(9):
            held.hold(NAME, images.oci_image(images.layer({"n": b"%d" % number})), f"n{number}")
        held.create("team/other")
        kept = images.oci_image(images.layer({"n": b"3"}))
        held.hold("team/other", kept, "kept")
        held.repositories.delete(SCOPE, NAME, force=True)
        (item,) = rests(held)
        later = datetime.now(UTC) + WEEK
        steps = 0
        with held.ground.database.write() as connection:
            rest_ending.step(connection, later)
        with pytest.raises(RestingNotFound):  # nobody gets half of it
            restore(held, item)
        assert rests(held) == []
        while held.rows()["resting"]:
            freed = collector(held, WEEK).run(_after_one_step())
            assert freed is not None
            held.check_whole()
            steps += 1
            assert steps < 100
        assert steps > 5
        collect(held, WEEK)
        held.check_whole()
        assert len(held.rows()["repositories"]) == 1
        with held.http() as client:
            pulls(client, kept, "kept", name="team/other")
        assert len(held.objects()) == len(kept.blobs)

    def test_an_empty_one(self, registry: Registry) -> None:
        registry.create(NAME)
        registry.ecr().delete_repository(repositoryName=NAME)
        assert [each.kind for each in rests(registry)] == ["repository"]
        collect(registry, WEEK + DAY)
        assert registry.rows()["repositories"] == []


class _after_one_step(threading.Event):  # noqa: N801 - reads as what it does
    """Set as soon as anybody waits for it: a run ends after its first step."""

    def wait(self, timeout: float | None = None) -> bool:
        self.set()
        return super().wait(timeout)


def verified(registry: Registry, *, repair: bool = False) -> list[tuple[str, str]]:
    """What a verification finds; put right, if that is asked for."""
    ground = registry.ground
    verification = Verification(ground.database, registry.vault, ground.storage, Pace())
    found = verification.begin(again=True)
    verification.run(found, lambda _count: None)
    verification.end(found, finished=True)
    if repair:
        repairing = Repair(ground.database, registry.vault, ground.storage, verification)
        for problem in found.problems:
            repairing.one(problem)
    return [(problem.kind, problem.subject) for problem in found.problems]


def test_what_rests_is_verified_and_repaired_like_anything_else(held: Registry) -> None:
    delete(held, IMAGE)
    collect(held, DAY + timedelta(minutes=1))
    assert verified(held) == []
    lost = IMAGE.blobs[1]
    (path,) = [path for path in held.objects() if lost.digest.partition(":")[2] in path]
    (held.settings.data / "storage" / path).unlink()
    assert verified(held, repair=True) == [("missing", "blob")]
    assert verified(held) == []
    restore(held, rests(held)[0])
    with held.http() as client:
        assert client.get(f"/v2/{NAME}/blobs/{lost.digest}").status_code == 404
        images.push_blob(client, NAME, lost.content)
        collect(held, WEEK)  # the image holds it again
        pulls(client, IMAGE, "v1", "latest")
    assert verified(held) == []


def test_turned_off_nothing_rests(open_one: OpenRegistry) -> None:
    registry = open_one(undelete_days=0)
    repository = registry.create(NAME)
    registry.hold(NAME, IMAGE, "v1")
    registry.hold(NAME, IMAGE, "v2")
    registry.images.untag(repository, "v2")
    registry.images.delete(repository, Digest.parse(IMAGE.digest))
    assert rests(registry) == []
    registry.hold(NAME, IMAGE, "v1")
    registry.repositories.delete(SCOPE, NAME, force=True)
    assert rests(registry) == []
    assert registry.objects() == set()


def test_the_date_is_that_of_the_deletion(held: Registry) -> None:
    """Another setting changes it for what is deleted later."""
    delete(held, IMAGE)
    (before,) = rests(held)
    other = held.beside(undelete_days=1)
    assert rests(other) == [before]
    other.hold(NAME, IMAGE, "v1")
    other.images.delete(other.repositories.get(SCOPE, NAME), Digest.parse(IMAGE.digest))
    assert rests(held)[0].until - rests(held)[0].deleted_at == DAY
    other.close()


def test_given_up_it_goes_with_the_next_collection(held: Registry) -> None:
    delete(held, IMAGE)
    (item,) = rests(held)
    Undelete(held.ground.database).end(SCOPE, item.id)
    assert rests(held) == []
    with pytest.raises(RestingNotFound, match=f"number {item.id} rests .*'{ACCOUNT}'"):
        restore(held, item)
    collect(held, timedelta(hours=25))
    assert held.objects() == set()


def test_pages(held: Registry) -> None:
    repository = held.repositories.get(SCOPE, NAME)
    for _ in range(5):
        held.images.untag(repository, "latest")
        held.hold(NAME, IMAGE, "latest")
    found = Undelete(held.ground.database)
    first = found.page(SCOPE, None, None, 3)
    second = found.page(SCOPE, NAME, first[-1].id, 3)
    assert [each.id for each in (*first, *second)] == [5, 4, 3, 2, 1]
    assert found.page(SCOPE, "team/other", None, 3) == []


def test_nothing_of_another_registry(held: Registry) -> None:
    delete(held, IMAGE)
    (item,) = rests(held)
    elsewhere = type(SCOPE)(ACCOUNT, "eu-west-1")
    with pytest.raises(RestingNotFound):
        Undelete(held.ground.database).restore(elsewhere, item.id)
    with held.ground.database.write() as connection:
        connection.execute(sa.update(resting).values(account="210987654321"))
    with pytest.raises(RestingNotFound):
        restore(held, item)


def test_links_are_made_and_cut_in_one_place() -> None:
    """`repositories.bytes` is counted there."""
    from tests.tools import PROJECT  # noqa: PLC0415 - for this alone

    found = {
        path.name
        for path in (PROJECT / "registry" / "domain").rglob("*.py")
        if re.search(r"(insert|delete)\((links|link_rows)\)", path.read_text())
    }
    assert found == {"link_rows.py"}
