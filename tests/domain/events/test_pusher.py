"""Deliveries: in order, each target at its own pace, given up in the end and not before."""

from __future__ import annotations

import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
import sqlalchemy as sa

from registry.database.schema import event_deliveries, event_targets, tasks
from registry.domain.events import deliveries, pusher
from registry.domain.events.deliveries import Failure, Load, Queue
from registry.domain.events.log import EventLog
from registry.domain.events.pusher import REFUSALS_MAX, Courier, Pusher, delay
from registry.domain.events.targets import Wish
from registry.values.errors import EntityNotFound, StorageUnavailable
from tests.application import SCOPE, Registry
from tests.domain.events.conftest import targets_of
from tests.domain.events.hook import SECRET, Hook, Received, hook

NEVER = threading.Event()
KEPT = timedelta(hours=24)


def nothing() -> None:
    """A sweep that does nothing."""


def unavailable(*_: object) -> None:
    raise StorageUnavailable("no")


@dataclass
class Post:
    """A courier with a clock of its own, over one registry."""

    registry: Registry
    late: timedelta = timedelta(0)
    counted: list[tuple[str, str, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.targets = targets_of(self.registry)
        self.queue = Queue(self.registry.ground.database, KEPT)
        self.log = EventLog(self.registry.settings.event_path, 30)
        self.courier = Courier(
            self.queue, self.targets, self.log, local=True, count=self.count, clock=self.now
        )

    def now(self) -> datetime:
        return datetime.now(UTC) + self.late

    def count(self, *told: str | int) -> None:
        kind, outcome, count = told
        self.counted.append((str(kind), str(outcome), int(count)))

    def target(self, name: str, url: str) -> int:
        self.targets.put(SCOPE, name, Wish(url, secret=SECRET))
        return self.targets.get(SCOPE, name).id

    def happen(self, count: int, start: int = 0) -> list[str]:
        """So many changes; their event ids in order."""
        before = self._ids()
        for number in range(start, start + count):
            self.registry.create(f"r{number}")
        return [each for each in self._ids() if each not in set(before)]

    def _ids(self) -> list[str]:
        query = sa.select(event_deliveries.c.event_id).order_by(event_deliveries.c.id)
        with self.registry.ground.database.read() as connection:
            return list(dict.fromkeys(connection.execute(query).scalars()))

    def due(self) -> list[int]:
        return self.queue.due(self.now())

    def round(self) -> None:
        """Deliver whatever is due."""
        for target_id in self.due():
            self.courier.deliver(target_id, NEVER)

    def lines(self) -> list[str]:
        paths = sorted(self.registry.settings.event_path.glob("*.jsonl"))
        return [json.loads(line)["id"] for path in paths for line in path.read_text().splitlines()]

    @contextmanager
    def pushing(self) -> Iterator[None]:
        stop = threading.Event()
        pushing = Pusher(self.registry.ground.database, self.queue, self.courier)
        thread = threading.Thread(target=pushing.run, args=(stop, nothing))
        thread.start()
        try:
            yield
        finally:
            stop.set()
            thread.join(30)
        assert not thread.is_alive()


@pytest.fixture
def post(registry: Registry) -> Post:
    return Post(registry)


@pytest.fixture
def ear() -> Iterator[Hook]:
    with hook() as found:
        yield found


def await_(condition: Callable[[], bool], seconds: float = 20) -> None:
    deadline = time.monotonic() + seconds
    while not condition():
        assert time.monotonic() < deadline, "it never came to be"
        time.sleep(0.02)


def test_events_arrive_in_order_and_once(post: Post, ear: Hook) -> None:
    target = post.target("one", ear.url)
    expected = post.happen(120)
    post.round()
    assert ear.ids == expected
    assert {each.verify() > 0 for each in ear.received} == {True}
    assert post.queue.loads() == {}
    assert post.due() == []
    post.courier.deliver(target, NEVER)
    assert len(ear.ids) == 120
    assert sum(count for _, _, count in post.counted) == 120
    assert {told[:2] for told in post.counted} == {("webhook", "delivered")}


def test_what_fails_is_tried_again_later_and_nothing_overtakes_it(post: Post, ear: Hook) -> None:
    post.target("one", ear.url)
    one, two, three = post.happen(3)
    ear.answer = lambda received: 503 if received.event["id"] == two else 200
    post.round()
    assert ear.ids == [one, two]
    assert post.due() == []
    target = post.targets.get(SCOPE, "one")
    assert (target.failures, target.error) == (1, "answered 503")
    assert target.next_at is not None
    assert timedelta(0) < target.next_at - post.now() < timedelta(seconds=2)
    attempts = 1
    for seconds in (1.5, 3.5, 8, 18):
        post.late += timedelta(seconds=seconds)
        post.round()
        attempts += 1
        assert ear.ids == [one, *[two] * attempts]
    assert [each.headers["moorage-attempt"] for each in ear.received[1:]] == list("12345")
    ear.answer = lambda _received: 202
    post.late += timedelta(minutes=1)
    post.round()
    assert ear.ids[-2:] == [two, three]
    assert post.targets.get(SCOPE, "one").failures == 0
    assert post.queue.loads() == {}


def test_the_wait_doubles_up_to_an_hour() -> None:
    for failures, seconds in ((0, 1), (1, 2), (5, 32), (11, 2048), (12, 3600), (500, 3600)):
        assert 0.9 * seconds <= delay(failures).total_seconds() <= 1.1 * seconds


def test_an_event_that_a_target_refuses_becomes_a_dead_letter_and_holds_up_nothing(
    post: Post, ear: Hook
) -> None:
    post.target("one", ear.url)
    bad, good = post.happen(2)
    ear.answer = lambda received: 422 if received.event["id"] == bad else 200
    for _ in range(REFUSALS_MAX):
        assert good not in ear.ids
        post.round()
        post.late += timedelta(hours=2)
    post.round()
    assert ear.ids == [*[bad] * REFUSALS_MAX, good]
    target = post.targets.get(SCOPE, "one")
    (letter,) = post.queue.dead(target, 0, 10)
    assert (letter.event_id, letter.attempts, letter.error) == (bad, REFUSALS_MAX, "answered 422")
    assert post.queue.loads() == {target.id: Load(0, 1)}
    ear.answer = lambda _received: 200
    assert post.queue.retry(target, post.now(), "another") == 0
    assert post.queue.retry(target, post.now()) == 1
    post.round()
    assert ear.ids[-1] == bad
    assert post.queue.loads() == {}


def test_what_is_not_taken_in_time_is_given_up(post: Post, ear: Hook) -> None:
    post.target("one", ear.url)
    post.happen(2)
    ear.answer = lambda _received: 500
    post.round()
    target = post.targets.get(SCOPE, "one")
    assert post.queue.sweep(post.now() + KEPT - timedelta(minutes=1)) == 0
    assert post.queue.loads() == {target.id: Load(2, 0)}
    post.queue.sweep(post.now() + KEPT + timedelta(minutes=1))
    assert post.queue.loads() == {target.id: Load(0, 2)}
    errors = [each.error for each in post.queue.dead(target, 0, 10)]
    assert errors == ["answered 500 (not taken in time)", "not taken in time"]
    later = post.now() + KEPT + deliveries.DEAD_KEPT + timedelta(minutes=2)
    assert post.queue.sweep(later) == 2
    assert post.queue.loads() == {}


def test_no_target_keeps_more_than_so_many(
    post: Post, ear: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(deliveries, "MOST", 3)
    first, second = post.target("one", ear.url), post.target("two", ear.url)
    ids = post.happen(3)
    assert post.queue.sweep(post.now()) == 0
    post.targets.put(SCOPE, "two", Wish(ear.url, repositories=["none"]))
    ids += post.happen(5, start=3)
    assert post.queue.sweep(post.now()) == 2
    assert post.queue.loads() == {first: Load(3, 3), second: Load(3, 0)}
    target = post.targets.get(SCOPE, "one")
    assert [each.event_id for each in post.queue.dead(target, 0, 10)] == ids[2:5]
    assert [each.event_id for each in post.queue.batch(first, 10)] == ids[5:]


def test_a_target_that_hangs_delays_no_other(post: Post, ear: Hook) -> None:
    release = threading.Event()
    with hook() as stuck, ExitStack() as stack:
        stack.callback(release.set)
        stuck.answer = lambda _received: (release.wait(30) and 200) or 500
        for number in range(10):
            post.target(f"stuck-{number}", stuck.url)
        post.target("well", ear.url)
        stack.enter_context(post.pushing())
        ids = post.happen(5)
        stuck.wait(10)
        ear.wait(5)
        assert ear.ids == ids
        more = post.happen(5, start=5)
        ear.wait(10)
        assert ear.ids == ids + more
        assert len(stuck.received) == 10, "each of them still waits for its first answer"
        release.set()


def test_two_that_push_deliver_nothing_twice(post: Post, ear: Hook) -> None:
    post.target("one", ear.url)
    beside = Post(post.registry.beside())
    with post.pushing(), beside.pushing():
        post.happen(60)
        ear.wait(60)
        await_(lambda: post.queue.loads() == {})
    told = [each.event["detail"]["repository-name"] for each in ear.received]
    assert told == [f"r{number}" for number in range(60)]
    assert len(set(ear.ids)) == 60
    beside.registry.close()


def test_who_lost_the_lease_stops_and_the_other_goes_on(
    post: Post, ear: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(pusher, "HELD", timedelta(seconds=2))
    post.target("one", ear.url)
    release = threading.Event()
    held = [True]

    def answer(_received: Received) -> int:
        if held and held.pop():
            release.wait(20)
        return 200

    ear.answer = answer
    with post.pushing():
        ids = post.happen(3)
        ear.wait(1)
        with post.registry.ground.database.write() as connection:
            mine = sa.update(tasks).where(tasks.c.name == "events")
            until = datetime.now(UTC) + timedelta(hours=1)
            taken = connection.execute(mine.values(holder="somebody else", held_until=until))
            assert taken.rowcount == 1
        time.sleep(2)  # more than a quarter of the lease: it looks again
        release.set()
        time.sleep(1)
        assert ear.ids == ids[:1]
        with post.registry.ground.database.write() as connection:
            connection.execute(sa.update(tasks).values(holder=None, held_until=None))
        await_(lambda: post.queue.loads() == {})
    assert ear.ids == ids


def test_a_target_that_is_deleted_in_mid_delivery_gets_no_more(post: Post, ear: Hook) -> None:
    target = post.target("one", ear.url)
    post.happen(5)

    def answer(_received: Received) -> int:
        post.targets.delete(SCOPE, "one")
        return 500

    ear.answer = answer
    with pytest.raises(EntityNotFound):
        post.courier.deliver(target, NEVER)
    assert len(ear.received) == 1
    assert post.queue.loads() == {}


def test_a_secret_of_another_keyring_is_a_failure_that_is_told(post: Post, ear: Hook) -> None:
    post.target("one", ear.url)
    with post.registry.ground.database.write() as connection:
        connection.execute(sa.update(event_targets).values(secret=b"x" * 60))
    post.happen(1)
    post.round()
    assert ear.received == []
    assert "was not sealed by this keyring" in (post.targets.get(SCOPE, "one").error or "")


def test_a_stop_ends_between_two_events(post: Post, ear: Hook) -> None:
    target = post.target("one", ear.url)
    ids = post.happen(3)
    stop = threading.Event()

    def answer(_received: Received) -> int:
        stop.set()
        return 200

    ear.answer = answer
    post.courier.deliver(target, stop)
    assert ear.ids == ids[:1]
    assert [each.event_id for each in post.queue.batch(target, 9)] == ids[1:]


def test_what_was_not_settled_is_sent_again_with_its_id(
    post: Post, ear: Hook, monkeypatch: pytest.MonkeyPatch
) -> None:
    target = post.target("one", ear.url)
    (id_,) = post.happen(1)

    with monkeypatch.context() as patch:
        patch.setattr(post.queue, "settle", unavailable)
        with pytest.raises(StorageUnavailable):
            post.courier.deliver(target, NEVER)
    post.courier.deliver(target, NEVER)
    assert ear.ids == [id_, id_]


# The log


def test_the_log_has_each_event_once_even_where_that_was_not_settled(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    post.targets.keep_log(on=True)
    ids = post.happen(60)

    monkeypatch.setattr(pusher, "_LOG_BATCH", 50)
    with monkeypatch.context() as patch:
        patch.setattr(post.queue, "settle", unavailable)
        with pytest.raises(StorageUnavailable):
            post.round()
    assert post.lines() == ids[:50]
    post.round()
    assert post.lines() == ids
    assert post.queue.loads() == {}
    (path,) = post.registry.settings.event_path.iterdir()
    assert path.name == f"{datetime.now(UTC).date()}.jsonl"
    assert path.stat().st_mode & 0o777 == 0o600


def test_a_batch_of_long_events_can_be_found_again_as_a_whole(
    post: Post, monkeypatch: pytest.MonkeyPatch
) -> None:
    """No batch is longer than the end of the log in which a crash's traces are looked for."""
    post.targets.keep_log(on=True)
    ids = post.happen(5)
    with post.registry.ground.database.write() as connection:
        longer = '{"id":"' + event_deliveries.c.event_id + '","x":"' + "x" * 400_000 + '"}'
        connection.execute(sa.update(event_deliveries).values(body=longer))
    with monkeypatch.context() as patch:
        patch.setattr(post.queue, "settle", unavailable)
        with pytest.raises(StorageUnavailable):
            post.round()
    assert post.lines() == ids[:2]
    post.round()
    assert post.lines() == ids
    assert post.queue.loads() == {}


def test_a_log_that_cannot_be_written_is_tried_again(post: Post) -> None:
    post.targets.keep_log(on=True)
    folder = post.registry.settings.event_path
    folder.write_text("no folder")
    ids = post.happen(2)
    post.round()
    (log,) = post.targets.list()
    assert log.failures == 1
    folder.unlink()
    post.late += timedelta(seconds=5)
    post.round()
    assert post.lines() == ids


def test_a_line_that_was_cut_short_spoils_no_other(post: Post) -> None:
    post.log.append(["one"])
    (path,) = post.registry.settings.event_path.iterdir()
    with path.open("a") as file:
        file.write("half")
    post.log.append(["two", "three"])
    assert path.read_text() == "one\nhalf\ntwo\nthree\n"


def test_old_days_of_the_log_go(tmp_path: Path) -> None:
    log = EventLog(tmp_path / "events", 2)
    today = datetime.now(UTC).date()
    (tmp_path / "events").mkdir()
    for days in range(1, 5):
        (tmp_path / "events" / f"{today - timedelta(days=days)}.jsonl").write_text("x\n")
    log.append(["new"])
    kept = sorted(path.stem for path in (tmp_path / "events").iterdir())
    assert kept == [str(today - timedelta(days=1)), str(today)]


def test_the_failure_of_a_final_attempt_frees_the_target(post: Post, ear: Hook) -> None:
    target = post.target("one", ear.url)
    post.happen(2)
    first, second = post.queue.batch(target, 2)
    post.queue.settle(target, [], Failure(first, "no", post.now(), final=True))
    assert post.due() == [target]
    assert post.queue.batch(target, 2) == [second]
