"""Runs on real rows: what goes, when, what stays after all, and how a kill leaves it."""

from __future__ import annotations

import threading
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.database.schema import images as image_rows
from registry.database.schema import lifecycle_notices, lifecycle_policies, tasks
from registry.domain.lifecycle.acting import STEP, Done
from registry.domain.lifecycle.policies import SETTLING, LifecyclePolicies
from registry.domain.lifecycle.runs import AGAIN, EVERY, Runs
from registry.domain.lifecycle.uses import LEASE, Use
from registry.domain.tasks import HELD, Task
from registry.values.expiring import LifecyclePolicyNotFound
from tests import images
from tests.application import SCOPE, OpenRegistry, Registry
from tests.domain.lifecycle.holding import (
    NAME,
    change,
    done,
    hold,
    image,
    left,
    put,
    repository,
    run,
    runs,
)
from tests.domain.lifecycle.world import ARCHIVE, RETAIN, aged, policy, rule, tagged

HOUR = timedelta(hours=1)
BY_AGE = policy(rule(**aged(30)))


@pytest.fixture(autouse=True)
def _repository(registry: Registry) -> None:
    registry.create(NAME)


def interrupted(registry: Registry, action: Callable[[], object]) -> Runs:
    """Runs that let something happen, once, between the first look and what follows."""
    running = runs(registry)
    select = running.select

    def selecting(*arguments: Any) -> Any:
        found = select(*arguments)
        vars(running).pop("select")
        action()
        return found

    vars(running)["select"] = selecting
    return running


class TestWhen:
    def test_a_minute_after_a_change_and_then_once_a_day(self, registry: Registry) -> None:
        put(registry, BY_AGE)
        old = hold(registry, image("a"), age=31)
        assert run(registry, SETTLING - timedelta(seconds=20)) == []
        assert old in left(registry)
        assert done(registry, SETTLING + timedelta(seconds=1)) == Done(expired=1)
        assert left(registry) == set()
        assert run(registry, EVERY - HOUR) == []
        assert done(registry, EVERY + HOUR) == Done()
        put(registry, BY_AGE.replace("30", "20"))
        assert done(registry) == Done()

    def test_what_it_did_is_written_down(self, registry: Registry) -> None:
        put(registry, BY_AGE)
        hold(registry, image("a"), age=31)
        policies = LifecyclePolicies(registry.ground.database)
        assert policies.get(repository(registry)).evaluated_at is None
        run(registry)
        found = policies.get(repository(registry))
        assert found.evaluated_at is not None
        assert found.due_at == found.evaluated_at + EVERY
        assert found.last_run == {"expired": 1, "archived": 0, "kept": 0}

    def test_one_process_at_a_time(self, registry: Registry) -> None:
        put(registry, BY_AGE)
        database = registry.ground.database
        other = Task(database, "lifecycle", lambda: datetime.now(UTC) + timedelta(minutes=2))
        assert other.take()
        assert run(registry) == []
        other.release(finished=False)
        assert len(run(registry)) == 1

    def test_every_repository_has_its_turn_even_if_one_fails(self, registry: Registry) -> None:
        registry.create("team/other")
        put(registry, BY_AGE)
        put(registry, BY_AGE, "team/other")
        with registry.ground.database.write() as connection:
            broken = sa.update(lifecycle_policies).values(document="{")
            mine = lifecycle_policies.c.repository_id == repository(registry).id
            connection.execute(broken.where(mine))
        with pytest.raises(Exception, match="100 to 30720"):
            run(registry)
        (ran,) = run(registry)
        assert ran.repository.name == "team/other"
        with pytest.raises(Exception, match="100 to 30720"):
            run(registry, AGAIN + timedelta(minutes=3))

    def test_a_deleted_repository_has_no_run(self, registry: Registry) -> None:
        put(registry, BY_AGE)
        registry.repositories.delete(SCOPE, NAME)
        assert run(registry) == []


class TestWhat:
    def test_an_index_goes_with_its_images_and_their_signatures(self, registry: Registry) -> None:
        index = images.multi_arch()
        hold(registry, index, "v1", age=40)
        signature = image("sig", subject=index.children[0].descriptor())
        hold(registry, signature, age=1)
        kept = images.multi_arch("other")
        hold(registry, kept, "v2", age=1)
        change(
            registry,
            [each.digest for each in kept.children],
            pushed_at=datetime(2020, 1, 1, tzinfo=UTC),
        )
        put(registry, BY_AGE)
        assert done(registry) == Done(expired=4)
        assert left(registry) == {kept.digest, *(each.digest for each in kept.children)}
        assert done(registry, EVERY + HOUR) == Done()

    def test_the_archive(self, registry: Registry) -> None:
        old, young = hold(registry, image("a"), age=31), hold(registry, image("b"), age=1)
        put(registry, policy(
            rule(1, ARCHIVE, **aged(30)),
            rule(2, **aged(10, "sinceImageTransitioned", storageClass="archive")),
        ))  # fmt: skip
        assert done(registry) == Done(archived=1)
        with registry.ground.database.read() as connection:
            query = sa.select(image_rows.c.digest, image_rows.c.status)
            states = {row.digest: row.status for row in connection.execute(query)}
        assert states == {old: "ARCHIVED", young: "ACTIVE"}
        assert done(registry, timedelta(days=9)) == Done()
        assert done(registry, timedelta(days=10, hours=1)) == Done(expired=1)
        assert left(registry) == {young}

    @pytest.mark.parametrize("days", [0, 7])
    def test_blobs_are_left_to_rest_and_to_the_collection(
        self, open_one: OpenRegistry, days: int
    ) -> None:
        registry = open_one(undelete_days=days)
        registry.create(NAME)
        hold(registry, image("a"), age=31)
        put(registry, BY_AGE)
        objects = registry.objects()
        assert done(registry) == Done(expired=1)
        assert registry.objects() == objects
        needed = [row[3] for row in registry.rows()["links"] if row[3] is None]
        assert bool(needed) == bool(days)
        registry.check_whole()

    def test_more_than_one_step_holds(self, registry: Registry) -> None:
        layer = images.Blob(b"shared", images.OCI_LAYER, "x")
        made = [images.oci_image(layer, annotations={"n": str(n)}) for n in range(STEP + 20)]
        for each in made:
            hold(registry, each, age=31)
        put(registry, policy(rule(countNumber=5)))
        steps: list[Done] = []
        list(runs(registry).run(threading.Event(), steps.append))
        assert [each.expired for each in steps] == [STEP, 15]
        assert left(registry) == {each.digest for each in made[-5:]}


class TestStays:
    """What changes between the look at the whole and the end of an image."""

    @pytest.mark.parametrize(
        "meanwhile",
        [
            lambda registry, _: registry.hold(NAME, image("a"), "again"),
            lambda registry, digest: change(registry, [digest], pulled_at=datetime.now(UTC)),
            lambda registry, digest: change(registry, [digest], pushed_at=datetime.now(UTC)),
            lambda registry, digest: registry.stores.lifecycle.uses.report(
                SCOPE, "ecs", [Use(NAME, digest)], LEASE
            ),
            lambda registry, _: hold(registry, images.index({"amd64": image("a")}), "index"),
            lambda registry, _: hold(registry, image("s", subject=image("a").descriptor())),
            lambda registry, _: put(registry, policy(rule(countNumber=99))),
            lambda registry, _: LifecyclePolicies(registry.ground.database).delete(
                repository(registry)
            ),
        ],
        ids=["tagged", "pulled", "pushed", "used", "listed", "signed", "new policy", "no policy"],
    )
    def test_what_is_not_what_was_selected_any_more(
        self, registry: Registry, meanwhile: Callable[[Registry, str], object]
    ) -> None:
        digest = hold(registry, image("a"), "v1", age=31)
        put(registry, BY_AGE)
        running = interrupted(registry, lambda: meanwhile(registry, digest))
        list(running.run(threading.Event()))
        assert digest in left(registry)

    def test_it_is_tried_again_soon(self, registry: Registry) -> None:
        digest = hold(registry, image("a"), age=31)
        put(registry, BY_AGE)
        running = interrupted(
            registry, lambda: change(registry, [digest], pulled_at=datetime.now(UTC))
        )
        (ran,) = running.run(threading.Event())
        assert ran.done == Done(kept=1)
        assert done(registry, AGAIN + timedelta(minutes=3)) == Done(expired=1)

    def test_with_its_whole_family(self, registry: Registry) -> None:
        index = images.multi_arch()
        hold(registry, index, age=31)
        put(registry, BY_AGE)
        running = interrupted(registry, lambda: registry.hold(NAME, index.children[1], "mine"))
        (ran,) = running.run(threading.Event())
        assert ran.done == Done(kept=3)
        assert len(left(registry)) == 3

    @pytest.mark.parametrize("by_tag", [True, False])
    def test_what_is_in_use_until_its_lease_is_over(self, registry: Registry, by_tag: bool) -> None:
        digest = hold(registry, image("a"), "v1", age=400)
        other = hold(registry, image("b"), "v2", age=400)
        put(registry, policy(rule(1, ARCHIVE, **aged(30))))
        uses = registry.stores.lifecycle.uses
        uses.report(SCOPE, "ecs", [Use(NAME, "v1" if by_tag else digest)], timedelta(days=2))
        assert done(registry) == Done(archived=1)
        put(registry, policy(rule(**aged(30)), rule(2, **aged(30, storageClass="archive"))))
        assert done(registry) == Done(expired=1)
        assert left(registry) == {digest} != {other}
        assert done(registry, timedelta(days=1, hours=1)) == Done()
        assert done(registry, timedelta(days=2, hours=2)) == Done(expired=1)


class TestCutShort:
    def test_a_stop_leaves_the_rest_to_the_next_run(self, registry: Registry) -> None:
        layer = images.Blob(b"shared", images.OCI_LAYER, "x")
        for number in range(STEP + 20):
            hold(registry, images.oci_image(layer, annotations={"n": str(number)}), age=31)
        put(registry, policy(rule(countNumber=5)))
        stop = threading.Event()
        assert list(runs(registry).run(stop, lambda _done: stop.set())) == []
        assert len(left(registry)) == 20
        assert done(registry) == Done(expired=15)

    def test_a_kill_leaves_it_due(self, registry: Registry) -> None:
        """The lease of who was killed is over after a minute."""

        class Killed(BaseException):
            pass

        layer = images.Blob(b"shared", images.OCI_LAYER, "x")
        for number in range(STEP + 20):
            hold(registry, images.oci_image(layer, annotations={"n": str(number)}), age=31)
        put(registry, policy(rule(countNumber=5)))
        running = runs(registry)

        def die(_done: Done) -> None:
            running._task.release = lambda **_: None  # type: ignore[method-assign]  # as a kill
            raise Killed

        with pytest.raises(Killed):
            list(running.run(threading.Event(), die))
        assert run(registry) == []
        assert done(registry, timedelta(minutes=2) + HELD) == Done(expired=15)

    def test_who_lost_its_lease_stops(self, registry: Registry) -> None:
        layer = images.Blob(b"shared", images.OCI_LAYER, "x")
        for number in range(STEP + 20):
            hold(registry, images.oci_image(layer, annotations={"n": str(number)}), age=31)
        put(registry, policy(rule(countNumber=5)))
        running = runs(registry)

        def lose(_done: Done) -> None:
            running._task._renewed -= HELD
            with registry.ground.database.write() as connection:
                connection.execute(sa.update(tasks).values(holder="another"))

        assert list(running.run(threading.Event(), lose)) == []
        assert len(left(registry)) == 20


class TestNotice:
    def test_an_image_is_announced_once_and_goes_when_it_was_said(
        self, open_one: OpenRegistry
    ) -> None:
        registry = open_one()
        registry.create(NAME)
        digest = hold(registry, image("a"), "v1", age=31)
        put(registry, BY_AGE)
        notice = timedelta(hours=6)
        assert done(registry, notice=notice) == Done(kept=1)
        ((image_id, _, priority, noticed_at, acts_at),) = registry.rows()["lifecycle_notices"]
        assert (priority, acts_at - noticed_at) == (1, notice)
        assert image_id > 0
        assert run(registry, HOUR, notice=notice) == []
        assert digest in left(registry)
        assert done(registry, notice + timedelta(minutes=3), notice=notice) == Done(expired=1)
        assert registry.rows()["lifecycle_notices"] == []

    def test_it_is_taken_back_where_the_image_is_to_stay(self, registry: Registry) -> None:
        digest = hold(registry, image("a"), "v1", age=31)
        put(registry, BY_AGE)
        run(registry, notice=HOUR)
        registry.stores.lifecycle.uses.report(SCOPE, "ecs", [Use(NAME, digest)], LEASE)
        assert done(registry, HOUR * 2, notice=HOUR) == Done()
        assert registry.rows()["lifecycle_notices"] == []

    def test_what_goes_together_is_announced_together(self, registry: Registry) -> None:
        index = images.multi_arch()
        hold(registry, index, "v1", age=31)
        put(registry, BY_AGE)
        assert done(registry, notice=HOUR) == Done(kept=3)
        with registry.ground.database.write() as connection:
            late = sa.update(lifecycle_notices).where(
                lifecycle_notices.c.image_id
                == sa.select(sa.func.max(lifecycle_notices.c.image_id)).scalar_subquery()
            )
            connection.execute(late.values(acts_at=datetime.now(UTC) + timedelta(hours=9)))
        assert done(registry, HOUR * 2, notice=HOUR) == Done(kept=3)
        assert done(registry, HOUR * 10, notice=HOUR) == Done(expired=3)


def test_a_report_replaces_what_was_said_before_and_ends(registry: Registry) -> None:
    uses = registry.stores.lifecycle.uses
    uses.report(SCOPE, "a", [Use(NAME, "v1"), Use(NAME, "v2")], LEASE)
    uses.report(SCOPE, "b", [Use(NAME, "v3")], LEASE)
    uses.report(SCOPE, "a", [Use(NAME, "v4")], LEASE)
    with registry.ground.database.read() as connection:
        assert uses.references(connection, repository(registry).id) == {"v3", "v4"}
        assert uses.references(connection, repository(registry).id + 1) == set()
    assert [str(each.uses[0]) for each in uses.reports(SCOPE)] == [f"{NAME}:v4", f"{NAME}:v3"]
    uses.end(SCOPE, "a")
    assert [each.reporter for each in uses.reports(SCOPE)] == ["b"]


def test_a_run_does_what_was_selected_and_no_more(open_one: OpenRegistry) -> None:
    """On any mixture of images: preview equals run, and a second run finds nothing."""
    registry = open_one()
    count = 0
    kinds = st.tuples(
        st.integers(0, 60),
        st.sampled_from(["image", "tagged", "index", "signed"]),
        st.booleans(),
    )

    @settings(max_examples=12, deadline=None, suppress_health_check=list(HealthCheck))
    @given(st.lists(kinds, min_size=1, max_size=6), st.sampled_from(["age", "count", "tags"]))
    def check(made: list[tuple[int, str, bool]], by: str) -> None:
        nonlocal count
        count += 1
        name = f"team/r{count}"
        registry.create(name)
        fill(registry, name, made)
        texts = {
            "age": policy(rule(**aged(30))),
            "count": policy(
                rule(countNumber=2), rule(9, RETAIN, countNumber=1, tagStatus="untagged")
            ),
            "tags": policy(rule(**aged(10, **tagged("v"))), rule(2, countNumber=3)),
        }
        put(registry, texts[by], name)
        running = runs(registry)
        selections, all_images = running.select(repository(registry, name).id, texts[by])
        expected = {each.digest for each in all_images} - {each.image.digest for each in selections}
        (ran,) = running.run(threading.Event())
        assert ran.done == Done(expired=len(selections))
        assert left(registry, name) == expected
        assert running.select(repository(registry, name).id, texts[by])[0] == [] or by != "age"

    check()


def fill(registry: Registry, name: str, made: list[tuple[int, str, bool]]) -> None:
    for number, (age, kind, other) in enumerate(made):
        seed = f"{number}"
        whole = images.multi_arch(seed) if kind == "index" else image(seed)
        tag = None if kind == "image" else f"{'v' if other else 'w'}{number}"
        registry.hold(name, whole, tag)
        stored = [whole, *whole.children]
        if kind == "signed":
            stored.append(image(f"s{seed}", subject=whole.descriptor()))
            registry.hold(name, stored[-1])
        moment = datetime.now(UTC) - timedelta(days=age)
        change(registry, [each.digest for each in stored], pushed_at=moment)


def test_no_policy_is_said_to_be_none(registry: Registry) -> None:
    with pytest.raises(LifecyclePolicyNotFound, match=f"'{NAME}'"):
        runs(registry).hurry(repository(registry))
    put(registry, BY_AGE)
    runs(registry, timedelta(0)).hurry(repository(registry))
    assert len(run(registry, timedelta(seconds=1))) == 1
