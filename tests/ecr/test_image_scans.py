"""StartImageScan, DescribeImageScanFindings, and what DescribeImages tells of scans."""

from __future__ import annotations

import json
from typing import Any

import pytest
import sqlalchemy as sa

from registry.database.schema import event_targets, images, scan_reports, scans
from registry.domain.events.targets import Targets
from registry.domain.scanning.findings import anonymous, read_report
from registry.scanners.scanner import ScanFailed, Target
from registry.values.errors import KeyUnavailable
from tests import images as made
from tests.application import ACCOUNT, REGION, SCOPE, OpenRegistry, Registry, allow, on
from tests.domain.scanning.reports import report, vulnerability
from tests.domain.scanning.test_indexes import INDEX
from tests.domain.scanning.test_indexes import scan as scan_of_platforms
from tests.domain.scanning.world import DATABASE, IMAGE, NAME, OTHER, World
from tests.ecr.calls import missing, refusal

TAGGED: Any = {"repositoryName": NAME, "imageId": {"imageTag": "v1"}}


@pytest.fixture
def world(open_one: OpenRegistry) -> World:
    one: Registry = open_one(scan_daily_limit=0)
    one.create(NAME, scan_on_push=True)
    return World(one)


def test_from_push_to_findings(world: World) -> None:
    ecr = world.registry.ecr()
    world.push()
    waiting: Any = ecr.describe_image_scan_findings(**TAGGED)
    assert waiting["imageScanStatus"]["status"] == "IN_PROGRESS"
    assert "imageScanFindings" not in waiting
    world.run()
    told = ecr.describe_image_scan_findings(**TAGGED)
    assert told["registryId"] == ACCOUNT
    assert told["repositoryName"] == NAME
    assert told["imageId"] == {"imageDigest": IMAGE.digest, "imageTag": "v1"}
    assert told["imageScanStatus"] == {
        "status": "COMPLETE",
        "description": "The scan was completed successfully.",
    }
    found = told["imageScanFindings"]
    assert found["findingSeverityCounts"] == {"CRITICAL": 1}
    assert found["vulnerabilitySourceUpdatedAt"] == DATABASE
    assert abs((found["imageScanCompletedAt"] - world.moment).total_seconds()) < 1
    (finding,) = found["findings"]
    assert finding["name"] == "CVE-2020-14343"
    assert finding["severity"] == "CRITICAL"
    assert finding["uri"] == "https://avd.aquasec.com/nvd/cve-2020-14343"
    attributes = {each["key"]: each["value"] for each in finding["attributes"]}
    assert attributes["package_name"] == "PyYAML"
    assert attributes["package_version"] == "5.3"
    assert attributes["fixed_in_version"] == "5.4"
    assert attributes["CVSS3_SCORE"] == "9.8"
    assert attributes["CVSS2_VECTOR"] == "AV:N/AC:L/Au:N/C:C/I:C/A:C"
    assert "enhancedFindings" not in found


def test_the_waiter(world: World) -> None:
    ecr = world.registry.ecr()
    world.push()
    world.run()
    ecr.get_waiter("image_scan_complete").wait(**TAGGED, WaiterConfig={"Delay": 0})


def test_start(world: World) -> None:
    ecr = world.registry.ecr()
    world.registry.create("quiet")
    world.push(name="quiet")
    named: Any = {"repositoryName": "quiet", "imageId": {"imageDigest": IMAGE.digest}}
    assert refusal(lambda: ecr.describe_image_scan_findings(**named)) == (
        "ScanNotFoundException",
        f"Image scan does not exist for the image with '{{imageDigest:'{IMAGE.digest}',"
        " imageTag:'null'}' in the repository with name 'quiet' in the registry with id"
        f" '{ACCOUNT}'",
    )
    (before,) = ecr.describe_images(repositoryName="quiet")["imageDetails"]
    assert "imageScanStatus" not in before
    for _ in range(2):
        started = ecr.start_image_scan(**named)
        assert started["imageScanStatus"]["status"] == "IN_PROGRESS"
        assert started["imageId"] == {"imageDigest": IMAGE.digest}
    assert world.run() == ["COMPLETE"]
    (detail,) = ecr.describe_images(repositoryName="quiet")["imageDetails"]
    assert detail["imageScanStatus"]["status"] == "COMPLETE"
    assert detail["imageScanFindingsSummary"]["findingSeverityCounts"] == {"CRITICAL": 1}
    assert detail["imageScanFindingsSummary"]["vulnerabilitySourceUpdatedAt"] == DATABASE


def test_once_a_day(open_one: OpenRegistry) -> None:
    registry = open_one()
    registry.create(NAME, scan_on_push=True)
    world = World(registry)
    world.push()
    world.run()
    assert refusal(lambda: registry.ecr().start_image_scan(**TAGGED)) == (
        "LimitExceededException",
        "The scan quota per image has been exceeded. Wait and try again.",
    )


def test_what_cannot_be_scanned(world: World) -> None:
    ecr, registry = world.registry.ecr(), world.registry
    registry.create("charts")
    world.push(made.artifact("application/vnd.example", b"chart"), "charts")
    named: Any = {"repositoryName": "charts", "imageId": {"imageTag": "v1"}}
    assert refusal(lambda: ecr.start_image_scan(**named))[0] == "UnsupportedImageTypeException"
    world.push()
    repository = registry.repositories.get(SCOPE, NAME)
    image = registry.images.page(repository, 0, 1)[0]
    world.run()
    registry.stores.storage_classes.move(repository, image, "ARCHIVED")
    code, message = refusal(lambda: ecr.start_image_scan(**TAGGED))
    assert code == "ImageArchivedException"
    assert IMAGE.digest in message
    told = ecr.describe_image_scan_findings(**TAGGED)
    assert told["imageScanStatus"]["status"] == "IMAGE_ARCHIVED"


def test_a_failure_is_told(world: World) -> None:
    def scan(_target: Target) -> bytes:
        raise ScanFailed("The scan was ended: it took longer than 2 s.", again=False)

    world.scanner.do = scan
    world.push()
    world.run()
    told: Any = world.registry.ecr().describe_image_scan_findings(**TAGGED)
    assert told["imageScanStatus"] == {
        "status": "FAILED",
        "description": "The scan was ended: it took longer than 2 s.",
    }
    assert "imageScanFindings" not in told


def test_what_is_not_there(world: World) -> None:
    ecr = world.registry.ecr()
    digest = "sha256:" + "0" * 64
    for call in (ecr.start_image_scan, ecr.describe_image_scan_findings):
        none: Any = {"repositoryName": "team/none", "imageId": {"imageTag": "v1"}}
        assert refusal(lambda call=call, none=none: call(**none)) == missing()  # type: ignore[misc]  # bound now
        no_image: Any = {"repositoryName": NAME, "imageId": {"imageDigest": digest}}
        code, message = refusal(lambda call=call, no_image=no_image: call(**no_image))  # type: ignore[misc]  # as above
        assert code == "ImageNotFoundException"
        assert digest in message
        nothing: Any = {"repositoryName": NAME, "imageId": {}}
        assert (
            refusal(lambda call=call, nothing=nothing: call(**nothing))[0]  # type: ignore[misc]  # as above
            == "InvalidParameterException"
        )
        wrong: Any = {"repositoryName": "NO", "imageId": {"imageTag": "v1"}}
        code, message = refusal(lambda call=call, wrong=wrong: call(**wrong))  # type: ignore[misc]  # as above
        assert code == "InvalidParameterException"
        assert "repositoryName" in message
    too_many: Any = {**TAGGED, "maxResults": 1001}
    code, message = refusal(lambda: ecr.describe_image_scan_findings(**too_many))
    assert (code, "maxResults" in message) == ("InvalidParameterException", True)


def test_pages(world: World) -> None:
    found = [vulnerability(f"CVE-{number:04}") for number in range(250)]
    world.scanner.do = lambda _target: report(*found)
    world.push()
    world.run()
    ecr = world.registry.ecr()
    first = ecr.describe_image_scan_findings(**TAGGED)
    assert len(first["imageScanFindings"]["findings"]) == 100
    names: list[str] = []
    pages = ecr.get_paginator("describe_image_scan_findings")
    for page in pages.paginate(**TAGGED, PaginationConfig={"PageSize": 60}):
        names += [each["name"] for each in page["imageScanFindings"]["findings"]]
        assert page["imageScanFindings"]["findingSeverityCounts"] == {"CRITICAL": 250}
    assert names == [f"CVE-{number:04}" for number in range(250)]
    other: Any = {**TAGGED, "nextToken": "made up"}
    assert (
        refusal(lambda: ecr.describe_image_scan_findings(**other))[0] == "InvalidParameterException"
    )


def test_who_may(world: World) -> None:
    world.push()
    world.run()
    reader = world.registry.user("reader", allow("ecr:DescribeImageScanFindings"))
    ecr = world.registry.ecr(reader)
    assert ecr.describe_image_scan_findings(**TAGGED)["imageScanFindings"]["findings"]
    code, message = refusal(lambda: ecr.start_image_scan(**TAGGED))
    assert code == "AccessDeniedException"
    assert f"ecr:StartImageScan on resource: {on(NAME)}" in message
    starter = world.registry.ecr(world.registry.user("starter", allow("ecr:StartImageScan")))
    assert starter.start_image_scan(**TAGGED)["imageScanStatus"]["status"] == "IN_PROGRESS"
    assert (
        refusal(lambda: starter.describe_image_scan_findings(**TAGGED))[0]
        == "AccessDeniedException"
    )


def test_an_index_tells_the_whole(world: World) -> None:
    world.scanner.do = scan_of_platforms
    world.push(INDEX)
    world.run()
    found = world.registry.ecr().describe_image_scan_findings(**TAGGED)["imageScanFindings"]
    assert [each["name"] for each in found["findings"]] == ["CVE-2020-14343", "CVE-1", "CVE-2"]
    assert found["findingSeverityCounts"] == {"CRITICAL": 1, "LOW": 2}


def test_enhanced_findings(world: World) -> None:
    world.continuous()
    ecr = world.registry.ecr()
    world.scanner.do = scan_of_platforms
    world.push(INDEX)
    told = ecr.describe_image_scan_findings(**TAGGED)
    assert told["imageScanStatus"]["status"] == "PENDING"
    world.run()
    told = ecr.describe_image_scan_findings(**TAGGED)
    assert told["imageScanStatus"] == {
        "status": "ACTIVE",
        "description": "Continuous scan is selected for image.",
    }
    both, first, _ = told["imageScanFindings"]["enhancedFindings"]
    assert both["awsAccountId"] == ACCOUNT
    assert both["findingArn"].startswith(f"arn:aws:inspector2:{REGION}:{ACCOUNT}:finding/")
    assert both["type"] == "PACKAGE_VULNERABILITY"
    assert (both["score"], both["severity"], both["fixAvailable"]) == (9.8, "CRITICAL", "YES")
    assert both["scoreDetails"]["cvss"]["version"] == "3.1"
    assert both["firstObservedAt"] <= both["lastObservedAt"]
    details = both["packageVulnerabilityDetails"]
    assert details["vulnerabilityId"] == "CVE-2020-14343"
    assert details["vulnerablePackages"][0]["fixedInVersion"] == "5.4"
    assert details["vulnerablePackages"][0]["packageManager"] == "PYTHON"
    assert {each["version"] for each in details["cvss"]} == {"2.0", "3.1"}
    assert "5.4" in both["remediation"]["recommendation"]["text"]
    images_of = [each["details"]["awsEcrContainerImage"]["platform"] for each in both["resources"]]
    assert images_of == ["linux/amd64", "linux/arm64"]
    (resource,) = first["resources"]
    assert resource["id"] == f"{on(NAME)}/{IMAGE.digest}"
    assert resource["details"]["awsEcrContainerImage"]["architecture"] == "amd64"
    assert "findings" not in told["imageScanFindings"]
    assert refusal(lambda: ecr.start_image_scan(**TAGGED)) == (
        "ValidationException",
        "This feature is disabled",
    )
    child: Any = {"repositoryName": NAME, "imageId": {"imageDigest": OTHER.digest}}
    found = ecr.describe_image_scan_findings(**child)["imageScanFindings"]["enhancedFindings"]
    assert len(found) == 2
    assert found[0]["resources"][0]["details"]["awsEcrContainerImage"]["imageHash"] == OTHER.digest


def test_enhanced_but_only_on_push(world: World) -> None:
    world.continuous(frequency="SCAN_ON_PUSH")
    world.push()
    world.run()
    told: Any = world.registry.ecr().describe_image_scan_findings(**TAGGED)
    assert told["imageScanStatus"]["status"] == "COMPLETE"


def test_too_old_for_continuous_scans(open_one: OpenRegistry) -> None:
    registry = open_one(scan_days=14)
    registry.create(NAME, scan_on_push=True)
    world = World(registry)
    world.continuous()
    world.push()
    world.run()
    long_ago = DATABASE.replace(year=2020)
    with registry.ground.database.write() as connection:
        connection.execute(sa.update(images).values(pushed_at=long_ago))
    told = registry.ecr().describe_image_scan_findings(**TAGGED)
    assert told["imageScanStatus"]["status"] == "SCAN_ELIGIBILITY_EXPIRED"
    assert len(told["imageScanFindings"]["enhancedFindings"]) == 1


def test_findings_that_cannot_be_opened(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.push()
    world.run()
    with world.registry.ground.database.write() as connection:
        connection.execute(sa.update(scan_reports).values(findings=b"damaged"))
    told: Any = world.registry.ecr().describe_image_scan_findings(**TAGGED)
    assert told["imageScanStatus"]["status"] == "FINDINGS_UNAVAILABLE"
    assert "cannot be opened" in told["imageScanStatus"]["description"]
    assert "imageScanFindings" not in told

    def refuse(*_: object, **__: object) -> None:
        raise KeyUnavailable("the key is disabled")

    monkeypatch.setattr("registry.domain.scanning.scans.Scans.report", refuse)
    told = world.registry.ecr().describe_image_scan_findings(**TAGGED)
    assert told["imageScanStatus"]["status"] == "FINDINGS_UNAVAILABLE"


def test_the_rules_of_the_registry_act(world: World) -> None:
    ecr, registry = world.registry.ecr(), world.registry
    for name in ("prod/app", "dev/app"):
        registry.create(name)
    rule: Any = {
        "scanFrequency": "SCAN_ON_PUSH",
        "repositoryFilters": [{"filter": "prod/*", "filterType": "WILDCARD"}],
    }
    ecr.put_registry_scanning_configuration(scanType="BASIC", rules=[rule])
    for name in ("prod/app", "dev/app"):
        world.push(name=name)
    assert world.run() == ["COMPLETE"]
    ecr.put_image_scanning_configuration(
        repositoryName="dev/app", imageScanningConfiguration={"scanOnPush": True}
    )
    world.push(OTHER, "dev/app", "v2")
    assert world.run() == ["COMPLETE"]
    assert len(registry.rows()["scans"]) == 2


def test_the_end_of_a_scan_is_an_event(world: World) -> None:
    targets = Targets(world.registry.ground.database, world.registry.ground.secrets)
    targets.keep_log(on=True)
    world.push()
    world.run()
    rows = world.registry.rows()
    assert rows[event_targets.name]
    bodies = [json.loads(str(row[3])) for row in rows["event_deliveries"]]
    (event,) = [each for each in bodies if each["detail-type"] == "ECR Image Scan"]
    assert event["detail"] == {
        "repository-name": NAME,
        "scan-status": "COMPLETE",
        "finding-severity-counts": {"CRITICAL": 1},
        "image-digest": IMAGE.digest,
        "image-tags": ["v1"],
    }
    assert event["resources"] == [on(NAME)]


def test_what_is_shown_while_it_is_scanned_again(world: World) -> None:
    world.push()
    world.run()
    text = report(vulnerability())
    with world.registry.ground.database.write() as connection:
        number = connection.execute(sa.select(scans.c.image_id)).scalar_one()
        world.reports.write(connection, number, anonymous(text), read_report(text))
    ecr = world.registry.ecr()
    ecr.start_image_scan(**TAGGED)
    told = ecr.describe_image_scan_findings(**TAGGED)
    assert told["imageScanStatus"]["status"] == "IN_PROGRESS"
    assert [each["name"] for each in told["imageScanFindings"]["findings"]] == ["CVE-2020-14343"]
