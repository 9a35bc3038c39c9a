from __future__ import annotations

import asyncio
import threading

import httpx
from starlette.applications import Starlette
from starlette.routing import Route

from registry.http.metrics import Metrics
from registry.http.operations import Check, exposition, healthz
from registry.values.errors import StorageUnavailable


def get(path: str, checks: dict[str, Check], timeout: float = 5.0) -> httpx.Response:
    metrics = Metrics()
    metrics.upload("private", "stored")
    routes = [
        Route("/healthz", healthz(checks, timeout)),
        Route("/metrics", exposition(metrics)),
    ]

    async def main() -> httpx.Response:
        transport = httpx.ASGITransport(Starlette(routes=routes))
        async with httpx.AsyncClient(transport=transport, base_url="http://test") as client:
            return await client.get(path)

    return asyncio.run(main())


def fine() -> None:
    pass


def test_healthy() -> None:
    answer = get("/healthz", {"database": fine, "storage": fine})
    assert answer.status_code == 200
    assert answer.json() == {"status": "ok", "checks": {"database": "ok", "storage": "ok"}}
    assert answer.headers["cache-control"] == "no-store"


def test_each_failing_check_is_named_and_tells_no_secret() -> None:
    def unavailable() -> None:
        raise StorageUnavailable("the bucket does not answer")

    def broken() -> None:
        raise ValueError("password=hunter2")

    answer = get("/healthz", {"database": fine, "storage": unavailable, "keys": broken})
    assert answer.status_code == 503
    assert answer.json() == {
        "status": "failing",
        "checks": {"database": "ok", "storage": "the bucket does not answer", "keys": "failed"},
    }


def test_a_check_that_hangs_has_failed() -> None:
    release = threading.Event()
    try:
        answer = get("/healthz", {"storage": lambda: _wait(release)}, timeout=0.05)
    finally:
        release.set()
    assert answer.status_code == 503
    assert answer.json()["checks"] == {"storage": "no answer within 0.05 s"}


def _wait(release: threading.Event) -> None:
    release.wait(0.3)


def test_metrics_in_prometheus_text() -> None:
    answer = get("/metrics", {})
    assert answer.headers["content-type"].startswith("text/plain; version=")
    expected = 'moorage_uploads_total{outcome="stored",repository_kind="private"} 1.0'
    assert expected in answer.text
    assert "_created" not in answer.text
