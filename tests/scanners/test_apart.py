"""Functions in processes of their own: what they give, and what happens to those that go wrong."""

from __future__ import annotations

import json
import os
import threading
import time
from collections.abc import Mapping, Sequence
from typing import Any

import pytest

from registry.scanners import apart as module
from registry.scanners.apart import Apart, ApartFailed, ApartRefused
from registry.scanners.process import memory_of

HERE = f"{__name__}:"


def turned(given: Mapping[str, Any], *pieces: bytes) -> tuple[Mapping[str, Any], Sequence[bytes]]:
    return {**given, "pid": os.getpid(), "environment": dict(os.environ)}, pieces[::-1]


def refuses(given: Mapping[str, Any]) -> tuple[Mapping[str, Any], Sequence[bytes]]:
    raise ApartRefused(f"not {given['what']}")


def fills(_given: Mapping[str, Any]) -> tuple[Mapping[str, Any], Sequence[bytes]]:
    held = []
    while True:
        held.append(bytearray(16 << 20))


def breaks(_given: Mapping[str, Any]) -> tuple[Mapping[str, Any], Sequence[bytes]]:
    os.kill(os.getpid(), 9)
    return {}, []


def waits(_given: Mapping[str, Any]) -> tuple[Mapping[str, Any], Sequence[bytes]]:
    time.sleep(600)
    return {}, []


def floods(_given: Mapping[str, Any]) -> tuple[Mapping[str, Any], Sequence[bytes]]:
    return {}, [b"x" * (4 << 20)]


def test_it_gives_what_the_function_gives(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SECRET", "of the server")
    pieces = (b"a\nb", b"", bytes(range(256)) * 4096)
    told, found = Apart()(f"{HERE}turned", {"ü": [1, None]}, *pieces)
    assert told["ü"] == [1, None]
    assert found == list(pieces[::-1])
    assert told["pid"] != os.getpid()
    assert "SECRET" not in told["environment"]


def test_what_it_refuses_is_raised_here() -> None:
    with pytest.raises(ApartRefused, match=r"^not this$"):
        Apart()(f"{HERE}refuses", {"what": "this"})


@pytest.mark.parametrize(
    ("function", "said"),
    [
        ("fills", "more than 1024 MiB of memory"),
        ("breaks", "ended with status -9"),
        ("nothing", "ended with status 1"),
    ],
)
def test_what_goes_wrong_there_goes_wrong_there_alone(function: str, said: str) -> None:
    before = memory_of(os.getpgrp())
    with pytest.raises(ApartFailed, match=said):
        Apart()(HERE + function, {})
    assert memory_of(os.getpgrp()) - before < 256 << 20


def test_bounds_of_time_and_output(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "SECONDS", 2.0)
    with pytest.raises(ApartFailed, match="longer than 2 s"):
        Apart()(f"{HERE}waits", {})
    monkeypatch.setattr(module, "SECONDS", 60.0)
    monkeypatch.setattr(module, "OUTPUT", 1 << 20)
    with pytest.raises(ApartFailed, match="wrote more than 1 MiB"):
        Apart()(f"{HERE}floods", {})


def test_a_stop_ends_it() -> None:
    apart, raised = Apart(), threading.Event()

    def call() -> None:
        try:
            apart(f"{HERE}waits", {})
        except ApartFailed as error:
            if "stopping" in str(error):
                raised.set()

    thread = threading.Thread(target=call)
    thread.start()
    apart.stop()
    thread.join(60)
    assert raised.is_set()


def test_what_is_sent_is_framed() -> None:
    """A piece may hold whatever it likes: lengths tell where it ends."""
    hostile = json.dumps({"given": {}, "sizes": [9]}).encode() + b"\n"
    told, found = Apart()(f"{HERE}turned", {}, hostile, b"\n" * 9)
    assert found == [b"\n" * 9, hostile]
    assert told["pid"]
