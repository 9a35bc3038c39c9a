"""A shipper with an engine and a CloudWatch Logs that do as a test says."""

from __future__ import annotations

import random
import stat
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from registry.ecs.agent.collaborators import Unavailable
from registry.ecs.agent.shipping.logs import ShippedLogs
from registry.ecs.agent.shipping.options import LoggingRefused
from registry.ecs.agent.shipping.shipper import LogShipper
from registry.ecs.protocol import RoleCredentials
from tests.ecs.agent.shipping.fakes import ID, FakeLogs, FakeOutput, error, line

TASK = "arn:aws:ecs:us-east-1:123456789012:task/default/t1"
OPTIONS = {"awslogs-group": "g", "awslogs-stream-prefix": "web", "awslogs-region": "eu-west-1"}
SECONDS = 20


def credentials(name: str = "one") -> RoleCredentials:
    return RoleCredentials(
        name,
        "arn:aws:iam::123456789012:role/x",
        f"ASIA{name}",
        "secret",
        "token",
        datetime.now(UTC),
    )


class Bench:
    """Shippers one after the other over one folder, one engine, one CloudWatch Logs."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.output = FakeOutput()
        self.logs = FakeLogs("g")
        self.asked: list[tuple[str, str | None]] = []
        self.shipper = self.new()

    def new(self) -> LogShipper:
        def client_of(given: RoleCredentials | None, region: str | None) -> Any:
            assert given is not None
            self.asked.append((given.id, region))
            return self.logs

        engine: Any = None
        self.shipper = LogShipper(engine, self.folder, client_of, output=self.output)
        return self.shipper

    def follow(self, options: dict[str, str] | None = None) -> None:
        self.shipper.follow(TASK, "app", ID, options or OPTIONS, credentials())

    def until(self, holds: Callable[[], bool]) -> None:
        deadline = time.monotonic() + SECONDS
        while not holds():
            assert time.monotonic() < deadline
            time.sleep(0.02)


@pytest.fixture
def bench(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Bench]:
    monkeypatch.setattr("registry.ecs.agent.shipping.following.INTERVAL", 0.05)
    monkeypatch.setattr("registry.ecs.agent.shipping.following._LOOK", 0.02)
    made = Bench(tmp_path / "logs")
    yield made
    made.shipper.close()


def test_lines_arrive_in_the_stream_of_the_task(bench: Bench) -> None:
    bench.follow()
    bench.output.write(line(1, "one"), line(2, "two", "stderr"))
    bench.until(lambda: "web/app/t1" in bench.logs.groups["g"] and len(bench.logs.messages()) == 2)
    assert bench.logs.messages() == ["one", "two"]
    assert set(bench.asked) == {("one", "eu-west-1")}
    bench.output.write(line(3, "three"))
    bench.output.exit()
    assert bench.shipper.finish(ID, SECONDS)
    assert bench.logs.messages() == ["one", "two", "three"]
    assert list(bench.folder.iterdir()) == []


def test_a_container_that_is_not_started_yet_and_one_that_starts_again(bench: Bench) -> None:
    bench.output.status = "created"
    bench.follow()
    bench.output.run()
    bench.output.write(line(1, "one"))
    bench.until(lambda: bench.logs.messages() == ["one"])
    bench.output.exit()
    time.sleep(0.1)
    bench.follow()  # before its second start
    bench.output.run()
    bench.output.write(line(2, "two"))
    bench.until(lambda: bench.logs.messages() == ["one", "two"])
    bench.output.exit()
    assert bench.shipper.finish(ID, SECONDS)


def test_a_container_that_never_starts_is_finished_at_once(bench: Bench) -> None:
    bench.output.status = "created"
    bench.follow()
    assert bench.shipper.finish(ID, SECONDS)


def test_a_broken_stream_is_taken_up_where_it_broke(bench: Bench) -> None:
    bench.output.write(*(line(number // 3, str(number)) for number in range(50)))
    bench.output.breaks_after = 20
    bench.follow()
    bench.output.exit()
    assert bench.shipper.finish(ID, SECONDS)
    assert bench.logs.messages() == [str(number) for number in range(50)]
    assert len(bench.output.asked) > 1


@pytest.mark.parametrize("seed", range(4))
def test_ended_at_any_moment_it_goes_on_and_loses_and_doubles_nothing(
    bench: Bench, seed: int
) -> None:
    chance = random.Random(seed)  # noqa: S311 - repeatable, on purpose
    entries = [
        line(number // 4, str(number), chance.choice(["stdout", "stderr"])) for number in range(400)
    ]
    bench.follow()
    for start in range(0, 400, 50):
        bench.output.write(*entries[start : start + 50])
        time.sleep(chance.random() * 0.15)
        bench.shipper.close()
        bench.new()
        bench.follow()
    bench.output.exit()
    assert bench.shipper.finish(ID, SECONDS)
    assert sorted(map(int, bench.logs.messages())) == list(range(400))


def test_what_could_not_be_noted_comes_twice_and_no_more(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As after a kill between the answer and the note: one batch is sent again."""
    bench.follow()
    bench.output.write(line(1, "one"))
    bench.until(lambda: bench.logs.messages() == ["one"])
    bench.until(lambda: "stdout" in next(bench.folder.glob("*.json")).read_text())
    monkeypatch.setattr(bench.shipper._journal, "keep", lambda _followed: None)
    bench.output.write(line(2, "two"))
    bench.until(lambda: bench.logs.messages() == ["one", "two"])
    bench.shipper.close()
    bench.new()
    bench.output.exit()
    assert bench.shipper.finish(ID, SECONDS)  # nobody followed it since: the journal knows
    assert bench.logs.messages() == ["one", "two", "two"]


def test_refusals_are_told_in_the_words_of_the_driver(bench: Bench) -> None:
    with pytest.raises(LoggingRefused) as raised:
        bench.follow({"awslogs-group": "none"})
    assert str(raised.value) == (
        "Error response from daemon: failed to initialize logging driver: failed to create"
        " Cloudwatch log stream: ResourceNotFoundException: The specified log group does not"
        " exist."
    )

    def deny(call: str) -> None:
        raise error("AccessDeniedException", f"User is not authorized to perform: logs:{call}")

    bench.logs.fail = deny
    payload: Any = type("P", (), {"arn": TASK, "execution_credentials": credentials()})
    with pytest.raises(Unavailable, match="failed to create Cloudwatch log stream: AccessDenied"):
        ShippedLogs(bench.shipper).follow(payload, "app", ID, OPTIONS)
    assert list(bench.folder.iterdir()) == []


def test_a_group_is_made_where_that_is_asked_for(bench: Bench) -> None:
    bench.follow({"awslogs-group": "new", "awslogs-create-group": "true"})
    assert list(bench.logs.groups["new"]) == [ID]


def test_trouble_passes(bench: Bench, monkeypatch: pytest.MonkeyPatch) -> None:
    bench.follow()
    failures = ["ThrottlingException", "ExpiredTokenException", "InternalFailure"]

    def fail(call: str) -> None:
        if call == "put_log_events" and failures:
            raise error(failures.pop())

    bench.logs.fail = fail
    bench.output.write(line(1, "one"))
    bench.until(lambda: bench.logs.messages() == ["one"])
    del bench.logs.groups["g"]["web/app/t1"]  # somebody deleted the stream
    bench.output.write(line(2, "two"))
    bench.until(lambda: bool(bench.logs.groups["g"]) and bench.logs.messages() == ["two"])


def test_newer_credentials_are_used(bench: Bench) -> None:
    bench.follow()
    newer = credentials("two")
    bench.shipper.refresh(TASK, newer)
    bench.output.write(line(1, "one"))
    bench.until(lambda: ("two", "eu-west-1") in bench.asked)
    bench.shipper.close()
    bench.new().refresh(TASK, credentials("three"))
    bench.output.exit()
    assert bench.shipper.finish(ID, SECONDS)
    assert bench.asked[-1][0] in ("two", "three")


def test_a_deadline_is_kept(bench: Bench) -> None:
    def fail(call: str) -> None:
        if call == "put_log_events":
            raise error("ThrottlingException")

    bench.follow()
    bench.logs.fail = fail
    bench.output.write(line(1, "one"))
    bench.output.exit()
    began = time.monotonic()
    assert not bench.shipper.finish(ID, 0.3)
    assert time.monotonic() - began < SECONDS
    assert list(bench.folder.iterdir()) == []


def test_lines_of_one_event_wait_for_each_other(bench: Bench) -> None:
    bench.follow({**OPTIONS, "awslogs-multiline-pattern": "^[A-Z]"})
    bench.output.write(line(1, "Traceback"), line(2, "  at x"), line(3, "Next"))
    bench.until(lambda: bench.logs.messages() == ["Traceback\n  at x\n"])
    bench.output.exit()
    assert bench.shipper.finish(ID, SECONDS)
    assert bench.logs.messages() == ["Traceback\n  at x\n", "Next\n"]


def test_where_nothing_can_be_sent_little_is_read(bench: Bench) -> None:
    def fail(call: str) -> None:
        if call == "put_log_events":
            raise error("ThrottlingException")

    bench.follow()
    bench.logs.fail = fail
    bench.output.write(*(line(number, "x" * 1000) for number in range(20_000)))
    time.sleep(0.5)
    assert bench.output.told < 12_000
    bench.logs.fail = lambda _call: None
    bench.output.exit()
    assert bench.shipper.finish(ID, 3 * SECONDS)
    assert len(bench.logs.messages()) == 20_000


def test_the_journal_is_for_its_owner_alone(bench: Bench) -> None:
    bench.follow()
    (path,) = bench.folder.glob("*.json")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
