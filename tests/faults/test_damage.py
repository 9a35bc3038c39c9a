"""Files changed under a running server: no client ever gets a wrong body to its end."""

from __future__ import annotations

import json
import os
from collections.abc import Callable, Iterator, Mapping
from pathlib import Path

import pytest

from tests.conftest import StartServer
from tests.faults.client import Client, Gone, chance, digest_of
from tests.server_process import ServerProcess

REPOSITORY = "team/damage"
SIZE = 5_000_000


@pytest.fixture(scope="module")
def contents() -> tuple[bytes, bytes]:
    random_ = chance(11)
    return random_.randbytes(SIZE), random_.randbytes(SIZE)


@pytest.fixture
def server(start_server: StartServer) -> ServerProcess:
    made = start_server()
    made.ecr.create_repository(repositoryName=REPOSITORY)
    return made


@pytest.fixture
def client(server: ServerProcess, contents: tuple[bytes, bytes]) -> Iterator[Client]:
    with Client(server.port, f"Basic {server.token()}", timeout=30) as made:
        for content in contents:
            assert made.put_blob(REPOSITORY, content).status == 201
        yield made


def stored(server: ServerProcess, content: bytes) -> Path:
    """The file that holds the blob."""
    hexadecimal = digest_of(content).partition(":")[2]
    (found,) = (server.data / "storage" / "blobs").glob(f"**/{hexadecimal}/*")
    return found


def flip(path: Path, at: int) -> None:
    with path.open("r+b") as file:
        file.seek(at, os.SEEK_END if at < 0 else os.SEEK_SET)
        byte = file.read(1)[0]
        file.seek(-1, os.SEEK_CUR)
        file.write(bytes([byte ^ 1]))


def truncate(path: Path, size: int) -> None:
    os.truncate(path, size)


def append(path: Path) -> None:
    with path.open("ab") as file:
        file.write(b"more")


Harm = Callable[[Path], None]
HARMS: dict[str, Harm] = {
    "first byte": lambda path: flip(path, 0),
    "header": lambda path: flip(path, 60),
    "first frame": lambda path: flip(path, 1000),
    "middle": lambda path: flip(path, SIZE // 2),
    "last byte": lambda path: flip(path, -1),
    "emptied": lambda path: truncate(path, 0),
    "a frame short": lambda path: truncate(path, path.stat().st_size - 262160),
    "a byte short": lambda path: truncate(path, path.stat().st_size - 1),
    "in the first frame": lambda path: truncate(path, 5000),
    "longer": append,
    "gone": lambda path: path.unlink(),
}


@pytest.mark.parametrize("harm", HARMS.values(), ids=HARMS)
def test_damage_is_never_served_as_whole(
    server: ServerProcess, client: Client, contents: tuple[bytes, bytes], harm: Harm
) -> None:
    content, other = contents
    harm(stored(server, content))
    check_never_whole(client, content)
    assert client.blob(REPOSITORY, digest_of(other)).body == other
    check_log(server, content)
    # A push of the same content repairs it.
    if not stored_anywhere(server, content):
        assert client.put_blob(REPOSITORY, content).status == 201
        assert client.blob(REPOSITORY, digest_of(content)).body == content


def stored_anywhere(server: ServerProcess, content: bytes) -> bool:
    hexadecimal = digest_of(content).partition(":")[2]
    return bool(list((server.data / "storage" / "blobs").glob(f"**/{hexadecimal}/*")))


def test_two_blobs_that_change_places(
    server: ServerProcess, client: Client, contents: tuple[bytes, bytes]
) -> None:
    one, two = (stored(server, content) for content in contents)
    aside = one.with_name("aside")
    one.rename(aside)
    two.rename(one)
    aside.rename(two)
    for content in contents:
        check_never_whole(client, content)
        check_log(server, content)


def test_a_range_of_what_is_damaged_elsewhere(
    server: ServerProcess, client: Client, contents: tuple[bytes, bytes]
) -> None:
    """A range is served if its own frames are whole, and never if one of them is not."""
    content, _ = contents
    flip(stored(server, content), SIZE // 2)
    path = f"/v2/{REPOSITORY}/blobs/{digest_of(content)}"
    sound = client.ask("GET", path, headers={"Range": "bytes=1000-1999"})
    assert (sound.status, sound.body) == (206, content[1000:2000])
    middle = f"bytes={SIZE // 2 - 300_000}-{SIZE // 2 + 300_000}"
    check_never_whole(client, content, {"Range": middle})


def test_a_range_behind_the_end_of_what_is_cut_off(
    server: ServerProcess, client: Client, contents: tuple[bytes, bytes]
) -> None:
    content, _ = contents
    truncate(stored(server, content), 1_000_000)
    path = f"/v2/{REPOSITORY}/blobs/{digest_of(content)}"
    check_refused(client, path, {"Range": "bytes=4000000-4000999"})


def check_never_whole(
    client: Client, content: bytes, headers: Mapping[str, str] | None = None
) -> None:
    """An error before the first byte, or a connection cut before the last one."""
    path = f"/v2/{REPOSITORY}/blobs/{digest_of(content)}"
    for _ in range(2):  # the second time after the server has seen it once
        try:
            check_refused(client, path, headers or {})
        except Gone:
            continue


def check_refused(client: Client, path: str, headers: Mapping[str, str]) -> None:
    answer = client.ask("GET", path, headers=headers)  # Gone: cut short of Content-Length
    assert answer.status == 500, answer
    (error,) = json.loads(answer.body)["errors"]
    assert error["code"] == "UNKNOWN"


def check_log(server: ServerProcess, content: bytes) -> None:
    """The log names the blob (or its object); `ServerProcess.stop` looks for secrets."""
    name = digest_of(content)
    told = [line for line in server.log.splitlines() if '"ERROR"' in line]
    assert told
    assert any(name in line for line in told), told
