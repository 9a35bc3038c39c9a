"""Scans that go well, and scans that do not."""

from __future__ import annotations

import threading
from datetime import timedelta

import pytest
import sqlalchemy as sa

from registry.database.schema import scans
from registry.domain.repositories import Encryption
from registry.domain.scanning.passes import USERNAME
from registry.domain.scanning.queue import HELD, start_anew
from registry.domain.scanning.worker import ATTEMPTS_MAX
from registry.scanners.scanner import ScanFailed, ScannerMissing, Target
from registry.values.errors import KeyUnavailable, LimitExceeded
from tests.application import SCOPE, OpenRegistry, Registry
from tests.domain.scanning.reports import report, vulnerability
from tests.domain.scanning.world import DATABASE, IMAGE, NAME, FakeScanner, World
from tests.images import Image, artifact, layer, oci_image


def failing(message: str, *, again: bool) -> FakeScanner:
    def scan(_target: Target) -> bytes:
        raise ScanFailed(message, again=again)

    return FakeScanner(scan)


def given(world: World, scanner: FakeScanner) -> World:
    return World(world.registry, scanner)


def test_a_push_is_scanned(world: World) -> None:
    world.push()
    assert world.run() == ["COMPLETE"]
    state, result = world.state(), world.result()
    assert (state.status, state.counts) == ("COMPLETE", {"CRITICAL": 1})
    assert (state.scanner, state.scanner_version, state.database_at) == ("fake", "1.0", DATABASE)
    assert state.completed_at == world.moment
    assert [each.first_observed for each in result.findings] == [world.moment]
    assert result.report is not None
    assert b"127.0.0.1" not in result.report
    (target,) = world.scanner.scanned
    assert target.reference == f"127.0.0.1:5000/{NAME}@{IMAGE.digest}"
    assert target.username == USERNAME
    assert world.run() == []


def test_what_nobody_wants_scanned_is_not(world: World) -> None:
    world.registry.create("quiet")
    world.push(name="quiet")
    assert world.run() == []


def test_a_report_without_results_is_of_an_unknown_system(world: World) -> None:
    world = given(world, FakeScanner(lambda _target: b'{"SchemaVersion": 2}'))
    world.push()
    assert world.run() == ["UNSUPPORTED_IMAGE"]
    assert "operating system" in world.state().description


def test_a_failure_is_tried_again_with_pauses_and_then_given_up(world: World) -> None:
    world = given(world, failing("The scanner failed: no luck", again=True))
    world.push()
    for attempt in range(1, ATTEMPTS_MAX):
        assert world.run() == ["RETRY"]
        assert world.state().status == "IN_PROGRESS"
        assert world.run() == []
        assert len(world.scanner.scanned) == attempt
        world.later(minutes=1)
    assert world.run() == ["FAILED"]
    assert world.state().description == "The scanner failed: no luck"
    world.later(days=3)
    assert world.run() == []


def test_a_failure_that_stays_one_is_not_tried_again(world: World) -> None:
    world = given(world, failing("The scan was ended: it took too long.", again=False))
    world.push()
    assert world.run() == ["FAILED"]
    assert world.state().description == "The scan was ended: it took too long."


@pytest.mark.parametrize("text", [b"rubbish", b"[]"])
def test_rubbish_is_no_report(world: World, text: bytes) -> None:
    world = given(world, FakeScanner(lambda _target: text))
    world.push()
    assert world.run() == ["RETRY"]
    world.scanner.do = lambda _target: report()
    world.later(minutes=1)
    assert world.run() == ["COMPLETE"]
    assert world.result().findings == ()


def test_without_a_scanner_it_fails_plainly_until_there_is_one(world: World) -> None:
    world.scanner.missing = ScannerMissing("There is no 'trivy': install it.")
    world.push()
    assert world.run() == ["FAILED"]
    assert world.state().description == "There is no 'trivy': install it."
    world.later(minutes=5)
    assert world.rescans().again() == 1
    world.scanner.missing = None
    assert world.run() == ["COMPLETE"]
    assert world.rescans().again() == 0


def test_without_a_database_it_is_asked_for_first(world: World) -> None:
    world.scanner.made = None
    world.push()
    assert world.run() == ["FAILED"]
    assert world.scanner.updates == 1
    assert "no vulnerability database" in world.state().description


def test_a_stop_is_no_attempt(world: World) -> None:
    world = given(world, failing("The scan was cut short: the server stopped.", again=True))
    world.push()
    calls = iter([False, True, True])
    assert world.run(lambda: next(calls)) == ["RETRY"]
    world.scanner.do = lambda _target: report()
    assert world.run() == ["COMPLETE"]
    assert world.outcomes[-1].claim.attempts == 1


def test_what_was_being_scanned_by_one_that_was_killed(world: World) -> None:
    world.push()
    world.later(seconds=1)
    assert world.queue.take() is not None  # and never heard of again
    assert world.run() == []
    world.later(seconds=HELD.total_seconds())
    assert world.run() == ["COMPLETE"]


def test_a_server_that_starts_anew_goes_on_at_once(world: World) -> None:
    world.push()
    world.later(seconds=1)
    assert world.queue.take() is not None
    start_anew(world.registry.ground.database)
    assert world.run() == ["COMPLETE"]


def test_a_scan_that_kills_the_server_every_time_is_given_up(world: World) -> None:
    world.push()
    while (claim := world.queue.take()) is None or claim.attempts < 5:
        world.later(seconds=2 * HELD.total_seconds())
    world.later(seconds=2 * HELD.total_seconds())
    assert world.run() == ["FAILED"]
    assert world.scanner.scanned == []
    assert "5 times" in world.state().description


def test_one_that_stood_still_changes_nothing_at_its_end(world: World) -> None:
    other = World(world.registry)

    def slow(_target: Target) -> bytes:
        other.moment = world.moment + 2 * HELD
        assert other.run() == ["COMPLETE"]
        return report(vulnerability("CVE-1"), vulnerability("CVE-2"))

    world.scanner.do = slow
    world.push()
    assert world.run() == ["LOST"]
    assert [each.id for each in world.result().findings] == ["CVE-2020-14343"]


def test_the_lease_is_renewed_while_it_scans(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("registry.domain.scanning.queue._RENEWED", 0.02)
    renewed = threading.Event()

    def slow(_target: Target) -> bytes:
        world.moment += timedelta(seconds=50)
        database = world.registry.ground.database
        for _ in range(1000):
            with database.read() as connection:
                until = connection.execute(sa.select(scans.c.held_until)).scalar_one()
            if until is not None and until >= world.moment + HELD:
                renewed.set()
                break
            threading.Event().wait(0.02)
        return report()

    world.scanner.do = slow
    world.push()
    assert world.run() == ["COMPLETE"]
    assert renewed.is_set()


def test_no_image_twice_at_once_and_not_too_many_over_all_processes(world: World) -> None:
    pictures = [world_image(number) for number in range(6)]
    for picture in pictures:
        world.push(picture, tag=None)
    scanner = world.scanner
    meeting = threading.Barrier(2, timeout=20)

    def scan(_target: Target) -> bytes:
        meeting.wait()
        return report()

    scanner.do = scan
    beside = [World(world.registry.beside(), scanner) for _ in range(3)]
    threads = [threading.Thread(target=each.run) for each in beside]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(60)
    done = [outcome.status for each in beside for outcome in each.outcomes]
    while len(done) < 6:  # the last ones may have found no room when they looked
        threads = [threading.Thread(target=each.run) for each in beside[:2]]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join(60)
        done = [outcome.status for each in beside for outcome in each.outcomes]
    assert done == ["COMPLETE"] * 6
    assert scanner.most == 2
    assert len(scanner.scanned) == 6
    for each in beside:
        each.registry.close()


def world_image(number: int) -> Image:
    return oci_image(layer({"number": str(number).encode()}))


def test_one_digest_in_many_repositories_is_scanned_once(world: World) -> None:
    world.registry.create("team/copy", scan_on_push=True)
    world.push()
    world.push(name="team/copy")
    assert world.run() == ["COMPLETE", "COMPLETE"]
    assert len(world.scanner.scanned) == 1
    assert world.result(name="team/copy").findings == world.result().findings
    found = world.result(name="team/copy").report
    assert found is not None
    assert b"team/copy" in found
    world.ask(name="team/copy")  # who asks for a scan gets one
    assert world.run() == ["COMPLETE"]
    assert len(world.scanner.scanned) == 2


def test_not_under_another_key(world: World) -> None:
    key = world.registry.ground.keys.create("another", "alias/another").key_id
    encryption = Encryption("KMS", key, granted=True)
    world.registry.create("team/sealed", scan_on_push=True, encryption=encryption)
    world.push()
    world.push(name="team/sealed")
    assert world.run() == ["COMPLETE", "COMPLETE"]
    assert len(world.scanner.scanned) == 2


def test_an_image_that_nobody_can_open(world: World, monkeypatch: pytest.MonkeyPatch) -> None:
    world.push()

    def refuse(*_: object) -> None:
        raise KeyUnavailable("the key is disabled")

    monkeypatch.setattr(world.registry.images, "get", refuse)
    assert world.run() == ["FAILED"]
    assert world.state().description == "The image cannot be opened: the key is disabled"


def test_an_archived_image_is_left_alone(world: World) -> None:
    world.push()
    repository = world.registry.repositories.get(SCOPE, NAME)
    image = world.registry.images.page(repository, 0, 1)[0]
    world.registry.stores.storage_classes.move(repository, image, "ARCHIVED")
    assert world.run() == ["FAILED"]
    assert world.scanner.scanned == []


def test_what_rests_is_not_scanned(world: World) -> None:
    world.push()
    world.registry.stores.repositories.delete(SCOPE, NAME, force=True)
    assert world.run() == []


def test_an_error_of_our_own_is_an_attempt(world: World) -> None:
    def scan(_target: Target) -> bytes:
        raise RuntimeError("a mistake")

    world = given(world, FakeScanner(scan))
    world.push()
    for _ in range(ATTEMPTS_MAX):
        with pytest.raises(RuntimeError):
            world.run()
        world.later(minutes=1)
    assert world.state().status == "FAILED"
    assert world.run() == []


def test_as_many_scans_of_a_day_as_the_setting_says(open_one: OpenRegistry) -> None:
    registry: Registry = open_one()
    registry.create(NAME, scan_on_push=True)
    world = World(registry)
    world.push()
    assert world.ask().status == "PENDING"  # it goes on already
    assert world.run() == ["COMPLETE"]
    with pytest.raises(LimitExceeded, match=r"^The scan quota per image has been exceeded"):
        world.ask()
    assert world.state().status == "COMPLETE"
    yesterday = world.moment - timedelta(days=1, seconds=2)
    with registry.ground.database.write() as connection:
        connection.execute(sa.update(scans).values(day_began=yesterday))
    assert world.ask().status == "PENDING"
    world.scanner.missing = ScannerMissing("none")
    world.later(minutes=2)
    assert world.run() == ["FAILED"]
    assert world.ask().status == "PENDING"  # a scan that failed is none


def test_an_artifact_that_is_asked_for_all_the_same(world: World) -> None:
    chart = artifact("application/vnd.example", b"payload")
    world.registry.create("charts")
    world.push(chart, "charts")
    world.ask(chart, "charts")
    assert world.run() == ["UNSUPPORTED_IMAGE"]
