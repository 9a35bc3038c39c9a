"""`/api/v1/deleted`, `protection`, `usage`, `quotas`: what they tell and do, and for whom."""

from __future__ import annotations

from typing import Any
from urllib.parse import quote

import pytest

from registry.api import deleted as deleted_api
from registry.api import usage as usage_api
from registry.domain.undelete import Undelete
from registry.values.digest import Digest
from tests import images
from tests.api.signed import refused, send
from tests.application import ACCOUNT, REGION, SCOPE, Registry, allow, on
from tests.identities import OTHER
from tests.oci.bodies import Unchanged

NAME = "team/app"
QUOTED = quote(NAME, safe="")
IMAGE = images.oci_image(images.layer({"a": b"a"}))
BYTES = sum(len(blob.content) for blob in IMAGE.blobs)
DENIED = (403, "Denied")
QUOTAS = f"arn:aws:ecr:{REGION}:{ACCOUNT}:quotas"


@pytest.fixture
def held(registry: Registry) -> Registry:
    """With a deleted image: number 1."""
    registry.create(NAME)
    registry.hold(NAME, IMAGE, "v1")
    registry.images.delete(registry.repositories.get(SCOPE, NAME), Digest.parse(IMAGE.digest))
    return registry


def listed(registry: Registry, query: str = "") -> list[dict[str, Any]]:
    found: list[dict[str, Any]] = send(registry, "GET", f"deleted{query}").json()["deleted"]
    return found


class TestDeleted:
    def test_an_image_listed_shown_and_brought_back(self, held: Registry) -> None:
        (item,) = listed(held)
        assert item.pop("deletedAt") < item.pop("until")
        assert item == {
            "id": 1, "kind": "image", "repositoryName": NAME, "imageDigest": IMAGE.digest,
            "imageTags": ["v1"], "imageCount": 1, "bytes": BYTES,
        }  # fmt: skip
        assert listed(held, "?repositoryName=team%2Fother") == []
        shown = send(held, "GET", "deleted/1").json()
        assert shown["images"] == [{"imageDigest": IMAGE.digest, "imageTags": ["v1"]}]
        assert send(held, "POST", "deleted/1/restore", {}).json() == {
            "repositoryName": NAME, "imageDigests": [IMAGE.digest], "imageTags": ["v1"],
            "takenTags": [],
        }  # fmt: skip
        assert listed(held) == []
        with held.http() as client:
            assert client.get(f"/v2/{NAME}/manifests/v1").content == IMAGE.manifest

    def test_a_repository_under_another_name(self, held: Registry) -> None:
        held.repositories.delete(SCOPE, NAME, force=True)
        held.create(NAME)
        answer = send(held, "POST", "deleted/2/restore", {})
        assert refused(answer)[:2] == (409, "RepositoryExists")
        answer = send(held, "POST", "deleted/2/restore", {"repositoryName": "team/before"})
        assert answer.json()["repositoryName"] == "team/before"

    def test_given_up(self, held: Registry) -> None:
        assert send(held, "DELETE", "deleted/1").json()["id"] == 1
        for method, path in (("GET", "1"), ("POST", "1/restore"), ("DELETE", "1")):
            answer = send(held, method, f"deleted/{path}")
            assert refused(answer)[:2] == (404, "RestingNotFound")

    def test_pages(self, held: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(deleted_api, "PAGE", 2)
        for _ in range(4):
            held.hold(NAME, IMAGE, "v1")
            held.images.untag(held.repositories.get(SCOPE, NAME), "v1")
        found, query = [], ""
        while True:
            answer = send(held, "GET", f"deleted{query}").json()
            found += [item["id"] for item in answer["deleted"]]
            if "nextToken" not in answer:
                break
            query = f"?nextToken={quote(answer['nextToken'], safe='')}"
        assert found == [5, 4, 3, 2, 1]

    @pytest.mark.parametrize(
        ("method", "path", "document"),
        [("GET", "deleted/x", None), ("GET", "deleted/-1", None),
         ("GET", "deleted/" + "9" * 30, None),
         ("POST", "deleted/1/restore", {"repositoryName": "Team"}),
         ("POST", "deleted/1/restore", {"repositoryName": 1}),
         ("POST", "deleted/1/restore", {"name": "team/x"}),
         ("GET", "deleted?repositoryName=Team", None), ("GET", "deleted?nextToken=x", None)],
    )  # fmt: skip
    def test_what_cannot_be(self, held: Registry, method: str, path: str, document: Any) -> None:
        with Unchanged(held):
            assert refused(send(held, method, path, document))[0] == 400

    def test_who_may(self, held: Registry) -> None:
        calls = [
            ("GET", "deleted", "ListDeleted"),
            ("GET", "deleted/1", "ListDeleted"),
            ("POST", "deleted/1/restore", "Undelete"),
            ("DELETE", "deleted/1", "DiscardDeleted"),
        ]
        nobody = held.user("nobody", allow("ecr:*", resource=on("team/other")))
        foreign = held.user("foreign", allow("*"), account=OTHER)
        for method, path, action in calls:
            with Unchanged(held):
                status, code, message = refused(send(held, method, path, key=nobody))
                assert (status, code) == DENIED
                assert f"ecr:{action} on resource: {on('*')}" in message
                if path != "deleted":  # and no word of what is not there
                    other = send(held, method, path.replace("1", "999"), key=nobody)
                    assert refused(other) == (status, code, message)
                    assert refused(send(held, method, path, key=foreign))[0] == 404
        assert send(held, "GET", "deleted", key=foreign).json() == {"deleted": []}
        mine = held.user("mine", allow("ecr:ListDeleted", "ecr:Undelete", resource=on(NAME)))
        assert refused(send(held, "GET", "deleted", key=mine))[:2] == DENIED
        for path in (f"deleted?repositoryName={QUOTED}", "deleted/1"):
            assert send(held, "GET", path, key=mine).status_code == 200
        renamed = send(held, "POST", "deleted/1/restore", {"repositoryName": "team/x"}, mine)
        assert refused(renamed)[:2] == DENIED
        assert send(held, "POST", "deleted/1/restore", key=mine).status_code == 200

    def test_each_tag_is_decided_on(self, held: Registry) -> None:
        statement = (
            '{"Effect": "Deny", "Action": "ecr:Undelete", "Resource": "*",'
            ' "Condition": {"StringLike": {"ecr:ImageTag": "v*"}}}'
        )
        denied = '{"Version": "2012-10-17", "Statement": [' + statement + "]}"
        ada = held.user("ada", allow("ecr:*"), denied)
        assert refused(send(held, "POST", "deleted/1/restore", key=ada))[:2] == DENIED
        assert len(Undelete(held.ground.database).page(SCOPE, None, None, 9)) == 1


class TestProtection:
    PATH = f"protection?repositoryName={QUOTED}"

    def test_set_and_shown(self, held: Registry) -> None:
        document = {"protected": True, "tags": ["v*"]}
        expected = {"repositoryName": NAME, "byResourceTag": False, **document}
        assert send(held, "PUT", self.PATH, document).json() == expected
        assert send(held, "PUT", self.PATH, {}).json() == expected
        assert send(held, "GET", self.PATH).json() == expected
        assert send(held, "PUT", self.PATH, {"tags": []}).json() == {**expected, "tags": []}
        assert send(held, "PUT", self.PATH, {"protected": False}).json()["protected"] is False

    @pytest.mark.parametrize(
        "document", [{"tags": [1]}, {"tags": ["a b"]}, {"tags": "v*"}, {"protected": 1}, {"x": 1}]
    )
    def test_what_cannot_be(self, held: Registry, document: Any) -> None:
        with Unchanged(held):
            assert refused(send(held, "PUT", self.PATH, document))[:2] == (400, "ParameterInvalid")
            assert refused(send(held, "GET", "protection"))[0] == 400
            answer = send(held, "GET", "protection?repositoryName=team%2Fnone")
            assert refused(answer)[:2] == (404, "RepositoryNotFound")

    def test_who_may(self, held: Registry) -> None:
        reader = held.user("reader", allow("ecr:GetProtection", resource=on(NAME)))
        assert send(held, "GET", self.PATH, key=reader).status_code == 200
        with Unchanged(held):
            answer = send(held, "PUT", self.PATH, {"protected": False}, reader)
            assert refused(answer)[:2] == DENIED


class TestUsage:
    def test_shown_in_pages(self, held: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
        monkeypatch.setattr(usage_api, "PAGE", 1)
        held.create("team/other")
        first = send(held, "GET", "usage").json()
        token = first.pop("nextToken")
        assert first == {
            "repositories": [{"repositoryName": NAME, "bytes": 0, "imageCount": 0}],
            "usedBytes": 0, "restingBytes": BYTES, "storedBytes": BYTES, "arrivingBytes": 0,
        }  # fmt: skip
        second = send(held, "GET", f"usage?nextToken={quote(token, safe='')}").json()
        assert [each["repositoryName"] for each in second["repositories"]] == ["team/other"]
        assert "nextToken" not in second
        nobody = held.user("nobody", allow("ecr:*", resource=on(NAME)))
        assert refused(send(held, "GET", "usage", key=nobody))[:2] == DENIED

    def test_limits_from_their_setting_to_their_end(self, held: Registry) -> None:
        path = f"quotas/{ACCOUNT}"
        none = dict.fromkeys(("accountBytes", "repositoryBytes", "images", "repositories"))
        assert send(held, "GET", path).json() == {"limits": none, "own": []}
        given = {"accountBytes": 0, "images": None}
        answer = send(held, "PUT", path, given).json()
        assert answer == {"limits": {**none, **given}, "own": ["accountBytes", "images"]}
        with held.http() as client:
            assert client.post(f"/v2/{NAME}/blobs/uploads/").status_code == 403
        mine = f"{path}?repositoryName={QUOTED}"
        answer = send(held, "PUT", mine, {"repositoryBytes": 0}).json()
        assert answer == {
            "limits": {"repositoryBytes": 0, "images": None},
            "own": ["repositoryBytes"],
        }
        assert send(held, "DELETE", mine).json()["own"] == []
        assert send(held, "DELETE", path).json() == {"limits": none, "own": []}

    @pytest.mark.parametrize(
        ("path", "document"),
        [(ACCOUNT, {}), (ACCOUNT, {"x": 1}), (ACCOUNT, {"images": -1}), (ACCOUNT, {"images": "1"}),
         (ACCOUNT, {"images": True}), (ACCOUNT, {"images": 1 << 80}), ("x", {"images": 1}),
         (f"{ACCOUNT}?repositoryName={QUOTED}", {"accountBytes": 1}),
         (f"{ACCOUNT}?repositoryName=Team", {"images": 1})],
    )  # fmt: skip
    def test_what_cannot_be(self, held: Registry, path: str, document: Any) -> None:
        with Unchanged(held):
            assert refused(send(held, "PUT", f"quotas/{path}", document))[0] == 400

    def test_nobody_lifts_limits_of_their_own(self, held: Registry) -> None:
        tenant = held.user("tenant", allow("*"), account=OTHER)
        assert send(held, "PUT", f"quotas/{OTHER}", {"accountBytes": 1}).status_code == 200
        found = send(held, "GET", f"quotas/{OTHER}", key=tenant).json()
        assert found["limits"]["accountBytes"] == 1
        with Unchanged(held):
            for method, document in (("PUT", {"accountBytes": None}), ("DELETE", None)):
                answer = send(held, method, f"quotas/{OTHER}", document, tenant)
                assert refused(answer)[:2] == DENIED
            assert refused(send(held, "GET", f"quotas/{ACCOUNT}", key=tenant))[:2] == DENIED
        clerk = held.user("clerk", allow("ecr:PutQuotas", resource=f"{QUOTAS}/{OTHER}"))
        answer = send(held, "PUT", f"quotas/{OTHER}", {"accountBytes": 2}, clerk)
        assert answer.status_code == 200
        answer = send(held, "PUT", f"quotas/{ACCOUNT}", {"accountBytes": 2}, clerk)
        assert refused(answer)[:2] == DENIED
