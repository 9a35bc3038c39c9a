"""An engine that tells what a test says, and a CloudWatch Logs that keeps what it is sent."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from typing import Any

from botocore.exceptions import ClientError

from registry.ecs.agent.shipping.entries import Entry
from registry.ecs.agent.shipping.output import State

ID = "c0ffee" * 10


def at(number: int) -> str:
    """A time, in nanoseconds from one that is long ago."""
    seconds, nanoseconds = divmod(number, 10**9)
    return f"2026-01-01T00:{seconds // 60:02d}:{seconds % 60:02d}.{nanoseconds:09d}Z"


def line(number: int, text: str, source: str = "stdout", *, ends: bool = True) -> Entry:
    return Entry(source, at(number), text.encode(), ends)


class FakeOutput:
    """One container's output, which grows and breaks off as a test wants."""

    def __init__(self) -> None:
        self.entries: list[Entry] = []
        self.status = "running"
        self.started_at = "1"
        self.breaks_after: int | None = None
        self.asked: list[str | None] = []
        self.told = 0
        self.changed = threading.Condition()

    def write(self, *entries: Entry) -> None:
        with self.changed:
            self.entries += entries
            self.changed.notify_all()

    def exit(self) -> None:
        with self.changed:
            self.status = "exited"
            self.changed.notify_all()

    def run(self) -> None:
        with self.changed:
            self.status, self.started_at = "running", f"{self.started_at}1"

    def state(self, _runtime_id: str) -> State | None:
        return State(self.status, self.started_at, tty=False)

    def tell(self, _runtime_id: str, _state: State, at: str | None) -> FakeTold:
        self.asked.append(at)
        return FakeTold(self, at or "")


class FakeTold:
    def __init__(self, output: FakeOutput, since: str) -> None:
        self._output = output
        self._since = since
        self._closed = False

    def __iter__(self) -> Iterator[Entry]:
        output, told, place = self._output, 0, 0
        while (waiting := self._next(place)) is not None:
            place += len(waiting)
            for entry in waiting:
                if self._closed:
                    raise OSError("closed")
                if entry.at < self._since:
                    continue
                if output.breaks_after is not None and told == output.breaks_after:
                    output.breaks_after = None
                    raise OSError("the engine went away")
                told += 1
                output.told += 1
                yield entry

    def _next(self, place: int) -> list[Entry] | None:
        """What there is behind a place; None at the end."""
        output = self._output
        with output.changed:
            output.changed.wait_for(
                lambda: self._closed or place < len(output.entries) or output.status != "running",
                0.1,
            )
            waiting = output.entries[place:]
            if self._closed:
                raise OSError("closed")
            return None if not waiting and output.status != "running" else waiting

    def close(self) -> None:
        with self._output.changed:
            self._closed = True
            self._output.changed.notify_all()


def error(code: str, message: str = "no") -> ClientError:
    return ClientError({"Error": {"Code": code, "Message": message}}, "Call")


class FakeLogs:
    """Groups with streams; `fail` is asked before each call and may raise."""

    def __init__(self, *groups: str) -> None:
        self.groups: dict[str, dict[str, list[dict[str, Any]]]] = {name: {} for name in groups}
        self.batches: list[list[dict[str, Any]]] = []
        self.fail: Callable[[str], None] = lambda _call: None

    def create_log_group(self, **given: Any) -> None:
        self.fail("create_log_group")
        self.groups.setdefault(given["logGroupName"], {})

    def create_log_stream(self, **given: Any) -> None:
        self.fail("create_log_stream")
        if given["logGroupName"] not in self.groups:
            raise error("ResourceNotFoundException", "The specified log group does not exist.")
        streams = self.groups[given["logGroupName"]]
        if given["logStreamName"] in streams:
            raise error("ResourceAlreadyExistsException")
        streams[given["logStreamName"]] = []

    def put_log_events(self, **given: Any) -> dict[str, Any]:
        self.fail("put_log_events")
        try:
            stream = self.groups[given["logGroupName"]][given["logStreamName"]]
        except KeyError:
            raise error("ResourceNotFoundException") from None
        times = [each["timestamp"] for each in given["logEvents"]]
        assert times == sorted(times)
        stream += given["logEvents"]
        self.batches.append(given["logEvents"])
        return {}

    def messages(self, group: str = "g") -> list[str]:
        (stream,) = self.groups[group].values()
        return [each["message"] for each in stream]
