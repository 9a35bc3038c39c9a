"""Reports that are attached after scans: once, for what is new, and whatever happens meanwhile."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from registry.domain.scan_reports.attaching import Attaching
from registry.domain.scan_reports.attachments import Attachments
from registry.domain.scan_reports.converted import Converted
from registry.domain.scan_reports.forms import Form
from registry.domain.scan_reports.subject import Subject
from registry.domain.scan_reports.writer import ReportWriter
from registry.domain.scanning.attaching_rows import AttachingRows
from registry.domain.scanning.settings import RepositoryScanSettings, ScanSettings
from registry.values.digest import Digest
from registry.values.errors import ParameterInvalid, Unavailable
from tests import images as made
from tests.application import SCOPE, Registry, settings_in
from tests.domain.scanning.reports import report, vulnerability
from tests.domain.scanning.world import IMAGE, NAME, World

CYCLONEDX, SPDX = "application/vnd.cyclonedx+json", "application/spdx+json"


@dataclass
class Fake:
    """Converts to the names of the findings; at times it cannot."""

    error: Exception | None = None
    asked: list[Form] = field(default_factory=list)

    def converted(self, subject: Subject, form: Form) -> Converted:
        self.asked.append(form)
        if self.error is not None:
            raise self.error
        said = ",".join(sorted(f"{e.id}{e.suppressed}" for e in subject.scan.findings))
        content = f"{form.value} {said} {subject.scan.state.completed_at}"
        return Converted(content.encode(), said)


@dataclass
class Hand:
    """What attaches, over a world of scans."""

    world: World
    converter: Fake = field(default_factory=Fake)
    moment: datetime = field(default_factory=lambda: datetime.now(UTC))

    def __post_init__(self) -> None:
        stores, database = self.world.registry.stores, self.world.registry.ground.database
        converter: Any = self.converter
        self.writer = ReportWriter(stores.images, stores.scans, converter)
        attachments = Attachments(stores.images, stores.uploads, self.writer)
        rows = AttachingRows(self.world.attach)
        self.attaching = Attaching(database, self.writer, attachments, rows, lambda: self.moment)

    def run(self) -> int:
        self.moment = max(self.moment, datetime.now(UTC))
        return self.attaching.run(threading.Event())

    def attached(self, image: made.Image = IMAGE) -> list[tuple[str, str]]:
        repository = self.world.registry.repositories.get(SCOPE, NAME)
        found, _ = self.world.registry.images.referrers(
            repository, Digest.parse(image.digest), "", 100
        )
        return sorted((str(each.image.artifact_type), str(each.image.digest)) for each in found)


@pytest.fixture
def hand(registry: Registry) -> Hand:
    registry.create(NAME, scan_on_push=True)
    return Hand(World(registry, attach=("cyclonedx",)))


def scan_again(hand: Hand, *found: dict[str, Any]) -> None:
    hand.world.scanner.do = lambda _target: report(*found)
    hand.world.later(days=2)
    hand.world.ask()
    assert hand.world.run() == ["COMPLETE"]


def test_after_a_scan(hand: Hand) -> None:
    hand.world.push()
    assert hand.run() == 0
    hand.world.run()
    assert hand.run() == 1
    assert [kind for kind, _ in hand.attached()] == [CYCLONEDX]
    assert hand.run() == 0
    assert hand.world.run() == []  # what is attached is not scanned itself


def test_no_new_one_for_the_same_and_the_older_one_goes(hand: Hand) -> None:
    hand.world.push()
    hand.world.run()
    hand.run()
    (first,) = hand.attached()
    before = hand.world.registry.rows("tasks", "scans", "scan_reports", "events", "scan_attachings")
    scan_again(hand, vulnerability())
    assert hand.run() == 1
    assert hand.attached() == [first]
    after = hand.world.registry.rows("tasks", "scans", "scan_reports", "events", "scan_attachings")
    assert after["images"] == before["images"]
    scan_again(hand, vulnerability(), vulnerability("CVE-1"))
    hand.run()
    (second,) = hand.attached()
    assert second != first


def test_killed_between_the_new_one_and_the_older_it_goes_on(
    hand: Hand, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A kill is an exception that nothing catches: what is committed stays, no more is done."""
    hand.world.push()
    hand.world.run()
    hand.run()
    scan_again(hand, vulnerability("CVE-1"))

    class Killed(BaseException):
        pass

    def killed(*_: object) -> None:
        raise Killed

    with monkeypatch.context() as patch:
        patch.setattr(hand.world.registry.stores.images, "delete", killed)
        with pytest.raises(Killed):
            hand.run()
    assert len(hand.attached()) == 2
    assert len(hand.world.registry.rows()["scan_attachings"]) == 1
    next_one = Hand(hand.world, moment=hand.moment + timedelta(hours=1))
    assert next_one.run() == 1
    assert len(hand.attached()) == 1
    assert hand.world.registry.rows()["scan_attachings"] == []


def test_where_it_cannot_be_done_now_it_is_done_later(hand: Hand) -> None:
    hand.world.push()
    hand.world.run()
    hand.converter.error = Unavailable("no scanner")
    assert hand.run() == 1
    assert hand.run() == 0
    hand.converter.error = None
    assert hand.run() == 0  # not at once
    hand.moment += timedelta(seconds=31)
    assert hand.run() == 1
    assert len(hand.attached()) == 1


def test_what_can_never_be_done_is_given_up(hand: Hand) -> None:
    hand.world.push()
    hand.world.run()
    hand.converter.error = ParameterInvalid("no")
    assert hand.run() == 1
    assert hand.world.registry.rows()["scan_attachings"] == []


def test_a_scan_while_it_is_attached_is_attached_too(hand: Hand) -> None:
    hand.world.push()
    hand.world.run()
    once = iter([True])
    convert = hand.converter.converted

    def slow(subject: Subject, form: Form) -> Converted:
        found = convert(subject, form)
        if next(once, False):
            scan_again(hand, vulnerability("CVE-1"))
        return found

    hand.converter.converted = slow  # type: ignore[method-assign]  # the scan comes in between
    assert [hand.run(), hand.run(), hand.run()] == [1, 1, 0]
    assert len(hand.attached()) == 1
    assert hand.converter.asked == [Form.CYCLONEDX] * 2


def test_a_repository_has_a_choice_of_its_own(hand: Hand) -> None:
    registry = hand.world.registry
    settings = RepositoryScanSettings(registry.ground.database)
    repository = registry.repositories.get(SCOPE, NAME)
    settings.put(repository, ScanSettings(attach=("spdx", "cyclonedx")))
    hand.world.push()
    hand.world.run()
    hand.run()
    assert [kind for kind, _ in hand.attached()] == [SPDX, CYCLONEDX]
    settings.put(repository, ScanSettings(attach=()))
    scan_again(hand, vulnerability("CVE-1"))
    assert hand.run() == 0


def test_images_of_an_index_have_their_own(hand: Hand) -> None:
    index = made.multi_arch()
    hand.world.push(index, tag="multi")
    while hand.world.run():
        pass
    assert hand.run() == 2
    assert hand.attached(index) == []
    for child in index.children:
        assert [kind for kind, _ in hand.attached(child)] == [CYCLONEDX]


def test_without_the_setting_nothing_is(registry: Registry) -> None:
    registry.create(NAME, scan_on_push=True)
    hand = Hand(World(registry))
    hand.world.push()
    hand.world.run()
    assert hand.run() == 0
    assert registry.rows()["scan_attachings"] == []


def test_what_the_setting_can_be(registry: Registry) -> None:
    folder = registry.settings.data
    assert settings_in(folder, scan_attach="spdx, sarif,spdx").attached_forms == ("spdx", "sarif")
    with pytest.raises(ParameterInvalid, match="scan_attach: 'html' is none of cyclonedx"):
        settings_in(folder, scan_attach="html")
