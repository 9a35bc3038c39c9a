"""The drill: a server at work is backed up, its machine is lost, and everything pulls again."""

from __future__ import annotations

import shutil
import threading
from pathlib import Path

from tests import images
from tests.application import Registry
from tests.commands.running import moorage, result_of
from tests.faults.client import Client
from tests.server_process import ServerProcess

REPOSITORY = "team/drill"


def pushed(client: Client, number: int) -> images.Image:
    """An image of its own, acknowledged in full."""
    image = images.oci_image(images.layer({"n": b"%d" % number}), images.layer({"base": b"b"}))
    for blob in image.blobs:
        assert client.put_blob(REPOSITORY, blob.content).status == 201
    answer = client.put_manifest(REPOSITORY, f"v{number}", image.manifest, image.media_type)
    assert answer.status == 201, answer
    return image


class Pushing:
    """One client that pushes image after image until it is told to end."""

    def __init__(self, server: ServerProcess) -> None:
        self._server = server
        self._authorization = f"Basic {server.token()}"
        self._stop = threading.Event()
        self.done: list[images.Image] = []
        self._thread = threading.Thread(target=self._push)

    def __enter__(self) -> Pushing:
        self._thread.start()
        return self

    def __exit__(self, *exception: object) -> None:
        self._stop.set()
        self._thread.join(30)

    def _push(self) -> None:
        with Client(self._server.port, self._authorization) as client:
            while not self._stop.is_set():
                self.done.append(pushed(client, len(self.done)))

    def reach(self, count: int) -> None:
        while len(self.done) < count:
            assert self._thread.is_alive()
            self._stop.wait(0.01)


def test_the_drill(tmp_path: Path) -> None:
    file, disk = tmp_path / "moorage.tar", tmp_path / "copied"
    lost = ServerProcess(tmp_path / "lost")
    lost.folder.mkdir()
    lost.start()
    lost.ecr.create_repository(repositoryName=REPOSITORY)
    with Pushing(lost) as pushing:
        pushing.reach(10)
        promised = len(pushing.done)
        told = moorage(lost.data, "backup", file)
        pushing.reach(len(pushing.done) + 10)
    assert "which needs" in told
    shutil.copytree(lost.data / "storage", disk)
    lost.kill()
    shutil.rmtree(lost.folder)

    found = ServerProcess(tmp_path / "found")
    found.folder.mkdir()
    told = moorage(found.data, "restore", file)
    needed = int(told.splitlines()[-1].split()[0])
    assert told.endswith(f"{needed} blobs are needed, {needed} of them are not there yet\n")
    shutil.rmtree(found.data / "storage")
    shutil.copytree(disk, found.data / "storage")
    # What was pushed after the backup is in storage and unknown: whole, but nobody's.
    told = moorage(found.data, "verify", "--repair", status=1)
    assert {line.split()[0] for line in told.splitlines() if "  " in line} <= {"orphaned"}
    assert "all is well" in moorage(found.data, "verify")
    found.start()
    with Client(found.port, f"Basic {found.token()}") as client:
        for number, image in enumerate(pushing.done[:promised]):
            assert client.manifest(REPOSITORY, f"v{number}").body == image.manifest
            for blob in image.blobs:
                assert client.blob(REPOSITORY, blob.digest).body == blob.content
        pushed(client, 1000)
    found.stop()


def test_a_second_restore_overwrites_nothing(registry: Registry, tmp_path: Path) -> None:
    file, data = tmp_path / "moorage.tar", registry.settings.data
    moorage(data, "backup", file)
    before = {path: path.read_bytes() for path in data.iterdir() if path.is_file()}
    result = result_of(data, "restore", file)
    assert result.exit_code == 1
    assert "exists already" in result.output
    assert {path: path.read_bytes() for path in before} == before


def test_the_backup_is_the_owners_alone(registry: Registry, tmp_path: Path) -> None:
    file = tmp_path / "moorage.tar"
    moorage(registry.settings.data, "backup", file)
    assert file.stat().st_mode & 0o777 == 0o600
    assert "exists already" in result_of(registry.settings.data, "backup", file).output
