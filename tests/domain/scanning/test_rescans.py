"""Images that are scanned without a push."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

import sqlalchemy as sa

from registry.database.schema import images, scans
from registry.scanners.scanner import ScanFailed, Target
from tests import images as made
from tests.domain.scanning.reports import report, vulnerability
from tests.domain.scanning.test_indexes import INDEX
from tests.domain.scanning.world import DATABASE, IMAGE, OTHER, World

NEWER = DATABASE + timedelta(days=1)


def never() -> bool:
    return False


def renew(world: World) -> None:
    """There is a newer database, and one more vulnerability in it."""
    world.scanner.made = NEWER
    world.scanner.do = lambda _target: report(vulnerability(), vulnerability("CVE-9"))
    world.later(hours=1)


def test_a_newer_database_has_images_scanned_again(world: World) -> None:
    world.continuous("team/*")
    world.push()
    assert world.run() == ["COMPLETE"]
    first = world.moment
    renew(world)
    assert world.rescans().outdated(NEWER, never) == 1
    assert world.rescans().outdated(NEWER, never) == 0
    assert world.state().status == "COMPLETE"  # what was found stands meanwhile
    assert world.run() == ["COMPLETE"]
    state = world.state()
    assert (state.database_at, state.completed_at) == (NEWER, world.moment)
    assert {each.id: each.first_observed for each in world.result().findings} == {
        "CVE-2020-14343": first,
        "CVE-9": world.moment,
    }
    assert world.rescans().outdated(NEWER, never) == 0


def test_only_where_scans_are_continuous_and_images_young_enough(world: World) -> None:
    world.push()
    world.run()
    renew(world)
    assert world.rescans().outdated(NEWER, never) == 0  # basic
    world.continuous("other/*")
    assert world.rescans().outdated(NEWER, never) == 0
    world.continuous("*", frequency="SCAN_ON_PUSH")
    assert world.rescans().outdated(NEWER, never) == 0
    world.continuous("*")
    old = datetime.now(UTC) - timedelta(days=15)
    with world.registry.ground.database.write() as connection:
        connection.execute(sa.update(images).values(pushed_at=old))
    assert world.rescans(days=14).outdated(NEWER, never) == 0
    assert world.rescans(days=16).outdated(NEWER, never) == 1


def test_a_rescan_that_fails_leaves_what_was_found(world: World) -> None:
    world.continuous()
    world.push()
    world.run()
    renew(world)

    def scan(_target: Target) -> bytes:
        raise ScanFailed("no luck", again=False)

    world.scanner.do = scan
    world.rescans().outdated(NEWER, never)
    world.run()
    state = world.state()
    assert (state.status, state.counts) == ("COMPLETE", {"CRITICAL": 1})
    assert "no luck" in state.description
    assert len(world.result().findings) == 1


def test_an_index_is_rescanned_with_its_images(world: World) -> None:
    world.continuous()
    world.push(INDEX)
    world.run()
    renew(world)
    assert world.rescans().outdated(NEWER, never) == 2
    world.run()
    assert world.state(INDEX).counts == {"CRITICAL": 2}
    assert world.state(INDEX).database_at == NEWER
    assert world.state(OTHER).counts == {"CRITICAL": 2}


def test_rules_that_come_later_have_what_is_there_scanned(world: World) -> None:
    for name in ("early", "others"):
        world.registry.create(name)
    world.push(name="early")
    world.push(made.artifact("application/vnd.example", b"chart"), "early", "chart")
    world.push(INDEX, "others")
    assert world.rescans().unscanned(never) == 0
    world.continuous("early")
    assert world.rescans().unscanned(lambda: True) == 0  # told to stop
    assert world.rescans().unscanned(never) == 1
    assert world.run() == ["COMPLETE"]
    assert world.state(IMAGE, "early").counts == {"CRITICAL": 1}
    assert world.rescans().unscanned(never) == 0


def test_many_are_let_in_steps(world: World) -> None:
    world.registry.create("many")
    world.push(name="many")
    with world.registry.ground.database.write() as connection:
        row = connection.execute(sa.select(images)).one()._mapping
        copies = [
            {**row, "id": 1000 + number, "digest": f"sha256:{number:064x}"} for number in range(450)
        ]
        connection.execute(sa.insert(images), copies)
    world.continuous("many")
    assert world.rescans().unscanned(never) == 451
    with world.registry.ground.database.read() as connection:
        query = sa.select(sa.func.count()).select_from(scans).where(scans.c.status == "PENDING")
        assert connection.execute(query).scalar_one() == 451
