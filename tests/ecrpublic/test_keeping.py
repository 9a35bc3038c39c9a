"""Public repositories and what keeps them: undelete, protection, gates, for whoever pulls."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any
from urllib.parse import quote

import httpx
import pytest

from tests import images
from tests.api.signed import refused, send
from tests.application import ACCOUNT, Registry, allow
from tests.commands.running import moorage, result_of
from tests.ecr.calls import refusal
from tests.ecrpublic.calls import ARN, NAME, hold, path_of, public

IMAGE = images.multi_arch()
SIGNED = images.artifact("application/vnd.example", b"{}", subject=IMAGE.children[0])
GATE = {"repositories": ["tools/*"], "unsigned": "refuse"}
DENIED = (403, "Denied")


@pytest.fixture
def path(registry: Registry) -> str:
    """Where anybody pulls an index from, tagged, with a referrer."""
    public(registry).create_repository(
        repositoryName=NAME, catalogData={"description": "Says hello"}
    )
    hold(registry, IMAGE, "v1")
    hold(registry, SIGNED)
    return f"/v2/{path_of(registry)}"


def pull(registry: Registry, path: str, reference: str = "v1") -> httpx.Response:
    """By nobody."""
    with registry.anyone() as client:
        return client.get(f"{path}/manifests/{reference}")


def whole(registry: Registry, path: str) -> bool:
    """Whether anybody can pull all of it."""
    child = IMAGE.children[0]
    with registry.anyone() as client:
        answers = [
            client.get(f"{path}/manifests/v1"),
            client.get(f"{path}/manifests/{child.digest}"),
            client.get(f"{path}/blobs/{child.blobs[1].digest}"),
            client.get(f"{path}/referrers/{child.digest}"),
        ]
    contents = [IMAGE.manifest, child.manifest, child.blobs[1].content]
    listed = SIGNED.digest.encode() in answers[3].content
    return listed and [each.content for each in answers[:3]] == contents


def by_request(registry: Registry, number: int) -> None:
    (item,) = send(registry, "GET", "deleted?registry=public").json()["deleted"]
    assert (item["id"], item["repositoryName"]) == (number, NAME)
    assert send(registry, "GET", "deleted").json() == {"deleted": []}
    assert refused(send(registry, "GET", f"deleted/{number}"))[0] == 404
    answer = send(registry, "POST", f"deleted/{number}/restore?registry=public", {})
    assert answer.json()["repositoryName"] == NAME


def by_command(registry: Registry, number: int) -> None:
    data = registry.settings.data
    assert moorage(data, "undelete", "list") == ""
    assert moorage(data, "undelete", "list", "--public").startswith(f"{number}  ")
    assert moorage(data, "undelete", "show", number, "--public").startswith(f"{number}  ")
    assert result_of(data, "undelete", "restore", number).exit_code == 1
    assert "back" in moorage(data, "undelete", "restore", number, "--public")


@pytest.mark.parametrize("way", [by_request, by_command])
class TestUndelete:
    def test_a_repository(
        self, registry: Registry, path: str, way: Callable[[Registry, int], None]
    ) -> None:
        assert whole(registry, path)
        public(registry).delete_repository(repositoryName=NAME, force=True)
        assert pull(registry, path).status_code == 404
        way(registry, 1)
        assert whole(registry, path)
        (shown,) = public(registry).describe_repositories()["repositories"]
        assert shown["repositoryArn"] == ARN
        data = public(registry).get_repository_catalog_data(repositoryName=NAME)["catalogData"]
        assert data["description"] == "Says hello"
        with registry.anyone() as client:
            assert NAME in client.get("/gallery").text

    def test_an_image(
        self, registry: Registry, path: str, way: Callable[[Registry, int], None]
    ) -> None:
        child = {"imageDigest": IMAGE.digest}
        gone = public(registry).batch_delete_image(repositoryName=NAME, imageIds=[child])
        assert gone["failures"] == []
        assert pull(registry, path).status_code == 404
        way(registry, 1)
        assert whole(registry, path)
        details = public(registry).describe_image_tags(repositoryName=NAME)["imageTagDetails"]
        assert [each["imageTag"] for each in details] == ["v1"]


def test_who_may_bring_back(registry: Registry, path: str) -> None:
    public(registry).delete_repository(repositoryName=NAME, force=True)
    private = registry.user("private", allow("ecr:*"))
    asked = "deleted/1/restore?registry=public"
    status, code, message = refused(send(registry, "POST", asked, {}, private))
    assert (status, code) == DENIED
    assert f"ecr-public:Undelete on resource: arn:aws:ecr-public::{ACCOUNT}:repository/*" in message
    assert refused(send(registry, "GET", "deleted?registry=public", key=private))[:2] == DENIED
    other = refused(send(registry, "GET", "deleted?registry=x"))
    assert other[:2] == (400, "ParameterInvalid")
    mine = registry.user("mine", allow("ecr-public:Undelete", resource=ARN))
    assert send(registry, "POST", asked, {}, mine).status_code == 200
    assert whole(registry, path)


def test_protection(registry: Registry, path: str) -> None:
    asked = f"protection?registry=public&repositoryName={quote(NAME, safe='')}"
    assert send(registry, "PUT", asked, {"protected": True}).json()["protected"] is True
    code, _ = refusal(lambda: public(registry).delete_repository(repositoryName=NAME, force=True))
    assert code == "InvalidParameterException"
    assert whole(registry, path)
    moorage(registry.settings.data, "protect", NAME, "--off", "--public")
    public(registry).delete_repository(repositoryName=NAME, force=True)


class TestGates:
    def set_by_command(self, registry: Registry, tmp_path: Path) -> None:
        file = tmp_path / "gate.json"
        file.write_text(json.dumps(GATE))
        data = registry.settings.data
        moorage(data, "gate", "set", "signed", file, "--public")
        assert moorage(data, "gate", "show") == ""
        assert moorage(data, "gate", "show", "--public").startswith("signed  ")

    def test_nobody_pulls_what_is_refused(
        self, registry: Registry, path: str, tmp_path: Path
    ) -> None:
        child, signature = IMAGE.children[0], SIGNED.digest
        self.set_by_command(registry, tmp_path)
        with registry.anyone() as client, registry.http() as admin:
            for one in (client, admin):
                for reference in ("v1", IMAGE.digest, child.digest):
                    answer = one.get(f"{path}/manifests/{reference}")
                    assert (answer.status_code, "signed" in answer.text) == (403, True)
                assert one.get(f"{path}/blobs/{child.blobs[1].digest}").status_code == 403
            assert client.head(f"{path}/manifests/v1").status_code == 403
            assert admin.head(f"{path}/manifests/v1").status_code == 200
            assert client.get(f"{path}/manifests/{signature}").status_code == 200
        status = result_of(registry.settings.data, "gate", "test", f"{NAME}:v1", "--public")
        assert status.exit_code == 2
        moorage(registry.settings.data, "gate", "remove", "signed", "--public")
        assert whole(registry, path)

    def test_who_may_push_may_look(self, registry: Registry, path: str, tmp_path: Path) -> None:
        self.set_by_command(registry, tmp_path)
        for action, status in (("ecr-public:PutImage", 200), ("ecr:PutImage", 403)):
            key = registry.user(action.replace(":", "-"), allow(action))
            with registry.http(key) as client:
                assert client.head(f"{path}/manifests/v1").status_code == status

    def test_gates_of_the_private_registry_are_others(self, registry: Registry, path: str) -> None:
        every = {**GATE, "repositories": ["*"]}
        assert send(registry, "PUT", "gates/signed", every).status_code == 200
        assert whole(registry, path)
        assert send(registry, "GET", "gates?registry=public").json() == {"gates": []}
        answer = send(registry, "PUT", "gates/signed?registry=public", every)
        assert answer.status_code == 200
        assert pull(registry, path).status_code == 403
        test: Any = {"repositoryName": NAME, "imageTag": "v1"}
        told = send(registry, "POST", "test-gates?registry=public", test).json()
        assert told["allowed"] is False
        private = registry.user("private", allow("ecr:*"))
        status, code, message = refused(
            send(registry, "DELETE", "gates/signed?registry=public", key=private)
        )
        assert (status, code) == DENIED
        assert f"ecr-public:DeleteGate on resource: arn:aws:ecr-public::{ACCOUNT}:gate/" in message
