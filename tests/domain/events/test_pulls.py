"""Pulls are told of, each once, whatever ends in between; and never hold up a pull."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.database.schema import event_deliveries, journals
from registry.domain import journal
from registry.domain.events import pulls
from registry.domain.events.event import IMAGE, REFERRER
from registry.domain.events.pulls import PullEvents
from registry.domain.events.targets import Wish
from registry.domain.journal import Journal
from registry.domain.pulls import Pulls
from registry.values.errors import StorageUnavailable
from tests.application import SCOPE, OpenRegistry, Registry
from tests.domain.events.conftest import URL, Ear, targets_of
from tests.images import artifact, layer, oci_image

NAME = "team/app"
IMAGE_ONE = oci_image(layer({"a": b"1"}))
PULLS = Wish(URL, actions=["PULL"])
EXPECTED = {"repository-name": NAME, "action-type": "PULL", "image-digest": IMAGE_ONE.digest}
TAGGED = {**EXPECTED, "image-tag": "v1"}


def told_of(registry: Registry) -> Registry:
    registry.create(NAME)
    registry.hold(NAME, IMAGE_ONE, "v1")
    targets_of(registry).put(SCOPE, "all", Wish(URL))
    targets_of(registry).put(SCOPE, "pulls", PULLS)
    return registry


@pytest.fixture
def pulled(registry: Registry) -> Registry:
    return told_of(registry)


def pull(registry: Registry, *references: str) -> None:
    with registry.http() as docker:
        for reference in references:
            answer = docker.get(f"/v2/{NAME}/manifests/{reference}")
            assert answer.status_code == 200
        docker.head(f"/v2/{NAME}/manifests/{references[0]}")


def ear_of(registry: Registry) -> Ear:
    return Ear(registry, targets_of(registry), "pulls")


def rows(registry: Registry, table: sa.Table) -> int:
    with registry.ground.database.read() as connection:
        return connection.execute(sa.select(sa.func.count()).select_from(table)).scalar_one()


def test_pulls_are_told_to_who_names_them(pulled: Registry) -> None:
    pull(pulled, "v1", IMAGE_ONE.digest)
    pulled.ecr().batch_get_image(repositoryName=NAME, imageIds=[{"imageTag": "v1"}])
    ear = ear_of(pulled)
    assert ear.told() == []
    assert pulled.ground.pulls.tell() == 0
    assert ear.told() == [(IMAGE, TAGGED), (IMAGE, EXPECTED), (IMAGE, TAGGED)]
    assert Ear(pulled, targets_of(pulled)).told() == []
    assert pulled.ground.pulls.tell() == 0
    assert ear.told() == []


def test_a_referrer_is_told_of_as_such(pulled: Registry) -> None:
    signature = artifact("application/x", b"{}", IMAGE_ONE)
    pulled.hold(NAME, signature, "sig")
    pull(pulled, "sig")
    pulled.ground.pulls.tell()
    ((kind, detail),) = ear_of(pulled).told()
    assert (kind, detail["image-digest"]) == (REFERRER, signature.digest)


def test_an_image_that_is_gone_before_it_is_told(pulled: Registry) -> None:
    pull(pulled, "v1")
    pulled.ecr().batch_delete_image(
        repositoryName=NAME, imageIds=[{"imageDigest": IMAGE_ONE.digest}]
    )
    pulled.ground.pulls.tell()
    assert ear_of(pulled).told() == [(IMAGE, TAGGED)]


def test_they_can_be_turned_off(open_one: OpenRegistry) -> None:
    registry = told_of(open_one(event_pulls=False))
    pull(registry, "v1")
    registry.ground.pulls.flush(everything=True)
    assert ear_of(registry).told() == []


def test_where_nobody_listens_nothing_is_written(registry: Registry) -> None:
    """So the outbox does not grow, and no cache is emptied every second."""
    registry.create(NAME)
    registry.hold(NAME, IMAGE_ONE, "v1")
    targets_of(registry).put(SCOPE, "all", Wish(URL))
    targets_of(registry).put(SCOPE, "others", Wish(URL, actions=["PULL"], repositories=["o/*"]))
    pull(registry, *["v1"] * 3)

    def unexpected() -> None:
        raise AssertionError("nothing is to be written")

    write = registry.ground.database.write
    registry.ground.database.write = unexpected  # type: ignore[method-assign, assignment]  # see above
    assert registry.ground.pulls.tell() == 0
    registry.ground.database.write = write  # type: ignore[method-assign]  # as it was
    registry.ground.pulls.flush(everything=True)
    assert (rows(registry, event_deliveries), rows(registry, journals)) == (0, 0)


def test_a_target_is_not_told_of_what_was_before_it(registry: Registry) -> None:
    registry.create(NAME)
    registry.hold(NAME, IMAGE_ONE, "v1")
    pull(registry, "v1")
    time.sleep(0.001)
    targets_of(registry).put(SCOPE, "pulls", PULLS)
    time.sleep(0.001)
    pull(registry, IMAGE_ONE.digest)
    registry.ground.pulls.tell()
    assert ear_of(registry).told() == [(IMAGE, EXPECTED)]


def test_the_log_has_them(open_one: OpenRegistry) -> None:
    registry = open_one(event_log=True)
    registry.create(NAME)
    registry.hold(NAME, IMAGE_ONE, "v1")
    before = rows(registry, event_deliveries)
    pull(registry, "v1", "v1")
    registry.ground.pulls.tell()
    assert rows(registry, event_deliveries) == before + 2


def test_too_many_for_a_journal_that_cannot_be_written_are_counted_as_lost(
    pulled: Registry, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    monkeypatch.setattr(journal, "CAPACITY", 2)
    pulled.settings.journal_path.write_text("in the way")
    pull(pulled, *["v1"] * 5)
    assert pulled.ground.pulls.tell() == 3
    assert ear_of(pulled).told() == []
    assert "the journal cannot be written" in caplog.text
    pulled.settings.journal_path.unlink()
    assert pulled.ground.pulls.tell() == 0
    assert ear_of(pulled).told() == [(IMAGE, TAGGED)] * 2


def test_a_database_that_does_not_answer_loses_none(
    pulled: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    pull(pulled, "v1")

    def unavailable(*_: object) -> None:
        raise StorageUnavailable("no")

    with monkeypatch.context() as patch:
        patch.setattr(pulls, "record", unavailable)
        with pytest.raises(StorageUnavailable):
            pulled.ground.pulls.tell()
    pulled.ground.pulls.tell()
    assert len(ear_of(pulled).told()) == 1


class Killed(BaseException):
    """The end of a process."""


class Worker:
    """What one process has of pulls, and its end at the n-th transaction, done or not."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._journal = Journal(registry.settings.journal_path)
        database = registry.ground.database
        self.pulls = Pulls(database, self._journal, PullEvents(database, on=True))
        repository = registry.repositories.get(SCOPE, NAME)
        self._what = (repository, registry.images.get(repository, "v1").image)

    def pull(self, tag: str) -> None:
        repository, image = self._what
        self.pulls.pulled(repository, image, None, tag)

    def kill(self) -> None:
        """A lock is held as long as its file is open."""
        full, written = self._journal.pages()
        for page in (*full, *([written] if written else [])):
            page.close()


def in_small_pages(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journal, "FULL", 1200)
    monkeypatch.setattr(journal, "_PIECE", 600)


STEPS = st.lists(st.sampled_from(["pull", "tell", "flush", "recover", "kill"]), max_size=30)


@given(STEPS, st.integers(0, 12), st.booleans())
@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
def test_each_pull_is_told_once_wherever_a_process_is_killed(
    pulled: Registry, steps: list[str], dies_at: int, committed: bool
) -> None:
    """Killed between two steps, or at a transaction: just before it, or just after it."""
    left = dies_at
    write = pulled.ground.database.write
    expected: list[str] = []
    worker = Worker(pulled)
    with pytest.MonkeyPatch.context() as patch:
        in_small_pages(patch)

        @contextmanager
        def mortal() -> Iterator[sa.Connection]:
            nonlocal left
            left -= 1
            dies = left == 0
            with write() as connection:
                yield connection
                if dies and not committed:
                    raise Killed
            if dies:
                raise Killed

        patch.setattr(pulled.ground.database, "write", mortal)
        for number, step in enumerate(steps):
            try:
                if step == "pull":
                    expected.append(f"t{number}")
                    worker.pull(f"t{number}")
                elif step == "flush":
                    worker.pulls.flush(everything=bool(number % 2))
                elif step == "kill":
                    raise Killed
                else:
                    getattr(worker.pulls, step)()
            except Killed:
                worker.kill()
                worker = Worker(pulled)
    worker.kill()
    Worker(pulled).pulls.recover()
    heard = ear_of(pulled).heard()
    assert sorted(each["detail"]["image-tag"] for each in heard) == sorted(expected)
    assert len({each["id"] for each in heard}) == len(heard)
    assert list(pulled.settings.journal_path.glob("*")) == []
    assert rows(pulled, journals) == 0
