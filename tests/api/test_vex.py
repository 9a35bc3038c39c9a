"""`/api/v1/vex` and `/api/v1/scan-settings`: what they keep and tell, who may, what they refuse."""

from __future__ import annotations

from typing import Any

import pytest

from tests.api.signed import refused, send
from tests.application import SCOPE, Registry, allow, on
from tests.domain.gates.test_signatures import pem
from tests.domain.vex.said import CVE, cyclonedx, openvex, statement
from tests.gating import bad_and_good, gate

NAME = "?repositoryName=prod%2Fapp"
ONE, LIST, SETTINGS = f"vex/app{NAME}", f"vex{NAME}", f"scan-settings{NAME}"
CALLS: tuple[tuple[str, str, Any, str], ...] = (
    ("GET", LIST, None, "ecr:DescribeVex"),
    ("PUT", ONE, openvex(), "ecr:PutVex"),
    ("GET", ONE, None, "ecr:DescribeVex"),
    ("DELETE", ONE, None, "ecr:DeleteVex"),
    ("GET", SETTINGS, None, "ecr:GetScanSettings"),
    ("PUT", SETTINGS, {"attach": ["spdx"]}, "ecr:PutScanSettings"),
)


@pytest.fixture
def held(registry: Registry) -> Registry:
    bad_and_good(registry)
    return registry


def test_a_document_from_its_making_to_its_end(held: Registry) -> None:
    made = send(held, "PUT", ONE, openvex()).json()["document"]
    assert made.pop("addedAt").endswith("Z")
    assert made == {
        "name": "app", "form": "openvex", "id": "https://example.com/vex/1",
        "author": "Ann Example <ann@example.com>", "addedBy": held.admin.user.arn,
    }  # fmt: skip
    assert send(held, "GET", ONE).json() == openvex()
    assert send(held, "PUT", ONE, cyclonedx()).json()["document"]["form"] == "cyclonedx"
    (listed,) = send(held, "GET", LIST).json()["documents"]
    assert (listed["name"], listed["author"]) == ("app", "Ann Example")
    assert send(held, "DELETE", ONE).json() == {}
    assert refused(send(held, "DELETE", ONE))[:2] == (404, "EntityNotFound")
    assert refused(send(held, "GET", ONE))[:2] == (404, "EntityNotFound")
    assert send(held, "GET", LIST).json() == {"documents": []}


def test_it_opens_the_gate_for_clients(held: Registry) -> None:
    gate(held)
    puller = held.user("puller", allow("ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"))
    with held.http(puller) as client:
        path = "/v2/prod/app/manifests/bad"
        assert client.get(path).status_code == 403
        send(held, "PUT", ONE, openvex())
        assert client.get(path).status_code == 200
        send(held, "DELETE", ONE)
        assert client.get(path).status_code == 403


def test_ecr_tells_what_is_said(held: Registry) -> None:
    send(held, "PUT", ONE, openvex())
    given: Any = {"repositoryName": "prod/app", "imageId": {"imageTag": "bad"}}
    found = held.ecr().describe_image_scan_findings(**given)["imageScanFindings"]
    assert found["findingSeverityCounts"] == {}
    (finding,) = found["findings"]
    told = {each["key"]: each.get("value") for each in finding["attributes"]}
    assert (finding["name"], told["vex_status"]) == (CVE, "not_affected")
    assert told["vex_author"] == "Ann Example <ann@example.com>"
    assert told["vex_stated_at"] == "2026-01-02T03:04:05Z"
    configuration: Any = {"scanType": "ENHANCED", "rules": []}
    held.stores.registries.set_scanning(SCOPE, configuration)
    (enhanced,) = held.ecr().describe_image_scan_findings(**given)["imageScanFindings"][
        "enhancedFindings"
    ]
    assert enhanced["status"] == "SUPPRESSED"


@pytest.mark.parametrize("call", CALLS)
def test_each_needs_its_action_on_the_repository(
    held: Registry, call: tuple[str, str, Any, str]
) -> None:
    method, path, document, action = call
    send(held, "PUT", ONE, openvex())
    right = held.user("right", allow(action, resource=on("prod/app")))
    wrong = held.user("wrong", allow("ecr:*", resource=on("prod/other")))
    push = held.user("push", allow("ecr:PutImage", "ecr:*Layer*", "ecr:Batch*"))
    for key in (wrong, push):
        assert refused(send(held, method, path, document, key))[0] == 403
    assert send(held, method, path, document, right).status_code == 200


@pytest.mark.parametrize(
    ("method", "path", "document", "said"),
    [
        ("PUT", ONE, {}, "ParameterInvalid the VEX document is invalid: it is neither OpenVEX"),
        ("PUT", ONE, openvex(statement(status="ok")), "status must be one of not_affected"),
        ("PUT", f"vex/a~b{NAME}", openvex(), "'a~b' is no name of a VEX document"),
        ("GET", "vex", None, "the query parameter repositoryName is missing"),
        ("GET", "vex?repositoryName=UPPER", None, "NameInvalid"),
        ("GET", "vex?repositoryName=prod%2Fnone", None, "RepositoryNotFound"),
        ("GET", f"{LIST}&image=none", None, "ImageNotFound"),
        ("GET", LIST, {"a": 1}, "there is no parameter 'a'"),
        ("PUT", SETTINGS, {"attach": ["html"]}, "'html' is none of cyclonedx, spdx, sarif"),
        ("PUT", SETTINGS, {"attach": "spdx"}, "must be a JSON array"),
        ("PUT", SETTINGS, {"vexReferrers": "some"}, "vexReferrers must be one of"),
        ("PUT", SETTINGS, {"vexKeys": [1]}, "must be a JSON array of strings"),
        ("PUT", SETTINGS, {"vex": 1}, "there is no parameter 'vex'"),
    ],
)
def test_what_is_wrong_is_named_and_changes_nothing(
    held: Registry, method: str, path: str, document: Any, said: str
) -> None:
    before = held.rows()
    status, code, message = refused(send(held, method, path, document))
    assert status in {400, 404}
    assert said in f"{code} {message}"
    assert held.rows() == before


def test_settings(held: Registry) -> None:
    fresh: dict[str, Any] = {"attach": None, "vexReferrers": "none", "vexKeys": []}
    assert send(held, "GET", SETTINGS).json() == fresh
    given = {"attach": ["spdx", "sarif"], "vexReferrers": "signed", "vexKeys": [pem()]}
    assert send(held, "PUT", SETTINGS, given).json() == given
    assert send(held, "GET", SETTINGS).json() == given
    assert send(held, "PUT", SETTINGS, {"attach": []}).json() == {**fresh, "attach": []}


def test_what_is_attached_to_an_image_is_listed(held: Registry) -> None:
    send(held, "PUT", SETTINGS, {"vexReferrers": "all"})
    answer = send(held, "GET", f"{LIST}&image=bad").json()
    assert answer["attached"] == []
    assert answer["imageDigest"].startswith("sha256:")
