"""What is on its way in counts for quotas: exactly, once, and whatever becomes of it."""

from __future__ import annotations

import threading
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from datetime import timedelta

import httpx
import pytest
import sqlalchemy as sa
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.database.schema import upload_parts, uploads
from registry.domain import arrivals
from registry.domain.quotas import Quotas
from registry.domain.uploads import Upload
from registry.values.digest import Digest
from registry.values.errors import MoorageError, QuotaExceeded, UploadNotFound
from tests.application import ACCOUNT, SCOPE, OpenRegistry, Registry
from tests.domain.test_quotas import DAY, NAME, OTHER, collect, counted, held, usage
from tests.oci.bodies import refused

WHO = "arn:test"


@pytest.fixture
def registry(registry: Registry) -> Registry:
    """At most 5,000 bytes in a repository."""
    registry.create(NAME)
    registry.create(OTHER)
    Quotas(registry.ground.database).set(SCOPE, "", {"repository_bytes": 5000})
    return registry


def arriving(registry: Registry) -> int:
    return usage(registry).account(ACCOUNT).arriving


def begin(registry: Registry, size: int, name: str = NAME) -> Upload:
    repository = registry.repositories.get(SCOPE, name)
    upload = registry.uploads.start(repository, WHO)
    return registry.uploads.append(repository, WHO, upload.id, [b"x" * size])


def in_parts(registry: Registry) -> int:
    """By the rows of what was stored."""
    with registry.ground.database.read() as connection:
        total = sa.func.coalesce(sa.func.sum(upload_parts.c.size), 0)
        return int(connection.execute(sa.select(total)).scalar_one())


def objects_of_uploads(registry: Registry) -> list[str]:
    return [path for path in registry.objects() if path.startswith("uploads/")]


def test_uploads_that_nobody_ends_take_room(registry: Registry) -> None:
    for _ in range(5):
        begin(registry, 900)
    with pytest.raises(QuotaExceeded, match="holds 0, and 4,500 of uploads under way: 501 bytes"):
        begin(registry, 501)
    assert arriving(registry) == 4500
    assert len(objects_of_uploads(registry)) == 5
    begin(registry, 5000, OTHER)
    collect(registry, 2 * DAY)
    assert arriving(registry) == 0
    begin(registry, 5000)


def test_each_byte_counts_once_when_it_becomes_a_layer(registry: Registry) -> None:
    repository = registry.repositories.get(SCOPE, NAME)
    for number in range(2):
        content = b"%d" % number * 2500
        upload = registry.uploads.start(repository, WHO)
        registry.uploads.append(repository, WHO, upload.id, [content[:1000]])
        registry.uploads.append(repository, WHO, upload.id, [content[1000:]])
        registry.uploads.finish(repository, WHO, upload.id, Digest.of(content))
    assert (held(registry), arriving(registry)) == (5000, 0)
    with pytest.raises(QuotaExceeded, match="may hold 5,000 bytes and holds 5,000: 1 bytes"):
        registry.uploads.start(repository, WHO)


def test_an_upload_without_room_ends(registry: Registry) -> None:
    repository = registry.repositories.get(SCOPE, NAME)
    upload = begin(registry, 3000)
    with pytest.raises(QuotaExceeded):
        registry.uploads.append(repository, WHO, upload.id, [b"y" * 2001])
    with pytest.raises(UploadNotFound):
        registry.uploads.get(repository, WHO, upload.id)
    assert arriving(registry) == 0
    assert not objects_of_uploads(registry)


def test_over_v2_it_is_refused_in_its_midst(registry: Registry) -> None:
    with registry.http() as client:
        location = client.post(f"/v2/{NAME}/blobs/uploads/").headers["location"]
        first = client.patch(location, content=b"z" * 4000)
        assert first.status_code == 202
        answer = client.patch(httpx.URL(first.headers["location"]), content=b"z" * 1001)
        refused(answer, 403, "DENIED", "and 4,000 of uploads under way: 1,001 bytes more")
        assert client.get(location).status_code == 404


def test_many_at_once_find_out_while_they_send(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each would fit alone; no more than the limit and a step of each is ever there."""
    monkeypatch.setattr(arrivals, "STEP", 100)
    ready, most = threading.Barrier(8), []

    def chunks() -> Iterator[bytes]:
        ready.wait(60)
        for _ in range(40):
            most.append(arriving(registry))
            yield b"c" * 100

    def send(_number: int) -> bool:
        repository = registry.repositories.get(SCOPE, NAME)
        upload = registry.uploads.start(repository, WHO)
        try:
            registry.uploads.append(repository, WHO, upload.id, chunks())
        except QuotaExceeded:
            return False
        return True

    with ThreadPoolExecutor(8) as pool:
        sent = sum(pool.map(send, range(8)))
    assert sent <= 1
    assert 4000 < max(most) <= 5000
    assert arriving(registry) == in_parts(registry) == 4000 * sent
    assert len(objects_of_uploads(registry)) == sent


def test_what_fails_gives_its_room_back(
    registry: Registry, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(arrivals, "STEP", 100)
    repository = registry.repositories.get(SCOPE, NAME)
    upload = begin(registry, 1000)
    seen = []

    def cut() -> Iterator[bytes]:
        for _ in range(30):
            yield b"c" * 100
        seen.append(arriving(registry))
        raise OSError("the client is gone")

    with pytest.raises(OSError, match="gone"):
        registry.uploads.append(repository, WHO, upload.id, cut())
    assert seen == [4000]
    assert arriving(registry) == in_parts(registry) == 1000


def test_what_a_killed_worker_left_ends_with_its_upload(registry: Registry) -> None:
    upload = begin(registry, 1000)
    with registry.ground.database.write() as connection:
        mine = sa.update(uploads).where(uploads.c.id == upload.id)
        connection.execute(mine.values(arriving=4000))
    with pytest.raises(QuotaExceeded):
        begin(registry, 1)
    repository = registry.repositories.get(SCOPE, NAME)
    registry.uploads.finish(repository, WHO, upload.id, Digest.of(b"x" * 1000))
    assert (held(registry), arriving(registry)) == (1000, 0)


class Client:
    """One that pushes, and does not always come to an end."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry
        self._uploads = registry.uploads
        self._repository = registry.create(NAME)
        self._last: Upload | None = None
        self.opened: dict[str, bytes] = {}

    def do(self, word: str, which: int, size: int) -> None:
        """Something to one of the uploads. Raises MoorageError, OSError."""
        ids = list(self.opened)
        one = ids[which % len(ids)] if ids else "none"
        content, had = bytes([which]) * size, self.opened.get(one, b"")
        at = (self._repository, WHO, one)
        deeds: dict[str, Callable[[], object]] = {
            "start": self._start,
            "append": lambda: self._append(one, content),
            "cut": lambda: self._uploads.append(*at, self._cut(content)),
            "finish": lambda: self._uploads.finish(*at, Digest.of(had)),
            "wrong": lambda: self._uploads.finish(*at, Digest.of(b"wrong")),
            "cancel": lambda: self._uploads.cancel(*at),
            "retract": self._retract,
            "unlink": lambda: self._registry.blobs.unlink(self._repository, Digest.of(had)),
            "collect": lambda: collect(self._registry, timedelta(0)),
            "collect later": lambda: collect(self._registry, 2 * DAY),
        }
        deeds[word]()

    def _start(self) -> None:
        self.opened[self._uploads.start(self._repository, WHO).id] = b""

    def _append(self, one: str, content: bytes) -> None:
        self._last = self._uploads.append(self._repository, WHO, one, [content])
        self.opened[one] += content

    def _retract(self) -> None:
        if self._last is not None:
            self._uploads.retract(self._repository, self._last)

    def _cut(self, content: bytes) -> Iterator[bytes]:
        yield content
        raise OSError("gone")


WORDS = st.sampled_from(
    ["start", "start", "append", "append", "append", "cut", "finish", "finish", "wrong", "cancel",
     "retract", "unlink", "collect", "collect later"]
)  # fmt: skip


@settings(
    max_examples=25,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(words=st.lists(st.tuples(WORDS, st.integers(0, 3), st.integers(1, 1500)), max_size=30))
def test_it_never_holds_more_than_it_may(
    open_one: OpenRegistry, words: list[tuple[str, int, int]]
) -> None:
    """And what is said to be on its way is what the parts of open uploads come to."""
    registry = open_one()
    client = Client(registry)
    Quotas(registry.ground.database).set(SCOPE, "", {"account_bytes": 3000})
    for word, which, size in words:
        with suppress(MoorageError, OSError):
            client.do(word, which, size)
        with registry.ground.database.read() as connection:
            rows = {row.id: row for row in connection.execute(sa.select(uploads))}
        client.opened = {key: value for key, value in client.opened.items() if key in rows}
        assert all(row.arriving == 0 for row in rows.values())
        assert held(registry) + arriving(registry) <= 3000
        assert arriving(registry) == in_parts(registry)
        counted(registry)
    registry.check_whole()
