"""The S3 driver against a real server: the law, and what is S3's own.

What happens when it fails is in `test_s3_faults.py`.
"""

from __future__ import annotations

import threading
import tracemalloc
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta
from itertools import repeat
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from registry.storage.driver import Driver
from registry.storage.s3 import S3Driver
from registry.storage.s3_multipart import part_capacity
from tests.storage.driver_suite import Boom, DriverSuite, content, failing, pieces, read
from tests.storage.fault_proxy import FaultProxy

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

MIB = 1 << 20
PART = 5 * MIB
EVEN_FRESH = timedelta(seconds=-5)


class TestS3(DriverSuite):
    @pytest.fixture
    def driver(self, s3_driver: S3Driver) -> Driver:
        return s3_driver


def uploads(s3: S3Client, bucket: str) -> list[str]:
    found = s3.list_multipart_uploads(Bucket=bucket).get("Uploads", [])
    return [upload["UploadId"] for upload in found]


def keys(s3: S3Client, bucket: str) -> list[str]:
    found = [each["Key"] for each in s3.list_objects_v2(Bucket=bucket).get("Contents", [])]
    return [key for key in found if not key.endswith("/")]


# What S3 holds


def test_a_big_object_goes_in_parts_and_a_small_one_whole(
    s3: S3Client, bucket: str, s3_driver: S3Driver
) -> None:
    s3_driver.put("a/big", pieces(content(3 * PART + 1), MIB))
    s3_driver.put("a/even", pieces(content(2 * PART), MIB))
    s3_driver.put("a/one", pieces(content(PART), MIB))
    etags = {
        found["Key"]: found["ETag"].strip('"')
        for found in s3.list_objects_v2(Bucket=bucket, Prefix="some/prefix/a/")["Contents"]
    }
    base = "some/prefix/a/"
    assert etags.keys() == {f"{base}big", f"{base}even", f"{base}one"}
    assert etags[f"{base}big"].endswith("-4")
    assert etags[f"{base}even"].endswith("-2")
    assert "-" not in etags[f"{base}one"]
    assert uploads(s3, bucket) == []


def test_a_big_object_is_moved_in_pieces(s3: S3Client, bucket: str, s3_driver: S3Driver) -> None:
    whole = content(2 * PART + 77)
    s3_driver.put("in/object", pieces(whole, MIB))
    s3_driver.move("in/object", "out/object")
    assert read(s3_driver, "out/object") == whole
    assert keys(s3, bucket) == ["some/prefix/out/object"]
    assert uploads(s3, bucket) == []


def test_a_prefix_keeps_drivers_apart(s3: S3Client, bucket: str, tmp_path: Path) -> None:
    one, two, all_ = (S3Driver(s3, bucket, p, spool=tmp_path) for p in ("p", "p2", ""))
    one.put("a/object", [b"one"])
    two.put("a/object", [b"two"])
    assert read(one, "a/object") == b"one"
    assert [*one.list("")] == ["a/object"]
    assert sorted(all_.list("")) == ["p/a/object", "p2/a/object"]


def test_a_directory_that_a_console_made_is_not_an_object(
    s3: S3Client, bucket: str, s3_driver: S3Driver
) -> None:
    s3.put_object(Bucket=bucket, Key="some/prefix/a/b/")
    s3_driver.put("a/object", [b"x"])
    assert [*s3_driver.list("a")] == ["a/object"]


def test_a_listing_has_more_than_one_page(s3_driver: S3Driver) -> None:
    names = [f"many/n{number:04}" for number in range(1005)]
    with ThreadPoolExecutor(4) as pool:
        for _ in pool.map(s3_driver.put, names, repeat([b"x"])):
            pass
    assert sorted(s3_driver.list("many")) == names


def test_a_raising_producer_leaves_no_upload(
    s3: S3Client, bucket: str, s3_driver: S3Driver
) -> None:
    with pytest.raises(Boom):
        s3_driver.put("a/object", failing(pieces(content(12 * MIB)), Boom()))
    assert uploads(s3, bucket) == []
    assert keys(s3, bucket) == []


def test_clean_aborts_what_a_crash_left(s3: S3Client, bucket: str, s3_driver: S3Driver) -> None:
    s3.create_multipart_upload(Bucket=bucket, Key="some/prefix/a/crashed")
    (other,) = [s3.create_multipart_upload(Bucket=bucket, Key="elsewhere")["UploadId"]]
    assert s3_driver.clean() == 0
    assert len(uploads(s3, bucket)) == 2
    assert s3_driver.clean(EVEN_FRESH) == 1
    assert uploads(s3, bucket) == [other]


def test_the_largest_layer_fits_in_ten_thousand_parts() -> None:
    capacities = [part_capacity(number, PART) for number in range(1, 10_001)]
    assert min(capacities) >= PART
    assert max(capacities) <= 5 << 30
    assert sum(capacities) >= 52_000 * MIB * 1.01


@pytest.mark.parametrize(
    ("prefix", "part_size", "copy_size"),
    [("", PART - 1, PART), ("", PART, PART - 1), ("", PART, (5 << 30) + 1), ("../x", PART, PART)],
)
def test_settings_that_s3_cannot_keep(
    s3: S3Client, tmp_path: Path, prefix: str, part_size: int, copy_size: int
) -> None:
    with pytest.raises(ValueError, match=r"5 MiB|path"):
        S3Driver(s3, "b", prefix, spool=tmp_path, part_size=part_size, copy_size=copy_size)


def test_a_put_and_a_get_keep_memory_flat(s3_driver: S3Driver) -> None:
    buffer = content(MIB)
    s3_driver.put("warm/object", [buffer])
    tracemalloc.start()
    try:
        s3_driver.put("a/object", repeat(buffer, 40))
        _, putting = tracemalloc.get_traced_memory()
        tracemalloc.reset_peak()
        for _ in s3_driver.get("a/object"):
            pass
        _, getting = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert putting < 2.5 * MIB
    assert getting < 5 * MIB


def test_the_spool_is_empty_even_while_parts_wait_in_it(
    s3_driver: S3Driver, tmp_path: Path
) -> None:
    def chunks() -> Iterator[bytes]:
        for number in range(7):
            yield content(MIB, number)
            assert [*(tmp_path / "spool").iterdir()] == []

    assert s3_driver.put("a/object", chunks()) == 7 * MIB


def test_the_next_part_fills_while_one_is_sent(
    faulty: Callable[..., S3Driver], proxy: FaultProxy
) -> None:
    driver = faulty(read_timeout=10)
    came_further, waited = threading.Event(), []

    def hold_the_first_part(_method: str, path: str) -> None:
        if "partNumber=1&" in f"{path}&":
            waited.append(came_further.wait(5))

    def chunks() -> Iterator[bytes]:
        yield content(PART)
        yield content(MIB)
        came_further.set()

    proxy.decide = hold_the_first_part
    assert driver.put("a/object", chunks()) == PART + MIB
    assert waited == [True]
    assert read(driver, "a/object") == content(PART) + content(MIB)
