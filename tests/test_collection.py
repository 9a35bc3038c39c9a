"""The server's own collections: counted, logged, one for all workers."""

from __future__ import annotations

import json
import re
import threading
import time
from datetime import timedelta

import pytest

from registry.collection import EVERY, Collection
from registry.http.metrics import Metrics
from registry.stores import garbage_of
from tests import images
from tests.application import OpenRegistry, Registry, client, loop, open_one, registry, template
from tests.conftest import StartServer

__all__ = ["client", "loop", "open_one", "registry", "template"]

TINY = 1e-6


def collection(registry: Registry, metrics: Metrics) -> Collection:
    settings = registry.settings
    return Collection(garbage_of(settings, registry.ground), metrics, settings.gc_grace)


def value(metrics: Metrics, name: str) -> float:
    found = re.search(rf"^{re.escape(name)} (\S+)$", metrics.exposition().decode(), re.MULTILINE)
    return float(found[1]) if found else 0.0


def test_it_counts_what_it_frees(open_one: OpenRegistry, caplog: pytest.LogCaptureFixture) -> None:
    registry = open_one(gc_grace_hours=TINY)
    registry.hold_blob(registry.create("team/app"), b"x" * 1000)
    metrics = Metrics()
    time.sleep(0.01)
    with caplog.at_level("INFO", "moorage.garbage"):
        collection(registry, metrics).run(threading.Event())
    assert value(metrics, 'moorage_gc_freed_bytes_total{kind="blobs"}') == 1000
    assert abs(value(metrics, "moorage_gc_last_run_seconds") - time.time()) < 60
    assert [record.getMessage() for record in caplog.records] == ["garbage collected"]


def test_workers_share_one_run_every_ten_minutes(registry: Registry) -> None:
    first, second = Metrics(), Metrics()
    collection(registry, first).run(threading.Event())
    collection(registry, second).run(threading.Event())
    assert value(first, "moorage_gc_last_run_seconds") > 0
    assert value(second, "moorage_gc_last_run_seconds") == 0
    assert 10 <= collection(registry, first).seconds <= EVERY.total_seconds()
    assert timedelta(minutes=5) < EVERY < timedelta(hours=1)


def test_a_server_collects_by_itself(start_server: StartServer) -> None:
    server = start_server("--workers", "2", "--gc-grace-hours", "0.001")
    server.ecr.create_repository(repositoryName="team/app")
    with server.http() as http:
        image = images.oci_image(images.layer({"a": b"1"}))
        images.push(http, "team/app", image, "v1")
        unused = images.push_blob(http, "team/app", b"nobody needs it")
        deadline = time.monotonic() + 30
        while http.get(f"/v2/team/app/blobs/{unused}").status_code == 200:
            assert time.monotonic() < deadline
            time.sleep(0.1)
        for blob in image.blobs:
            assert http.get(f"/v2/team/app/blobs/{blob.digest}").content == blob.content
        assert "moorage_gc_last_run_seconds" in http.get("/metrics").text
    server.stop()  # the run comes to its end, and says so
    logged = [json.loads(line) for line in server.log.splitlines() if line.startswith("{")]
    (told,) = [line for line in logged if line["message"] == "garbage collected"]
    assert (told["blobs"], told["bytes"]) == (1, 15)
