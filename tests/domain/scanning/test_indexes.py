"""An index answers with the whole of what its platforms have."""

from __future__ import annotations

from registry.scanners.scanner import ScanFailed, Target
from registry.values.digest import Digest
from tests import images as made
from tests.application import SCOPE
from tests.domain.scanning.reports import report, vulnerability
from tests.domain.scanning.world import DATABASE, IMAGE, NAME, OTHER, World

INDEX = made.index({"amd64": IMAGE, "arm64": OTHER})


def scan(target: Target) -> bytes:
    """Each has one of its own, and one that both have."""
    own = "CVE-1" if IMAGE.digest in target.reference else "CVE-2"
    return report(vulnerability(), vulnerability(own, Severity="LOW"))


def test_each_platform_is_scanned_and_the_whole_is_told(world: World) -> None:
    world.scanner.do = scan
    world.push(INDEX)
    outcomes = world.run()
    assert outcomes.count("COMPLETE") == 3
    assert len(world.scanner.scanned) == 2
    assert all(INDEX.digest not in each.reference for each in world.scanner.scanned)
    state, result = world.state(INDEX), world.result(INDEX)
    assert (state.status, state.counts) == ("COMPLETE", {"CRITICAL": 1, "LOW": 2})
    assert state.database_at == DATABASE
    assert [each.id for each in result.findings] == ["CVE-2020-14343", "CVE-1", "CVE-2"]
    assert [(each.digest, each.name) for each in result.platforms] == [
        (IMAGE.digest, "linux/amd64"),
        (OTHER.digest, "linux/arm64"),
    ]
    assert all(each.result and each.result.report for each in result.platforms)
    assert result.report is None


def test_platforms_that_are_scanned_already_are_not_again(world: World) -> None:
    world.push(IMAGE)
    world.push(OTHER, tag="v2")
    assert world.run() == ["COMPLETE", "COMPLETE"]
    world.push(INDEX)
    assert world.run() == ["COMPLETE"]
    assert len(world.scanner.scanned) == 2


def test_an_index_alone_is_asked_for(world: World) -> None:
    world.registry.create("quiet")
    world.push(INDEX, "quiet")
    assert world.run() == []
    assert world.ask(INDEX, "quiet").status == "PENDING"
    assert world.run().count("COMPLETE") == 3
    assert len(world.scanner.scanned) == 2
    world.later(minutes=1)
    world.ask(INDEX, "quiet")
    assert world.run().count("COMPLETE") == 3
    assert len(world.scanner.scanned) == 4  # anew, as it was asked for


def test_one_platform_that_fails(world: World) -> None:
    def half(target: Target) -> bytes:
        if OTHER.digest in target.reference:
            raise ScanFailed("The scan was ended.", again=False)
        return scan(target)

    world.scanner.do = half
    world.push(INDEX)
    world.run()
    state = world.state(INDEX)
    assert (state.status, state.description) == ("FAILED", "linux/arm64: The scan was ended.")
    assert state.counts == {"CRITICAL": 1, "LOW": 1}
    assert [each.id for each in world.result(INDEX).findings] == ["CVE-2020-14343", "CVE-1"]


def test_one_platform_without_packages_is_no_hindrance(world: World) -> None:
    def half(target: Target) -> bytes:
        return b'{"SchemaVersion": 2}' if OTHER.digest in target.reference else scan(target)

    world.scanner.do = half
    world.push(INDEX)
    world.run()
    assert world.state(INDEX).status == "COMPLETE"
    world.scanner.do = lambda _target: b'{"SchemaVersion": 2}'
    world.later(minutes=1)
    world.ask(INDEX)
    world.run()
    assert world.state(INDEX).status == "UNSUPPORTED_IMAGE"


def test_attestations_are_for_no_platform(world: World) -> None:
    proof = made.oci_image(made.Blob(b"{}", "application/vnd.in-toto+json", "x"))
    plain = made.index({"amd64": IMAGE, "unknown": proof})
    content = plain.manifest.replace(
        b'"os": "linux",\n        "architecture": "unknown"',
        b'"os": "unknown",\n        "architecture": "unknown"',
    )
    assert content != plain.manifest
    index = made.Image(content, plain.media_type, children=plain.children)
    world.push(index)
    world.run()
    assert world.state(index).status == "COMPLETE"
    assert len(world.scanner.scanned) == 1


def test_what_is_not_here_is_scanned_when_it_comes(world: World) -> None:
    repository = world.registry.repositories.get(SCOPE, NAME)
    world.registry.images.put(repository, INDEX.manifest, INDEX.media_type)
    assert world.run() == ["FAILED"]
    assert "None of the images" in world.state(INDEX).description
    world.push(IMAGE, tag=None)
    world.run()
    assert world.state(INDEX).status == "COMPLETE"
    missing = world.result(INDEX).platforms[1]
    assert (missing.name, missing.result) == ("linux/arm64", None)


def test_the_index_follows_when_a_platform_is_scanned_again(world: World) -> None:
    world.push(INDEX)
    world.run()
    assert world.state(INDEX).counts == {"CRITICAL": 1}
    world.scanner.do = scan
    world.later(minutes=1)
    world.ask(OTHER)
    world.run()
    assert world.state(INDEX).counts == {"CRITICAL": 1, "LOW": 1}
    repository = world.registry.repositories.get(SCOPE, NAME)
    assert world.registry.stores.scans.state(repository, Digest.of(b"none")) is None
