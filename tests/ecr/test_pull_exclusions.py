"""Principals whose pulls do not count: registered, listed, honoured by every way to pull."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from functools import partial
from typing import Any

import pytest

from registry.domain.pull_exclusions import MOST
from tests.application import ACCOUNT, Registry, allow, basic
from tests.ecr.calls import NAME, image, refusal
from tests.identities import (
    ADMIN,
    OTHER,
    assume,
    aws,
    docker_password,
    make_role,
    trusting,
)

IMAGE = image()
IDS: Any = [{"imageTag": "v1"}]


@pytest.fixture
def held(registry: Registry) -> Registry:
    registry.create(NAME)
    registry.hold(NAME, IMAGE, "v1")
    return registry


def pull_time(registry: Registry) -> datetime | None:
    registry.ground.pulls.flush(everything=True)
    (detail,) = registry.ecr().describe_images(repositoryName=NAME)["imageDetails"]
    return detail.get("lastRecordedPullTime")


def pull(registry: Registry, key: Any) -> None:
    """Over both wires."""
    with registry.anyone({"authorization": basic(docker_password(registry, key))}) as docker:
        assert docker.get(f"/v2/{NAME}/manifests/v1").status_code == 200
    answer = aws(registry, "ecr", key).batch_get_image(repositoryName=NAME, imageIds=IDS)
    assert answer["failures"] == []


def test_a_user_whose_pulls_do_not_count(held: Registry) -> None:
    scanner = held.user("scanner", allow("ecr:*"))
    arn = f"arn:aws:iam::{ACCOUNT}:user/scanner"
    answer = held.ecr().register_pull_time_update_exclusion(principalArn=arn)
    assert answer["principalArn"] == arn
    assert abs(datetime.now(UTC) - answer["createdAt"]) < timedelta(minutes=1)
    pull(held, scanner)
    assert pull_time(held) is None
    with held.http() as docker:
        docker.get(f"/v2/{NAME}/manifests/v1")
    first = pull_time(held)
    assert first is not None  # everybody else's do
    assert held.ecr().deregister_pull_time_update_exclusion(principalArn=arn)["principalArn"] == arn
    pull(held, scanner)
    second = pull_time(held)
    assert second is not None
    assert second > first


def test_a_role_whose_sessions_do_not_count(held: Registry) -> None:
    arn = make_role(held, "mirror", trusting(ADMIN), allow("ecr:*"))
    other = make_role(held, "person", trusting(ADMIN), allow("ecr:*"))
    held.ecr().register_pull_time_update_exclusion(principalArn=arn)
    pull(held, assume(held, None, arn))
    assert pull_time(held) is None
    pull(held, assume(held, None, other))
    assert pull_time(held) is not None


def test_another_registry_has_its_own(held: Registry) -> None:
    theirs = held.ecr(held.user("mallory", allow("*"), account=OTHER))
    theirs.register_pull_time_update_exclusion(principalArn=ADMIN)
    assert held.ecr().list_pull_time_update_exclusions()["pullTimeUpdateExclusions"] == []
    pull(held, held.admin)
    assert pull_time(held) is not None


def test_pages(held: Registry) -> None:
    ecr = held.ecr()
    arns = [f"arn:aws:iam::{ACCOUNT}:role/r{number}" for number in range(5)]
    for arn in reversed(arns):
        ecr.register_pull_time_update_exclusion(principalArn=arn)
    first = ecr.list_pull_time_update_exclusions(maxResults=2)
    assert first["pullTimeUpdateExclusions"] == arns[:2]
    ecr.deregister_pull_time_update_exclusion(principalArn=arns[1])
    second = ecr.list_pull_time_update_exclusions(maxResults=2, nextToken=first["nextToken"])
    last = ecr.list_pull_time_update_exclusions(maxResults=2, nextToken=second["nextToken"])
    shown = second["pullTimeUpdateExclusions"] + last["pullTimeUpdateExclusions"]
    assert shown == arns[2:]
    assert "nextToken" not in last
    reader = held.ecr(held.user("reader", allow("ecr:*")))
    code, message = refusal(
        lambda: reader.list_pull_time_update_exclusions(nextToken=first["nextToken"])
    )
    assert code == "InvalidParameterException"
    assert "'nextToken'" in message


def test_what_is_refused(held: Registry) -> None:
    ecr = held.ecr()
    arn = f"arn:aws:iam::{ACCOUNT}:user/scanner"
    assert refusal(lambda: ecr.deregister_pull_time_update_exclusion(principalArn=arn)) == (
        "ExclusionNotFoundException",
        f"The pull time update exclusion for '{arn}' does not exist in the registry with id"
        f" '{ACCOUNT}'",
    )
    ecr.register_pull_time_update_exclusion(principalArn=arn)
    code, message = refusal(lambda: ecr.register_pull_time_update_exclusion(principalArn=arn))
    assert code == "ExclusionAlreadyExistsException"
    assert arn in message
    for wrong in (f"arn:aws:iam::{ACCOUNT}:root", "scanner", f"arn:aws:sts::{ACCOUNT}:user/a"):
        register = partial(ecr.register_pull_time_update_exclusion, principalArn=wrong)
        code, message = refusal(register)
        assert code == "InvalidParameterException"
        assert message.startswith(
            "Invalid parameter at 'principalArn' failed to satisfy constraint: 'must satisfy"
        )


def test_there_is_a_most(held: Registry) -> None:
    ecr = held.ecr()
    for number in range(MOST):
        arn = f"arn:aws:iam::{ACCOUNT}:user/u{number}"
        ecr.register_pull_time_update_exclusion(principalArn=arn)
    code, _ = refusal(lambda: ecr.register_pull_time_update_exclusion(principalArn=ADMIN))
    assert code == "LimitExceededException"
    assert len(ecr.list_pull_time_update_exclusions()["pullTimeUpdateExclusions"]) == MOST


def test_who_may(held: Registry) -> None:
    reader = held.ecr(held.user("reader", allow("ecr:ListPullTimeUpdateExclusions")))
    assert reader.list_pull_time_update_exclusions()["pullTimeUpdateExclusions"] == []
    for call in (
        reader.register_pull_time_update_exclusion,
        reader.deregister_pull_time_update_exclusion,
    ):
        code, message = refusal(partial(call, principalArn=ADMIN))
        assert code == "AccessDeniedException"
        assert "PullTimeUpdateExclusion on resource: *" in message
