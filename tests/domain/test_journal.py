"""Journals: what was written is read once and whole, by whoever lives."""

from __future__ import annotations

import errno
import fcntl
import os
import threading
from collections.abc import Callable
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.domain import journal as journals
from registry.domain.journal import Journal, Page
from registry.domain.pull_lines import pulls_in


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    return tmp_path / "journal"


def lines(page: Page) -> bytes:
    """All that is unread, and now read."""
    found = b""
    while piece := page.unread():
        page.read += len(piece)
        found += piece
    return found


def read(journal: Journal) -> bytes:
    """All that is unread of a journal."""
    journal.settle()
    full, written = journal.pages()
    return b"".join(lines(page) for page in (*full, *([written] if written else [])))


def end(journal: Journal) -> None:
    """Let go of its files, as the end of its process does."""
    full, written = journal.pages()
    for page in (*full, *([written] if written else [])):
        page.close()


def test_what_is_written_is_there_at_once_and_read_once(folder: Path) -> None:
    journal = Journal(folder)
    assert not folder.exists()
    journal.write(b"one\n")
    (path,) = folder.iterdir()
    assert path.read_bytes() == b"one\n"
    assert (folder.stat().st_mode & 0o777, path.stat().st_mode & 0o777) == (0o700, 0o600)
    assert read(journal) == b"one\n"
    journal.write(b"two\n")
    assert read(journal) == b"two\n"
    assert read(journal) == b""
    end(journal)


def test_a_full_page_is_followed_by_another(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "FULL", 10)
    journal = Journal(folder)
    for number in range(5):
        journal.write(b"line %d\n" % number)
    full, written = journal.pages()
    assert [page.size for page in full] == [14, 14]
    assert written is not None
    assert read(journal) == b"".join(b"line %d\n" % number for number in range(5))
    for page in full:
        journal.delete(page)
    assert journal.names() == {written.name}
    journal.turn()
    assert journal.pages() == ([written], None)
    end(journal)


def test_only_what_a_dead_process_left_is_taken_and_by_one(folder: Path) -> None:
    dead, living = Journal(folder), Journal(folder)
    dead.write(b"dead\n")
    living.write(b"living\n")
    assert [page.name for page in Journal(folder).left()] == []
    end(dead)
    first, second = Journal(folder), Journal(folder)
    for page in first.left():
        assert list(second.left()) == []
        assert lines(page) == b"dead\n"
        page.delete()
    assert list(second.left()) == []
    assert len(list(folder.iterdir())) == 1
    end(living)


def test_a_new_page_is_never_one_that_another_process_deletes(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Between making a file and locking it, it looks like one of a dead process."""
    journal, other = Journal(folder), Journal(folder)
    taken: list[str] = []
    lock = fcntl.flock

    def interrupted(descriptor: int, how: int) -> None:
        monkeypatch.setattr(fcntl, "flock", lock)
        for page in other.left():
            taken.append(page.name)
            page.delete()
        lock(descriptor, how)

    monkeypatch.setattr(fcntl, "flock", interrupted)
    journal.write(b"kept\n")
    assert len(taken) == 1
    (path,) = folder.iterdir()
    assert path.name not in taken
    assert path.read_bytes() == b"kept\n"
    end(journal)


@given(st.integers(0, 40), st.binary(max_size=20))
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_what_a_kill_cut_short_is_no_line(
    tmp_path_factory: pytest.TempPathFactory, cut: int, more: bytes
) -> None:
    folder = tmp_path_factory.mktemp("journal")
    whole = [b"first of it\n", b"second of it\n", b"third of it\n"]
    (folder / "page").write_bytes(b"".join(whole)[:cut] + more.replace(b"\n", b""))
    (page,) = (lines(page) for page in Journal(folder).left())
    ends = [len(b"".join(whole[: count + 1])) for count in range(3)]
    assert page == b"".join(line for line, at in zip(whole, ends, strict=True) if at <= cut)


@given(st.lists(st.binary(max_size=50)))
def test_what_is_no_pull_is_passed_over(spoilt: list[bytes]) -> None:
    good = b"%032x 1700000000.250000 1 7 {}\n" % 1
    text = b"".join(line.replace(b"\n", b"").replace(b"\r", b"") + b"\n" for line in spoilt)
    found = list(pulls_in(text + good, 100))
    assert (found[-1].end, found[-1].image_id) == (100 + len(text) + len(good), 7)
    assert (found[-1].seconds, found[-1].counts, found[-1].text) == (1700000000.25, True, b"{}\n")


def test_a_piece_without_a_line_is_passed_over(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "_PIECE", 8)
    folder.mkdir()
    (folder / "page").write_bytes(bytes(16) + b"\nabc\n")
    assert [lines(page) for page in Journal(folder).left()] == [b"\nabc\n"]


class Disk:
    """Stands in for `os.write`: room for some bytes, then the disk is full."""

    def __init__(self, room: int) -> None:
        self.room = room
        self._write: Callable[[int, bytes], int] = os.write

    def __call__(self, descriptor: int, data: bytes) -> int:
        if not self.room:
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        written = self._write(descriptor, data[: self.room])
        self.room -= written
        return written


@pytest.mark.parametrize("room", [0, 1, 7, 8, 20])
def test_a_full_disk_loses_nothing_that_waits(
    folder: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture, room: int
) -> None:
    disk = Disk(room)
    monkeypatch.setattr(os, "write", disk)
    journal = Journal(folder)
    told = [b"line %d\n" % number for number in range(5)]
    for line in told:
        journal.write(line)
    assert read(journal) == b"".join(told[: room // 7])
    assert journal.settle() == 0
    assert "the journal cannot be written: No space left on device" in caplog.text
    disk.room = 10**6
    journal.write(b"last\n")
    assert journal.settle() == 0
    assert read(journal) == b"".join(told[room // 7 :]) + b"last\n"
    end(journal)


def test_what_finds_no_room_is_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(journals, "CAPACITY", 2)
    (tmp_path / "file").write_text("")
    journal = Journal(tmp_path / "file")
    for _ in range(5):
        journal.write(b"line\n")
    assert (journal.settle(), journal.settle()) == (3, 0)
    assert list(journal.left()) == []


def test_threads_write_whole_lines_while_they_are_read(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(journals, "FULL", 2_000)
    journal = Journal(folder)

    def work(who: int) -> None:
        for number in range(500):
            journal.write(b"%d %d\n" % (who, number))

    threads = [threading.Thread(target=work, args=(who,)) for who in range(4)]
    for thread in threads:
        thread.start()
    found = b""
    while any(thread.is_alive() for thread in threads):
        found += read(journal)
        for page in journal.pages()[0]:
            if page.read == page.size:
                journal.delete(page)
    found += read(journal)
    told = [tuple(map(int, line.split())) for line in found.splitlines()]
    assert sorted(told) == [(who, number) for who in range(4) for number in range(500)]
    for who in range(4):
        assert [number for each, number in told if each == who] == list(range(500))
    end(journal)
