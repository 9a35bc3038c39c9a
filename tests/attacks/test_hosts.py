"""Whatever the Host says, nobody gets another account's data by it."""

from __future__ import annotations

import re
import socket

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from tests.application import ACCOUNT, HOST, OpenRegistry, Registry, basic
from tests.attacks.world import HIDDEN, SECRET, THEIRS, World, ask, host_of, leaked
from tests.identities import OTHER
from tests.oci.bodies import Unchanged
from tests.server_process import ServerProcess

PATHS = (f"/v2/{SECRET}/manifests/v1", f"/v2/{SECRET}/blobs/{HIDDEN.blobs[0].digest}",
         f"/v2/{SECRET}/blobs/{THEIRS.blobs[0].digest}", f"/v2/{SECRET}/tags/list",
         "/v2/_catalog")  # fmt: skip
HERE, THERE = host_of(ACCOUNT), host_of(OTHER)
NAME = THERE.removesuffix(":5000")
TRICKS = [
    THERE, NAME, NAME + ".", NAME + ".:5000", NAME.upper(), NAME + ":", NAME + ":x", NAME + ":0x50",
    NAME + ":99999999", NAME + ":5000:5000", f"{NAME}:5000@{HOST}", f"{HOST}@{THERE}",
    f"a:b@{THERE}",
    f" {THERE}", f"{THERE} ", f"\t{THERE}", f"{HOST},{THERE}", f"{THERE},{HOST}", f"{HOST} {THERE}",
    f"{THERE}/", f"{THERE}/v2/", f"{THERE}#", f"{THERE}?", f"{HOST}#{THERE}", f"{HOST}/?{THERE}",
    f"{HOST}\\{THERE}", f"http://{THERE}", f"//{THERE}", f"[{THERE}]", "[::1]:5000", "", ".", ":",
    "@", f"{THERE}\x00", f"\x00{THERE}", f"x{THERE}", f"{OTHER}.{THERE}", f"{THERE}.{HERE}",
    f"{HERE}.{THERE}", f"{OTHER}.dkr.ecr.us-east-1.amazonaws.com", f"{OTHER}.dkr.ecr.us-east-1.",
    f"{OTHER}.dkr.ecr.us-east-1", f"{OTHER}.dkr.ecr.us-east-1..localhost", "é" + THERE,
    NAME.replace("dkr", "DKR"), NAME.replace(".", "%2e"), NAME.replace("1", "\xb9"), "a" * 5000,
    f"{OTHER}.dkr.ecr-fips.us-east-1.localhost", f"{OTHER}.dkr-ecr.us-east-1.on.aws",
    f'"{THERE}"', f"{HOST}\" , realm=\"x", "0x7f000001", "2130706433",
]  # fmt: skip


def headers_of(world: World) -> dict[str, str]:
    """Who may do everything in one account, and nothing in the other."""
    registry = world.registry
    foreigner = world.signers["foreigner"]
    return {
        "ours": basic(registry.token()),
        "theirs": basic(registry.token(registry.key(foreigner.id))),
    }


def check(world: World, host: bytes) -> None:
    """Nobody gets the other's image, and an anonymous caller gets none, by this Host."""
    authorized = headers_of(world)
    for path in PATHS:
        target = path.encode()
        ours = ask(world.registry, "GET", target, authorized["ours"], host=host)
        theirs = ask(world.registry, "GET", target, authorized["theirs"], host=host)
        anonymous = ask(world.registry, "GET", target, host=host)
        for answer, hidden in ((ours, THEIRS), (theirs, HIDDEN)):
            assert answer.status in {200, 403, 404}, (host, answer)
            assert not leaked(answer.body, hidden), (host, path)
        assert anonymous.status == 401, (host, anonymous)
        if path == "/v2/_catalog":
            # A Host means one registry: who is served there is one of the two, never both.
            assert (ours.status, theirs.status) != (200, 200), host


def test_tricks_with_the_host(world: World) -> None:
    with Unchanged(world.registry):
        for host in TRICKS:
            check(world, host.encode("latin-1"))


_PIECES = st.sampled_from([
    ACCOUNT, OTHER, ".dkr.ecr.", "us-east-1", "eu-west-1", ".localhost", ".", ":5000", ":", "@",
    "/", "\\", "#", "?", " ", ",", "[", "]", "%2e", "\x00", "\xff", HOST, THERE, HERE, "DKR", "-",
])  # fmt: skip


@settings(
    max_examples=120,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(pieces=st.lists(_PIECES, max_size=7))
@example(pieces=[OTHER, ".dkr.ecr.", "us-east-1", ".", ":5000"])
def test_any_host(world: World, pieces: list[str]) -> None:
    check(world, "".join(pieces).encode("latin-1"))


def test_a_host_that_is_none_is_not_repeated(registry: Registry) -> None:
    """CVE-2026-48710 began where a Host was taken for more than a name and a port."""
    for host in ('a"b', "a b", "\xff", "a\r\nx: y", "", "<script>", "a" * 300, "a/b", "a@b", "a:b"):
        with registry.anyone() as client:
            answer = client.get("/v2/", headers=[(b"host", host.encode("latin-1"))])
        assert answer.status_code == 401
        told = answer.headers["www-authenticate"]
        assert told == 'Basic realm="http:///",service="ecr.amazonaws.com"', host


@pytest.mark.parametrize("query", [b"\xe9", b"%ff=%00", b"=", b"&&", b"a=b" * 500])
def test_a_query_that_is_none_changes_no_refusal(registry: Registry, query: bytes) -> None:
    assert ask(registry, "GET", b"/v2/?" + query).status == 401


@pytest.mark.parametrize("host", ["[::1]:5000", "127.0.0.1", "R.Example:443", "[2001:db8::1]"])
def test_a_host_that_is_one_is(registry: Registry, host: str) -> None:
    with registry.anyone({"host": host}) as client:
        told = client.get("/v2/").headers["www-authenticate"]
    assert told == f'Basic realm="http://{host}/",service="ecr.amazonaws.com"'


def test_a_custom_domain_is_matched_whole(open_one: OpenRegistry) -> None:
    registry = open_one(custom_domains=f"images.example.com={OTHER}/us-east-1")
    registry.create("team/app")
    mine = basic(registry.token())
    for host, status in (
        ("images.example.com", 403), ("IMAGES.EXAMPLE.COM:443", 403), ("ximages.example.com", 200),
        ("images.example.com.evil.test", 200), ("images.example.comx", 200),
        ("images.example.com@evil.test", 200),
    ):  # fmt: skip
        answer = ask(registry, "GET", b"/v2/_catalog", mine, host=host.encode())
        assert answer.status == status, host


# On the wire, where the host can be said twice.


def spoken(server: ServerProcess, head: str) -> tuple[int, bytes]:
    """Status and answer to a request written by hand."""
    with socket.create_connection(("127.0.0.1", server.port), timeout=20) as connection:
        connection.sendall(head.replace("\n", "\r\n").encode("latin-1") + b"\r\n\r\n")
        received = b""
        while piece := connection.recv(65536):
            received += piece
    found = re.match(rb"HTTP/1\.1 ([0-9]{3}) ", received)
    assert found is not None, received
    return int(found[1]), received


END = "\nConnection: close"


def test_the_host_is_said_once(server: ServerProcess) -> None:
    token = f"\nAuthorization: Basic {server.token()}"
    for hosts in (
        f"\nHost: {THERE}\nHost: {server.address}", f"\nHost: {server.address}\nhost: {THERE}",
        f"\nHost: {server.address}\nHost: {server.address}", "",
    ):  # fmt: skip
        status, answer = spoken(server, f"GET /v2/_catalog HTTP/1.1{hosts}{token}{END}")
        assert status == 400, answer
        assert b"repositories" not in answer


@pytest.mark.parametrize("target", ["http://{}/v2/_catalog", "https://{}/v2/_catalog",
                                    "http://{}@127.0.0.1/v2/_catalog", "//{}/v2/_catalog",
                                    "{}:5000"])  # fmt: skip
def test_a_target_with_a_host_of_its_own(
    server: ServerProcess, make_repository: object, target: str
) -> None:
    """Host and target disagree: whichever counts, without its permission there is nothing."""
    name = make_repository()  # type: ignore[operator]  # the fixture's protocol
    token = f"\nAuthorization: Basic {server.token()}"
    line = f"GET {target.format(THERE)} HTTP/1.1\nHost: {server.address}"
    status, answer = spoken(server, f"{line}{token}{END}")
    served_here = status == 200 and name.encode() in answer
    assert served_here or status in {400, 403, 404}, answer
    status, answer = spoken(server, f"{line}{END}")
    assert status in {400, 401, 404}, answer
    line = f"GET {target.format(server.address)} HTTP/1.1\nHost: {THERE}"
    status, answer = spoken(server, f"{line}{token}{END}")
    assert status in {400, 403, 404}, answer
    assert name.encode() not in answer
