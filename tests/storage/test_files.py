"""Whole writes and typed failures."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.storage.files import disk_failures, write_all
from registry.values.errors import StorageFull, StorageUnavailable


@given(whole=st.binary(max_size=300), most=st.integers(1, 40))
def test_short_writes_are_carried_on(whole: bytes, most: int) -> None:
    written = bytearray()

    def short(_descriptor: int, buffer: memoryview) -> int:
        written.extend(buffer[:most])
        return min(most, len(buffer))

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(os, "write", short)
        assert write_all(9, whole) == len(whole)
    assert written == whole


def test_a_buffer_of_wider_items_is_written_in_bytes(tmp_path: Path) -> None:
    descriptor = os.open(tmp_path / "file", os.O_CREAT | os.O_WRONLY)
    assert write_all(descriptor, memoryview(bytes(range(16))).cast("I")) == 16
    os.close(descriptor)
    assert (tmp_path / "file").read_bytes() == bytes(range(16))


@pytest.mark.parametrize("number", [errno.ENOSPC, errno.EDQUOT, errno.EFBIG])
def test_no_room(number: int) -> None:
    with pytest.raises(StorageFull, match="while trying"), disk_failures("trying"):
        raise OSError(number, "no room", "/some/secret/place")


@pytest.mark.parametrize("error", [PermissionError(errno.EACCES, "x", "/place"), OSError("/place")])
def test_anything_else_may_pass_and_shows_no_path(error: OSError) -> None:
    with (
        pytest.raises(StorageUnavailable, match="while trying") as raised,
        disk_failures("trying"),
    ):
        raise error
    assert "place" not in str(raised.value)
    assert raised.value.__cause__ is error
