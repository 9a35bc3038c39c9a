"""`GET /api/v1/repositories/…/images/…/scan`: reports in every form, for whoever may read them."""

from __future__ import annotations

import json
import os
from datetime import timedelta
from typing import Any

import httpx
import pytest
from botocore.auth import SigV4QueryAuth
from botocore.awsrequest import AWSRequest
from botocore.credentials import Credentials

from registry.domain.identities.directory import AccessKey
from registry.domain.scanning.passes import USERNAME, Pass
from registry.scanning import passes_of
from registry.values.digest import Digest
from tests import images as made
from tests.api.signed import refused, send
from tests.application import ACCOUNT, REGION, SCOPE, URL, Registry, allow, basic, on
from tests.domain.scan_reports.scanned import MOMENT, scanned
from tests.oci.bodies import Unchanged
from tests.tools import require_tool

NAME = "team/images/app"
"""A name with a part of the path in it."""
IMAGE = made.oci_image(made.layer({"a": b"a"}))
INDEX = made.multi_arch()
PATH = f"repositories/{NAME}/images/v1/scan"
FINDINGS = "ecr:DescribeImageScanFindings"


@pytest.fixture
def held(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> Registry:
    folder = require_tool("trivy").parent
    monkeypatch.setenv("PATH", f"{folder}{os.pathsep}{os.environ['PATH']}")
    registry.create(NAME)
    registry.hold(NAME, IMAGE, "v1")
    scanned(registry, NAME, IMAGE)
    return registry


def browse(registry: Registry, path: str, key: AccessKey | None = None, **headers: str) -> Any:
    with registry.anyone({"authorization": basic(registry.token(key)), **headers}) as client:
        return client.get(f"/api/v1/{path}")


def test_json_has_everything(held: Registry) -> None:
    answer = send(held, "GET", PATH)
    assert answer.headers["content-type"] == "application/json"
    found = answer.json()
    assert (found["repositoryName"], found["imageDigest"], found["imageTags"]) == (
        NAME, IMAGE.digest, ["v1"],
    )  # fmt: skip
    assert (found["registryId"], found["region"], found["status"]) == (ACCOUNT, REGION, "COMPLETE")
    assert found["scannedAt"] == "2026-11-23T01:02:03Z"
    assert found["scanner"] == {
        "name": "trivy", "version": "0.70.0", "databaseAt": "2026-11-22T12:00:00Z",
    }  # fmt: skip
    assert found["findingCounts"] == {"CRITICAL": 1, "MEDIUM": 1}
    first = found["findings"][0]
    assert (first["id"], first["package"], first["version"], first["fixed"]) == (
        *("CVE-2020-14343", "PyYAML"),
        *("5.3", "5.4"),
    )
    for each in found["findings"]:
        assert each["source"] == "GitHub Security Advisory pip"
        assert each["firstObservedAt"] == each["scannedAt"] == "2026-11-23T01:02:03Z"


def test_each_form_by_its_name_and_by_accept(held: Registry) -> None:
    by_name = {
        form: send(held, "GET", f"{PATH}?format={form}")
        for form in ("html", "sarif", "cyclonedx", "spdx", "trivy")
    }
    types = {name: answer.headers["content-type"] for name, answer in by_name.items()}
    assert types == {
        "html": "text/html; charset=utf-8",
        "sarif": "application/sarif+json",
        "cyclonedx": "application/vnd.cyclonedx+json",
        "spdx": "application/spdx+json",
        "trivy": "application/json",
    }
    assert "Upgrade <b>PyYAML</b>" in by_name["html"].text
    (run,) = by_name["sarif"].json()["runs"]
    assert {each["ruleId"] for each in run["results"]} == {"CVE-2020-14343", "CVE-2024-22195"}
    assert run["properties"]["databaseAt"] == "2026-11-22T12:00:00Z"
    assert by_name["cyclonedx"].json()["bomFormat"] == "CycloneDX"
    assert by_name["spdx"].json()["spdxVersion"].startswith("SPDX-2")
    assert by_name["trivy"].json()["SchemaVersion"] == 2
    accepted = browse(held, PATH, accept="application/sarif+json")
    assert accepted.headers["content-type"] == "application/sarif+json"
    assert "127.0.0.1" not in json.dumps([each.text for each in by_name.values()])


def test_a_browser_is_asked_for_the_password_and_given_a_page(held: Registry) -> None:
    with held.anyone({"accept": "text/html,*/*;q=0.8"}) as nobody:
        asked = nobody.get(f"/api/v1/{PATH}")
    assert asked.status_code == 401
    assert asked.headers["www-authenticate"].startswith('Basic realm="Moorage')
    page = browse(held, PATH, accept="text/html,*/*;q=0.8")
    assert page.status_code == 200
    assert page.headers["content-type"] == "text/html; charset=utf-8"
    policy = page.headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "frame-ancestors 'none'" in policy
    assert page.headers["x-content-type-options"] == "nosniff"
    assert page.headers["cache-control"] == "private, no-store"


@pytest.mark.parametrize("given", ["Basic x", "Basic " + "A" * 50_000, basic("wrong")])
def test_a_wrong_password(held: Registry, given: str) -> None:
    with Unchanged(held), held.anyone({"authorization": given}) as client:
        answer = client.get(f"/api/v1/{PATH}")
    assert (answer.status_code, answer.json()["code"]) == (401, "Unauthenticated")
    assert held.ground.audit is not None
    held.ground.audit.close()
    (path,) = held.settings.audit_path.iterdir()
    (line,) = [json.loads(text) for text in path.read_text().splitlines()]
    assert line["errorCode"] == "UnrecognizedClientException"


def test_a_password_opens_nothing_that_changes_anything(held: Registry) -> None:
    with Unchanged(held), held.http() as client:
        for method, path in (
            ("POST", "copy"),
            ("DELETE", PATH),
            ("POST", PATH),
            ("GET", "event-targets"),
            ("PUT", f"registries/{ACCOUNT}/images-in-use/x"),
        ):
            answer = client.request(method, f"/api/v1/{path}", content=b"{}")
            assert refused(answer)[0] in {400, 403}, path


def test_a_presigned_link(held: Registry) -> None:
    request = AWSRequest("GET", f"{URL}/api/v1/{PATH}?format=html")
    signer = SigV4QueryAuth(Credentials(held.admin.id, held.admin.secret), "ecr", REGION, 60)
    signer.add_auth(request)
    with held.anyone() as nobody:
        answer = nobody.get(request.prepare().url)
    assert answer.status_code == 200, answer.text
    assert answer.text.startswith("<!doctype html>")


def test_who_may(held: Registry) -> None:
    reader = held.user("reader", allow(FINDINGS, resource=on(NAME)))
    other = held.user("other", allow(FINDINGS, resource=on("team/images")))
    assert send(held, "GET", PATH, key=reader).status_code == 200
    assert browse(held, PATH, reader).status_code == 200
    for answer in (send(held, "GET", PATH, key=other), browse(held, PATH, other)):
        assert refused(answer)[:2] == (403, "Denied")
    missing = "repositories/none/images/v1/scan"
    assert refused(send(held, "GET", missing, key=reader))[:2] == (403, "Denied")


@pytest.mark.parametrize(
    ("path", "status", "code"),
    [
        (f"repositories/{NAME}/images/none/scan", 404, "ImageNotFound"),
        (f"repositories/{NAME}/images/sha256:1/scan", 400, "DigestInvalid"),
        (f"repositories/{NAME}/images/a..%20/scan", 400, "TagInvalid"),
        ("repositories/none/images/v1/scan", 404, "RepositoryNotFound"),
        ("repositories/NO/images/v1/scan", 400, "NameInvalid"),
        (f"{PATH}?format=pdf", 400, "ParameterInvalid"),
        (f"{PATH}?platform=linux%2Famd64", 400, "ParameterInvalid"),
        (f"{PATH}?registryId=1", 400, "ParameterInvalid"),
        (f"{PATH}?registryId=210987654321", 403, "Denied"),
        (f"{PATH}?other=1", 400, "ParameterInvalid"),
    ],
)
def test_what_is_wrong(held: Registry, path: str, status: int, code: str) -> None:
    with Unchanged(held):
        assert refused(send(held, "GET", path))[:2] == (status, code)


def test_an_image_that_was_never_scanned_and_one_whose_scan_failed(held: Registry) -> None:
    plain = made.oci_image(made.layer({"b": b"b"}))
    held.hold(NAME, plain, "plain")
    path = f"repositories/{NAME}/images/{plain.digest}/scan"
    assert refused(send(held, "GET", path))[:2] == (404, "ScanNotFound")
    scanned(held, NAME, plain, None, status="FAILED", completed_at=None, description="No space.")
    found = send(held, "GET", path).json()
    assert (found["status"], found["description"], found["findings"]) == ("FAILED", "No space.", [])
    assert "failed" in browse(held, path, accept="text/html").text
    status, code, message = refused(send(held, "GET", f"{path}?format=sarif"))
    assert (status, code) == (404, "ScanNotFound")
    assert message.endswith("its scan is FAILED. No space.")


def test_an_index(held: Registry) -> None:
    held.hold(NAME, INDEX, "multi")
    for child in INDEX.children:
        scanned(held, NAME, child)
    scanned(held, NAME, INDEX, None, counts={"CRITICAL": 1, "MEDIUM": 1})
    path = f"repositories/{NAME}/images/multi/scan"
    found = send(held, "GET", path).json()
    assert [each["platform"] for each in found["platforms"]] == ["linux/amd64", "linux/arm64"]
    assert len(found["findings"]) == 2
    assert all(each["status"] == "COMPLETE" for each in found["platforms"])
    runs = send(held, "GET", f"{path}?format=sarif").json()["runs"]
    assert {run["automationDetails"]["id"] for run in runs} == {"linux/amd64/", "linux/arm64/"}
    assert refused(send(held, "GET", f"{path}?format=spdx"))[1] == "ParameterInvalid"
    one = send(held, "GET", f"{path}?format=spdx&platform=linux%2Farm64")
    assert one.status_code == 200, one.text
    page = browse(held, path, accept="text/html")
    assert '<option value="1">linux/arm64</option>' in page.text


def test_without_a_scanner_reports_are_read_all_the_same(
    held: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PATH", "/nowhere")
    assert send(held, "GET", PATH).status_code == 200
    assert send(held, "GET", f"{PATH}?format=html").status_code == 200
    answer: httpx.Response = send(held, "GET", f"{PATH}?format=sarif")
    status, code, message = refused(answer)
    assert (status, code) == (503, "Unavailable")
    assert "Install Trivy" in message


PUSH = (
    "ecr:InitiateLayerUpload",
    "ecr:UploadLayerPart",
    "ecr:CompleteLayerUpload",
    "ecr:PutImage",
    "ecr:BatchDeleteImage",
)
ATTACH = f"{PATH}/attachments"


def referrers(registry: Registry, digest: str) -> list[dict[str, Any]]:
    with registry.http() as client:
        answer = client.get(f"/v2/{NAME}/referrers/{digest}")
    return list(answer.json()["manifests"])


def test_a_report_is_attached_once_and_replaced_by_a_newer_one(held: Registry) -> None:
    forms = {"formats": ["cyclonedx", "spdx", "sarif", "spdx"]}
    first = send(held, "POST", ATTACH, forms).json()["attachments"]
    assert [(each["format"], each["isNew"]) for each in first] == [
        ("cyclonedx", True), ("spdx", True), ("sarif", True),
    ]  # fmt: skip
    with Unchanged(held):
        again = send(held, "POST", ATTACH, forms).json()["attachments"]
    assert again == [{**each, "isNew": False} for each in first]
    found = referrers(held, IMAGE.digest)
    assert {each["artifactType"]: each["digest"] for each in found} == {
        each["artifactType"]: each["imageDigest"] for each in first
    }
    foreign = made.artifact("application/sarif+json", b"of somebody else", IMAGE)
    held.hold(NAME, foreign)
    scanned(held, NAME, IMAGE, completed_at=MOMENT + timedelta(days=1))
    (newer,) = send(held, "POST", ATTACH, {"formats": ["sarif"]}).json()["attachments"]
    sarif = {
        each["digest"]
        for each in referrers(held, IMAGE.digest)
        if each["artifactType"] == "application/sarif+json"
    }
    assert sarif == {newer["imageDigest"], foreign.digest}
    held.check_whole()


def test_what_is_attached_is_the_report_and_is_not_scanned_itself(held: Registry) -> None:
    before = held.rows()["scans"]
    (attached,) = send(held, "POST", ATTACH, {"formats": ["cyclonedx"]}).json()["attachments"]
    assert held.rows()["scans"] == before
    with held.http() as client:
        manifest = client.get(f"/v2/{NAME}/manifests/{attached['imageDigest']}").json()
        (layer,) = manifest["layers"]
        content = client.get(f"/v2/{NAME}/blobs/{layer['digest']}").json()
    assert content["bomFormat"] == "CycloneDX"
    assert manifest["subject"]["digest"] == IMAGE.digest
    assert manifest["annotations"]["moorage.scanned-at"] == "2026-11-23T01:02:03Z"


def test_the_sbom_of_a_platform_is_attached_to_its_image(held: Registry) -> None:
    held.hold(NAME, INDEX, "multi")
    for child in INDEX.children:
        scanned(held, NAME, child)
    scanned(held, NAME, INDEX, None)
    path = f"repositories/{NAME}/images/multi/scan/attachments"
    assert refused(send(held, "POST", path, {"formats": ["spdx"]}))[1] == "ParameterInvalid"
    document = {"formats": ["spdx"], "platform": "linux/arm64"}
    (one,) = send(held, "POST", path, document).json()["attachments"]
    assert one["subjectDigest"] == INDEX.children[1].digest
    (whole,) = send(held, "POST", path, {"formats": ["sarif"]}).json()["attachments"]
    assert whole["subjectDigest"] == INDEX.digest


@pytest.mark.parametrize("missing", [FINDINGS, *PUSH])
def test_who_may_attach(held: Registry, missing: str) -> None:
    actions = [each for each in (FINDINGS, *PUSH) if each != missing]
    writer = held.user("writer", allow(*actions, resource=on(NAME)))
    with Unchanged(held):
        answer = send(held, "POST", ATTACH, {"formats": ["spdx"]}, writer)
        assert refused(answer)[:2] == (403, "Denied")


@pytest.mark.parametrize(
    "document",
    [
        {}, {"formats": []}, {"formats": "spdx"}, {"formats": [1]}, {"formats": ["html"]},
        {"formats": ["x"]}, {"formats": ["spdx"], "platform": "linux/amd64"},
        {"formats": ["spdx"], "other": 1}, {"formats": ["spdx"], "platform": 1},
    ],
)  # fmt: skip
def test_what_cannot_be_attached(held: Registry, document: Any) -> None:
    with Unchanged(held):
        assert refused(send(held, "POST", ATTACH, document))[:2] == (400, "ParameterInvalid")


def test_nothing_is_attached_where_nothing_was_found_out(held: Registry) -> None:
    scanned(held, NAME, IMAGE, None, status="FAILED", completed_at=None)
    with Unchanged(held):
        answer = send(held, "POST", ATTACH, {"formats": ["sarif"]})
    assert refused(answer)[:2] == (404, "ScanNotFound")


@pytest.mark.parametrize("username", ["AWS", USERNAME])
def test_a_scanners_password_opens_no_report(held: Registry, username: str) -> None:
    granted = Pass(SCOPE, NAME, Digest.parse(IMAGE.digest))
    password = passes_of(held.ground).issue(granted, timedelta(minutes=1))
    with held.anyone({"authorization": basic(password, username)}) as scanner:
        answer = scanner.get(f"/api/v1/{PATH}")
    assert (answer.status_code, answer.json()["code"]) == (401, "Unauthenticated")
