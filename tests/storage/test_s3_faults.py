"""The S3 driver when the store, or the way to it, fails."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from registry.storage.driver import Buffer
from registry.storage.s3 import S3Driver
from registry.values.errors import ObjectNotFound, StorageFull, StorageUnavailable
from tests.storage.conftest import SECRET_KEY, free_port, make_client
from tests.storage.driver_suite import content, pieces, read
from tests.storage.fault_proxy import Fault, FaultProxy

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

MIB = 1 << 20
PART = 5 * MIB
EVEN_FRESH = timedelta(seconds=-5)
COMPLETION = "POST .*uploadId="


def drain(reader: Iterable[Buffer], into: bytearray) -> None:
    for chunk in reader:
        into += chunk


def test_a_missing_bucket_is_not_a_missing_object(s3: S3Client, tmp_path: Path) -> None:
    driver = S3Driver(s3, "no-such-bucket", spool=tmp_path)
    calls: list[Callable[[], object]] = [
        lambda: driver.put("a/object", [b"x"]),
        lambda: driver.get("a/object"),
        lambda: driver.stat("a/object"),
        lambda: driver.delete("a/object"),
        lambda: driver.move("a/object", "b/object"),
        lambda: [*driver.list("a")],
        driver.clean,
    ]
    for call in calls:
        with pytest.raises(StorageUnavailable, match=r"NoSuchBucket|bucket does not exist"):
            call()


def test_a_wrong_key_is_refused_without_showing_it(
    s3_port: int, bucket: str, tmp_path: Path
) -> None:
    client = make_client(s3_port, secret_key="wrong-secret")
    try:
        driver = S3Driver(client, bucket, spool=tmp_path)
        with pytest.raises(StorageUnavailable, match="SignatureDoesNotMatch") as raised:
            driver.put("a/object", [b"x"])
    finally:
        client.close()
    shown = f"{raised.value!r} {raised.value.__cause__!r}"
    assert "wrong-secret" not in shown
    assert SECRET_KEY not in shown


def test_nobody_listens(tmp_path: Path) -> None:
    client = make_client(free_port(), attempts=1)
    driver = S3Driver(client, "bucket", spool=tmp_path)
    for call in (driver.stat, driver.get, driver.delete):
        with pytest.raises(StorageUnavailable, match="EndpointConnectionError") as raised:
            call("a/object")
        assert "127.0.0.1" not in str(raised.value)
    client.close()


def test_a_full_spool(s3: S3Client, bucket: str, small_disk: Path) -> None:
    driver = S3Driver(s3, bucket, spool=small_disk / "spool", part_size=PART)
    with pytest.raises(StorageFull, match="spooling"):
        driver.put("a/object", pieces(content(6 * MIB)))
    assert [*driver.list("")] == []
    assert driver.clean(EVEN_FRESH) == 0
    driver.put("a/object", pieces(content(3 * MIB)))
    assert read(driver, "a/object") == content(3 * MIB)


FAULTS = [Fault(code=500), Fault(code=503), Fault(code=403), Fault(silent=True), Fault(lost=True)]


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_every_operation_fails_typed_and_soon(
    faulty: Callable[..., S3Driver], proxy: FaultProxy, fault: Fault
) -> None:
    driver = faulty(read_timeout=0.3)
    driver.put("a/object", [b"before"])
    proxy.decide = lambda _method, _path: fault
    calls: list[Callable[[], object]] = [
        lambda: driver.stat("a/object"),
        lambda: driver.get("a/object"),
        lambda: driver.move("a/object", "b/object"),
        lambda: [*driver.list("a")],
        lambda: driver.put("c/object", [b"x"]),
        lambda: driver.put("c/big", pieces(content(PART + 1), MIB)),
        lambda: driver.delete("a/object"),
    ]
    for call in calls:
        with pytest.raises(StorageUnavailable):
            call()


@pytest.mark.parametrize("fault", [*FAULTS, Fault(code=507)], ids=str)
@pytest.mark.parametrize("broken", [r"PUT .*partNumber=1\b", r"PUT .*partNumber=3\b", COMPLETION])
def test_a_put_that_breaks_leaves_nothing(
    faulty: Callable[..., S3Driver], proxy: FaultProxy, fault: Fault, broken: str
) -> None:
    driver, whole = faulty(read_timeout=0.3), content(3 * PART)
    proxy.decide = lambda method, path: fault if re.match(broken, f"{method} {path}") else None
    if fault.lost and broken == COMPLETION:  # it did happen, and `put` asks
        assert driver.put("a/object", pieces(whole, MIB)) == len(whole)
        return
    with pytest.raises(StorageFull if fault.code == 507 else StorageUnavailable):
        driver.put("a/object", pieces(whole, MIB))
    assert [*driver.list("")] == []
    assert driver.clean(EVEN_FRESH) == 0


@pytest.mark.parametrize("fault", FAULTS, ids=str)
def test_a_put_that_cannot_begin_leaves_at_most_what_cleaning_finds(
    faulty: Callable[..., S3Driver], proxy: FaultProxy, fault: Fault
) -> None:
    driver = faulty(read_timeout=0.3)
    proxy.decide = once(fault, r"POST .*\?uploads")
    with pytest.raises(StorageUnavailable, match="starting an upload"):
        driver.put("a/object", pieces(content(PART + 1), MIB))
    assert [*driver.list("")] == []
    assert driver.clean(EVEN_FRESH) == (1 if fault.lost else 0)
    assert driver.clean(EVEN_FRESH) == 0


def once(fault: Fault, pattern: str) -> Callable[[str, str], Fault | None]:
    """Decides on the fault for the first request that fits, and on none after it."""
    left = [fault]

    def decide(method: str, path: str) -> Fault | None:
        return left.pop() if left and re.match(pattern, f"{method} {path}") else None

    return decide


@pytest.mark.parametrize("fault", [*FAULTS[:2], *FAULTS[3:]], ids=str)
@pytest.mark.parametrize("broken", [r"PUT .*partNumber=2\b", r"POST .*uploadId=", r"HEAD", "GET"])
def test_one_failure_is_tried_again(
    faulty: Callable[..., S3Driver], proxy: FaultProxy, fault: Fault, broken: str
) -> None:
    """The lost answer to the last POST too: the object is there, and `put` finds out."""
    driver = faulty(attempts=2, read_timeout=0.3)
    proxy.decide = once(fault, broken)
    whole = content(2 * PART + 1)
    assert driver.put("a/object", pieces(whole, MIB)) == len(whole)
    assert driver.stat("a/object").size == len(whole)
    assert read(driver, "a/object") == whole


def test_a_race_lost_inside_the_store_is_run_again_but_not_for_ever(
    faulty: Callable[..., S3Driver], proxy: FaultProxy
) -> None:
    driver = faulty(attempts=1)
    proxy.decide = once(Fault(code=409), "PUT")
    driver.put("a/object", [b"x"])
    proxy.decide = once(Fault(code=409), "PUT")
    driver.move("a/object", "b/object")
    assert read(driver, "b/object") == b"x"
    proxy.seen.clear()
    proxy.decide = lambda _method, _path: Fault(code=409)
    with pytest.raises(StorageUnavailable, match="ExistingObjectIsDirectory"):
        driver.put("a/object", [b"y"])
    assert 2 < len(proxy.seen) < 12


def test_a_completion_that_was_repeated_is_recognized(
    faulty: Callable[..., S3Driver], proxy: FaultProxy
) -> None:
    """Amazon may answer the repetition of what it did that there is no such upload."""
    driver, whole = faulty(), content(PART + 1)
    proxy.decide = once(Fault(code=404, lost=True), COMPLETION)
    assert driver.put("a/object", pieces(whole, MIB)) == len(whole)
    assert read(driver, "a/object") == whole


@pytest.mark.parametrize("before", [b"", b"another's"])
def test_a_completion_that_never_was_is_not_taken_for_one(
    faulty: Callable[..., S3Driver], proxy: FaultProxy, before: bytes
) -> None:
    driver = faulty()
    if before:
        driver.put("a/object", [before])
    proxy.decide = once(Fault(code=404), COMPLETION)
    with pytest.raises(StorageUnavailable, match="while completing an upload"):
        driver.put("a/object", pieces(content(PART + 1), MIB))
    assert [read(driver, path) for path in driver.list("")] == ([before] if before else [])


@pytest.mark.parametrize("cut", [0, 1, 100_000, MIB, 2 * MIB + 5])
def test_a_body_cut_once_is_resumed(
    faulty: Callable[..., S3Driver], proxy: FaultProxy, cut: int
) -> None:
    driver = faulty()
    whole = content(3 * MIB)
    driver.put("a/object", pieces(whole))
    for offset, length in [(0, None), (10, None), (5, 2 * MIB + 100)]:
        proxy.decide = once(Fault(cut=cut), "GET")
        end = None if length is None else offset + length
        assert read(driver, "a/object", offset, length) == whole[offset:end]


def test_a_body_cut_again_and_again_fails_and_never_ends_short(
    faulty: Callable[..., S3Driver], proxy: FaultProxy
) -> None:
    driver = faulty()
    driver.put("a/object", pieces(content(3 * MIB)))
    proxy.decide = lambda method, _path: Fault(cut=1000) if method == "GET" else None
    with pytest.raises(StorageUnavailable, match="breaking off"):
        read(driver, "a/object")
    assert len([method for method, _ in proxy.seen if method == "GET"]) <= 5


def test_a_cut_body_is_never_completed_from_another_object(
    faulty: Callable[..., S3Driver], proxy: FaultProxy, s3: S3Client, bucket: str
) -> None:
    driver = faulty()
    driver.put("a/object", pieces(content(3 * MIB, 1)))
    proxy.decide = once(Fault(cut=2 * MIB), "GET")
    reader = driver.get("a/object")
    s3.put_object(Bucket=bucket, Key="a/object", Body=content(3 * MIB, 2))
    got = bytearray()
    with pytest.raises(StorageUnavailable, match="PreconditionFailed"):
        drain(reader, got)
    assert got == content(3 * MIB, 1)[: 2 * MIB]


@pytest.mark.parametrize("broken", ["PUT /[^?]*$", r"PUT .*partNumber=2\b", "POST .*uploadId="])
def test_a_move_that_breaks_leaves_the_source_whole(
    faulty: Callable[..., S3Driver], proxy: FaultProxy, broken: str
) -> None:
    driver = faulty()
    whole = content(100 if "?" in broken else 2 * PART + 1)
    driver.put("in/object", pieces(whole, MIB))
    proxy.decide = lambda m, p: Fault(code=500) if re.match(broken, f"{m} {p}") else None
    with pytest.raises(StorageUnavailable, match="InternalError"):
        driver.move("in/object", "out/object")
    assert [*driver.list("")] == ["in/object"]
    assert driver.clean(EVEN_FRESH) == 0
    assert read(driver, "in/object") == whole


def test_a_move_whose_deletion_fails_may_be_repeated(
    faulty: Callable[..., S3Driver], proxy: FaultProxy
) -> None:
    driver = faulty()
    driver.put("in/object", [b"x"])
    proxy.decide = once(Fault(code=503), "DELETE")
    with pytest.raises(StorageUnavailable, match="SlowDown"):
        driver.move("in/object", "out/object")
    assert sorted(driver.list("")) == ["in/object", "out/object"]
    driver.move("in/object", "out/object")
    assert [*driver.list("")] == ["out/object"]
    with pytest.raises(ObjectNotFound):
        driver.move("in/object", "out/object")
