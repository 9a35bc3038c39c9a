"""What is the same for everything under `/api/v1/`: signatures, paths, bodies, errors."""

from __future__ import annotations

import json
import re
from dataclasses import replace
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.api.app import Api
from registry.api.routes import Call, Need, Route
from tests.api.signed import refused, send
from tests.application import ACCOUNT, Registry
from tests.oci.bodies import Unchanged


def api(registry: Registry) -> Api:
    found: Api = registry.app._app._below["api"]
    return found


def test_without_a_right_signature_nothing_is_told(registry: Registry) -> None:
    with Unchanged(registry), registry.anyone() as nobody:
        for path in ("copy", "none", ""):
            status, code, _ = refused(nobody.post(f"/api/v1/{path}", content=b"{}"))
            assert (status, code) == (403, "MissingAuthenticationToken")
        forged = replace(registry.admin, secret="x" * 40)
        assert refused(send(registry, "POST", "copy", {}, forged))[:2] == (
            403, "SignatureDoesNotMatch",
        )  # fmt: skip
        unknown = replace(registry.admin, id="AKIAIOSFODNN7EXAMPLE")
        assert refused(send(registry, "POST", "copy", {}, unknown))[1] == "InvalidClientTokenId"
        assert refused(send(registry, "POST", "copy", {}, region="eu-west-9"))[1] == (
            "SignatureDoesNotMatch"
        )


def test_a_refused_key_is_in_the_audit_log(registry: Registry) -> None:
    forged = replace(registry.admin, secret="x" * 40)
    send(registry, "POST", "copy", {}, forged)
    assert registry.ground.audit is not None
    registry.ground.audit.close()
    (path,) = registry.settings.audit_path.iterdir()
    (line,) = [json.loads(text) for text in path.read_text().splitlines()]
    assert line["errorCode"] == "InvalidSignatureException"
    assert line["userIdentity"]["accessKeyId"] == registry.admin.id


def test_paths_and_methods(registry: Registry) -> None:
    assert refused(send(registry, "POST", "none", {}))[:2] == (400, "InvalidAction")
    assert refused(send(registry, "GET", "copy"))[:2] == (405, "MethodNotAllowed")


@pytest.mark.parametrize("document", [[], "x", 1, {"source": {"repositoryName": "\ud800"}}])
def test_a_body_that_is_none(registry: Registry, document: object) -> None:
    assert refused(send(registry, "POST", "copy", document))[0] == 400


def test_a_body_that_is_too_large(registry: Registry) -> None:
    large = {"source": "x" * (1024 * 1024)}
    assert refused(send(registry, "POST", "copy", large))[0] == 413


DOCUMENTS: dict[str, Any] = {
    "CopyImages": {
        "source": {"repositoryName": "team/app"},
        "target": {"repositoryName": "other/app"},
        "all": True,
    },
    "AttachScanReport": {"formats": ["spdx"]},
    "StartRekey": {"repositoryName": "team/app"},
    "TestGates": {"repositoryName": "team/app", "imageTag": "v1"},
}
"""The least that a route must be told to say what it needs, by its name."""
QUERIES = {"StopRekey": "?repositoryName=app"}


def test_every_route_needs_a_permission(registry: Registry) -> None:
    routes, stranger = api(registry).routes, registry.user("stranger")
    assert len({route.name for route in routes}) == len(routes) > 0
    with Unchanged(registry):
        for route in routes:
            path = re.sub(r"\{\w+\*?\}", "some", route.path.replace("{account}", ACCOUNT))
            path += QUERIES.get(route.name, "")
            answer = send(registry, route.method, path, DOCUMENTS.get(route.name), stranger)
            assert refused(answer)[:2] == (403, "Denied"), route.name


def test_what_stands_in_a_path(registry: Registry) -> None:
    def none(_call: Call) -> list[Need]:
        return []

    route = Route("It", "GET", "things/{one}/of/{two}", none, lambda _: {})
    assert route.match("/api/v1/things/a.b/of/c") == {"one": "a.b", "two": "c"}
    assert route.match("/api/v1/things/a/b/of/c") is None
    assert route.match("/api/v1/thingsx/a/of/c") is None
    deep = Route("It", "GET", "things/{any*}/of/{one}", none, lambda _: {})
    assert deep.match("/api/v1/things/a/of/b/of/c") == {"any": "a/of/b", "one": "c"}
    assert deep.match("/api/v1/things/of/c") is None


@settings(
    max_examples=60,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture, HealthCheck.too_slow],
)
@given(
    document=st.dictionaries(
        st.sampled_from(["source", "target", "imageIds", "all", "move", "nextToken", "x"]),
        st.recursive(
            st.none() | st.booleans() | st.integers() | st.text(max_size=8),
            lambda inner: (
                st.lists(inner, max_size=3)
                | st.dictionaries(st.sampled_from(["repositoryName", "imageTag"]), inner)
            ),
            max_leaves=6,
        ),
    )
)
def test_whatever_is_sent_the_answer_is_a_refusal_in_its_form(
    registry: Registry, document: object
) -> None:
    status, code, _ = refused(send(registry, "POST", "copy", document))
    assert 400 <= status < 500
    assert code != "InternalFailure"
