"""How a database that was fetched takes the place of what was there."""

from __future__ import annotations

import threading
from collections.abc import Callable
from pathlib import Path

import pytest

from registry.scanners.databases import Cache, Held
from registry.scanners.process import Bounds
from registry.scanners.scanner import ScanFailed, Target
from registry.scanners.trivy import Trivy, TrivySettings
from tests.scanners.hostile import script

TARGET = Target("127.0.0.1:1/trivy-java-db@sha256:" + "0" * 64, "AWS", "secret")
FETCHED = """
echo "$@" >> calls
mkdir -p "$TRIVY_CACHE_DIR/java-db"
echo new > "$TRIVY_CACHE_DIR/java-db/trivy-java.db"
echo '{}' > "$TRIVY_CACHE_DIR/java-db/metadata.json"
"""


@pytest.fixture
def cache(tmp_path: Path) -> Path:
    return tmp_path / "cache"


@pytest.fixture
def trivy(tmp_path: Path, cache: Path) -> Callable[[str], Trivy]:
    """A script in the place of Trivy."""

    def make(text: str) -> Trivy:
        path = script(tmp_path / "trivy", text)
        return Trivy(TrivySettings(path, cache, bounds=Bounds(seconds=30)))

    return make


def held(cache: Path) -> list[str]:
    return sorted(str(path.relative_to(cache)) for path in cache.rglob("*") if path.is_file())


def test_what_is_fetched_is_put_in_place_once(cache: Path, trivy: Callable[[str], Trivy]) -> None:
    (cache / "java-db").mkdir(parents=True)
    (cache / "java-db" / "trivy-java.db").write_text("old")
    one = trivy(FETCHED)
    for source in ("a", "a", "b"):
        one.fetch(Held.JAVA, TARGET, source)
        assert one.source(Held.JAVA) == source
    assert (cache / "java-db" / "trivy-java.db").read_text() == "new\n"
    calls = (cache / "calls").read_text().splitlines()
    assert len(calls) == 2
    assert "--download-java-db-only" in calls[0]
    assert f"--java-db-repository {TARGET.reference}" in calls[0]
    assert one.source(Held.VULNERABILITIES) is None
    assert [each for each in held(cache) if each.startswith("fetch-")] == []


def test_one_that_fails_leaves_what_is_there(cache: Path, trivy: Callable[[str], Trivy]) -> None:
    trivy(FETCHED).fetch(Held.JAVA, TARGET, "a")
    before = {name: (cache / name).read_text() for name in held(cache)}
    for broken in ("exit 1", "mkdir $TRIVY_CACHE_DIR/java-db"):
        with pytest.raises(ScanFailed):
            trivy(broken).fetch(Held.JAVA, TARGET, "b")
        after = {name: (cache / name).read_text() for name in held(cache)}
        assert {**after, "java-db/moorage-source": "a"} == before


def test_the_source_is_forgotten_with_the_database(
    cache: Path, trivy: Callable[[str], Trivy]
) -> None:
    one = trivy(FETCHED)
    one.fetch(Held.JAVA, TARGET, "a")
    (cache / "java-db" / "metadata.json").unlink()
    assert one.source(Held.JAVA) is None
    one.fetch(Held.JAVA, TARGET, "a")
    assert one.source(Held.JAVA) == "a"
    one.release(Held.JAVA)
    assert one.source(Held.JAVA) is None


def test_trivy_does_not_replace_what_came_from_here(
    cache: Path, trivy: Callable[[str], Trivy]
) -> None:
    scan = "echo '{\"SchemaVersion\": 2}'"
    one = trivy(FETCHED + scan)
    one.scan(TARGET)
    one.fetch(Held.JAVA, TARGET, "a")
    one.scan(TARGET)
    first, _, second = (cache / "calls").read_text().splitlines()
    assert "--skip-java-db-update" not in first
    assert "--skip-java-db-update" in second


def test_one_at_a_time_and_nothing_left_over(cache: Path) -> None:
    (cache / "fetch-of-a-killed-one" / "db").mkdir(parents=True)
    stop = threading.Event()
    with Cache(cache).room(stop) as room:
        assert not (cache / "fetch-of-a-killed-one").exists()
        stop.set()
        with pytest.raises(InterruptedError), Cache(cache).room(stop):
            raise AssertionError("two at once")
        assert room.is_dir()
    assert list(cache.glob("fetch-*")) == []


def test_a_disk_that_takes_nothing(tmp_path: Path, trivy: Callable[[str], Trivy]) -> None:
    (tmp_path / "cache").write_text("a file where the directory should be")
    with pytest.raises(ScanFailed, match="The database cannot be kept"):
        trivy(FETCHED).fetch(Held.JAVA, TARGET, "a")
