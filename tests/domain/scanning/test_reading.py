"""Reports as they are kept: what is read, what is left out, and what hostile ones cost."""

from __future__ import annotations

import json
import threading
import time
from contextlib import suppress
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from registry.domain.scanning import reading
from registry.domain.scanning.findings import dump, load, named, observed, read_report
from registry.domain.scanning.reading import Reader
from registry.scanners.apart import Apart
from registry.scanners.scanner import ScanFailed
from tests.domain.scanning.reports import report, vulnerability
from tests.domain.scanning.world import Here

MOMENT = datetime(2026, 5, 1, tzinfo=UTC)
MIB = 1 << 20


def hostile(start: bytes, part: bytes, end: bytes, size: int = 31 * MIB) -> bytes:
    """A report of that size, most of which is the same thing again."""
    return start + part * ((size - len(start) - len(end)) // len(part)) + end


def test_another_process_reads_what_this_one_would() -> None:
    text = report(vulnerability(), vulnerability("CVE-1", Severity="LOW"))
    before = dump(observed(read_report(report(vulnerability())), [], MOMENT - timedelta(days=9)))
    there = Reader(Apart()).read(text, before, MOMENT)
    assert there == Reader(Here()).read(text, before, MOMENT)
    assert (there.counts, there.known, there.kept, there.note) == (
        {"CRITICAL": 1, "LOW": 1}, True, 2, "",
    )  # fmt: skip
    first, second = load(there.findings)
    assert (first.first_observed, second.first_observed) == (MOMENT - timedelta(days=9), MOMENT)
    assert b"secret/name" not in there.report
    assert json.loads(named(there.report, "team/app@x"))["ArtifactName"] == "team/app@x"


@pytest.mark.parametrize("text", [b"", b"{", b"[]", b"{}", b'{"SchemaVersion":1}', b"[" * MIB])
def test_what_is_no_report(text: bytes) -> None:
    with pytest.raises(ScanFailed, match="something that is no report") as caught:
        Reader(Apart() if text == b"{" else Here()).read(text, b"[]", MOMENT)
    assert caught.value.again


def test_of_very_many_the_worst_are_kept(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(reading, "FINDINGS_MAX", 10)
    few = [vulnerability(f"CVE-{n}", Severity="LOW") for n in range(30)]
    read = Reader(Here()).read(report(*few, vulnerability()), b"[]", MOMENT)
    assert read.counts == {"CRITICAL": 1, "LOW": 30}
    found = load(read.findings)
    assert (len(found), found[0].severity, read.note) == (
        10, "CRITICAL", " The worst 10 of 31 are kept.",
    )  # fmt: skip


def test_texts_go_before_findings_do(monkeypatch: pytest.MonkeyPatch) -> None:
    long = [vulnerability(f"CVE-{n:02}", Description="x" * 4000) for n in range(20)]
    monkeypatch.setattr(reading, "DUMP_MAX", 40_000)
    read = Reader(Here()).read(report(*long), b"[]", MOMENT)
    found = load(read.findings)
    assert (len(found), found[0].description, read.note) == (20, "", "")
    monkeypatch.setattr(reading, "DUMP_MAX", 8_000)
    read = Reader(Here()).read(report(*long), b"[]", MOMENT)
    assert len(read.findings) <= 8_000
    assert [each.id for each in load(read.findings)] == [f"CVE-{n:02}" for n in range(read.kept)]


class Watched:
    """How much memory this process takes at most, and how long its threads stand still."""

    def __enter__(self) -> Watched:
        self.peak = self.before = self._resident()
        self.stall = 0.0
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch)
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._over.set()
        self._thread.join()

    def _watch(self) -> None:
        last = time.thread_time(), time.monotonic()
        while not self._over.wait(0.01):
            now = time.thread_time(), time.monotonic()
            self.stall = max(self.stall, now[1] - last[1])
            last = now
            self.peak = max(self.peak, self._resident())

    @staticmethod
    def _resident() -> int:
        return int(Path("/proc/self/statm").read_text().split()[1]) * 4096


def test_a_hostile_report_bloats_and_stalls_nobody() -> None:
    """Read here, 31 MiB of empty lists took 1.7 GiB, and stopped all threads for seconds."""
    text = hostile(b'{"SchemaVersion":2,"Results":[],"x":[', b"[],", b"[]]}")
    with Watched() as watched, suppress(ScanFailed):  # it may be too much there, too
        Reader(Apart()).read(text, b"[]", MOMENT)
    assert watched.peak - watched.before < 320 * MIB
    assert watched.stall < 5
