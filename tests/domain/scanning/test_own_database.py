"""Which databases are taken out of the registry, and when."""

from __future__ import annotations

import gzip
import io
import json
import tarfile
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import cast

import pytest

from registry.config import Settings
from registry.domain.scanning.own_database import OwnDatabase, Shelf
from registry.domain.scanning.worker import Address
from registry.domain.trivy_database import JAVA, VULNERABILITIES, Kind
from registry.scanners.databases import Held
from registry.scanners.scanner import ScanFailed, ScannerMissing, Target
from registry.scanners.trivy import Trivy
from registry.scanning import passes_of, shelved
from tests.application import SCOPE, Registry
from tests.commands.running import moorage


@dataclass
class FakeTrivy:
    """Keeps where its databases are from."""

    sources: dict[Held, str] = field(default_factory=dict)
    fetched: list[str] = field(default_factory=list)
    updates: int = 0
    failing: Exception | None = None

    def source(self, kind: Held) -> str | None:
        return self.sources.get(kind)

    def release(self, kind: Held) -> None:
        self.sources.pop(kind, None)

    def update(self) -> None:
        self.updates += 1

    def fetch(self, kind: Held, artifact: Target, source: str) -> None:
        self.fetched.append(artifact.reference.split("/")[1].split("@")[0])
        if self.failing is not None:
            raise self.failing
        self.sources[kind] = source


@dataclass
class World:
    registry: Registry
    trivy: FakeTrivy = field(default_factory=FakeTrivy)
    moment: float = 0.0

    def own(self, kinds: Sequence[Kind] = (VULNERABILITIES, JAVA)) -> OwnDatabase:
        one = self.registry
        passes = passes_of(one.ground)
        address = Address("127.0.0.1:5000", tls=False)
        shelf = Shelf(SCOPE, one.repositories, one.images, passes, address)
        trivy = cast("Trivy", self.trivy)
        return OwnDatabase(trivy, shelf, kinds, clock=lambda: self.moment)

    def push(self, kind: Kind, day: int = 1) -> None:
        metadata = {"Version": kind.version, "UpdatedAt": f"2026-11-{day:02}T00:00:00Z"}
        packed = io.BytesIO()
        with tarfile.open(fileobj=packed, mode="w") as archive:
            files = {kind.file: b"db", "metadata.json": json.dumps(metadata).encode()}
            for name, content in files.items():
                entry = tarfile.TarInfo(name)
                entry.size = len(content)
                archive.addfile(entry, io.BytesIO(content))
        file = Path(self.registry.settings.data) / "pushed.tar.gz"
        file.write_bytes(gzip.compress(packed.getvalue()))
        moorage(self.registry.settings.data, "scan", "db", "push", file)


@pytest.fixture
def world(registry: Registry) -> World:
    return World(registry)


def test_without_any_trivy_sees_to_itself(world: World) -> None:
    own = world.own()
    assert not own.due()
    own.update()
    assert (world.trivy.updates, world.trivy.fetched) == (1, [])


@pytest.mark.parametrize("kind", [VULNERABILITIES, JAVA])
def test_what_is_pushed_is_due_until_it_is_taken(world: World, kind: Kind) -> None:
    own = world.own()
    for day in (1, 2, 1):  # an older one too, where somebody wants it
        world.push(kind, day)
        assert own.due()
        own.update()
        assert not own.due()
    assert world.trivy.fetched == [kind.repository] * 3
    assert world.trivy.updates == (0 if kind is VULNERABILITIES else 3)


def test_one_that_fails_keeps_no_other_from_coming(world: World) -> None:
    world.push(VULNERABILITIES)
    world.push(JAVA)
    own = world.own()
    world.trivy.failing = ScanFailed("no room", again=True)
    with pytest.raises(ScanFailed, match=r"^trivy-db:2 cannot be taken: no room$"):
        own.update()
    assert world.trivy.fetched == ["trivy-db", "trivy-java-db"]
    assert not own.due()
    world.moment += 601
    assert own.due()


def test_a_newer_one_is_not_kept_waiting_by_one_that_failed(world: World) -> None:
    world.push(VULNERABILITIES)
    own = world.own()
    world.trivy.failing = ScanFailed("it is broken", again=True)
    with pytest.raises(ScanFailed):
        own.update()
    assert not own.due()
    world.push(VULNERABILITIES, 2)
    assert own.due()


def test_without_trivy_nothing_is_held_against_the_database(world: World) -> None:
    world.push(VULNERABILITIES)
    own = world.own()
    world.trivy.failing = ScannerMissing("There is no scanner.")
    with pytest.raises(ScannerMissing, match="There is no scanner"):
        own.update()
    assert own.due()


def test_one_that_is_deleted_is_left_to_trivy_again(world: World) -> None:
    world.push(JAVA)
    own = world.own()
    own.update()
    assert Held.JAVA in world.trivy.sources
    repository = world.registry.repositories.get(SCOPE, "trivy-java-db")
    world.registry.repositories.delete(repository.scope, repository.name, force=True)
    assert not own.due()
    own.update()
    assert world.trivy.sources == {}


@pytest.mark.parametrize(
    ("settings", "taken"),
    [
        ({}, ["trivy-db", "trivy-java-db"]),
        ({"trivy_database": "other/trivy-db"}, ["trivy-java-db"]),
        ({"trivy_server": "http://other:4954"}, ["trivy-java-db"]),
        ({"trivy_java_database": "other/trivy-java-db"}, ["trivy-db"]),
        ({"trivy_database": "a/b", "trivy_java_database": "a/c"}, []),
    ],
)
def test_what_other_settings_leave_to_the_registry(
    world: World, settings: dict[str, str], taken: list[str]
) -> None:
    world.push(VULNERABILITIES)
    world.push(JAVA)
    one = world.registry
    changed = Settings(data=one.settings.data, **settings)  # type: ignore[arg-type]  # of texts
    scanner = shelved(changed, one.ground, one.stores, cast("Trivy", world.trivy))
    scanner.update()
    assert world.trivy.fetched == taken
