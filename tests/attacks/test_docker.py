"""Every route under `/v2/`: without a permission there is a refusal, and the same for what is there
and what is not."""

from __future__ import annotations

import re
from collections.abc import Iterator

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.oci import routes
from registry.oci.routes import Route
from tests.application import Answer, OpenRegistry, Registry
from tests.attacks.world import DIGEST, HIDDEN, MISSING, SECRET, THEIRS, World, ask, leaked, made
from tests.oci.bodies import Unchanged

UPLOAD = "00000000-0000-4000-8000-000000000000"
TARGETS = {
    routes.VERSION: ("",),
    routes.CATALOG: ("_catalog", "_catalog?n=1", "_catalog?last=a"),
    routes.TAGS: ("{}/tags/list", "{}/tags/list?n=1&last=a"),
    routes.REFERRERS: (f"{{}}/referrers/{HIDDEN.digest}",),
    routes.UPLOADS: (
        "{}/blobs/uploads/",
        f"{{}}/blobs/uploads/?mount={DIGEST}&from={SECRET}",
        f"{{}}/blobs/uploads/?digest={DIGEST}",
    ),
    routes.UPLOAD: (f"{{}}/blobs/uploads/{UPLOAD}?digest={DIGEST}",),
    routes.BLOB: (f"{{}}/blobs/{DIGEST}", f"{{}}/blobs/sha256%3A{DIGEST[7:]}"),
    routes.MANIFEST: (
        "{}/manifests/v1",
        "{}/manifests/none",
        f"{{}}/manifests/{HIDDEN.digest}",
        f"{{}}/manifests/{HIDDEN.digest}?tag=v2",
    ),
}
"""By a route's pattern; a route without one fails the tests."""


def table(registry: Registry) -> tuple[Route, ...]:
    found: tuple[Route, ...] = registry.app._app._below["v2"]._routes
    return found


def requests(registry: Registry) -> Iterator[tuple[Route, str]]:
    for route in table(registry):
        for target in TARGETS[route.path]:
            yield route, f"/v2/{target}"


def comparable(answer: Answer, name: str) -> tuple[int, bytes]:
    """The answer without the name that was asked for."""
    return answer.status, answer.body.replace(name.encode(), b"NAME")


def test_every_caller_is_refused_on_every_route(world: World) -> None:
    registry, tried = world.registry, 0
    with Unchanged(registry):
        for caller, authorization in world.callers.items():
            for route, target in requests(registry):
                if route.operation == "Version":
                    continue
                there, missing = (
                    ask(registry, route.method, target.format(name).encode(), authorization)
                    for name in (SECRET, MISSING)
                )
                where = (caller, route.method, target, there)
                assert there.status in {401, 403}, where
                assert comparable(there, SECRET) == comparable(missing, MISSING), where
                assert not leaked(there.body, HIDDEN, THEIRS), where
                tried += 1
    assert tried == len(world.callers) * sum(
        len(TARGETS[route.path]) for route in table(registry) if route.operation != "Version"
    )


def test_only_who_may_sign_in_is_told_that_this_is_a_registry(world: World) -> None:
    let_in = {"stranger", "neighbour", "refused", "foreigner", "session", "robot"}
    for caller, authorization in world.callers.items():
        for target in (b"/v2/", b"/v2"):
            status = ask(world.registry, "GET", target, authorization).status
            refusal = 403 if caller == "expired" else 401
            assert status == (200 if caller in let_in else refusal), caller


def test_a_repository_that_a_push_would_create_is_created_for_nobody(
    open_one: OpenRegistry,
) -> None:
    world = made(open_one(robot_tokens=True, create_on_push=True))
    with Unchanged(world.registry):
        for caller, authorization in world.callers.items():
            for method, target in (("POST", "blobs/uploads/"), ("PUT", "manifests/v1")):
                there, missing = (
                    ask(world.registry, method, f"/v2/{name}/{target}".encode(), authorization)
                    for name in (SECRET, MISSING)
                )
                assert there.status in {401, 403}, caller
                assert comparable(there, SECRET) == comparable(missing, MISSING), caller


# Requests that no table has.

METHODS = ("GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS", "TRACE", "get", "X")
WORDS = (
    "v2", "secret", "app", SECRET, "team", "team/app", "blobs", "uploads", "manifests", "v1",
    "tags", "list", "referrers", "_catalog", DIGEST, HIDDEN.digest, UPLOAD, "..", ".", "", "%2e%2e",
    "secret%2fapp", "%2F", "Secret", "SECRET/APP", "\\", ";v=1", "#", "\x00", "é", "*", "?", "//",
    "token", "_ping", "healthz",
)  # fmt: skip
PARAMETERS = ("mount", "from", "digest", "tag", "n", "last", "artifactType", "account", "service",
              "scope", "Action", "X-Amz-Credential", "X-Amz-Signature")  # fmt: skip
HEADERS = ("content-range", "range", "if-none-match", "accept", "content-type", "x-original-url",
           "x-rewrite-url", "x-http-method-override", "x-forwarded-host", "x-forwarded-for",
           "x-amz-target", "x-amz-security-token", "x-moorage-principal", "cookie",
           "proxy-authorization", "expect", "connection")  # fmt: skip

_value = st.sampled_from([*WORDS, "bytes 0-3", "0-3", "1", "*/*", "AWS", "127.0.0.1"])


@st.composite
def targets(draw: st.DrawFn) -> bytes:
    path = "/".join(draw(st.lists(st.sampled_from(WORDS), min_size=1, max_size=7)))
    if draw(st.booleans()):
        path = f"v2/{SECRET}/{path}"
    pairs = draw(st.lists(st.tuples(st.sampled_from(PARAMETERS), _value), max_size=3))
    query = "&".join(f"{name}={value}" for name, value in pairs)
    return f"/{path}{'?' if query else ''}{query}".encode("latin-1", "replace")


@settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(data=st.data())
def test_no_request_gets_anything(world: World, data: st.DataObject) -> None:
    caller = data.draw(st.sampled_from(sorted(world.callers)))
    method, target = data.draw(st.sampled_from(METHODS)), data.draw(targets())
    more = data.draw(st.dictionaries(st.sampled_from(HEADERS), _value, max_size=3))
    headers = [(name.encode(), value.encode("latin-1")) for name, value in more.items()]
    body = data.draw(st.sampled_from([b"", b"{}", HIDDEN.manifest, HIDDEN.blobs[0].content]))
    with Unchanged(world.registry):
        answer = ask(
            world.registry, method, target, world.callers[caller], headers=headers, body=body
        )
    path = target.partition(b"?")[0]
    if re.fullmatch(rb"/v2/?|/healthz|/metrics", path):
        return
    assert 400 <= answer.status < 500, answer
    assert not leaked(answer.body, HIDDEN, THEIRS)


@pytest.mark.parametrize("caller", ["stranger", "neighbour", "nobody"])
def test_an_answer_takes_no_other_form_for_what_exists(world: World, caller: str) -> None:
    """HEAD has no body to compare: its headers must not tell either."""
    authorization = world.callers[caller]
    headers = {} if authorization is None else {"authorization": authorization}
    with world.registry.anyone(headers) as client:
        for target in ("manifests/v1", f"manifests/{HIDDEN.digest}", f"blobs/{DIGEST}"):
            there, missing = (client.head(f"/v2/{name}/{target}") for name in (SECRET, MISSING))
            told = [
                {name: value for name, value in each.headers.items() if name != "x-request-id"}
                for each in (there, missing)
            ]
            assert told[0] == told[1]
