"""`/api/v1/registries/<account>/images-in-use`: who may report what, and what it keeps."""

from __future__ import annotations

from datetime import datetime, timedelta
from typing import Any

import pytest

from registry.api.uses import IMAGES_MAX
from registry.domain.lifecycle.uses import LEASE
from tests.api.signed import refused, send
from tests.application import ACCOUNT, REGION, OpenRegistry, Registry, allow
from tests.domain.lifecycle.holding import NAME, hold, image, left, put, run
from tests.domain.lifecycle.world import aged, policy, rule
from tests.identities import OTHER
from tests.oci.bodies import Unchanged

PATH = f"registries/{ACCOUNT}/images-in-use"
ECS = f"{PATH}/ecs"


def report(registry: Registry, images: list[Any], path: str = ECS, **more: Any) -> dict[str, Any]:
    answer = send(registry, "PUT", path, {"images": images, **more})
    assert answer.status_code == 200, answer.text
    found: dict[str, Any] = answer.json()
    return found


def test_what_is_reported_never_expires(registry: Registry) -> None:
    registry.create(NAME)
    by_digest, by_tag = hold(registry, image("a"), age=90), hold(registry, image("b"), "v1", age=90)
    hold(registry, image("c"), "v2", age=90)
    told = report(registry, [f"{NAME}@{by_digest}", f"{NAME}:v1", f"{NAME}:none", "no/such:v1"])
    assert told["missing"] == ["no/such:v1", f"{NAME}:none"]
    put(registry, policy(rule(**aged(30))))
    run(registry)
    assert left(registry) == {by_digest, by_tag}


def test_a_report_is_kept_replaced_shown_and_ended(registry: Registry) -> None:
    first = report(registry, ["a/b:v1", "a/b:v1"])
    assert first["images"] == ["a/b:v1"]
    second = report(registry, ["a/b:v2"], leaseSeconds=7200)
    begun, over = (datetime.fromisoformat(second[name]) for name in ("reportedAt", "expiresAt"))
    assert over - begun == timedelta(hours=2)
    begun, over = (datetime.fromisoformat(first[name]) for name in ("reportedAt", "expiresAt"))
    assert over - begun == LEASE
    del second["missing"]
    assert send(registry, "GET", ECS).json() == second
    report(registry, [], f"{PATH}/another")
    listed = send(registry, "GET", PATH).json()["reports"]
    assert [each["reporter"] for each in listed] == ["another", "ecs"]
    assert send(registry, "DELETE", ECS).json() == {}
    for method in ("GET", "DELETE"):
        status, code, _ = refused(send(registry, method, ECS))
        assert (status, code) == (404, "ReporterNotFound")


def test_each_region_has_its_own(open_one: OpenRegistry) -> None:
    registry = open_one(regions="eu-west-1")
    report(registry, ["a/b:v1"])
    assert send(registry, "GET", ECS, region="eu-west-1").status_code == 404


@pytest.mark.parametrize(
    ("document", "reason"),
    [
        ({}, "images must be a list"),
        ({"images": "a/b:v1"}, "images"),
        ({"images": [7]}, "images[0] must be a JSON string"),
        ({"images": ["a/b:v1", "a/b"]}, "images[1]: 'a/b' is neither"),
        ({"images": ["A/B:v1"]}, "A/B"),
        ({"images": ["a/b:.x"]}, ".x"),
        ({"images": ["a/b@sha256:12"]}, "sha256:12"),
        ({"images": ["a/b:v1"] * (IMAGES_MAX + 1)}, "at most 10,000"),
        ({"images": [], "leaseSeconds": 3599}, "leaseSeconds must be"),
        ({"images": [], "leaseSeconds": True}, "leaseSeconds must be"),
        ({"images": [], "leaseSeconds": 10**12}, "leaseSeconds must be"),
        ({"images": [], "lease": 1}, "lease"),
    ],
)
def test_what_is_no_report_changes_nothing(
    registry: Registry, document: dict[str, Any], reason: str
) -> None:
    report(registry, ["a/b:v1"])
    with Unchanged(registry):
        status, _, message = refused(send(registry, "PUT", ECS, document))
    assert (status, reason in message) == (400, True)


@pytest.mark.parametrize("path", ["registries/12/images-in-use/ecs", f"{PATH}/-x", f"{PATH}/a%20b"])
def test_names_outside_their_grammar(registry: Registry, path: str) -> None:
    assert refused(send(registry, "PUT", path, {"images": []}))[0] in {400, 403}


def test_each_needs_its_action_on_the_reporter(registry: Registry) -> None:
    arn = f"arn:aws:ecr:{REGION}:{ACCOUNT}:images-in-use/ecs"
    calls = [
        ("PUT", ECS, "PutImagesInUse", arn), ("GET", ECS, "GetImagesInUse", arn),
        ("GET", PATH, "ListImagesInUse", "*"), ("DELETE", ECS, "DeleteImagesInUse", arn),
    ]  # fmt: skip
    for method, path, action, resource in calls:
        document = {"images": ["a/b:v1"]} if method == "PUT" else None
        others = [f"ecr:{each[2]}" for each in calls if each[2] != action]
        may_not = registry.user(
            f"no-{action}", allow(*others), allow(f"ecr:{action}", resource=arn.replace("ecs", "x"))
        )
        with Unchanged(registry):
            status, _, message = refused(send(registry, method, path, document, may_not))
            assert (status, f"ecr:{action}" in message) == (403, True)
        may = registry.user(f"only-{action}", allow(f"ecr:{action}", resource=resource))
        assert send(registry, method, path, document, may).status_code == 200


def test_another_account_reports_nothing_here(registry: Registry) -> None:
    foreign = registry.user("mallory", allow("*"), account=OTHER)
    with Unchanged(registry):
        assert refused(send(registry, "PUT", ECS, {"images": []}, foreign))[0] == 403
        assert refused(send(registry, "GET", PATH, None, foreign))[0] == 403
