from __future__ import annotations

import asyncio
from typing import Any

import pytest

from registry.aws.bodies import announced_length, read_body
from registry.aws.errors import Fault, RequestError


def read(limit: int, *pieces: bytes, stop: bool = False, idle: float = 5) -> bytearray:
    left = list(pieces)

    async def receive() -> Any:
        if not left:
            await asyncio.sleep(5)
        piece = left.pop(0)
        return {"type": "http.request", "body": piece, "more_body": stop or bool(left)}

    return asyncio.run(read_body(receive, limit, idle))


def test_a_body_up_to_the_limit() -> None:
    assert read(5, b"ab", b"", b"cde") == b"abcde"
    with pytest.raises(RequestError, match="longer than 4 bytes") as refused:
        read(4, b"ab", b"", b"cde")
    assert refused.value.fault is Fault.TOO_LARGE


def test_a_client_that_falls_silent() -> None:
    with pytest.raises(RequestError, match=r"for 0\.05 seconds") as refused:
        read(5, b"ab", stop=True, idle=0.05)
    assert refused.value.fault is Fault.TOO_SLOW


@pytest.mark.parametrize("text", ["", "-1", "1.5", "١", "9" * 30, "0x5"])
def test_a_length_that_is_no_number(text: str) -> None:
    with pytest.raises(RequestError) as refused:
        announced_length(text)
    assert refused.value.fault is Fault.MALFORMED


def test_a_length() -> None:
    assert announced_length("17") == 17
    assert announced_length(None) is None
