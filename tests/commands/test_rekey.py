"""`moorage rekey`: what it moves, what it tells, and beside whom."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from registry.domain.rekeyer import Rekeyer
from registry.domain.tasks import Task
from registry.stores import resealing_of
from tests import images
from tests.application import SCOPE, OpenRegistry, Registry
from tests.commands.running import moorage, result_of

IMAGE = images.oci_image(images.layer({"a": b"1" * 5000}))


@pytest.fixture
def data(registry: Registry) -> Path:
    """An image in a repository, and a key to move to."""
    registry.create("team/app")
    registry.hold("team/app", IMAGE, "v1")
    registry.ground.keys.create("payments", "alias/payments")
    return registry.settings.data


def test_it_moves_without_a_server_and_tells(registry: Registry, data: Path) -> None:
    keys = registry.ground.keys
    before = keys.describe(registry.repositories.get(SCOPE, "team/app").key_id).arn
    told = moorage(data, "rekey", "team/app", "--key", "alias/payments")
    after = registry.repositories.get(SCOPE, "team/app")
    assert after.key_id == keys.resolve("alias/payments")
    lines = told.splitlines()
    assert lines[0] == after.arn
    assert lines[1:3] == [f"  from      {before}", f"  to        {keys.describe(after.key_id).arn}"]
    assert lines[3].startswith("  state     finished ")
    assert lines[4].startswith("  moved     2 blobs, ")
    assert lines[4].endswith("; 1 manifests")
    assert len(lines) == 5
    assert registry.images.get(after, "v1").content == IMAGE.manifest
    assert moorage(data, "rekey") == told
    assert moorage(data, "rekey", "team/app") == told


def test_it_moves_back_to_the_servers_own_key(registry: Registry, data: Path) -> None:
    moorage(data, "rekey", "team/app", "--key", "alias/payments")
    assert "finished" in moorage(data, "rekey", "team/app", "--aes256")
    assert registry.repositories.get(SCOPE, "team/app").encryption_type == "AES256"


def test_what_was_not_encrypted_is(open_one: OpenRegistry) -> None:
    plain = open_one(encryption=False)
    plain.stores.repositories.create(SCOPE, "team/app")
    told = moorage(plain.settings.data, "rekey", "team/app", "--aes256")
    assert "\n  from      no encryption\n  to        arn:aws:kms:" in told


def test_without_waiting_a_server_goes_on(registry: Registry, data: Path) -> None:
    told = moorage(data, "rekey", "team/app", "--key", "alias/payments", "--no-wait")
    assert "  state     under way" in told
    assert "  left      2 blobs, " in told
    mover = Rekeyer(registry.ground.database, resealing_of(registry.settings, registry.ground))
    assert [each.name for each in mover.run(threading.Event())] == ["team/app"]
    assert "finished" in moorage(data, "rekey", "team/app")


def test_stopped_it_stays_until_it_is_started_again(registry: Registry, data: Path) -> None:
    moorage(data, "rekey", "team/app", "--key", "alias/payments", "--no-wait")
    told = moorage(data, "rekey", "team/app", "--stop")
    assert "  state     stopped, begun" in told
    assert "  left      2 blobs, " in told
    assert moorage(data, "rekey", "team/app") == told  # waits for nothing
    assert "finished" in moorage(data, "rekey", "team/app", "--key", "alias/payments")


def test_it_waits_for_whoever_moves(registry: Registry, data: Path) -> None:
    other = Task(registry.ground.database, "rekeying")
    assert other.take()
    end = threading.Timer(1.0, lambda: other.release(finished=True))
    end.start()
    told = moorage(data, "rekey", "team/app", "--key", "alias/payments")
    assert end.finished.is_set()
    end.join()
    assert "finished" in told


def test_an_upload_under_way_is_told_and_not_waited_for(registry: Registry, data: Path) -> None:
    repository = registry.repositories.get(SCOPE, "team/app")
    registry.uploads.start(repository, "arn:test")
    told = moorage(data, "rekey", "team/app", "--key", "alias/payments")
    assert "under way" in told
    assert told.endswith("0 manifests; 1 uploads that began before and end under the old key\n")


def test_what_is_in_the_way_is_told(registry: Registry, data: Path) -> None:
    (path,) = [path for path in registry.objects() if IMAGE.blobs[1].digest[7:] in path]
    (data / "storage" / path).unlink()
    told = moorage(data, "rekey", "team/app", "--key", "alias/payments")
    assert f"  problem   the stored bytes of {IMAGE.blobs[1].digest} are missing" in told
    assert "  left      1 blobs" in told


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("team/none", "--key", "alias/payments"), "'team/none' does not exist"),
        (("team/app", "--key", "alias/none"), "'alias/none' does not exist"),
        (("team/app", "--key", "alias/payments", "--aes256"), "give one of them"),
        (("--key", "alias/payments"), "which repository"),
        (("--stop",), "which repository"),
        (("team/app", "--aes256", "--stop"), "--stop goes with no key"),
        (("team/app", "--aes256", "--no-encryption"), "encryption turned off"),
    ],
)
def test_what_cannot_be_is_one_line(
    registry: Registry, data: Path, arguments: tuple[str, ...], said: str
) -> None:
    before = registry.stored()
    result = result_of(data, "rekey", *arguments)
    assert result.exit_code == 1
    assert said in result.stderr
    assert result.stderr.count("\n") == 1
    assert registry.stored() == before
