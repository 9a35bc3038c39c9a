"""What the client asks upstreams, and what it does not take from them."""

from __future__ import annotations

import json
import socket
import threading
from collections.abc import Callable

import pytest

from registry.upstream.addresses import Address, Trusted
from registry.upstream.authentication import Credentials, Source
from registry.upstream.client import Client
from registry.values.digest import Digest
from registry.values.errors import BlobNotFound, ImageNotFound, MoorageError
from registry.values.fetching import UpstreamBusy, UpstreamDenied, UpstreamFailed
from tests.images import digest_of, layer, multi_arch, oci_image
from tests.upstream.fake import SECONDS, FakeRegistry, Handler, other_bytes, serving

IMAGE = oci_image(layer({"hello": b"hello"}))
BLOB = bytes(range(256)) * 4096
DIGEST = Digest.parse(digest_of(BLOB))
KNOWN = Credentials("ada", "the-password")


def client(*fakes: FakeRegistry, seconds: float = 10) -> Client:
    return Client(Trusted(",".join(fake.url for fake in fakes)), seconds)


def source(fake: FakeRegistry, credentials: Credentials | None = None) -> Source:
    return Source(Address("http", "127.0.0.1", fake.port), credentials)


def get(fake: FakeRegistry, who: Credentials | None = None, *others: FakeRegistry) -> bytes:
    return client(fake, *others).manifest(source(fake, who), "app", "v1").body


def blob(fake: FakeRegistry, size: int = len(BLOB), *others: FakeRegistry) -> bytes:
    found = client(fake, *others)
    return b"".join(found.blob(source(fake), "app", DIGEST, size))


def test_manifests_by_tag_and_digest(fake: FakeRegistry) -> None:
    index = fake.hold("team/app", multi_arch(), "v1")
    asking, where = client(fake), source(fake)
    assert asking.digest(where, "team/app", "v1") == Digest.parse(index.digest)
    for reference in ("v1", Digest.parse(index.digest)):
        content = asking.manifest(where, "team/app", reference)
        assert (content.body, content.media_type) == (index.manifest, index.media_type)
        assert str(content.digest) == index.digest
    assert "image.index" in fake.asked[0].headers["accept"]
    with pytest.raises(ImageNotFound, match="'v2'"):
        asking.manifest(where, "team/app", "v2")
    with pytest.raises(ImageNotFound):
        asking.digest(where, "team/app", "v2")


@pytest.mark.parametrize("basic", [True, False])
def test_credentials_are_given_where_they_are_asked_for(fake: FakeRegistry, basic: bool) -> None:
    fake.username, fake.password, fake.basic = KNOWN.username, KNOWN.access_token, basic
    fake.hold("app", IMAGE, "v1")
    asking, where = client(fake), source(fake, KNOWN)
    for _ in range(3):
        assert asking.manifest(where, "app", "v1").body == IMAGE.manifest
    asking.check(where)
    assert not fake.asked[0].authorization
    assert len(fake.requests("GET", "/manifests/")) == 4  # one was refused; then the token is known
    tokens = fake.requests("GET", "/token")
    assert len(tokens) == (0 if basic else 2)  # one for the repository, one for /v2/
    for who in (None, Credentials("ada", "wrong")):
        with pytest.raises(UpstreamDenied) as caught:
            get(fake, who)
        assert "wrong" not in str(caught.value)
        with pytest.raises(UpstreamDenied):
            asking.check(source(fake, who))


def test_a_token_that_is_no_longer_taken_is_asked_for_anew(fake: FakeRegistry) -> None:
    fake.username, fake.password = KNOWN.username, KNOWN.access_token
    fake.hold("app", IMAGE, "v1")
    asking, where = client(fake), source(fake, KNOWN)
    refused: list[str] = []

    def expired(handler: Handler) -> bool:
        if refused or "authorization" not in handler.headers or "/token" in handler.path:
            return False
        refused.append(handler.path)
        handler._challenge()
        return True

    asking.manifest(where, "app", "v1")
    fake.special = expired
    assert asking.manifest(where, "app", "v1").body == IMAGE.manifest
    assert refused
    assert len(fake.requests("GET", "/token")) == 2


def test_nobody_knows_the_credentials_but_who_asked_for_them(fake: FakeRegistry) -> None:
    """A redirect to another host, as registries give for blobs, takes none along."""
    fake.username, fake.password, fake.basic = KNOWN.username, KNOWN.access_token, True
    with serving() as store:
        store.blobs[str(DIGEST)] = BLOB

        def away(handler: Handler) -> bool:
            if "authorization" not in handler.headers:
                return False
            handler.answer(307, Location=f"{store.url}/v2/x/blobs/{DIGEST}?signature=1")
            return True

        fake.special = away
        found = client(fake, store).blob(source(fake, KNOWN), "app", DIGEST, len(BLOB))
        assert b"".join(found) == BLOB
    (asked,) = store.asked
    assert not asked.authorization
    assert asked.path.endswith("?signature=1")
    assert asked.headers["host"] == store.address


def redirect(location: str) -> Callable[[Handler], bool]:
    def special(handler: Handler) -> bool:
        handler.answer(302, Location=location)
        return True

    return special


def test_redirects_end_and_lead_nowhere_private(fake: FakeRegistry) -> None:
    with serving() as inside:
        inside.hold("app", IMAGE, "v1")
        fake.special = redirect(f"{inside.url}/v2/app/manifests/v1")
        with pytest.raises(UpstreamFailed, match="may not go"):
            get(fake)
        fake.special = redirect(f"https://{inside.address}/v2/app/manifests/v1")
        with pytest.raises(UpstreamFailed, match="private network"):
            get(fake)
        fake.special = redirect("file:///etc/passwd")
        with pytest.raises(UpstreamFailed, match="may not go"):
            get(fake)
        assert not inside.asked
    fake.special = redirect(f"{fake.url}/again")
    with pytest.raises(UpstreamFailed, match="more than 5 times"):
        get(fake)


def test_a_token_is_not_fetched_from_a_private_network(fake: FakeRegistry) -> None:
    with serving() as inside:
        for scheme in ("http", "https"):
            realm = f'Bearer realm="{scheme}://{inside.address}/token",service="fake"'

            def sent(handler: Handler, realm: str = realm) -> bool:
                handler.answer(401, WWW_Authenticate=realm)
                return True

            fake.special = sent
            with pytest.raises(UpstreamFailed):
                get(fake, KNOWN)
        assert not inside.asked


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, UpstreamFailed), (403, UpstreamDenied), (404, ImageNotFound), (429, UpstreamBusy),
     (500, UpstreamFailed), (204, UpstreamFailed)],
)  # fmt: skip
def test_what_its_refusals_mean(fake: FakeRegistry, status: int, kind: type[MoorageError]) -> None:
    fake.status = status
    with pytest.raises(kind) as caught:
        get(fake)
    assert type(caught.value) is kind
    with pytest.raises(MoorageError):
        client(fake).check(source(fake))


def test_a_manifest_of_other_bytes_is_not_taken(fake: FakeRegistry) -> None:
    fake.hold("app", IMAGE, "v1")
    digest = Digest.parse(IMAGE.digest)

    def lying(handler: Handler) -> bool:
        body = other_bytes(IMAGE.manifest)
        handler.answer(200, body, Docker_Content_Digest=IMAGE.digest)
        return True

    fake.special = lying
    for reference in ("v1", digest):
        with pytest.raises(UpstreamFailed, match="other bytes"):
            client(fake).manifest(source(fake), "app", reference)


def test_a_manifest_that_never_ends_is_not_read_to_its_end(fake: FakeRegistry) -> None:
    def endless(handler: Handler) -> bool:
        handler.send_response(200)
        handler.end_headers()
        handler.close_connection = True
        try:
            while True:
                handler.wfile.write(b"x" * 65536)
        except OSError:
            return True

    fake.special = endless
    with pytest.raises(UpstreamFailed, match="more than 4194304 bytes"):
        get(fake)


@pytest.mark.parametrize("body", [b"", b"{", b"[]", b'{"token": 1}', b'{"token": "a\\nb"}'])
def test_a_token_that_is_none(fake: FakeRegistry, body: bytes) -> None:
    fake.username, fake.password = KNOWN.username, KNOWN.access_token

    def special(handler: Handler) -> bool:
        if "/token" in handler.path:
            handler.answer(200, body)
        return "/token" in handler.path

    fake.special = special
    with pytest.raises(UpstreamFailed, match="without a token"):
        get(fake, KNOWN)


def test_a_blob_is_read_on_from_where_it_broke_off(fake: FakeRegistry) -> None:
    fake.blobs[str(DIGEST)] = BLOB
    cuts = [len(BLOB) // 3, len(BLOB) // 2]

    def cutting(handler: Handler) -> bool:
        if not cuts:
            return False
        start = int(handler.headers.get("range", "bytes=0-")[6:].rstrip("-"))
        handler.send_response(206 if start else 200)
        handler.send_header("Content-Length", str(len(BLOB) - start))
        handler.end_headers()
        handler.wfile.write(BLOB[start : cuts.pop(0)])
        handler.close_connection = True
        return True

    fake.special = cutting
    assert blob(fake) == BLOB
    assert [each.headers.get("range") for each in fake.asked] == [
        None, f"bytes={len(BLOB) // 3}-", f"bytes={len(BLOB) // 2}-"
    ]  # fmt: skip


def test_a_blob_that_keeps_breaking_off_is_given_up(fake: FakeRegistry) -> None:
    def cutting(handler: Handler) -> bool:
        start = int(handler.headers.get("range", "bytes=0-")[6:].rstrip("-"))
        handler.send_response(206 if start else 200)
        handler.send_header("Content-Length", str(len(BLOB) - start))
        handler.end_headers()
        handler.wfile.write(BLOB[start : start + 10])
        handler.close_connection = True
        return True

    fake.special = cutting
    with pytest.raises(UpstreamFailed, match="after 40 bytes"):
        blob(fake)
    assert len(fake.asked) == 4


def test_a_blob_of_another_size_or_none(fake: FakeRegistry) -> None:
    fake.blobs[str(DIGEST)] = BLOB
    with pytest.raises(UpstreamFailed, match="which has 7"):
        blob(fake, 7)

    def longer(handler: Handler) -> bool:
        handler.send_response(200)
        handler.end_headers()
        handler.wfile.write(BLOB + b"more")
        handler.close_connection = True
        return True

    fake.special = longer
    with pytest.raises(UpstreamFailed, match="more bytes"):
        blob(fake)
    fake.special = None
    fake.blobs.clear()
    with pytest.raises(BlobNotFound):
        blob(fake)


def test_one_that_stands_still_is_left(fake: FakeRegistry) -> None:
    gate = fake.gate = threading.Event()  # the end of the test opens it

    def silent(handler: Handler) -> bool:
        handler.close_connection = gate.wait(SECONDS)
        return True

    fake.special = silent
    with pytest.raises(UpstreamFailed, match="still too long"):
        client(fake, seconds=0.2).manifest(source(fake), "app", "v1")


def test_nobody_there() -> None:
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        port = free.getsockname()[1]
    asking = Client(Trusted(f"http://127.0.0.1:{port}"), 5)
    with pytest.raises(UpstreamFailed, match="no connection"):
        asking.check(Source(Address("http", "127.0.0.1", port)))
    with pytest.raises(UpstreamFailed, match="name is not known"):
        asking.check(Source(Address("https", "nowhere.invalid", 443)))


def test_tls_is_verified(fake: FakeRegistry) -> None:
    """Plain HTTP where TLS is expected, and nothing is sent to it."""
    asking = Client(Trusted(fake.address), 5)
    with pytest.raises(UpstreamFailed, match="no TLS connection"):
        asking.check(Source(Address("https", "127.0.0.1", fake.port)))
    assert not fake.requests("GET")


def test_credentials_are_shown_nowhere() -> None:
    shown = repr(Source(Address("https", "ghcr.io", 443), KNOWN)) + json.dumps(str(KNOWN))
    assert KNOWN.access_token not in shown
