"""`POST /api/v1/copy`: what it copies, who may, and what it refuses."""

from __future__ import annotations

import json
from typing import Any

import pytest

from registry.api import copying as module
from registry.domain.identities.directory import AccessKey
from registry.domain.repositories import Repository
from registry.values.scope import Scope
from tests import images
from tests.api.signed import refused, send
from tests.application import ACCOUNT, REGION, SCOPE, OpenRegistry, Registry, allow, on
from tests.domain.copying.places import check_pullable, content
from tests.identities import OTHER
from tests.oci.bodies import Unchanged

INDEX = images.multi_arch()
PLAIN = images.oci_image(images.layer({"b": b"plain"}))
READ = ("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer")
WRITE = (
    "ecr:InitiateLayerUpload", "ecr:UploadLayerPart", "ecr:CompleteLayerUpload", "ecr:PutImage",
)  # fmt: skip
FROM, TO = {"repositoryName": "team/app"}, {"repositoryName": "other/app"}


def order(**more: Any) -> dict[str, Any]:
    return {"source": FROM, "target": TO, "imageIds": [{"imageTag": "v1"}]} | more


@pytest.fixture
def source(registry: Registry) -> Repository:
    repository = registry.create("team/app")
    registry.hold("team/app", INDEX, "v1")
    registry.hold("team/app", PLAIN, "plain")
    return repository


@pytest.fixture
def target(registry: Registry) -> Repository:
    return registry.create("other/app")


def test_by_tag_and_by_digest(registry: Registry, source: Repository, target: Repository) -> None:
    ids = [{"imageTag": "v1"}, {"imageDigest": PLAIN.digest}, {"imageTag": "none"}]
    answer = send(registry, "POST", "copy", order(imageIds=ids))
    assert answer.status_code == 200
    assert answer.headers["content-type"] == "application/json"
    linked = sum(len(blob.content) for child in INDEX.children for blob in child.blobs)
    assert answer.json()["copied"] == [
        {"imageId": {"imageTag": "v1", "imageDigest": INDEX.digest}, "tags": ["v1"],
         "newManifests": 3, "linkedBytes": linked, "sealedBytes": 0},
        {"imageId": {"imageDigest": PLAIN.digest}, "tags": ["plain"], "newManifests": 1,
         "linkedBytes": sum(len(blob.content) for blob in PLAIN.blobs), "sealedBytes": 0},
    ]  # fmt: skip
    (failed,) = answer.json()["failures"]
    assert failed["imageId"] == {"imageTag": "none"}
    assert failed["failureCode"] == "ImageNotFound"
    check_pullable(registry, target, INDEX)


def test_a_tag_of_ones_own_and_a_move(
    registry: Registry, source: Repository, target: Repository
) -> None:
    there = TO | {"imageTag": "stable"}
    answer = send(registry, "POST", "copy", order(target=there, move=True))
    assert answer.json()["failures"] == []
    assert content(registry, target)[INDEX.digest] == {"stable"}
    assert set(content(registry, source)) == {PLAIN.digest}


def test_all_in_steps(
    registry: Registry, source: Repository, target: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "SECONDS_MAX", -1)
    asked: dict[str, Any] = {"source": FROM, "target": TO, "all": True}
    seen, token = [], None
    for _ in range(10):
        answer = send(registry, "POST", "copy", asked | ({"nextToken": token} if token else {}))
        seen += [each["imageId"]["imageDigest"] for each in answer.json()["copied"]]
        token = answer.json().get("nextToken")
        if token is None:
            break
    assert seen == [*(child.digest for child in INDEX.children), INDEX.digest, PLAIN.digest]
    assert content(registry, target) == content(registry, source)
    crossed = asked | {"target": FROM, "source": TO, "nextToken": "x"}
    assert refused(send(registry, "POST", "copy", crossed))[1] == "ParameterInvalid"


def test_a_target_that_is_missing(registry: Registry, source: Repository) -> None:
    assert refused(send(registry, "POST", "copy", order()))[:2] == (404, "RepositoryNotFound")
    assert send(registry, "POST", "copy", order(create=True)).json()["failures"] == []
    check_pullable(registry, registry.repositories.get(SCOPE, "other/app"), INDEX)


def test_between_regions(open_one: OpenRegistry) -> None:
    registry = open_one(regions="eu-west-1")
    registry.create("team/app")
    registry.hold("team/app", INDEX, "v1")
    there = FROM | {"region": "eu-west-1"}
    answer = send(registry, "POST", "copy", order(target=there, create=True))
    assert answer.json()["failures"] == []
    check_pullable(
        registry, registry.repositories.get(Scope(ACCOUNT, "eu-west-1"), "team/app"), INDEX
    )
    back = order(source={"repositoryName": "team/app"}, target=TO | {"region": REGION}, create=True)
    assert send(registry, "POST", "copy", back, region="eu-west-1").json()["failures"] == []


class TestBetweenAccounts:
    """The other account's policies must let one in, as ever."""

    @pytest.fixture
    def bob(self, registry: Registry) -> AccessKey:
        registry.repositories.create(Scope(OTHER, REGION), "other/app")
        return registry.user("bob", allow("ecr:*"), account=OTHER)

    def test_only_where_both_sides_allow(
        self, registry: Registry, source: Repository, bob: AccessKey
    ) -> None:
        asked = order(source=FROM | {"registryId": ACCOUNT})
        with Unchanged(registry):
            assert refused(send(registry, "POST", "copy", asked, bob))[:2] == (403, "Denied")
        statement = {"Effect": "Allow", "Principal": {"AWS": OTHER}, "Action": list(READ)}
        text = json.dumps({"Version": "2012-10-17", "Statement": [statement]})
        registry.repositories.set_policy(source, text)
        assert send(registry, "POST", "copy", asked, bob).json()["failures"] == []
        theirs = registry.repositories.get(Scope(OTHER, REGION), "other/app")
        check_pullable(registry, theirs, INDEX)
        with Unchanged(registry):
            moved = asked | {"move": True}
            assert refused(send(registry, "POST", "copy", moved, bob))[:2] == (403, "Denied")


ENOUGH = [(READ, "team/app"), (WRITE, "other/app")]


def some(registry: Registry, name: str, *parts: tuple[tuple[str, ...], str]) -> AccessKey:
    return registry.user(name, *(allow(*actions, resource=on(where)) for actions, where in parts))


@pytest.mark.usefixtures("source", "target")
class TestAuthorization:
    def test_each_action_is_needed(self, registry: Registry) -> None:
        assert send(
            registry, "POST", "copy", order(), some(registry, "enough", *ENOUGH)
        ).json()["failures"] == []  # fmt: skip
        for number, (actions, where) in enumerate(ENOUGH):
            for action in actions:
                rest = tuple(each for each in actions if each != action)
                parts = [ENOUGH[1 - number], (rest, where)]
                key = some(registry, f"no-{action[4:]}", *parts)
                for name in ("other/app", "other/non"):
                    asked = order(target={"repositoryName": name}) if number == 0 else order()
                    status, code, message = refused(send(registry, "POST", "copy", asked, key))
                    assert (status, code) == (403, "Denied")
                    if number or name == "other/app":
                        assert action in message

    @pytest.mark.parametrize(
        ("more", "action"),
        [
            ({"move": True}, "ecr:BatchDeleteImage"),
            ({"create": True}, "ecr:CreateRepository"),
            ({"imageIds": None, "all": True}, "ecr:ListImages"),
        ],
    )
    def test_more_takes_more(self, registry: Registry, more: Any, action: str) -> None:
        asked = {name: value for name, value in order(**more).items() if value is not None}
        key = some(registry, "enough", *ENOUGH)
        with Unchanged(registry):
            answer = refused(send(registry, "POST", "copy", asked, key))
        assert answer[:2] == (403, "Denied")
        assert action in answer[2]

    def test_a_refusal_does_not_tell_what_is_there(self, registry: Registry) -> None:
        stranger = registry.user("stranger")
        for member in ("source", "target"):
            answers = []
            for name in ("team/app", "team/non"):
                asked = order(**{member: {"repositoryName": name}})
                text = send(registry, "POST", "copy", asked, stranger).text
                assert '"Denied"' in text
                answers.append(text.replace(name, "team/app"))
            assert answers[0] == answers[1]

    def test_a_tag_that_may_not_be_written_is_not_by_digest_either(
        self, registry: Registry, target: Repository
    ) -> None:
        no = json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "ecr:*", "Resource": "*"},
            {"Effect": "Deny", "Action": "ecr:PutImage", "Resource": on("other/app"),
             "Condition": {"StringEquals": {"ecr:ImageTag": "v1"}}},
        ]})  # fmt: skip
        key = registry.user("careful", no)
        assert refused(send(registry, "POST", "copy", order(), key))[:2] == (403, "Denied")
        by_digest = order(imageIds=[{"imageDigest": INDEX.digest}])
        (failed,) = send(registry, "POST", "copy", by_digest, key).json()["failures"]
        assert failed["failureCode"] == "Denied"
        assert content(registry, target) == {}
        renamed = order(target=TO | {"imageTag": "v2"})
        assert send(registry, "POST", "copy", renamed, key).json()["failures"] == []

    def test_a_tag_that_may_not_be_deleted_is_not_moved(
        self, registry: Registry, source: Repository, target: Repository
    ) -> None:
        no = json.dumps({"Version": "2012-10-17", "Statement": [
            {"Effect": "Allow", "Action": "ecr:*", "Resource": "*"},
            {"Effect": "Deny", "Action": "ecr:BatchDeleteImage", "Resource": "*",
             "Condition": {"StringEquals": {"ecr:ImageTag": "v1"}}},
        ]})  # fmt: skip
        key, before = registry.user("careful", no), content(registry, source)
        for ids in ([{"imageTag": "v1"}], [{"imageDigest": INDEX.digest}]):
            send(registry, "POST", "copy", order(imageIds=ids, move=True), key)
            assert content(registry, source) == before
            assert content(registry, target) == {}


@pytest.mark.parametrize(
    ("wrong", "named"),
    [
        ({"images": []}, "images"),
        ({"source": "team/app"}, "source"),
        ({"source": {}}, "source.repositoryName"),
        ({"source": {"repositoryName": "Team"}}, "repository name"),
        ({"source": FROM | {"region": "eu-west-9"}}, "source.region"),
        ({"target": TO | {"region": 1}}, "target.region"),
        ({"target": TO | {"registryId": "1"}}, "target.registryId"),
        ({"target": TO | {"digest": "x"}}, "target.digest"),
        ({"target": TO | {"imageTag": "-x"}}, "tag"),
        ({"imageIds": []}, "imageIds"),
        ({"imageIds": None}, "imageIds or all"),
        ({"imageIds": ["v1"]}, "imageIds"),
        ({"imageIds": [{"imageTag": "v1", "imageDigest": "x"}]}, "imageIds"),
        ({"imageIds": [{"imageDigest": "x"}]}, "digest"),
        ({"imageIds": [{"imageTag": "v1"}] * 101}, "100"),
        ({"all": True}, "imageIds or all"),
        ({"move": "yes"}, "move"),
        ({"referrers": 1}, "referrers"),
        ({"target": FROM}, "one repository"),
        (
            {"target": TO | {"imageTag": "x"}, "imageIds": [{"imageTag": "v1"}] * 2},
            "several",
        ),
    ],
)
def test_what_cannot_be(
    registry: Registry, source: Repository, target: Repository, wrong: Any, named: str
) -> None:
    with Unchanged(registry):
        status, code, message = refused(send(registry, "POST", "copy", order(**wrong)))
    assert status == 400
    assert code in {"ParameterInvalid", "NameInvalid", "TagInvalid", "DigestInvalid"}
    assert named in message


def test_at_most_a_few_at_once(
    registry: Registry, source: Repository, target: Repository, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "AT_ONCE", 0)
    crowded = registry.beside()
    status, code, message = refused(send(crowded, "POST", "copy", order()))
    crowded.close()
    assert (status, code) == (503, "Unavailable")
    assert "try again" in message
