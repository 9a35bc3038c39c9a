"""Scans as a server makes them: which scanner there is, told and counted."""

from __future__ import annotations

import logging
import threading
from datetime import timedelta
from pathlib import Path

import pytest

from registry.config import Settings
from registry.domain.scanning.reading import Reader
from registry.http.metrics import Metrics
from registry.scanners.scanner import ScanFailed, ScannerMissing
from registry.scanning import Scanning, address_of, scan_works, scanning_of
from tests.application import OpenRegistry, Registry, client, loop, open_one, registry, template
from tests.domain.scanning.world import DATABASE, NAME, FakeScanner, Here, World

__all__ = ["client", "loop", "open_one", "registry", "template"]
HOUR = timedelta(hours=1)


@pytest.fixture
def world(open_one: OpenRegistry) -> World:
    one: Registry = open_one()
    one.create(NAME, scan_on_push=True)
    return World(one)


def scanning(world: World, metrics: Metrics | None = None) -> Scanning:
    """Of another process."""
    one = world.registry
    metrics = metrics or Metrics()
    return scanning_of(
        one.settings, one.ground, one.stores, metrics, world.scanner, reader=Reader(Here())
    )


def never() -> bool:
    return False


def gauge(metrics: Metrics) -> str:
    (line,) = [
        line
        for line in metrics.exposition().decode().splitlines()
        if line.startswith("moorage_scanner_available ")
    ]
    return line.split()[1]


def again(world: World) -> Scanning:
    """As if the time to look had come, and the answer of before were forgotten."""
    with world.registry.ground.database.write() as connection:
        connection.exec_driver_sql("UPDATE tasks SET finished_at = 0 WHERE name = 'scanner'")
    return scanning(world)


def test_what_there_is_is_told_once(world: World, caplog: pytest.LogCaptureFixture) -> None:
    caplog.set_level(logging.INFO, "moorage.scanning")
    metrics = Metrics()
    scanning(world, metrics).look(never, HOUR)
    scanning(world).look(never, HOUR)  # another process, at once
    again(world).look(never, HOUR)
    assert gauge(metrics) == "1.0"
    assert [record.message for record in caplog.records] == ["images can be scanned"]
    assert world.scanner.updates == 1
    again(world).look(never, timedelta(0))
    assert world.scanner.updates == 2


def test_what_is_missing_is_told_and_made_up_for(
    world: World, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, "moorage.scanning")
    metrics = Metrics()
    world.scanner.missing = ScannerMissing("There is no 'trivy'.")
    world.push()
    world.run()
    scanning(world, metrics).look(never, HOUR)
    assert gauge(metrics) == "0.0"
    assert world.state().status == "FAILED"
    world.scanner.missing = None
    again(world).look(never, HOUR)
    assert [record.message for record in caplog.records] == [
        "images cannot be scanned",
        "images can be scanned",
        "images are to be scanned again",
    ]
    scanning(world).scan(never)
    assert world.state().status == "COMPLETE"


def test_a_newer_database_is_noticed(world: World) -> None:
    world.continuous()
    world.push()
    scanning(world).look(never, HOUR)
    scanning(world).scan(never)
    world.scanner.made = DATABASE + timedelta(days=1)
    again(world).look(never, HOUR)
    scanning(world).scan(never)
    assert world.state().database_at == world.scanner.made
    assert len(world.scanner.scanned) == 2


def test_what_is_due_is_got_at_once(world: World) -> None:
    scanning(world).look(never, HOUR)
    again(world).look(never, HOUR)
    assert world.scanner.updates == 1
    world.scanner.newer = True
    again(world).look(never, HOUR)
    again(world).look(never, HOUR)
    assert world.scanner.updates == 2


def test_a_database_that_cannot_be_had_leaves_the_old_one(
    world: World, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse() -> None:
        raise ScanFailed("no network", again=True)

    monkeypatch.setattr(world.scanner, "update", refuse)
    scanning(world).look(never, HOUR)
    assert "no newer vulnerability database" in caplog.text
    world.push()
    scanning(world).scan(never)
    assert world.state().status == "COMPLETE"


def test_a_stop_ends_the_scanner(world: World) -> None:
    one, scanner = world.registry, FakeScanner()
    works = scan_works(one.settings, one.ground, one.stores, Metrics(), scanner)
    assert [work.name for work in works] == ["scan-0", "scan-1", "scanner", "scanner-end"]
    stop = threading.Event()
    stop.set()
    works[-1].run(stop)
    assert scanner.stopped.is_set()
    world.push()
    works[0].run(threading.Event())
    assert scanner.scanned == []


@pytest.mark.parametrize(
    ("host", "address", "tls"),
    [
        ("127.0.0.1", "127.0.0.1:7", False),
        ("localhost", "localhost:7", False),
        ("0.0.0.0", "127.0.0.1:7", False),
        ("::", "[::1]:7", False),
        ("::1", "[::1]:7", False),
        ("192.0.2.1", "192.0.2.1:7", True),
        ("2001:db8::1", "[2001:db8::1]:7", True),
    ],
)
def test_where_the_server_answers_to_itself(host: str, address: str, tls: bool) -> None:
    found = address_of(Settings(host=host, port=7))
    assert (found.host, found.tls) == (address, tls)


def test_over_tls_no_certificate_is_insisted_on() -> None:
    assert address_of(Settings(tls_cert=Path("c"), tls_key=Path("k"))).tls
