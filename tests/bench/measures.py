"""What is measured, each as a number of which more is better."""

from __future__ import annotations

import hashlib
import multiprocessing
import os
import re
import shutil
import subprocess
import time
from collections.abc import Callable

from tests.bench.target import MANIFEST, Target

MIB = 1 << 20
_CONTEXT = multiprocessing.get_context("fork")


Transfer = Callable[[], None]


def push(target: Target, size: int, clients: int) -> float:
    """MiB/s of `clients` pushing a fresh blob each, from first request to last answer."""

    def prepare() -> Transfer:
        content, digest = fresh(size)  # before the clock starts
        return lambda: target.push_blob(content, digest)

    return _together(target, prepare, clients, size)


def pull(target: Target, size: int, clients: int, digest: str) -> float:
    """MiB/s of `clients` pulling the same blob."""

    def prepare() -> Transfer:
        return lambda: target.pull_blob(digest, size)

    return _together(target, prepare, clients, size)


def manifests(target: Target, path: str, seconds: float, connections: int = 32) -> float:
    """Manifest reads a second, by wrk over keep-alive connections."""
    wrk = shutil.which("wrk")
    if wrk is None:
        raise RuntimeError("wrk is not installed: manifest reads cannot be measured without it")
    asked = {**target.headers, "Accept": MANIFEST}
    headers = [f"-H{name}: {value}" for name, value in asked.items()]
    url = f"http://{target.host}:{target.port}{path}"
    command = [wrk, "-t1", f"-c{connections}", f"-d{seconds:g}s", *headers, url]
    printed = subprocess.run(command, capture_output=True, text=True, check=True).stdout
    found = re.search(r"Requests/sec:\s+([0-9.]+)", printed)
    if found is None or "Non-2xx" in printed:
        raise RuntimeError(f"{target.name}: {printed}")
    return float(found.group(1))


def fresh(size: int) -> tuple[memoryview, str]:
    """A blob that no registry has, and its digest; cheap to make."""
    content = memoryview(bytearray(os.urandom(MIB) * (size // MIB)))
    return content, f"sha256:{hashlib.sha256(content).hexdigest()}"


def _together(target: Target, prepare: Callable[[], Transfer], clients: int, size: int) -> float:
    """All clients begin at once; MiB/s over all of them until the last has ended."""
    ready, go = _CONTEXT.Semaphore(0), _CONTEXT.Event()

    def client() -> None:
        try:
            transfer = prepare()
        finally:
            ready.release()
        go.wait()
        transfer()

    processes = [_CONTEXT.Process(target=client) for _ in range(clients)]
    for process in processes:
        process.start()
    for _ in processes:
        ready.acquire()
    started = time.perf_counter()
    go.set()
    for process in processes:
        process.join()
    seconds = time.perf_counter() - started
    if any(process.exitcode for process in processes):
        raise RuntimeError(f"{target.name}: a client failed")
    return clients * size / MIB / seconds
