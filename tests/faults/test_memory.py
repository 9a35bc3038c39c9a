"""Memory stays flat: a 5 GB layer, and 32 transfers at once, keep every process under 200 MB."""

from __future__ import annotations

import shutil
import subprocess
import sys
import threading
from collections.abc import Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from tests.conftest import StartServer
from tests.faults.forked import processes
from tests.server_process import ServerProcess
from tests.storage.conftest import ACCESS_KEY, SECRET_KEY
from tests.tools import missing

if TYPE_CHECKING:
    from types_boto3_s3 import S3Client

MIB, GIB = 1 << 20, 1 << 30
PEAK_MAX = 200 * 1000 * 1000
FREED_AT_ONCE = ("--undelete-days", "0")
"""What is deleted does not rest: its bytes go with it."""
REPOSITORY = "team/big"
CLIENT = Path(__file__).with_name("transfer.py")


@pytest.fixture(autouse=True)
def _swept(tmp_path: Path) -> Iterator[None]:
    """Nothing is kept for a later look, not even of a test that failed: it is too big."""
    yield
    shutil.rmtree(tmp_path, ignore_errors=True)


def transfer(server: ServerProcess, size: int, seed: int, *ways: str) -> str:
    """Run a client to its end; what it printed."""
    command = [sys.executable, str(CLIENT), str(server.port), f"Basic {server.token()}"]
    command += [REPOSITORY, str(size), str(seed), *ways]
    done = subprocess.run(command, capture_output=True, text=True, timeout=400, check=False)
    assert done.returncode == 0, done.stderr[-3000:] + server.tail()
    return done.stdout


def peaks(server: ServerProcess) -> dict[int, int]:
    """The most memory in bytes that each process of the server ever had resident."""
    found = {}
    for pid in processes(server.process.pid):
        status = Path(f"/proc/{pid}/status").read_text()
        line = next(line for line in status.splitlines() if line.startswith("VmHWM:"))
        found[pid] = int(line.split()[1]) * 1024
    return found


def check_peaks(server: ServerProcess, what: str) -> None:
    found = peaks(server)
    print(f"{what}: peaks {[round(peak / 1e6) for peak in found.values()]} MB")
    assert max(found.values()) < PEAK_MAX


def need_disk(folder: Path, size: int) -> None:
    free = shutil.disk_usage(folder).free
    if free < size:
        missing(f"{folder} has {free / 1e9:.1f} GB free, {size / 1e9:.1f} GB are needed")


def at_once(server: ServerProcess, size: int, pushes: Sequence[int], pulls: Sequence[int]) -> None:
    """So many clients, each a process; all start together."""
    for seed in set(pulls):
        transfer(server, size, seed, "put")
    gate = threading.Barrier(len(pushes) + len(pulls))

    def run(seed: int, way: str) -> None:
        gate.wait(60)
        transfer(server, size, seed, way)

    with ThreadPoolExecutor(gate.parties) as pool:
        jobs = [pool.submit(run, seed, "pull") for seed in pulls]
        jobs += [pool.submit(run, seed, ("put", "patch")[seed % 2]) for seed in pushes]
        for job in jobs:
            job.result()


@pytest.mark.slow
@pytest.mark.timeout(900)
def test_a_layer_of_5_gb(start_server: StartServer, tmp_path: Path) -> None:
    size = 5 * GIB
    need_disk(tmp_path, size + 2 * GIB)
    server = start_server(*FREED_AT_ONCE)
    server.ecr.create_repository(repositoryName=REPOSITORY)
    print(transfer(server, size, 0, "patch", "pull").replace("\n", " s, "))
    check_peaks(server, "5 GiB, patch and pull")
    server.ecr.delete_repository(repositoryName=REPOSITORY, force=True)
    assert not list((server.data / "storage" / "blobs").glob("**/*"))


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_layer_in_chunks_and_one_in_one_put(start_server: StartServer, tmp_path: Path) -> None:
    size = GIB
    need_disk(tmp_path, 5 * size)
    server = start_server(*FREED_AT_ONCE)
    server.ecr.create_repository(repositoryName=REPOSITORY)
    print(transfer(server, size, 7, "chunks", "pull").replace("\n", " s, "))
    check_peaks(server, "1 GiB in three chunks")
    print(transfer(server, size, 8, "put").replace("\n", " s, "))
    check_peaks(server, "1 GiB in one PUT")
    server.ecr.delete_repository(repositoryName=REPOSITORY, force=True)


@pytest.mark.slow
@pytest.mark.timeout(600)
@pytest.mark.parametrize("workers", [1, 2])
def test_32_transfers_at_once(start_server: StartServer, tmp_path: Path, workers: int) -> None:
    need_disk(tmp_path, 2 * GIB)
    server = start_server("--workers", str(workers), *FREED_AT_ONCE)
    server.ecr.create_repository(repositoryName=REPOSITORY)
    at_once(server, 64 * MIB, range(16), [*range(100, 104)] * 4)
    check_peaks(server, f"32 x 64 MiB, {workers} workers")
    server.ecr.delete_repository(repositoryName=REPOSITORY, force=True)


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_32_transfers_at_once_through_s3(
    start_server: StartServer, s3: S3Client, s3_port: int, bucket: str
) -> None:
    server = start_server(
        *FREED_AT_ONCE,
        *("--storage", "s3", "--s3-bucket", bucket, "--s3-region", "us-east-1"),
        *("--s3-endpoint", f"http://127.0.0.1:{s3_port}", "--s3-path-style"),
        AWS_ACCESS_KEY_ID=ACCESS_KEY,
        AWS_SECRET_ACCESS_KEY=SECRET_KEY,
    )
    server.ecr.create_repository(repositoryName=REPOSITORY)
    # What the first pull through S3 loads, 16 first ones at once load together: 28 MB more.
    transfer(server, 1000, 999, "put", "pull")
    at_once(server, 20 * MIB, range(16), [*range(100, 104)] * 4)
    check_peaks(server, "32 x 20 MiB through S3")
    server.ecr.delete_repository(repositoryName=REPOSITORY, force=True)
    assert "Contents" not in s3.list_objects_v2(Bucket=bucket)
