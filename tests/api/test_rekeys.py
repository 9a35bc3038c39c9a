"""`/api/v1/rekeys`: moves to another key, started, shown and stopped, and by whom."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from registry.api import rekeys
from registry.values.scope import Scope
from tests import images
from tests.api.signed import refused, send
from tests.application import ACCOUNT, SCOPE, Registry, allow, on
from tests.domain.moved import check_readable, keys_of, run
from tests.identities import OTHER
from tests.oci.bodies import Unchanged

NAME = "team/app"
ONE = f"rekeys?repositoryName={quote(NAME, safe='')}"
IMAGE = images.oci_image(images.layer({"a": b"a"}))
BYTES = sum(len(blob.content) for blob in IMAGE.blobs)
DENIED = (403, "Denied")


@pytest.fixture
def key(registry: Registry) -> str:
    """The ARN of a key to move to, and an image that moves."""
    registry.create(NAME)
    registry.hold(NAME, IMAGE, "v1")
    return registry.ground.keys.create("payments", "alias/payments").arn


def asked(name: str = NAME, key: str | None = "alias/payments") -> dict[str, Any]:
    more = {"kmsKey": key} if key else {}
    return {"repositoryName": name, "encryptionConfiguration": {"encryptionType": "KMS", **more}}


def test_from_its_start_to_its_end(registry: Registry, key: str) -> None:
    before = registry.ground.keys.describe(registry.repositories.get(SCOPE, NAME).key_id).arn
    (started,) = send(registry, "POST", "rekeys", asked()).json()["rekeys"]
    begun = started.pop("startedAt")
    assert started == {
        "repositoryName": NAME, "fromKey": before, "toKey": key, "status": "IN_PROGRESS",
        "movedBlobs": 0, "movedBytes": 0, "movedManifests": 0,
        "leftBlobs": 2, "leftBytes": BYTES, "leftManifests": 1, "leftUploads": 0,
    }  # fmt: skip
    assert run(registry) == [NAME]
    (ended,) = send(registry, "GET", ONE).json()["rekeys"]
    assert (ended.pop("startedAt"), ended.pop("finishedAt") > begun) == (begun, True)
    assert ended == {
        **started, "status": "COMPLETE", "movedBlobs": 2, "movedBytes": BYTES,
        "movedManifests": 1, "leftBlobs": 0, "leftBytes": 0, "leftManifests": 0,
    }  # fmt: skip
    check_readable(registry, NAME, IMAGE, "v1")


def test_stopped_and_gone_on_with(registry: Registry, key: str) -> None:
    send(registry, "POST", "rekeys", asked())
    old = keys_of(registry)
    (stopped,) = send(registry, "DELETE", ONE).json()["rekeys"]
    assert (stopped["status"], stopped["leftBlobs"]) == ("STOPPED", 2)
    assert run(registry) == []
    assert keys_of(registry) == old
    check_readable(registry, NAME, IMAGE, "v1")
    (again,) = send(registry, "POST", "rekeys", asked()).json()["rekeys"]
    assert (again["status"], again["startedAt"]) == ("IN_PROGRESS", stopped["startedAt"])
    assert run(registry) == [NAME]
    assert keys_of(registry) == {key.rpartition("/")[2]}
    (ended,) = send(registry, "DELETE", ONE).json()["rekeys"]
    assert ended["status"] == "COMPLETE"


def test_all_of_a_registry_in_pages(
    registry: Registry, key: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(rekeys, "PAGE", 1)
    registry.create("team/other")
    registry.repositories.create(Scope(OTHER, SCOPE.region), NAME)
    assert send(registry, "GET", "rekeys").json() == {"rekeys": []}
    for name in (NAME, "team/other"):
        send(registry, "POST", "rekeys", asked(name))
    first = send(registry, "GET", "rekeys").json()
    second = send(registry, "GET", f"rekeys?nextToken={quote(first['nextToken'], safe='')}").json()
    assert "nextToken" not in second
    shown = [*first["rekeys"], *second["rekeys"]]
    assert [each["repositoryName"] for each in shown] == [NAME, "team/other"]
    assert {each["toKey"] for each in shown} == {key}


def test_back_to_the_servers_own_key(registry: Registry, key: str) -> None:
    send(registry, "POST", "rekeys", asked())
    own = {"repositoryName": NAME, "encryptionConfiguration": {"encryptionType": "AES256"}}
    (back,) = send(registry, "POST", "rekeys", own).json()["rekeys"]
    assert back["fromKey"] == key
    assert registry.repositories.get(SCOPE, NAME).encryption_type == "AES256"


@pytest.mark.parametrize(
    ("document", "refusal"),
    [
        ({}, (400, "ParameterInvalid")),
        ({"repositoryName": NAME}, (400, "ParameterInvalid")),
        ({**asked(), "x": 1}, (400, "ParameterInvalid")),
        ({**asked(), "encryptionConfiguration": {"encryptionType": "X"}},
         (400, "ParameterInvalid")),
        ({**asked(), "encryptionConfiguration": {"encryptionType": "KMS", "kmsKey": 1}},
         (400, "ParameterInvalid")),
        ({**asked(), "encryptionConfiguration": {"encryptionType": "KMS", "key": "x"}},
         (400, "ParameterInvalid")),
        ({**asked(), "encryptionConfiguration": {"encryptionType": "AES256", "kmsKey": "x"}},
         (400, "ParameterInvalid")),
        (asked(key="alias/none"), (404, "KeyNotFound")),
        (asked("team/none"), (404, "RepositoryNotFound")),
        (asked("Team"), (400, "NameInvalid")),
    ],
)  # fmt: skip
def test_what_cannot_be(
    registry: Registry, key: str, document: Any, refusal: tuple[int, str]
) -> None:
    with Unchanged(registry):
        assert refused(send(registry, "POST", "rekeys", document))[:2] == refusal
        assert refused(send(registry, "DELETE", "rekeys"))[:2] == (400, "ParameterInvalid")
        missing = send(registry, "GET", "rekeys?repositoryName=team%2Fnone")
        assert refused(missing)[:2] == (404, "RepositoryNotFound")


def test_a_key_that_is_disabled_is_refused(registry: Registry, key: str) -> None:
    registry.ground.keys.disable(key.rpartition("/")[2])
    with Unchanged(registry):
        answer = send(registry, "POST", "rekeys", asked())
        assert answer.status_code == 403
        assert "disabled" in refused(answer)[2]


def test_who_may(registry: Registry, key: str) -> None:
    every = {"StartRekey": ("POST", "rekeys", asked()), "DescribeRekeys": ("GET", ONE, None),
             "StopRekey": ("DELETE", ONE, None)}  # fmt: skip
    for action, (method, path, document) in every.items():
        others = [f"ecr:{other}" for other in every if other != action]
        ada = registry.user(f"not-{action}", allow(*others, "kms:*"))
        with Unchanged(registry):
            status, code, message = refused(send(registry, method, path, document, ada))
            assert (status, code) == DENIED
            assert f"ecr:{action} on resource: {on(NAME)}" in message
    one = registry.user("one", allow("ecr:*", resource=on(NAME)))
    assert send(registry, "GET", ONE, key=one).json() == {"rekeys": []}
    assert refused(send(registry, "GET", "rekeys", key=one))[:2] == DENIED
    with Unchanged(registry):
        status, _, message = refused(send(registry, "POST", "rekeys", asked(), one))
        assert status == 403
        assert "kms:DescribeKey" in message
        assert ACCOUNT in message
