"""Pulls through a gate, by every way in: what is refused, what passes, and what is told."""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime, timedelta

import httpx
import pytest
import sqlalchemy as sa

from registry.database.schema import scans
from registry.domain.identities.directory import AccessKey
from registry.domain.scanning.passes import USERNAME, Pass
from registry.scanning import passes_of
from registry.values.digest import Digest
from tests import images as made
from tests.application import SCOPE, OpenRegistry, Registry, allow, basic, on
from tests.domain.scanning.reports import vulnerability
from tests.gating import BAD, CVE, GOOD, bad_and_good, gate, scanned

NAME = "prod/app"
URL = f"/v2/{NAME}"
PULL = (
    "ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer",
)  # fmt: skip
OWN, SHARED = (blob.digest for blob in BAD.blobs[1:])


@pytest.fixture
def puller(registry: Registry) -> AccessKey:
    bad_and_good(registry)
    return registry.user("puller", allow(*PULL))


def refused(answer: httpx.Response) -> dict[str, object]:
    assert answer.status_code == 403, answer.text
    (error,) = answer.json()["errors"]
    assert error["code"] == "DENIED"
    assert CVE in error["message"]
    detail: dict[str, object] = error["detail"]
    return detail


def test_by_tag_and_by_digest(registry: Registry, puller: AccessKey) -> None:
    with registry.http(puller) as docker:
        assert docker.get(f"{URL}/manifests/bad").status_code == 200
        gate(registry)
        detail = refused(docker.get(f"{URL}/manifests/bad"))
        assert detail == {
            "gate": "critical", "rule": "findings", "imageDigest": BAD.digest, "findingCount": 1,
            "findings": [CVE],
        }  # fmt: skip
        refused(docker.get(f"{URL}/manifests/{BAD.digest}"))
        same = {"if-none-match": f'"{BAD.digest}"'}
        refused(docker.get(f"{URL}/manifests/{BAD.digest}", headers=same))
        for reference in ("good", GOOD.digest):
            assert docker.get(f"{URL}/manifests/{reference}").status_code == 200


def test_head_answers_those_alone_who_may_push_and_names_nothing(
    registry: Registry, puller: AccessKey
) -> None:
    gate(registry)
    with registry.http(puller) as docker:
        assert docker.head(f"{URL}/manifests/bad").status_code == 403
        assert docker.head(f"{URL}/manifests/good").status_code == 200
    pusher = registry.user("pusher", allow(*PULL, "ecr:PutImage", resource=on(NAME)))
    with registry.http(pusher) as docker:
        answer = docker.head(f"{URL}/manifests/bad")
        assert answer.status_code == 200
        assert answer.headers["content-length"] == str(len(BAD.manifest))
        assert not {"docker-content-digest", "etag"} & set(answer.headers)  # it asks on by GET
        refused(docker.get(f"{URL}/manifests/bad"))
        known = docker.head(f"{URL}/manifests/{BAD.digest}")
        assert (known.status_code, known.headers["docker-content-digest"]) == (200, BAD.digest)
        good = docker.head(f"{URL}/manifests/good")
        assert good.headers["docker-content-digest"] == GOOD.digest
        gate(registry, dryRun=True)
        assert docker.head(f"{URL}/manifests/bad").headers["docker-content-digest"] == BAD.digest


def test_layers_that_only_refused_images_need(registry: Registry, puller: AccessKey) -> None:
    gate(registry)
    with registry.http(puller) as docker:
        refused(docker.get(f"{URL}/blobs/{OWN}"))
        refused(docker.get(f"{URL}/blobs/{OWN}", headers={"range": "bytes=0-3"}))
        refused(docker.get(f"{URL}/blobs/{BAD.blobs[0].digest}"))
        assert docker.get(f"{URL}/blobs/{SHARED}").status_code == 200
        assert docker.head(f"{URL}/blobs/{OWN}").status_code == 200


def test_other_repositories_are_not_concerned(registry: Registry, puller: AccessKey) -> None:
    gate(registry)
    registry.create("dev/app")
    registry.hold("dev/app", BAD, "bad")
    with registry.http(puller) as docker:
        assert docker.get("/v2/dev/app/manifests/bad").status_code == 200
        assert docker.get(f"/v2/dev/app/blobs/{OWN}").status_code == 200


def test_a_mount_is_no_way_around(registry: Registry, puller: AccessKey) -> None:
    gate(registry)
    registry.create("dev/app")
    registry.ecr().put_account_setting(name="BLOB_MOUNTING", value="ENABLED")
    with registry.http() as docker:
        for digest, status in ((OWN, 202), (SHARED, 201)):
            for source in (f"&from={NAME}", ""):
                answer = docker.post(f"/v2/dev/app/blobs/uploads/?mount={digest}{source}")
                assert answer.status_code == status, (digest, source)
        assert docker.get(f"/v2/dev/app/blobs/{OWN}").status_code == 404


def test_an_index_is_refused_when_none_of_its_images_passes(
    registry: Registry, puller: AccessKey
) -> None:
    both, alone = made.index({"amd64": BAD, "arm64": GOOD}), made.index({"amd64": BAD})
    registry.hold(NAME, both, "both")
    registry.hold(NAME, alone, "alone")
    gate(registry)
    with registry.http(puller) as docker:
        assert docker.get(f"{URL}/manifests/both").status_code == 200
        refused(docker.get(f"{URL}/manifests/{BAD.digest}"))
        refused(docker.get(f"{URL}/manifests/alone"))


def test_the_wire_of_aws(registry: Registry, puller: AccessKey) -> None:
    ecr = registry.ecr(puller)
    link = ecr.get_download_url_for_layer(repositoryName=NAME, layerDigest=OWN)["downloadUrl"]
    gate(registry)
    names = [{"imageTag": "bad"}, {"imageDigest": BAD.digest}, {"imageTag": "good"}]
    answer = ecr.batch_get_image(repositoryName=NAME, imageIds=names)  # type: ignore[arg-type]  # literals
    assert [each["imageId"]["imageTag"] for each in answer["images"]] == ["good"]
    assert {each["failureCode"] for each in answer["failures"]} == {"ImageInaccessible"}
    assert all(CVE in each["failureReason"] for each in answer["failures"])
    assert len(answer["failures"]) == 2
    with pytest.raises(ecr.exceptions.LayerInaccessibleException, match=CVE):
        ecr.get_download_url_for_layer(repositoryName=NAME, layerDigest=OWN)
    assert ecr.get_download_url_for_layer(repositoryName=NAME, layerDigest=SHARED)
    with registry.anyone() as anyone:  # a link that was got before
        refused(anyone.get(link))


def test_unscanned_images(registry: Registry, puller: AccessKey) -> None:
    fresh = made.oci_image(made.layer({"fresh": b"x"}))
    registry.hold(NAME, fresh, "fresh")
    gate(registry, severity=None, unscanned="refuse")
    with registry.http(puller) as docker:
        answer = docker.get(f"{URL}/manifests/fresh")
        assert (answer.status_code, "never scanned" in answer.text) == (403, True)
        assert docker.get(f"{URL}/manifests/bad").status_code == 200
        scanned(registry, NAME, fresh.digest)
        assert docker.get(f"{URL}/manifests/fresh").status_code == 200


def test_artifacts_pass_but_not_an_image_that_says_it_is_one(
    registry: Registry, puller: AccessKey
) -> None:
    gate(registry, severity=None, unscanned="refuse", unsigned="refuse")
    signature = made.artifact("application/vnd.example.sbom", b"{}", BAD)
    disguised = made.oci_image(made.layer({"a": b"d"}), artifactType="application/vnd.x")
    registry.hold(NAME, signature, "sbom")
    registry.hold(NAME, disguised, "disguised")
    with registry.http(puller) as docker:
        assert docker.get(f"{URL}/manifests/sbom").status_code == 200
        assert docker.get(f"{URL}/manifests/disguised").status_code == 403


@pytest.mark.parametrize("kind", ["tag", "referrer", "other"])
def test_unsigned_images(registry: Registry, puller: AccessKey, kind: str) -> None:
    both = made.index({"amd64": GOOD})
    registry.hold(NAME, both, "both")
    gate(registry, severity=None, unsigned="refuse")
    with registry.http(puller) as docker:
        answer = docker.get(f"{URL}/manifests/both")
        assert (answer.status_code, "no signature" in answer.text) == (403, True)
        if kind == "tag":
            signature = made.artifact("application/vnd.x", b"signature")
            registry.hold(NAME, signature, f"{both.digest.replace(':', '-')}.sig")
        else:
            types = {"referrer": "application/vnd.cncf.notary.signature", "other": "text/x"}
            registry.hold(NAME, made.artifact(types[kind], b"signature", both))
        expected = 403 if kind == "other" else 200
        for reference in ("both", GOOD.digest):  # the index is signed, so what it lists is
            assert docker.get(f"{URL}/manifests/{reference}").status_code == expected
        assert docker.get(f"{URL}/manifests/{BAD.digest}").status_code == 403


def test_a_dry_run_lets_pass_and_is_told_of(
    open_one: OpenRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    registry = open_one()
    bad_and_good(registry)
    gate(registry, "dry", dryRun=True)
    with registry.http() as docker:
        assert docker.get(f"{URL}/manifests/bad").status_code == 200
        assert any(CVE in line.getMessage() for line in caplog.records)
        shown = docker.get("/metrics").text
        counted = 'moorage_gate_refusals_total{outcome="would_refuse",rule="findings"} 1.0'
        assert counted in shown
        gate(registry, "true")
        refused(docker.get(f"{URL}/manifests/bad"))
        assert 'outcome="refused",rule="findings"} 1.0' in docker.get("/metrics").text


def test_a_refusal_is_in_the_audit_log_with_its_reason(open_one: OpenRegistry) -> None:
    registry = open_one()
    bad_and_good(registry)
    gate(registry)
    audit = registry.ground.audit
    assert audit is not None
    with registry.http() as docker:
        refused(docker.get(f"{URL}/manifests/bad"))
    audit.start(lambda _lost: None)
    audit.close()
    files = [each for each in registry.settings.audit_path.rglob("*") if each.is_file()]
    lines = [json.loads(line) for each in files for line in each.read_text().splitlines()]
    (event,) = [line for line in lines if line.get("errorCode") == "GateRefused"]
    assert CVE in event["errorMessage"]
    assert event["decision"] == {"allowed": False, "reason": "gate"}
    assert event["eventName"] == "BatchGetImage"
    assert event["userIdentity"]["arn"].startswith("arn:aws:iam::")


def test_a_scan_that_finds_less_opens_and_one_that_finds_more_closes(
    registry: Registry, puller: AccessKey
) -> None:
    gate(registry)
    with registry.http(puller) as docker:
        refused(docker.get(f"{URL}/manifests/bad"))
        scanned(registry, NAME, BAD.digest, vulnerability("CVE-2", Severity="LOW"))
        assert docker.get(f"{URL}/manifests/bad").status_code == 200
        scanned(registry, NAME, GOOD.digest, vulnerability(CVE))
        refused(docker.get(f"{URL}/manifests/good"))


def test_pulls_during_rescans_get_one_answer_or_the_other(
    registry: Registry, puller: AccessKey
) -> None:
    gate(registry)
    clean, found = (), (vulnerability(CVE),)

    def rescan() -> None:
        for number in range(10):
            scanned(registry, NAME, BAD.digest, *(clean if number % 2 else found))

    with ThreadPoolExecutor(3) as pool, registry.http(puller) as docker:
        rescans = pool.submit(rescan)
        codes = {docker.get(f"{URL}/manifests/bad").status_code for _ in range(40)}
        rescans.result()
        assert codes <= {200, 403}
        assert docker.get(f"{URL}/manifests/bad").status_code == 200


def test_a_grace_that_ends_and_a_time_that_passes(
    registry: Registry, puller: AccessKey, monkeypatch: pytest.MonkeyPatch
) -> None:
    found = datetime.now(UTC)
    scanned(registry, NAME, BAD.digest, vulnerability(CVE), since=found)
    gate(registry, graceDays=2)
    with registry.http(puller) as docker:
        assert docker.get(f"{URL}/manifests/bad").status_code == 200
        later = found + timedelta(days=2, minutes=1)
        monkeypatch.setattr("registry.domain.gates.doors.now", lambda: later)
        refused(docker.get(f"{URL}/manifests/bad"))


def test_a_rescan_that_waits_leaves_what_was_found(registry: Registry, puller: AccessKey) -> None:
    gate(registry, unscanned="refuse")
    with registry.ground.database.write() as connection:
        connection.execute(sa.update(scans).values(status="PENDING"))
    with registry.http(puller) as docker:
        refused(docker.get(f"{URL}/manifests/bad"))
        assert docker.get(f"{URL}/manifests/good").status_code == 200


def test_a_layer_that_is_still_to_come_is_refused_before_it_comes(
    open_one: OpenRegistry,
) -> None:
    registry = open_one(sparse_manifests="all")
    registry.create(NAME)
    with registry.http() as docker:
        made.put_manifest(docker, NAME, BAD, "bad").raise_for_status()
        assert docker.get(f"{URL}/blobs/{OWN}").status_code == 404
        gate(registry, severity=None, unscanned="refuse")
        assert docker.get(f"{URL}/blobs/{OWN}").status_code == 403
        assert docker.get(f"{URL}/blobs/{GOOD.blobs[1].digest}").status_code == 404


def test_the_servers_own_scanner_passes(registry: Registry, puller: AccessKey) -> None:
    gate(registry, "all", severity="INFORMATIONAL", unscanned="refuse", unsigned="refuse")
    granted = Pass(SCOPE, NAME, Digest.parse(BAD.digest))
    password = passes_of(registry.ground).issue(granted, timedelta(minutes=1))
    with registry.anyone({"authorization": basic(password, USERNAME)}) as scanner:
        assert scanner.get(f"{URL}/manifests/{BAD.digest}").status_code == 200
        assert scanner.get(f"{URL}/blobs/{OWN}").status_code == 200
    with registry.http(puller) as docker:
        refused(docker.get(f"{URL}/manifests/{BAD.digest}"))
