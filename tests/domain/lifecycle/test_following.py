"""Referrers of what somebody deleted: which follow, when, and which stay."""

from __future__ import annotations

from datetime import timedelta

import pytest

from registry.domain.deletions import Named
from registry.domain.lifecycle.following import STEP
from registry.domain.lifecycle.uses import LEASE, Use
from registry.values.digest import Digest
from tests import images
from tests.application import SCOPE, Registry
from tests.domain.lifecycle.holding import NAME, follow, hold, image, left, put, repository, run
from tests.domain.lifecycle.world import aged, policy, rule

DAY = timedelta(days=1)
SUBJECT = image("subject")
COSIGN = SUBJECT.digest.replace(":", "-") + ".sig"


@pytest.fixture(autouse=True)
def _repository(registry: Registry) -> None:
    registry.create(NAME)
    hold(registry, SUBJECT, "v1")


def signature(seed: str = "sig", of: images.Image = SUBJECT) -> images.Image:
    return image(seed, subject=of.descriptor())


def delete(registry: Registry, made: images.Image = SUBJECT) -> None:
    registry.stores.deletions.delete(repository(registry), [Named(Digest.parse(made.digest), None)])


def test_they_follow_a_day_later_and_their_own_after_them(registry: Registry) -> None:
    first, second = signature(), image("cosign")
    of_first = signature("deep", first)
    other = signature("other", image("elsewhere"))
    hold(registry, first, "named")
    hold(registry, second, COSIGN)
    hold(registry, of_first)
    hold(registry, other)
    delete(registry)
    assert follow(registry, DAY - timedelta(minutes=2)) == 0
    assert follow(registry) == 3  # the last became an orphan a moment ago, by the real clock
    assert left(registry) == {other.digest}
    assert registry.rows()["orphans"] == []


@pytest.mark.parametrize("way", ["docker", "api"])
def test_whichever_way_the_subject_went(registry: Registry, way: str) -> None:
    hold(registry, signature())
    if way == "docker":
        with registry.http() as client:
            client.delete(f"/v2/{NAME}/manifests/{SUBJECT.digest}").raise_for_status()
    else:
        registry.ecr().batch_delete_image(
            repositoryName=NAME, imageIds=[{"imageDigest": SUBJECT.digest}]
        )
    assert follow(registry) == 1


def test_a_subject_that_is_back_keeps_them(registry: Registry) -> None:
    made = signature()
    hold(registry, made)
    delete(registry)
    hold(registry, SUBJECT, "v1")
    assert follow(registry) == 0
    assert left(registry) == {made.digest, SUBJECT.digest}
    assert registry.rows()["orphans"] == []


def test_what_has_got_a_use_or_a_tag_of_its_own_stays(registry: Registry) -> None:
    used, tagged = signature(), image("cosign")
    hold(registry, used)
    hold(registry, tagged, COSIGN)
    delete(registry)
    registry.hold(NAME, tagged, "mine")
    uses = registry.stores.lifecycle.uses
    uses.report(SCOPE, "ecs", [Use(NAME, used.digest)], LEASE)
    assert follow(registry) == 0
    assert left(registry) == {used.digest, tagged.digest}


def test_one_that_came_before_its_subject_waits_for_ever(registry: Registry) -> None:
    made = signature("early", image("late"))
    hold(registry, made)
    assert follow(registry, timedelta(days=1000)) == 0
    assert made.digest in left(registry)


def test_what_a_policy_takes_with_its_subject_leaves_no_rows(registry: Registry) -> None:
    hold(registry, SUBJECT, age=40)
    hold(registry, signature(), age=40)
    put(registry, policy(rule(**aged(30))))
    run(registry)
    assert left(registry) == set()
    assert registry.rows()["orphans"] == []


def test_more_than_one_step_holds(registry: Registry) -> None:
    for number in range(STEP + 5):
        registry.hold(NAME, signature(f"s{number}"))
    delete(registry)
    assert follow(registry) == STEP + 5
