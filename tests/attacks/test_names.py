"""Names and paths that could mean one repository to a policy and another to the registry."""

from __future__ import annotations

from typing import Any

import pytest
import sqlalchemy as sa
from botocore.exceptions import ClientError
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.database.schema import metadata
from tests.application import SCOPE, Registry, allow, basic, on
from tests.attacks.world import DIGEST, HIDDEN, SECRET, ask, leaked
from tests.images import layer, oci_image
from tests.oci.bodies import Unchanged

OWN = oci_image(layer({"own": b"what one may see"}))
MINE = "team/app"


@pytest.fixture
def neighbour(registry: Registry) -> str:
    """The header of somebody who may do everything to what the pattern `team/*` fits."""
    for name, image in ((SECRET, HIDDEN), (MINE, OWN)):
        registry.create(name)
        registry.hold(name, image, "v1")
    return basic(registry.token(registry.user("neighbour", allow("ecr:*", resource=on("team/*")))))


def held(registry: Registry) -> dict[str, list[Any]]:
    """Everything that belongs to `SECRET`."""
    owner = registry.repositories.get(SCOPE, SECRET).id
    with registry.ground.database.read() as connection:
        return {
            table.name: list(
                connection.execute(sa.select(table).where(table.c.repository_id == owner))
            )
            for table in metadata.sorted_tables
            if "repository_id" in table.c
        }


PIECES = (
    "team", "app", "secret", "v1", "manifests", "blobs", "tags", "list", "uploads", DIGEST,
    "/", "//", "/./", "/../", "..", "%2f", "%2F", "%252f", "%2e%2e", "%2e", "%5c", "\\", "%00",
    "\x00", ";", ";/", "?", "#", "%23", "*", "%2a", "%", "%%", "%c0%af", "\xc0\xaf", "\xe2\x81\x84",
    "Secret", "SECRET", "%73ecret", "+", " ", "%20", ":", "@",
)  # fmt: skip
STARTS = ("/v2/team/app/", "/v2/team/", "/v2/secret/app/", "/v2/", "/v2//", "/V2/", "//v2/",
          "/./v2/", "/v2/team/../", "/v2/team%2f..%2f", "/v2\\", "v2/",
          "http://registry.test:5000/v2/")  # fmt: skip
ENDS = ("manifests/v1", f"blobs/{DIGEST}", "tags/list", "blobs/uploads/",
        f"manifests/{HIDDEN.digest}", f"secret/app/manifests/{HIDDEN.digest}",
        f"../secret/app/blobs/{DIGEST}")  # fmt: skip
METHODS = ("GET", "HEAD", "PUT", "POST", "DELETE", "PATCH")


@st.composite
def requests(draw: st.DrawFn) -> tuple[str, bytes]:
    """Method and target."""
    pieces = draw(st.lists(st.sampled_from(PIECES), max_size=5))
    target = draw(st.sampled_from(STARTS)) + "".join(pieces) + draw(st.sampled_from(ENDS))
    return draw(st.sampled_from(METHODS)), target.encode("latin-1")


@settings(
    max_examples=400,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(asked=requests())
def test_no_path_leads_out_of_what_one_may(
    registry: Registry, neighbour: str, asked: tuple[str, bytes]
) -> None:
    method, target = asked
    before = held(registry)
    headers = [(b"content-type", HIDDEN.media_type.encode())]
    body = OWN.manifest if method in {"PUT", "PATCH"} else b""
    answer = ask(registry, method, target, neighbour, headers=headers, body=body)
    assert answer.status < 500, answer
    assert not leaked(answer.body, HIDDEN)
    assert held(registry) == before


NAMES = (
    "team/*", "team/ap?", "team/ap*", "*", "te*m/app", "TEAM/APP", "Team/app", "team//app",
    "team/./app", "team/../team/app", "/team/app", "team/app/", " team/app", "team/app ",
    "team/app\x00", "team%2Fapp", "${aws:username}", "team/app:v1", "team\\app", "ｔeam/app",
    "team/app2", "team/ap", "team/app/x", "xteam/app", "team-app",
    "arn:aws:ecr:us-east-1:123456789012:repository/team/app",
)  # fmt: skip


def test_a_policy_for_one_name_is_for_no_other(registry: Registry) -> None:
    """Neither by what a pattern would match if the request held it, nor by a name like it."""
    for real in (MINE, SECRET, "team/app2", "team/app/x", "team/ap"):
        registry.create(real)
    key = registry.user("one", allow("ecr:*", resource=on(MINE)))
    ecr, authorization = registry.ecr(key), basic(registry.token(key))
    calls: dict[Any, dict[str, Any]] = {
        ecr.list_images: {},
        ecr.batch_get_image: {"imageIds": [{"imageTag": "v1"}]},
        ecr.put_image: {"imageManifest": OWN.manifest.decode()},
        ecr.delete_repository: {"force": True},
        ecr.set_repository_policy: {"policyText": allow("*")},
    }
    with Unchanged(registry):
        for name in NAMES:
            for call, more in calls.items():
                with pytest.raises(ClientError) as caught:
                    call(repositoryName=name, **more)
                code = caught.value.response["Error"]["Code"]
                assert code in {"AccessDeniedException", "InvalidParameterException"}, name
            for method, rest in (("GET", "tags/list"), ("PUT", "manifests/v1")):
                target = f"/v2/{name}/{rest}".encode()
                answer = ask(registry, method, target, authorization)
                assert answer.status in {400, 403, 404, 405}, (name, answer)


def test_patterns_match_case_and_slashes_as_aws_says(registry: Registry) -> None:
    for name in ("team/app", "team/deep/app", "teams/app"):
        registry.create(name)
    reader = registry.user("reader", allow("ecr:ListImages", resource=on("team/*")))
    with registry.http(reader) as docker:
        found = {
            name: docker.get(f"/v2/{name}/tags/list").status_code
            for name in ("team/app", "team/deep/app", "teams/app")
        }
    assert found == {"team/app": 200, "team/deep/app": 200, "teams/app": 403}
