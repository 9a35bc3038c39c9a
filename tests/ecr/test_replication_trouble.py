"""Replication of deletions, and what fails: tried again, given up, done by one process."""

from __future__ import annotations

import threading
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
import sqlalchemy as sa

from registry.database.schema import replications
from registry.domain.copying.copier import Copier
from registry.domain.replication import outcome
from registry.domain.repositories import Repository
from registry.domain.tasks import Task
from registry.stores import replicator_of
from registry.values.errors import Damaged, StorageUnavailable
from registry.values.scope import Scope
from tests.application import ACCOUNT, REGION, OpenRegistry, Registry
from tests.domain.copying.places import content
from tests.ecr.calls import NAME
from tests.ecr.replicating import (
    EU,
    FIRST,
    INDEX,
    SECOND,
    configure,
    push,
    replicate,
    rule,
    statuses,
    there,
)


@pytest.fixture
def registry(open_one: OpenRegistry) -> Registry:
    found = open_one(regions="eu-west-1,ap-south-1")
    found.create(NAME)
    return found


class TestDeletions:
    def delete(self, registry: Registry, *ids: Any) -> None:
        answer = registry.ecr().batch_delete_image(repositoryName=NAME, imageIds=list(ids))
        assert answer["failures"] == []

    def pushed(self, registry: Registry, *, deletions: bool) -> Repository:
        configure(registry, rule(EU, deletions=deletions))
        push(registry, INDEX, "v1")
        push(registry, INDEX, "v2")
        replicate(registry)
        return there(registry)

    def test_none_unless_the_rule_asks(self, registry: Registry) -> None:
        target = self.pushed(registry, deletions=False)
        before = content(registry, target)
        self.delete(registry, {"imageTag": "v1"}, {"imageTag": "v2"})
        assert replicate(registry) == 0
        assert content(registry, target) == before

    def test_tags_and_images_go_there_too(self, registry: Registry) -> None:
        target = self.pushed(registry, deletions=True)
        self.delete(registry, {"imageTag": "v1"})
        replicate(registry)
        assert content(registry, target)[INDEX.digest] == {"v2"}
        self.delete(registry, {"imageDigest": INDEX.digest}, *(
            {"imageDigest": each.digest} for each in INDEX.children
        ))  # fmt: skip
        replicate(registry)
        assert content(registry, target) == {}
        assert registry.rows()["replicated_deletions"] == []

    def test_over_docker_too(self, registry: Registry) -> None:
        target = self.pushed(registry, deletions=True)
        with registry.http() as docker:
            assert docker.delete(f"/v2/{NAME}/manifests/v1").status_code == 202
            replicate(registry)
            assert content(registry, target)[INDEX.digest] == {"v2"}
            assert docker.delete(f"/v2/{NAME}/manifests/{INDEX.digest}").status_code == 202
        replicate(registry)
        assert INDEX.digest not in content(registry, target)

    def test_what_has_another_tag_there_stays(self, registry: Registry) -> None:
        target = self.pushed(registry, deletions=True)
        registry.images.put(target, INDEX.manifest, INDEX.media_type, tag_names=["kept"])
        self.delete(registry, {"imageDigest": INDEX.digest})
        replicate(registry)
        assert content(registry, target)[INDEX.digest] == {"kept"}

    def test_what_is_there_again_stays(self, registry: Registry) -> None:
        target = self.pushed(registry, deletions=True)
        self.delete(registry, {"imageDigest": INDEX.digest})
        push(registry, INDEX, "v1")
        replicate(registry)
        assert content(registry, target)[INDEX.digest] == {"v1"}

    def test_two_that_replicate_to_each_other_do_not_fight(self, registry: Registry) -> None:
        target = self.pushed(registry, deletions=True)
        back = {"rules": [rule(Scope(ACCOUNT, REGION), deletions=True)]}
        registry.stores.registries.set_replication(EU, back)
        self.delete(registry, {"imageDigest": INDEX.digest})
        replicate(registry)
        push(registry, INDEX, "v1")
        replicate(registry)
        assert content(registry, target)[INDEX.digest] == {"v1"}
        assert content(registry, there(registry, Scope(ACCOUNT, REGION)))[INDEX.digest] == {"v1"}


class TestTrouble:
    """What fails is tried again, later and later, until it is given up."""

    def test_again_and_again(self, registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
        configure(registry, rule(EU))
        push(registry, FIRST, "v1")
        stores = registry.stores
        now, error = datetime.now(UTC) + timedelta(seconds=1), StorageUnavailable("no disk")
        tries = 0

        def fail(*_: Any, **__: Any) -> Any:
            nonlocal tries
            tries += 1
            raise error

        replicator = replicator_of(registry.settings, registry.ground, stores)
        monkeypatch.setattr(replicator, "_clock", lambda: now)
        monkeypatch.setattr("registry.domain.copying.copier.Copier.copy", fail)
        waits = []
        for _ in range(outcome.ATTEMPTS):
            assert replicator.run(threading.Event()) == 1
            assert replicator.run(threading.Event()) == 0
            with registry.ground.database.read() as connection:
                due = connection.execute(sa.select(replications.c.due_at)).scalar()
            if due is None:
                break
            waits.append(due - now)
            assert statuses(registry, "v1") == {(ACCOUNT, EU.region): ("IN_PROGRESS", None)}
            now = due
        assert tries == outcome.ATTEMPTS
        assert waits == sorted(waits)
        assert timedelta(minutes=10) < sum(waits, timedelta()) < timedelta(hours=1)
        assert statuses(registry, "v1") == {(ACCOUNT, EU.region): ("FAILED", "ServiceUnavailable")}

    @pytest.mark.parametrize(
        ("error", "code"),
        [(Damaged("cut off"), "ImageDamaged"), (RuntimeError("a mistake"), None)],
    )
    def test_one_that_fails_keeps_no_other(
        self, registry: Registry, monkeypatch: pytest.MonkeyPatch, error: Exception, code: str
    ) -> None:
        configure(registry, rule(EU))
        push(registry, FIRST, "bad")
        push(registry, SECOND, "good")
        copy = Copier.copy

        def some(self: Any, source: Any, target: Any, digest: Any, *more: Any, **named: Any) -> Any:
            if str(digest) == FIRST.digest:
                raise error
            return copy(self, source, target, digest, *more, **named)

        monkeypatch.setattr(Copier, "copy", some)
        assert replicate(registry) == 2
        status = "FAILED" if code else "IN_PROGRESS"
        assert statuses(registry, "bad") == {(ACCOUNT, EU.region): (status, code)}
        assert statuses(registry, "good") == {(ACCOUNT, EU.region): ("COMPLETE", None)}

    def test_a_tag_that_comes_while_it_is_copied(
        self, registry: Registry, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        configure(registry, rule(EU))
        push(registry, FIRST, "v1")
        copy, done = Copier.copy, False

        def late(*given: Any, **named: Any) -> Any:
            nonlocal done
            if not done:
                done = True
                push(registry, FIRST, "v2")
            return copy(*given, **named)

        monkeypatch.setattr(Copier, "copy", late)
        replicate(registry)
        assert content(registry, there(registry)) == {FIRST.digest: {"v1", "v2"}}
        assert statuses(registry, "v2") == {(ACCOUNT, EU.region): ("COMPLETE", None)}

    def test_only_one_process_does_it(self, registry: Registry) -> None:
        configure(registry, rule(EU))
        push(registry, FIRST, "v1")
        other = Task(registry.ground.database, "replication")
        assert other.take()
        assert replicate(registry) == 0
        other.release(finished=False)
        assert replicate(registry) == 1

    def test_a_stop_leaves_it_for_the_next_time(self, registry: Registry) -> None:
        configure(registry, rule(EU))
        push(registry, FIRST, "v1")
        stop = threading.Event()
        stop.set()
        replicator = replicator_of(registry.settings, registry.ground, registry.stores)
        assert replicator.run(stop) == 0
        assert statuses(registry, "v1") == {(ACCOUNT, EU.region): ("IN_PROGRESS", None)}
        assert replicator.run(threading.Event()) == 1
