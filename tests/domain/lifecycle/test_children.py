"""Images of an index that somebody deleted: they follow it, unless somebody else wants them."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.database.schema import orphans
from registry.domain.deletions import Gone, Named
from registry.domain.lifecycle.acting import Done
from registry.domain.lifecycle.uses import Use
from registry.domain.protection import Protections
from registry.domain.rest_rows import Resting
from registry.domain.undelete import Undelete
from registry.values.digest import Digest
from tests import images
from tests.application import SCOPE, OpenRegistry, Registry
from tests.domain.lifecycle.holding import (
    NAME,
    change,
    done,
    follow,
    following,
    hold,
    image,
    left,
    put,
    repository,
    runs,
)
from tests.domain.lifecycle.world import aged, policy, rule

DAY = timedelta(days=1)
HOUR = timedelta(hours=1)
INDEX = images.multi_arch()
CHILD, OTHER = INDEX.children


@pytest.fixture(autouse=True)
def _index(registry: Registry) -> None:
    registry.create(NAME)
    hold(registry, INDEX, "v1")


def delete(registry: Registry, *made: images.Image, name: str = NAME) -> None:
    named = [Named(Digest.parse(each.digest), None) for each in made]
    outcomes = registry.stores.deletions.delete(repository(registry, name), named)
    assert all(isinstance(each, Gone) for each in outcomes), outcomes


def resting(registry: Registry, made: images.Image) -> Resting:
    found = Undelete(registry.ground.database).page(SCOPE, NAME, None, 100)
    return next(each for each in found if each.digest == made.digest)


def restore(registry: Registry, made: images.Image) -> set[str]:
    item = resting(registry, made)
    return set(Undelete(registry.ground.database).restore(SCOPE, item.id).images)


def digests(*made: images.Image) -> set[str]:
    return {each.digest for each in made}


class TestGo:
    @pytest.mark.parametrize("way", ["docker", "digest", "tag"])
    def test_a_day_later_whichever_way_the_index_went(self, registry: Registry, way: str) -> None:
        if way == "docker":
            with registry.http() as client:
                client.delete(f"/v2/{NAME}/manifests/{INDEX.digest}").raise_for_status()
        else:
            ids: Any = [{"imageDigest": INDEX.digest} if way == "digest" else {"imageTag": "v1"}]
            registry.ecr().batch_delete_image(repositoryName=NAME, imageIds=ids)
        assert follow(registry, DAY - timedelta(minutes=2)) == 0
        assert left(registry) == digests(CHILD, OTHER)
        assert follow(registry) == 2
        assert left(registry) == set()
        assert registry.rows()["orphans"] == []
        registry.check_whole()

    def test_all_that_hangs_on_the_index_at_one_moment(self, registry: Registry) -> None:
        outer = images.index({"amd64": INDEX, "arm64": image("more")})
        signature = image("s", subject=CHILD.descriptor())
        of_signature = image("t", subject=signature.descriptor())
        for each in (outer, signature, of_signature):
            hold(registry, each)
        registry.ecr().batch_delete_image(repositoryName=NAME, imageIds=[{"imageTag": "v1"}])
        assert len(left(registry)) == 7, "the outer index lists the inner one: only its tag went"
        with registry.ground.database.write() as connection:
            connection.exec_driver_sql("DELETE FROM tags")
        delete(registry, outer)
        assert follow(registry) == 6
        assert left(registry) == set()

    def test_those_of_an_index_that_rests_no_time(self, open_one: OpenRegistry) -> None:
        registry = open_one(undelete_days=0)
        registry.create(NAME)
        hold(registry, INDEX, "v1")
        delete(registry, INDEX)
        assert follow(registry) == 2
        assert registry.rows()["images"] == []

    def test_a_kill_after_they_went_costs_nothing(self, registry: Registry) -> None:
        hold(registry, image("s", subject=CHILD.descriptor()))
        delete(registry, INDEX)
        killed = following(registry)

        def die(*_: object) -> None:
            raise KeyboardInterrupt

        vars(killed)["_settle"] = die
        with pytest.raises(KeyboardInterrupt):
            killed.run(threading.Event())
        assert left(registry) == set()
        assert follow(registry) == 0
        assert registry.rows()["orphans"] == []


class TestStay:
    def test_one_with_a_tag_of_its_own_given_before_or_meanwhile(self, registry: Registry) -> None:
        registry.hold(NAME, CHILD, "amd64")
        delete(registry, INDEX)
        registry.hold(NAME, OTHER, "arm64")
        assert follow(registry) == 0
        assert left(registry) == digests(CHILD, OTHER)

    def test_protected_and_immutable_ones(self, open_one: OpenRegistry) -> None:
        registry = open_one(delete_immutable=False)
        registry.create(NAME, mutability="IMMUTABLE")
        hold(registry, INDEX)
        registry.hold(NAME, CHILD, "fixed")
        signature = image("sig", subject=INDEX.descriptor())
        hold(registry, signature, "kept")
        Protections(registry.ground.database).set(
            repository(registry), itself=None, patterns=["kept"]
        )
        delete(registry, INDEX)
        assert follow(registry) == 1
        assert left(registry) == digests(CHILD, signature)

    def test_one_that_another_index_lists_until_that_goes_too(self, registry: Registry) -> None:
        second = images.index({"amd64": CHILD})
        hold(registry, second)
        delete(registry, INDEX)
        assert follow(registry, DAY + HOUR) == 1
        assert left(registry) == digests(second, CHILD)
        delete(registry, second)
        assert follow(registry, DAY - HOUR) == 0
        assert follow(registry, DAY + HOUR) == 1
        assert left(registry) == set()

    def test_the_last_index_begins_the_day_anew(self, registry: Registry) -> None:
        second = images.index({"amd64": CHILD})
        hold(registry, second)
        delete(registry, INDEX)
        with registry.ground.database.write() as connection:
            connection.execute(sa.update(orphans).values(since=datetime.now(UTC) - 20 * HOUR))
        delete(registry, second)
        assert follow(registry, 5 * HOUR) == 1
        assert left(registry) == digests(CHILD)

    def test_one_left_behind_later_goes_later_than_the_inner_index(
        self, registry: Registry
    ) -> None:
        inner = images.index({"amd64": CHILD})
        outer, second = images.index({"amd64": inner}), images.index({"arm64": CHILD})
        for each in (outer, second):
            registry.hold(NAME, each)
        delete(registry, INDEX, outer)
        with registry.ground.database.write() as connection:
            connection.execute(sa.update(orphans).values(since=datetime.now(UTC) - 20 * HOUR))
        delete(registry, second)
        assert follow(registry, 5 * HOUR) == 2
        assert left(registry) == digests(CHILD)
        assert follow(registry) == 1

    def test_one_that_is_listed_with_its_signature(self, registry: Registry) -> None:
        second, signature = images.index({"amd64": CHILD}), image("s", subject=CHILD.descriptor())
        for each in (second, signature):
            registry.hold(NAME, each)
        delete(registry, INDEX)
        assert follow(registry) == 1
        assert left(registry) == digests(second, CHILD, signature)

    def test_a_tagged_one_whose_subject_went_before_goes_all_the_same(
        self, registry: Registry
    ) -> None:
        subject = image("subject")
        signature = image("s", subject=subject.descriptor())
        second = images.index({"amd64": signature})
        for each in (subject, signature, second):
            registry.hold(NAME, each, f"t-{each.digest[7:12]}")
        delete(registry, subject)
        delete(registry, second)
        assert follow(registry) == 1
        assert left(registry) == digests(INDEX, CHILD, OTHER)

    def test_one_that_a_new_index_lists_follows_that_one(self, registry: Registry) -> None:
        delete(registry, INDEX)
        second = images.index({"amd64": CHILD})
        hold(registry, second, "v2")
        assert follow(registry) == 1
        assert left(registry) == digests(second, CHILD)
        delete(registry, second)
        assert follow(registry) == 1

    def test_one_that_is_pushed_again(self, registry: Registry) -> None:
        delete(registry, INDEX)
        registry.hold(NAME, CHILD)
        assert follow(registry, timedelta(days=100)) == 1
        assert left(registry) == digests(CHILD)

    @pytest.mark.parametrize(
        "action",
        [
            lambda registry: registry.hold(NAME, CHILD),
            lambda registry: registry.hold(NAME, CHILD, "mine"),
            lambda registry: registry.hold(NAME, images.index({"amd64": CHILD}), "new"),
        ],
        ids=["pushed", "tagged", "listed"],
    )
    def test_one_that_is_wanted_at_the_last_moment(
        self, registry: Registry, action: Callable[[Registry], None]
    ) -> None:
        delete(registry, INDEX)
        running = following(registry)
        look = running._delete

        def acting(*arguments: Any) -> int:
            action(registry)
            return look(*arguments)

        vars(running)["_delete"] = acting
        assert running.run(threading.Event()) == 1
        assert CHILD.digest in left(registry)
        assert OTHER.digest not in left(registry)

    def test_one_that_was_pulled_meanwhile_waits_another_day(self, registry: Registry) -> None:
        delete(registry, INDEX)
        change(registry, [CHILD.digest], pulled_at=datetime.now(UTC) + HOUR)
        assert follow(registry, DAY + HOUR) == 1
        assert left(registry) == digests(CHILD)
        assert follow(registry, 2 * DAY) == 0
        assert follow(registry, 2 * DAY + 2 * HOUR) == 1

    def test_a_pull_before_is_none_of_its_own(self, registry: Registry) -> None:
        change(registry, [CHILD.digest], pulled_at=datetime.now(UTC) - HOUR)
        delete(registry, INDEX)
        assert follow(registry) == 2

    def test_one_in_use_waits_with_its_signature(self, registry: Registry) -> None:
        signature = image("s", subject=CHILD.descriptor())
        hold(registry, signature)
        delete(registry, INDEX)
        uses = registry.stores.lifecycle.uses
        uses.report(SCOPE, "ecs", [Use(NAME, CHILD.digest)], 3 * DAY)
        assert follow(registry) == 1
        assert left(registry) == digests(CHILD, signature)
        assert follow(registry, 5 * DAY) == 2

    def test_one_that_is_a_living_images_signature(self, registry: Registry) -> None:
        subject = image("subject")
        hold(registry, subject, "v2")
        signature = image("s", subject=subject.descriptor())
        second = images.index({"amd64": signature, "arm64": subject})
        hold(registry, second)
        delete(registry, second)
        assert follow(registry) == 0
        delete(registry, subject)
        assert follow(registry) == 1

    def test_a_tagged_one_whose_subject_never_came(self, registry: Registry) -> None:
        """Only a referrer that was left behind by its subject goes with its tags."""
        early = image("early", subject=image("never").descriptor())
        second = images.index({"amd64": early})
        hold(registry, second)
        delete(registry, second)
        registry.hold(NAME, early, "mine")
        assert follow(registry) == 0

    def test_all_of_them_where_the_setting_says_so(self, open_one: OpenRegistry) -> None:
        registry = open_one(delete_children=False)
        registry.create(NAME)
        hold(registry, INDEX, "v1")
        signature = image("s", subject=INDEX.descriptor())
        hold(registry, signature)
        delete(registry, INDEX)
        assert follow(registry, 9 * DAY) == 1
        assert left(registry) == digests(CHILD, OTHER)

    @pytest.mark.parametrize("days", [1, 3])
    def test_those_of_a_repository_at_rest_until_it_is_back(
        self, registry: Registry, days: int
    ) -> None:
        delete(registry, INDEX)
        registry.repositories.delete(SCOPE, NAME, force=True)
        assert follow(registry, days * DAY + HOUR) == 0
        (item,) = Undelete(registry.ground.database).page(SCOPE, None, None, 1)
        Undelete(registry.ground.database).restore(SCOPE, item.id)
        assert follow(registry, (days + 1) * DAY) == 0
        assert follow(registry, (days + 1) * DAY + 2 * HOUR) == 2


class TestBack:
    def test_whole_with_their_index(self, registry: Registry) -> None:
        signature = image("s", subject=CHILD.descriptor())
        hold(registry, signature)
        delete(registry, INDEX)
        follow(registry)
        assert restore(registry, INDEX) == digests(INDEX, CHILD, OTHER, signature)
        assert follow(registry, 30 * DAY) == 0
        with registry.http() as client:
            for each in (INDEX, CHILD, OTHER, signature):
                answer = client.get(f"/v2/{NAME}/manifests/{each.digest}")
                assert answer.content == each.manifest
                for blob in each.blobs:
                    found = client.get(f"/v2/{NAME}/blobs/{blob.digest}")
                    assert found.content == blob.content
        registry.check_whole()

    def test_the_index_before_they_went(self, registry: Registry) -> None:
        delete(registry, INDEX)
        assert restore(registry, INDEX) == digests(INDEX)
        assert follow(registry, 30 * DAY) == 0
        assert registry.rows()["orphans"] == []

    def test_one_alone_and_then_for_good(self, registry: Registry) -> None:
        delete(registry, INDEX)
        follow(registry)
        assert restore(registry, CHILD) == digests(CHILD)
        assert follow(registry, 30 * DAY) == 0
        assert left(registry) == digests(CHILD)


class TestPolicies:
    """What a deletion left behind is no matter of policies: it neither counts nor goes by them."""

    def test_it_counts_for_nothing(self, registry: Registry) -> None:
        kept = [image(f"k{number}") for number in range(3)]
        for number, each in enumerate(kept):
            hold(registry, each, f"k{number}", age=9 - number)
        delete(registry, INDEX)
        put(registry, policy(rule(countNumber=3)))
        assert done(registry) == Done()
        assert left(registry) == digests(*kept, CHILD, OTHER)

    def test_its_day_is_its_own(self, registry: Registry) -> None:
        signature = image("s", subject=INDEX.descriptor())
        hold(registry, signature, age=90)
        change(registry, [CHILD.digest, OTHER.digest], pushed_at=datetime(2020, 1, 1, tzinfo=UTC))
        delete(registry, INDEX)
        text = policy(rule(**aged(30)))
        put(registry, text)
        assert runs(registry).select(repository(registry).id, text)[0] == []
        assert done(registry) == Done()
        assert follow(registry) == 3

    def test_it_goes_with_a_new_index(self, registry: Registry) -> None:
        delete(registry, INDEX)
        second = images.index({"amd64": CHILD})
        hold(registry, second, age=90)
        put(registry, policy(rule(**aged(30))))
        assert done(registry) == Done(expired=2)
        assert left(registry) == digests(OTHER)

    def test_one_in_use_follows_the_index_that_a_policy_took(self, registry: Registry) -> None:
        change(registry, [INDEX.digest], pushed_at=datetime(2020, 1, 1, tzinfo=UTC))
        put(registry, policy(rule(**aged(30))))
        uses = registry.stores.lifecycle.uses
        uses.report(SCOPE, "ecs", [Use(NAME, CHILD.digest)], 2 * DAY)
        assert done(registry).expired == 2
        assert left(registry) == digests(CHILD)
        assert follow(registry) == 0
        assert follow(registry, 4 * DAY) == 1


PARTS = 5


@st.composite
def worlds(draw: st.DrawFn) -> list[tuple[str, tuple[int, ...], bool]]:
    """Images in the order of their pushes: kind, what it lists or refers to, whether tagged."""
    found: list[tuple[str, tuple[int, ...], bool]] = []
    for number in range(draw(st.integers(2, 7))):
        kinds = ["plain", "index", "index", "referrer"] if number else ["plain"]
        kind = draw(st.sampled_from(kinds))
        others = st.integers(0, number - 1) if number else st.just(0)
        listed = draw(st.sets(others, min_size=1, max_size=3)) if kind == "index" else set()
        subject = {draw(others)} if kind == "referrer" else set()
        found.append((kind, tuple(sorted(listed | subject)), draw(st.integers(0, 3)) == 0))
    return found


def made_of(world: list[tuple[str, tuple[int, ...], bool]], seed: str) -> list[images.Image]:
    found: list[images.Image] = []
    for number, (kind, of, _) in enumerate(world):
        if kind == "index":
            listed = {f"a{each}": found[each] for each in of}
            found.append(images.index(listed, annotations={"n": f"{seed}{number}"}))
        else:
            subject = {"subject": found[of[0]].descriptor()} if kind == "referrer" else {}
            found.append(image(f"{seed}{number}", **subject))
    return found


def expected(world: list[tuple[str, tuple[int, ...], bool]], deleted: set[int]) -> set[int]:
    """Said anew, from the page: who is left in the end."""
    gone = set(deleted)
    while True:
        more = {
            number
            for number, (kind, of, tagged) in enumerate(world)
            if number not in gone
            and not any(number in world[each][1] for each in _indexes(world) - gone)
            and (
                of[0] in gone
                if kind == "referrer"
                else not tagged and any(number in world[each][1] for each in _indexes(world))
            )
        }
        if not more:
            return set(range(len(world))) - gone
        gone |= more


def _indexes(world: list[tuple[str, tuple[int, ...], bool]]) -> set[int]:
    return {number for number, (kind, _, _) in enumerate(world) if kind == "index"}


def test_the_order_of_deletions_never_matters(open_one: OpenRegistry) -> None:
    registry = open_one()
    count = 0

    @settings(max_examples=15, deadline=None, suppress_health_check=list(HealthCheck))
    @given(worlds(), st.data())
    def check(world: list[tuple[str, tuple[int, ...], bool]], data: Any) -> None:
        nonlocal count
        count += 1
        name = f"team/r{count}"
        registry.create(name)
        made = made_of(world, f"{count}-")
        for number, each in enumerate(made):
            registry.hold(name, each, f"t{number}" if world[number][2] else None)
        wanted = data.draw(st.sets(st.integers(0, len(world) - 1), max_size=3))
        waiting = data.draw(st.permutations(sorted(wanted)))
        deleted: set[int] = set()
        while waiting:
            number = waiting.pop(0)
            digest = Digest.parse(made[number].digest)
            (outcome,) = registry.stores.deletions.delete(
                repository(registry, name), [Named(digest, None)]
            )
            if isinstance(outcome, Gone):
                deleted.add(number)
                if data.draw(st.booleans()):
                    follow(registry)
        for _ in range(PARTS):  # what came late has a day of its own
            follow(registry)
        assert left(registry, name) == {made[each].digest for each in expected(world, deleted)}
        registry.check_whole()

    check()
