"""The server's own runs of lifecycle policies: wired, counted, logged."""

from __future__ import annotations

import json
import logging
import re
import threading
import time
from datetime import timedelta

import pytest

from registry.app import works
from registry.domain.lifecycle.uses import Use
from registry.http.metrics import Metrics
from registry.lifecycling import Lifecycling
from tests.application import (
    SCOPE,
    OpenRegistry,
    Registry,
    client,
    loop,
    open_one,
    registry,
    template,
)
from tests.domain.lifecycle.holding import NAME, hold, image, left, put, repository
from tests.domain.lifecycle.world import aged, policy, rule

__all__ = ["client", "loop", "open_one", "registry", "template"]

TEXT = policy(rule(**aged(30)))


def value(metrics: Metrics, name: str) -> float:
    found = re.search(rf"^{re.escape(name)} (\S+)$", metrics.exposition().decode(), re.MULTILINE)
    return float(found[1]) if found else 0.0


def test_a_run_is_counted_and_logged(registry: Registry, caplog: pytest.LogCaptureFixture) -> None:
    registry.create(NAME)
    hold(registry, image("a"), age=40)
    put(registry, TEXT)
    registry.stores.lifecycle.runs.hurry(repository(registry))
    metrics, begun = Metrics(), time.time()
    lifecycling = Lifecycling(registry.stores.lifecycle, metrics)
    with caplog.at_level(logging.INFO, "moorage.lifecycle"):
        lifecycling.run(threading.Event())
        lifecycling.run(threading.Event())
    assert value(metrics, 'moorage_lifecycle_images_total{action="expired"}') == 1
    assert value(metrics, "moorage_lifecycle_last_run_seconds") >= begun
    (record,) = caplog.records
    assert record.getMessage() == "lifecycle policy ran"
    told = json.dumps(vars(record), default=str)
    assert f'"repository": "{NAME}"' in told
    assert '"expired": 1' in told


def test_referrers_follow_and_old_reports_lapse(
    open_one: OpenRegistry, caplog: pytest.LogCaptureFixture
) -> None:
    registry = open_one(gc_grace_hours=1e-6)
    registry.create(NAME)
    subject = image("a")
    hold(registry, subject)
    hold(registry, image("s", subject=subject.descriptor()))
    with registry.http() as docker:
        docker.delete(f"/v2/{NAME}/manifests/{subject.digest}").raise_for_status()
    registry.stores.lifecycle.uses.report(SCOPE, "old", [Use(NAME, "v1")], timedelta(0))
    time.sleep(0.02)
    metrics = Metrics()
    with caplog.at_level(logging.INFO, "moorage.lifecycle"):
        Lifecycling(registry.stores.lifecycle, metrics).run(threading.Event())
    assert left(registry) == set()
    assert value(metrics, 'moorage_lifecycle_images_total{action="followed"}') == 1
    assert [record.getMessage() for record in caplog.records] == [
        "a report of images in use lapsed",
        "images followed what was deleted",
    ]


def test_every_worker_looks_after_them(registry: Registry) -> None:
    found = works(registry.settings, registry.ground, registry.stores, Metrics())
    by_name = {work.name: work for work in found}
    registry.create(NAME)
    hold(registry, image("a"), age=40)
    put(registry, TEXT)
    registry.stores.lifecycle.runs.hurry(repository(registry))
    by_name["lifecycle"].run(threading.Event())
    assert left(registry) == set()
    registry.ecr().start_lifecycle_policy_preview(repositoryName=NAME)
    by_name["previews"].run(threading.Event())
    assert registry.ecr().get_lifecycle_policy_preview(repositoryName=NAME)["status"] == "COMPLETE"
