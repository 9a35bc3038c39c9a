"""The scanner's password: good for reading one image, and for nothing else anywhere."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import httpx
import pytest

from registry.domain.repositories import Repository
from registry.domain.scanning.passes import USERNAME, Pass, Passes
from registry.scanning import passes_of
from registry.values.digest import Digest
from registry.values.errors import TokenExpired, Unauthenticated
from registry.values.scope import Scope
from tests.application import ACCOUNT, REGION, SCOPE, OpenRegistry, Registry, basic
from tests.images import Image, layer, oci_image, put_manifest

NAME = "team/app"
IMAGE = oci_image(layer({"a": b"a"}), layer({"b": b"b"}))
OTHER = oci_image(layer({"c": b"c"}))
MINUTE = timedelta(minutes=1)
DENY = json.dumps(
    {
        "Version": "2012-10-17",
        "Statement": [{"Effect": "Deny", "Principal": "*", "Action": "ecr:*"}],
    }
)


@pytest.fixture
def one(registry: Registry) -> Registry:
    registry.create(NAME)
    registry.create("team/other")
    registry.hold(NAME, IMAGE, "v1")
    registry.hold(NAME, OTHER, "v2")
    registry.hold("team/other", IMAGE, "v1")
    return registry


def password(
    registry: Registry, image: Image = IMAGE, scope: Scope = SCOPE, lifetime: timedelta = MINUTE
) -> str:
    granted = Pass(scope, NAME, Digest.parse(image.digest))
    return passes_of(registry.ground).issue(granted, lifetime)


def scanner(registry: Registry, text: str | None = None) -> httpx.Client:
    text = text or password(registry)
    return registry.anyone({"authorization": basic(text, USERNAME)})


def parts(image: Image = IMAGE, name: str = NAME) -> list[str]:
    blobs = [f"/v2/{name}/blobs/{blob.digest}" for blob in image.blobs]
    return [f"/v2/{name}/manifests/{image.digest}", *blobs]


def test_the_image_its_config_and_its_layers(one: Registry) -> None:
    with scanner(one) as client:
        for path in parts():
            assert client.get(path).status_code == 200
            assert client.head(path).status_code == 200
        assert client.get(parts()[0]).content == IMAGE.manifest


def test_whatever_policies_and_the_archive_say(one: Registry) -> None:
    repository = one.repositories.get(SCOPE, NAME)
    one.repositories.set_policy(repository, DENY)
    image = one.images.get(repository, Digest.parse(IMAGE.digest)).image
    one.stores.storage_classes.move(repository, image, "ARCHIVED")
    with scanner(one) as client:
        assert [client.get(path).status_code for path in parts()] == [200] * 4


def test_every_other_route_is_refused(one: Registry) -> None:
    before = one.stored()
    digest, blob = IMAGE.digest, IMAGE.blobs[1].digest
    asked = [
        ("GET", "/v2/"),
        ("HEAD", "/v2/"),
        ("GET", "/v2/_catalog"),
        ("GET", f"/v2/{NAME}/tags/list"),
        ("GET", f"/v2/{NAME}/referrers/{digest}"),
        ("POST", f"/v2/{NAME}/blobs/uploads/"),
        ("POST", f"/v2/{NAME}/blobs/uploads/?mount={blob}&from=team/other"),
        ("GET", f"/v2/{NAME}/blobs/uploads/x"),
        ("PATCH", f"/v2/{NAME}/blobs/uploads/x"),
        ("PUT", f"/v2/{NAME}/blobs/uploads/x?digest={blob}"),
        ("DELETE", f"/v2/{NAME}/blobs/uploads/x"),
        ("DELETE", f"/v2/{NAME}/blobs/{blob}"),
        ("DELETE", f"/v2/{NAME}/manifests/{digest}"),
        ("GET", f"/v2/{NAME}/manifests/v1"),
        ("HEAD", f"/v2/{NAME}/manifests/v1"),
        *(("GET", path) for path in parts(OTHER) if path not in parts()),
        *(("GET", path) for path in parts(name="team/other")),
        ("GET", f"/v2/team/none/manifests/{digest}"),
    ]
    with scanner(one) as client:
        for method, path in asked:
            answer = client.request(method, path)
            assert answer.status_code == 403, (method, path)
            if method != "HEAD":
                assert answer.json()["errors"][0]["code"] == "DENIED"
        assert put_manifest(client, NAME, IMAGE, "stolen").status_code == 403
        assert client.get("/v2/nothing").status_code in {401, 404}
        for path in ("/", "/api/v1/usage"):
            assert client.post(path).status_code in {400, 401, 403, 404, 405}
    assert one.stored() == before


def test_it_is_no_password_of_a_person(one: Registry) -> None:
    with one.anyone({"authorization": basic(password(one))}) as client:
        assert client.get(parts()[0]).status_code == 401
    with one.anyone({"authorization": basic(one.token(), USERNAME)}) as client:
        assert client.get(parts()[0]).status_code == 401


@pytest.mark.parametrize("text", ["", "rubbish", "AAAA" * 20, "A" * 20_000, "é"])
def test_what_nobody_issued(one: Registry, text: str) -> None:
    with scanner(one, text or ":") as client:
        assert client.get(parts()[0]).status_code == 401


def test_for_minutes_alone(one: Registry) -> None:
    with scanner(one, password(one, lifetime=-MINUTE)) as client:
        answer = client.get(parts()[0])
    assert (answer.status_code, answer.json()["errors"][0]["code"]) == (403, "DENIED")


def test_another_server_makes_no_pass(one: Registry, open_one: OpenRegistry) -> None:
    other = open_one()
    text = Passes(b"x" * 32).issue(Pass(SCOPE, NAME, Digest.parse(IMAGE.digest)), MINUTE)
    with pytest.raises(Unauthenticated):
        passes_of(one.ground).from_basic(basic(text, USERNAME).removeprefix("Basic "))
    later = passes_of(other.ground).issue(
        Pass(SCOPE, NAME, Digest.parse(IMAGE.digest)), timedelta(0)
    )
    with pytest.raises(TokenExpired):
        passes_of(other.ground).from_basic(basic(later, USERNAME).removeprefix("Basic "))


def test_a_registry_that_the_host_name_does_not_tell(one: Registry) -> None:
    theirs = Scope("210987654321", REGION)
    repository: Repository = one.repositories.create(theirs, NAME)
    for blob in IMAGE.blobs:
        one.hold_blob(repository, blob.content)
    one.images.put(repository, IMAGE.manifest, IMAGE.media_type)
    one.repositories.delete(SCOPE, NAME, force=True)
    with scanner(one, password(one, scope=theirs)) as client:
        assert [client.get(path).status_code for path in parts()] == [200] * 4
    with scanner(one) as client:
        assert client.get(parts()[0]).status_code == 404


def test_it_is_no_pull_and_the_audit_log_has_it(open_one: OpenRegistry) -> None:
    one = open_one(event_pulls=True)
    one.create(NAME)
    one.hold(NAME, IMAGE, "v1")
    assert one.ground.audit is not None
    one.ground.audit.start(lambda _count: None)
    with scanner(one) as client:
        for path in parts():
            client.get(path)
        client.get("/v2/_catalog")
    assert one.ground.pulls.flush(everything=True) == 0
    repository = one.repositories.get(SCOPE, NAME)
    image = one.images.get(repository, Digest.parse(IMAGE.digest)).image
    assert image.pulled_at is None
    one.ground.audit.close()
    (log,) = Path(one.settings.audit_path).glob("*.jsonl*")
    lines = [json.loads(line) for line in log.read_text().splitlines()]
    assert len(lines) == 5
    for line in lines[:4]:
        assert line["userIdentity"] == {"type": "AWSService", "invokedBy": "moorage scanner"}
        assert line["decision"] == {"allowed": True, "reason": "the server's own scanner"}
        assert line["recipientAccountId"] == ACCOUNT
    assert lines[4]["decision"]["allowed"] is False
    assert password(one) not in log.read_text()
