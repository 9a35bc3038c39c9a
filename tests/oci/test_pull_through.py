"""Pulls of what is not here: brought from an upstream, once, checked, and kept."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta
from typing import Any

import httpx
import pytest
import sqlalchemy as sa

from registry.database.schema import uploads, upstream_leases, upstream_tags
from registry.domain.identities.directory import AccessKey
from registry.domain.quotas import Quotas
from registry.domain.upstreams import imports
from registry.values.digest import Digest
from tests.application import SCOPE, OpenRegistry, Registry, allow, on
from tests.images import Blob, Image, artifact, layer, multi_arch, oci_image, push
from tests.oci.bodies import Unchanged, refused
from tests.upstream.fake import SECONDS, FakeRegistry, Handler, other_bytes, serving

BIG = Blob(bytes(range(256)) * 12_000, "application/octet-stream", "x")
"""3 MB: not read at once."""
IMAGE = oci_image(layer({"hello": b"one"}), BIG)
NEWER = oci_image(layer({"hello": b"two"}))
NAME = "hub/library/app"
READ = ("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer", "ecr:BatchCheckLayerAvailability")
BRING = ("ecr:BatchImportUpstreamImage", "ecr:CreateRepository")


@pytest.fixture
def fake() -> Iterator[FakeRegistry]:
    with serving() as running:
        running.hold("library/app", IMAGE, "v1")
        yield running


def cached(open_one: OpenRegistry, fake: FakeRegistry, **settings: Any) -> Registry:
    """A registry that has the fake as the upstream of `hub/`."""
    registry = open_one(upstreams=fake.url, **settings)
    registry.ecr().create_pull_through_cache_rule(
        ecrRepositoryPrefix="hub", upstreamRegistryUrl=fake.address
    )
    return registry


@pytest.fixture
def registry(open_one: OpenRegistry, fake: FakeRegistry) -> Registry:
    return cached(open_one, fake)


@pytest.fixture
def client(registry: Registry) -> Iterator[httpx.Client]:
    with registry.http() as client:
        yield client


def manifest(client: httpx.Client, reference: str = "v1", name: str = NAME) -> httpx.Response:
    return client.get(f"/v2/{name}/manifests/{reference}")


def pull(client: httpx.Client, image: Image, reference: str, name: str = NAME) -> None:
    """The image and all below it, byte for byte."""
    got = manifest(client, reference, name)
    assert got.status_code == 200, got.text
    assert got.content == image.manifest
    assert got.headers["docker-content-digest"] == image.digest
    for child in image.children:
        pull(client, child, child.digest, name)
    for blob in image.blobs:
        answer = client.get(f"/v2/{name}/blobs/{blob.digest}")
        assert (answer.status_code, answer.content) == (200, blob.content)


def expire(registry: Registry) -> None:
    """Let a day go by since every comparison."""
    long_ago = datetime.now(UTC) - timedelta(hours=25)
    with registry.ground.database.write() as connection:
        connection.execute(sa.update(upstream_tags).values(checked_at=long_ago))


class TestFirstPull:
    def test_it_brings_the_repository_the_image_and_its_layers(
        self, registry: Registry, client: httpx.Client, fake: FakeRegistry
    ) -> None:
        pull(client, IMAGE, "v1")
        assert registry.repositories.get(SCOPE, NAME).mutability == "MUTABLE"
        asked = len(fake.asked)
        pull(client, IMAGE, "v1")
        pull(client, IMAGE, IMAGE.digest)
        assert len(fake.asked) == asked
        assert len(fake.requests("GET", "/blobs/")) == len(IMAGE.blobs)
        registry.check_whole()

    def test_an_index_brings_what_is_asked_for_below_it(
        self, registry: Registry, client: httpx.Client, fake: FakeRegistry
    ) -> None:
        index = fake.hold("library/app", multi_arch(), "all")
        assert manifest(client, "all").content == index.manifest
        first, second = index.children
        pull(client, first, first.digest)
        assert not fake.requests("GET", second.digest)
        pull(client, index, "all")
        registry.check_whole()

    def test_what_has_no_room_is_refused_before_a_byte_is_sent(
        self, registry: Registry, client: httpx.Client, fake: FakeRegistry
    ) -> None:
        small, large = IMAGE.blobs[1], IMAGE.blobs[2]
        assert manifest(client).status_code == 200
        quota = {"repository_bytes": len(large.content)}
        Quotas(registry.ground.database).set(SCOPE, NAME, quota)
        assert client.get(f"/v2/{NAME}/blobs/{small.digest}").content == small.content
        answer = client.get(f"/v2/{NAME}/blobs/{large.digest}")
        refused(answer, 403, "DENIED", "over its quota")
        assert not fake.requests("GET", large.digest)
        registry.check_whole()

    def test_it_can_be_by_digest(self, registry: Registry, client: httpx.Client) -> None:
        pull(client, IMAGE, IMAGE.digest)
        assert registry.images.page(registry.repositories.get(SCOPE, NAME), 0, 9)[0].tags == ()

    def test_head_brings_it_too(self, client: httpx.Client, fake: FakeRegistry) -> None:
        head = client.head(f"/v2/{NAME}/manifests/v1")
        assert (head.status_code, head.content) == (200, b"")
        assert head.headers["docker-content-digest"] == IMAGE.digest
        assert not fake.requests("HEAD")
        blob = client.head(f"/v2/{NAME}/blobs/{BIG.digest}")
        assert blob.headers["content-length"] == str(len(BIG.content))
        part = client.get(f"/v2/{NAME}/blobs/{BIG.digest}", headers={"range": "bytes=5-9"})
        assert (part.status_code, part.content) == (206, BIG.content[5:10])
        assert len(fake.requests("GET", BIG.digest)) == 1

    def test_a_range_of_what_is_not_here_yet(self, client: httpx.Client) -> None:
        manifest(client)
        part = client.get(f"/v2/{NAME}/blobs/{BIG.digest}", headers={"range": "bytes=-7"})
        assert (part.status_code, part.content) == (206, BIG.content[-7:])

    def test_the_repository_is_made_as_its_template_says(
        self, registry: Registry, client: httpx.Client
    ) -> None:
        key = registry.ground.keys.create("ours")
        registry.ecr().create_repository_creation_template(
            prefix="hub",
            appliedFor=["PULL_THROUGH_CACHE"],
            imageTagMutability="IMMUTABLE",
            encryptionConfiguration={"encryptionType": "KMS", "kmsKey": key.arn},
            resourceTags=[{"Key": "from", "Value": "hub"}],
        )
        pull(client, IMAGE, "v1")
        made = registry.repositories.get(SCOPE, NAME)
        assert (made.mutability, made.key_id) == ("IMMUTABLE", key.key_id)
        assert made.resource_tags == (("from", "hub"),)

    def test_nothing_is_made_for_what_is_not_there(
        self, registry: Registry, client: httpx.Client, fake: FakeRegistry
    ) -> None:
        with Unchanged(registry):
            refused(manifest(client, "v2"), 404, "MANIFEST_UNKNOWN", "'v2' in 'library/app'")
            missing = manifest(client, "v1", "hub/library/none")
            refused(missing, 404, "MANIFEST_UNKNOWN", "'library/none'")
            fake.status = 500
            refused(manifest(client), 502, "UNAVAILABLE", "answers 500")
            fake.status = 403
            refused(manifest(client), 403, "DENIED", fake.address)
            fake.status = 429
            refused(manifest(client), 429, "TOOMANYREQUESTS", "later")

    def test_only_what_an_image_here_names_is_fetched(
        self, registry: Registry, client: httpx.Client, fake: FakeRegistry
    ) -> None:
        other = Blob(b"somebody else's", "x")
        fake.blobs[other.digest] = other.content
        path = f"/v2/{NAME}/blobs/{BIG.digest}"
        refused(client.get(path), 404, "NAME_UNKNOWN", NAME)
        manifest(client)
        for call in (client.get, client.head):
            assert call(f"/v2/{NAME}/blobs/{other.digest}").status_code == 404
        assert not fake.requests("GET", "/blobs/")
        # Nor is it once there is no rule any more; what is here stays.
        registry.ecr().delete_pull_through_cache_rule(ecrRepositoryPrefix="hub")
        refused(client.get(path), 404, "BLOB_UNKNOWN", BIG.digest)
        assert manifest(client).content == IMAGE.manifest

    def test_a_name_without_a_rule_is_nobody_elses(
        self, client: httpx.Client, fake: FakeRegistry
    ) -> None:
        refused(manifest(client, name="library/app"), 404, "NAME_UNKNOWN", "library/app")
        refused(manifest(client, name="hub2/library/app"), 404, "NAME_UNKNOWN", "hub2")
        assert not fake.asked

    def test_artifacts_and_their_blobs(self, client: httpx.Client, fake: FakeRegistry) -> None:
        made = fake.hold("library/app", artifact("application/x", b"payload", IMAGE), "sbom")
        pull(client, made, "sbom")
        listed = client.get(f"/v2/{NAME}/referrers/{IMAGE.digest}").json()["manifests"]
        assert [each["digest"] for each in listed] == [made.digest]


class TestRevalidation:
    def test_a_tag_is_compared_once_a_day(
        self, registry: Registry, client: httpx.Client, fake: FakeRegistry
    ) -> None:
        pull(client, IMAGE, "v1")
        fake.hold("library/app", NEWER, "v1")
        pull(client, IMAGE, "v1")
        expire(registry)
        pull(client, NEWER, "v1")
        assert len(fake.requests("HEAD")) == 1
        expire(registry)
        asked = len(fake.requests("GET"))
        pull(client, NEWER, "v1")
        assert (len(fake.requests("HEAD")), len(fake.requests("GET"))) == (2, asked)
        pull(client, NEWER, "v1")
        assert len(fake.requests("HEAD")) == 2
        pull(client, IMAGE, IMAGE.digest)  # stays, without its tag
        registry.check_whole()

    def test_the_setting_says_how_often(self, open_one: OpenRegistry, fake: FakeRegistry) -> None:
        registry = cached(open_one, fake, upstream_check_hours=0)
        with registry.http() as client:
            pull(client, IMAGE, "v1")
            fake.hold("library/app", NEWER, "v1")
            pull(client, NEWER, "v1")

    @pytest.mark.parametrize("status", [403, 404, 500])
    def test_what_is_here_is_served_while_the_upstream_fails(
        self,
        registry: Registry,
        client: httpx.Client,
        fake: FakeRegistry,
        status: int,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        pull(client, IMAGE, "v1")
        expire(registry)
        fake.status = status
        asked = len(fake.asked)
        pull(client, IMAGE, "v1")
        tried = len(fake.asked)
        assert tried > asked
        pull(client, IMAGE, "v1")  # and it is left in peace for a while
        assert len(fake.asked) == tried
        fake.status = 0
        fake.hold("library/app", NEWER, "v1")
        monkeypatch.setattr(imports, "QUIET_SECONDS", 0.0)
        pull(client, NEWER, "v1")

    def test_what_is_here_is_served_while_the_upstream_is_gone(
        self, open_one: OpenRegistry
    ) -> None:
        with serving() as fake:
            fake.hold("library/app", IMAGE, "v1")
            registry = cached(open_one, fake)
            with registry.http() as client:
                pull(client, IMAGE, "v1")
        expire(registry)
        with registry.http() as client:
            pull(client, IMAGE, "v1")
            refused(manifest(client, "v2"), 502, "UNAVAILABLE", "no connection")

    def test_a_tag_that_was_pushed_here_is_never_the_upstreams(
        self, registry: Registry, client: httpx.Client, fake: FakeRegistry
    ) -> None:
        """Neither one that was never fetched, nor one that was moved here since."""
        registry.create(NAME)
        mine = oci_image(layer({"mine": b"mine"}))
        push(client, NAME, mine, "v1")
        pull(client, mine, "v1")
        assert not fake.asked
        fake.hold("library/app", IMAGE, "v2")
        pull(client, IMAGE, "v2")
        push(client, NAME, mine, "v2")
        expire(registry)
        asked = len(fake.asked)
        pull(client, mine, "v2")
        assert len(fake.asked) == asked

    def test_an_immutable_tag_stays(
        self, registry: Registry, client: httpx.Client, fake: FakeRegistry
    ) -> None:
        registry.create(NAME, mutability="IMMUTABLE")
        pull(client, IMAGE, "v1")
        fake.hold("library/app", NEWER, "v1")
        expire(registry)
        pull(client, IMAGE, "v1")
        asked = len(fake.asked)
        pull(client, IMAGE, "v1")
        assert len(fake.asked) == asked

    def test_a_crash_between_announcing_and_moving_a_tag(
        self,
        registry: Registry,
        client: httpx.Client,
        fake: FakeRegistry,
        monkeypatch: pytest.MonkeyPatch,
    ) -> None:
        """What came from the upstream is still known to have."""
        pull(client, IMAGE, "v1")
        fake.hold("library/app", NEWER, "v1")
        expire(registry)
        imports = registry.stores.caching.imports
        wanted = imports.wanted(SCOPE, NAME, "v1")
        assert wanted is not None
        with monkeypatch.context() as patched:
            patched.setattr(imports, "_images", Crashing(registry.images))
            brought = imports.bring(wanted, lambda _action: None)
            assert brought is not None
            with pytest.raises(RuntimeError, match="crash"):
                brought.result(SECONDS)
        pull(client, NEWER, "v1")

    def test_a_deleted_image_is_brought_again(
        self, registry: Registry, client: httpx.Client
    ) -> None:
        pull(client, IMAGE, "v1")
        registry.ecr().batch_delete_image(repositoryName=NAME, imageIds=[{"imageTag": "v1"}])
        pull(client, IMAGE, "v1")


class Crashing:
    """Images that can be read, while a crash comes before any is put."""

    def __init__(self, images: Any) -> None:
        self._images = images

    def get(self, *arguments: Any) -> Any:
        return self._images.get(*arguments)

    def put(self, *_: Any, **__: Any) -> None:
        raise RuntimeError("crash")


class TestRights:
    def user(self, registry: Registry, *actions: str, name: str = "ada") -> AccessKey:
        return registry.user(name, allow(*actions))

    def test_importing_and_creating_need_rights_of_their_own(
        self, registry: Registry, fake: FakeRegistry
    ) -> None:
        for number, given in enumerate(((), BRING[:1], BRING[1:])):
            key = self.user(registry, *READ, *given, name=f"user-{number}")
            missing = next(action for action in BRING if action not in given)
            with registry.http(key) as client, Unchanged(registry):
                refused(manifest(client), 403, "DENIED", missing)
        assert not fake.asked
        with registry.http(self.user(registry, *READ, *BRING)) as client:
            pull(client, IMAGE, "v1")
        # The repository is there now: nobody needs the right to make it any more.
        fake.hold("library/app", NEWER, "v2")
        with registry.http(registry.key(self.user(registry, *READ, BRING[0], name="b").id)) as two:
            pull(two, NEWER, "v2")

    def test_who_may_not_import_is_served_what_is_here(
        self, registry: Registry, client: httpx.Client, fake: FakeRegistry
    ) -> None:
        manifest(client)
        expire(registry)
        asked = len(fake.requests("HEAD"))
        with registry.http(self.user(registry, *READ)) as reader:
            pull(reader, IMAGE, "v1")  # and the layers of an image that was imported by others
            refused(manifest(reader, "v2"), 403, "DENIED", BRING[0])
        assert len(fake.requests("HEAD")) == asked

    def test_a_tag_may_be_a_condition(self, registry: Registry, fake: FakeRegistry) -> None:
        fake.hold("library/app", NEWER, "v2")
        policy = (
            '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "ecr:*",'
            ' "Resource": "*", "Condition": {"StringEquals": {"ecr:ImageTag": "v1"}}},'
            '{"Effect": "Allow", "Action": "ecr:BatchGetImage", "Resource": "*"}]}'
        )
        with registry.http(registry.user("ada", policy)) as client:
            assert manifest(client).status_code == 200
            refused(manifest(client, "v2"), 403, "DENIED", BRING[0])

    def test_anyone_may_where_the_registry_lets_anyone(
        self, registry: Registry, fake: FakeRegistry
    ) -> None:
        with registry.anyone() as nobody:
            assert manifest(nobody).status_code == 401
            registry.ecr().put_registry_policy(policyText=_for_anyone(*READ))
            assert manifest(nobody).status_code == 401
            assert not fake.asked
            registry.ecr().put_registry_policy(policyText=_for_anyone(*READ, *BRING))
            pull(nobody, IMAGE, "v1")

    def test_nobody_learns_anything_without_a_right_to_pull(
        self, registry: Registry, fake: FakeRegistry
    ) -> None:
        with registry.http(self.user(registry, "ecr:BatchImportUpstreamImage")) as client:
            refused(manifest(client), 403, "DENIED", "ecr:BatchGetImage")
        assert not fake.asked


def _for_anyone(*actions: str) -> str:
    listed = ", ".join(f'"{action}"' for action in actions)
    return (
        '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Principal": "*",'
        f' "Action": [{listed}], "Resource": "{on("hub/*")}"}}]}}'
    )


class TestLies:
    def test_a_blob_of_other_bytes_is_never_complete(
        self, registry: Registry, client: httpx.Client, fake: FakeRegistry
    ) -> None:
        """Of a big one the beginning was sent already: the answer is cut off."""
        manifest(client)
        small = IMAGE.blobs[0]
        for blob in (small, BIG):
            fake.blobs[blob.digest] = other_bytes(blob.content)
        with Unchanged(registry):
            answer = client.get(f"/v2/{NAME}/blobs/{small.digest}")
            refused(answer, 502, "UNAVAILABLE", "other bytes")
            refused_head = client.head(f"/v2/{NAME}/blobs/{small.digest}")
            assert refused_head.status_code == 502
            cut = registry.raw("GET", f"/v2/{NAME}/blobs/{BIG.digest}".encode())
            assert cut.status == 200
            assert 0 < len(cut.body) < len(BIG.content)
        for blob in (small, BIG):
            fake.blobs[blob.digest] = blob.content
        pull(client, IMAGE, "v1")
        registry.check_whole()

    def test_a_blob_that_ends_early(
        self, registry: Registry, client: httpx.Client, fake: FakeRegistry
    ) -> None:
        manifest(client)

        def short(handler: Handler) -> bool:
            if BIG.digest not in handler.path:
                return False
            handler.answer(200, BIG.content[:-1])
            return True

        fake.special = short
        with Unchanged(registry):
            answer = client.get(f"/v2/{NAME}/blobs/{BIG.digest}")
            refused(answer, 502, "UNAVAILABLE", f"which has {len(BIG.content)}")

    def test_what_is_no_manifest(
        self, registry: Registry, client: httpx.Client, fake: FakeRegistry
    ) -> None:
        fake.hold("library/app", Image(b'{"schemaVersion": 1}', "text/html"), "old")
        refused(manifest(client, "old"), 502, "UNAVAILABLE", "no manifest")
        assert registry.rows()["images"] == []


class TestAtOnce:
    def test_fifty_clients_fetch_once(self, registry: Registry, fake: FakeRegistry) -> None:
        """All of them wait or read along while the upstream is in the middle of the blob."""
        fake.gate = threading.Event()

        def one(_number: int) -> None:
            with registry.http() as client:
                pull(client, IMAGE, "v1")

        with ThreadPoolExecutor(50) as pool:
            pulls = [pool.submit(one, number) for number in range(50)]
            assert fake.half_sent.wait(SECONDS)
            time.sleep(0.2)  # the others come meanwhile; none of them may begin anew
            fake.gate.set()
            for each in pulls:
                each.result(SECONDS)
        assert len(fake.requests("GET", "/manifests/")) == 1
        assert len(fake.requests("GET", "/blobs/")) == len(IMAGE.blobs)
        registry.check_whole()

    def test_two_workers_fetch_once(self, registry: Registry, fake: FakeRegistry) -> None:
        other = registry.beside()
        fake.gate = threading.Event()
        try:
            with ThreadPoolExecutor(8) as pool:
                pulls = [pool.submit(self._pull, worker) for worker in (registry, other) * 4]
                assert fake.half_sent.wait(SECONDS)
                time.sleep(0.3)
                fake.gate.set()
                for each in pulls:
                    each.result(SECONDS)
        finally:
            other.close()
        assert len(fake.requests("GET", "/manifests/")) == 1
        assert len(fake.requests("GET", "/blobs/")) == len(IMAGE.blobs)
        assert registry.rows()["upstream_leases"] == []

    def _pull(self, worker: Registry) -> None:
        with worker.http() as client:
            pull(client, IMAGE, "v1")

    def test_a_worker_that_crashed_is_not_waited_for_long(
        self, registry: Registry, client: httpx.Client
    ) -> None:
        manifest(client)
        repository = registry.repositories.get(SCOPE, NAME)
        row = {
            "key": f"{repository.id}/{BIG.digest}",
            "holder": "crashed",
            "held_until": datetime.now(UTC) + timedelta(seconds=0.5),
        }
        with registry.ground.database.write() as connection:
            connection.execute(sa.insert(upstream_leases).values(row))
        began = time.monotonic()
        assert client.get(f"/v2/{NAME}/blobs/{BIG.digest}").content == BIG.content
        assert time.monotonic() - began > 0.3

    def test_the_bytes_are_sent_while_they_come(
        self, registry: Registry, client: httpx.Client, fake: FakeRegistry
    ) -> None:
        """Straight from the generator that is the answer's body: half of it is here now."""
        manifest(client)
        fake.gate = threading.Event()
        fetches = registry.stores.caching.fetches
        fetch = fetches.start(SCOPE, NAME, _digest(BIG))
        assert fetch is not None
        body = fetches.follow(fetch)
        half = len(BIG.content) // 2
        got = b""
        while len(got) < half:
            got += bytes(next(body))
        assert not fetch.stored.done()
        late = fetches.start(SCOPE, NAME, _digest(BIG))
        assert late is fetch
        fake.gate.set()
        assert got + b"".join(bytes(part) for part in body) == BIG.content
        assert fetch.stored.done()

    def test_a_client_that_leaves_does_not_end_the_fetch(
        self, registry: Registry, client: httpx.Client, fake: FakeRegistry
    ) -> None:
        manifest(client)
        fake.gate = threading.Event()
        fetches = registry.stores.caching.fetches
        fetch = fetches.start(SCOPE, NAME, _digest(BIG))
        assert fetch is not None
        body = fetches.follow(fetch)
        next(body)
        body.close()
        fake.gate.set()
        fetch.stored.result(SECONDS)
        assert len(fake.requests("GET", BIG.digest)) == 1
        registry.check_whole()

    def test_the_repository_may_vanish_meanwhile(
        self, registry: Registry, client: httpx.Client, fake: FakeRegistry
    ) -> None:
        manifest(client)
        fake.gate = threading.Event()
        fetches = registry.stores.caching.fetches
        fetch = fetches.start(SCOPE, NAME, _digest(BIG))
        assert fetch is not None
        assert fake.half_sent.wait(SECONDS)
        registry.ecr().delete_repository(repositoryName=NAME, force=True)
        fake.gate.set()
        assert fetch.stored.exception(SECONDS) is not None
        assert registry.rows()["uploads"] == []
        assert registry.rows()["blobs"] == []


def _digest(blob: Blob) -> Digest:
    return Digest.parse(blob.digest)


def test_nothing_of_a_fetch_is_anybodys_upload(
    registry: Registry, client: httpx.Client, fake: FakeRegistry
) -> None:
    manifest(client)
    fake.gate = threading.Event()
    with ThreadPoolExecutor(1) as pool:
        coming = pool.submit(_get, registry, f"/v2/{NAME}/blobs/{BIG.digest}")
        upload = _soon(lambda: _upload(registry))
        path = f"/v2/{NAME}/blobs/uploads/{upload}"
        for method in ("GET", "DELETE", "PATCH"):
            assert client.request(method, path).status_code == 404
        fake.gate.set()
        assert coming.result(SECONDS) == BIG.content


def _get(registry: Registry, path: str) -> bytes:
    with registry.http() as client:
        return client.get(path).content


def _upload(registry: Registry) -> str | None:
    with registry.ground.database.read() as connection:
        found: str | None = connection.execute(sa.select(uploads.c.id)).scalar()
        return found


def _soon(look: Callable[[], str | None]) -> str:
    end = time.monotonic() + SECONDS
    while time.monotonic() < end:
        if found := look():
            return found
        time.sleep(0.01)
    raise AssertionError("nothing came")
