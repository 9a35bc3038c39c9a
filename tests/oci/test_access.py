"""Who may do what: tokens, permissions, and what one may learn without them."""

from __future__ import annotations

import base64
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta

import httpx
import pytest

from registry.domain.identities.directory import AccessKey
from registry.domain.identities.identity import Credential
from registry.domain.tokens import LIFETIME, Tokens
from registry.oci.routes import Route
from registry.stores import tokens_of
from tests import images
from tests.application import OpenRegistry, Registry, allow, basic, on
from tests.oci.bodies import NAME, Unchanged, image, put, put_blob, refused, start

CONTENT = b"content" * 100
DIGEST = images.digest_of(CONTENT)
UPLOAD = "00000000-0000-4000-8000-000000000000"
REQUESTS = [
    ("GET", "/v2/_catalog"),
    ("GET", "/v2/{}/tags/list"),
    ("GET", f"/v2/{{}}/referrers/{DIGEST}"),
    ("POST", "/v2/{}/blobs/uploads/"),
    ("POST", f"/v2/{{}}/blobs/uploads/?mount={DIGEST}&from=team/other"),
    ("GET", f"/v2/{{}}/blobs/uploads/{UPLOAD}"),
    ("PATCH", f"/v2/{{}}/blobs/uploads/{UPLOAD}"),
    ("PUT", f"/v2/{{}}/blobs/uploads/{UPLOAD}?digest={DIGEST}"),
    ("DELETE", f"/v2/{{}}/blobs/uploads/{UPLOAD}"),
    ("HEAD", f"/v2/{{}}/blobs/{DIGEST}"),
    ("GET", f"/v2/{{}}/blobs/{DIGEST}"),
    ("DELETE", f"/v2/{{}}/blobs/{DIGEST}"),
    ("HEAD", "/v2/{}/manifests/v1"),
    ("GET", "/v2/{}/manifests/v1"),
    ("PUT", "/v2/{}/manifests/v1"),
    ("DELETE", "/v2/{}/manifests/v1"),
]
PULL = ("ecr:BatchCheckLayerAvailability", "ecr:GetDownloadUrlForLayer", "ecr:BatchGetImage")
PUSH = (
    "ecr:BatchCheckLayerAvailability",
    "ecr:InitiateLayerUpload",
    "ecr:UploadLayerPart",
    "ecr:CompleteLayerUpload",
    "ecr:PutImage",
)


def challenged(answer: httpx.Response, method: str = "GET") -> None:
    assert answer.status_code == 401
    assert answer.headers["www-authenticate"] == (
        'Basic realm="http://registry.test:5000/",service="ecr.amazonaws.com"'
    )
    assert answer.headers["docker-distribution-api-version"] == "registry/2.0"
    assert answer.headers["content-type"].startswith("text/plain")
    assert answer.text.strip() in {"Not Authorized", ""}


def routes(registry: Registry) -> tuple[Route, ...]:
    oci = registry.app._app._below["v2"]
    found: tuple[Route, ...] = oci._routes
    return found


def test_every_route_asks_for_actions_but_the_version(registry: Registry) -> None:
    table = routes(registry)
    without = {route.operation for route in table if not route.actions}
    assert without == {"Version"}
    assert all(action.startswith("ecr:") for route in table for action in route.actions)
    covered = {
        (route.method, route.operation)
        for method, path in REQUESTS
        for route in table
        if route.method == method and route.path.fullmatch(path.format(NAME).partition("?")[0])
    }
    assert covered == {(r.method, r.operation) for r in table if r.operation != "Version"}


@pytest.mark.parametrize(("method", "path"), [*REQUESTS, ("GET", "/v2/"), ("HEAD", "/v2/")])
def test_nothing_without_a_token(registry: Registry, method: str, path: str) -> None:
    registry.create(NAME)
    with Unchanged(registry), registry.anyone() as nobody:
        there = nobody.request(method, path.format(NAME))
        missing = nobody.request(method, path.format("team/none"))
        challenged(there)
        assert (there.status_code, there.content) == (missing.status_code, missing.content)


@pytest.mark.parametrize(("method", "path"), REQUESTS)
def test_nothing_without_permission_and_no_hint_of_what_exists(
    registry: Registry, method: str, path: str
) -> None:
    registry.create(NAME)
    registry.hold(NAME, image(), "v1")
    stranger = registry.user("stranger", allow("ecr:GetAuthorizationToken"))
    with Unchanged(registry), registry.http(stranger) as client:
        there = client.request(method, path.format(NAME))
        missing = client.request(method, path.format("team/none"))
        assert there.status_code == missing.status_code == 403
        if method != "HEAD":
            refused(there, 403, "DENIED", f"User: {stranger.user.arn} is not authorized")
            assert there.text.replace(NAME, "team/none") == missing.text
        assert client.get("/v2/").status_code == 200


def test_the_denial_is_worded_as_aws_words_it(registry: Registry) -> None:
    reader = registry.user("reader", allow(*PULL, resource=on("other/*")))
    with registry.http(reader) as client:
        refused(
            client.get(f"/v2/{NAME}/manifests/v1"),
            403,
            "DENIED",
            f"User: arn:aws:iam::123456789012:user/reader is not authorized to perform:"
            f" ecr:BatchGetImage on resource: {on(NAME)} because no identity-based policy"
            " allows the ecr:BatchGetImage action",
        )


def test_who_may_pull_may_not_push(registry: Registry) -> None:
    registry.create(NAME)
    whole = image()
    registry.hold(NAME, whole, "v1")
    with registry.http(registry.user("reader", allow(*PULL, resource=on(NAME)))) as reader:
        assert reader.get(f"/v2/{NAME}/manifests/v1").content == whole.manifest
        blob = whole.blobs[0]
        assert reader.get(f"/v2/{NAME}/blobs/{blob.digest}").content == blob.content
        with Unchanged(registry):
            answer = reader.post(f"/v2/{NAME}/blobs/uploads/")
            refused(answer, 403, "DENIED", "ecr:InitiateLayerUpload")
            refused(put(reader, whole.manifest), 403, "DENIED", "ecr:PutImage")


def test_who_may_push_may_not_delete(registry: Registry) -> None:
    registry.create(NAME)
    whole = image()
    with registry.http(registry.user("writer", allow(*PUSH, resource=on(NAME)))) as writer:
        images.push(writer, NAME, whole, "v1")
        with Unchanged(registry):
            for path in (f"manifests/{whole.digest}", "manifests/v1", f"blobs/{DIGEST}"):
                answer = writer.delete(f"/v2/{NAME}/{path}")
                refused(answer, 403, "DENIED", "ecr:BatchDeleteImage")


class TestTokens:
    @pytest.fixture
    def key(self, registry: Registry) -> AccessKey:
        return registry.user("ada", allow("*"))

    def status(self, registry: Registry, authorization: str) -> int:
        with registry.anyone({"authorization": authorization}) as client:
            answer = client.get("/v2/")
            if answer.status_code == 401:
                challenged(answer)
            return answer.status_code

    def test_the_password_and_its_form(self, registry: Registry, key: AccessKey) -> None:
        token = registry.token(key)
        assert self.status(registry, basic(token)) == 200
        assert self.status(registry, basic(token).replace("Basic", "basic")) == 200
        for other in ("aws", "", "AWS ", "admin", key.id):
            assert self.status(registry, basic(token, other)) == 401
        for header in (token, f"Bearer {token}", "Basic", "Basic ", f"Basic {token}", "Basic ===",
                       basic(key.secret, key.id), "Basic " + "A" * 10_000, basic("é")):  # fmt: skip
            assert self.status(registry, header) == 401

    def test_every_changed_byte_is_found(self, registry: Registry, key: AccessKey) -> None:
        sealed = base64.urlsafe_b64decode(registry.token(key))
        for position in range(len(sealed)):
            forged = bytearray(sealed)
            forged[position] ^= 1
            text = base64.urlsafe_b64encode(bytes(forged)).decode()
            assert self.status(registry, basic(text)) == 401
        for cut in range(0, len(sealed), 7):
            text = base64.urlsafe_b64encode(sealed[:cut]).decode()
            assert self.status(registry, basic(text)) == 401

    def test_a_token_of_another_keyring(self, registry: Registry, key: AccessKey) -> None:
        ground = registry.ground
        tokens = Tokens(b"k" * 32, ground.directory, ground.sessions, ground.robots)
        stranger = tokens.issue(Credential(key.id))
        assert self.status(registry, basic(stranger.password)) == 401

    def test_twelve_hours(self, registry: Registry, key: AccessKey) -> None:
        tokens = tokens_of(registry.ground)
        now = datetime.now(UTC)
        nearly = tokens.issue(Credential(key.id), now - LIFETIME + timedelta(seconds=60))
        assert self.status(registry, basic(nearly.password)) == 200
        old = tokens.issue(Credential(key.id), now - LIFETIME - timedelta(seconds=1))
        with registry.anyone({"authorization": basic(old.password)}) as client:
            refused(
                client.get("/v2/"), 403, "DENIED",
                "Your authorization token has expired. Reauthenticate and try again.",
            )  # fmt: skip

    @pytest.mark.parametrize("what", ["user", "key"])
    def test_ended_rights_end_tokens_at_once_on_every_worker(
        self, registry: Registry, key: AccessKey, what: str
    ) -> None:
        header, beside = basic(registry.token(key)), registry.beside()

        def active(active: bool) -> None:
            if what == "user":
                registry.set_user_active(key, active=active)
            else:
                registry.set_key_active(key, active=active)

        for worker in (registry, beside):
            assert self.status(worker, header) == 200
        active(False)
        for worker in (registry, beside):
            assert self.status(worker, header) == 401
        active(True)
        for worker in (registry, beside):
            assert self.status(worker, header) == 200
        beside.close()

    def test_two_headers_are_refused(self, registry: Registry, key: AccessKey) -> None:
        header = basic(registry.token(key))
        with registry.anyone() as client:
            twice = [("authorization", header), ("authorization", header)]
            challenged(client.get("/v2/", headers=twice))


class TestUploadsOfOthers:
    @pytest.fixture
    def other(self, registry: Registry) -> Iterator[httpx.Client]:
        """Somebody with every permission, but not the one who began the upload."""
        with registry.http(registry.user("mallory", allow("*"))) as client:
            yield client

    @pytest.fixture
    def location(self, registry: Registry, client: httpx.Client) -> str:
        registry.create(NAME)
        location = start(client)
        client.patch(location, content=CONTENT)
        return location

    @pytest.mark.parametrize("method", ["GET", "PATCH", "PUT", "DELETE"])
    def test_are_as_if_they_were_not_there(
        self, registry: Registry, other: httpx.Client, location: str, method: str
    ) -> None:
        query = {"digest": DIGEST}
        with Unchanged(registry):
            answer = other.request(method, location, params=query)
            refused(answer, 404, "BLOB_UPLOAD_UNKNOWN", "not known here")
            answer = other.request(method, location, params=query, content=b"x" * 99)
            refused(answer, 404, "BLOB_UPLOAD_UNKNOWN", "not known here")

    def test_are_finished_by_their_owner_with_another_token(
        self, registry: Registry, location: str
    ) -> None:
        with registry.http() as again:
            assert again.put(location, params={"digest": DIGEST}).status_code == 201


class TestMountWithoutPermission:
    @pytest.fixture(autouse=True)
    def _repositories(self, registry: Registry, client: httpx.Client) -> None:
        for name in (NAME, "secret/app"):
            registry.create(name)
        put_blob(client, CONTENT, "secret/app")

    @pytest.mark.parametrize("source", ["secret/app", None])
    def test_no_blob_and_no_hint(self, registry: Registry, source: str | None) -> None:
        writer = registry.user("writer", allow(*PUSH, *PULL, resource=on("team/*")))
        with registry.http(writer) as client:
            answers = []
            for digest in (DIGEST, images.digest_of(b"nowhere")):
                query = {"mount": digest} | ({"from": source} if source else {})
                answers.append(client.post(f"/v2/{NAME}/blobs/uploads/", params=query))
            assert [answer.status_code for answer in answers] == [202, 202]
            assert set(answers[0].headers) == set(answers[1].headers)
            assert client.get(f"/v2/{NAME}/blobs/{DIGEST}").status_code == 404
            assert client.get(f"/v2/secret/app/blobs/{DIGEST}").status_code == 403

    def test_the_permission_to_read_the_source_is_enough(self, registry: Registry) -> None:
        writer = registry.user(
            "writer", allow(*PUSH, resource=on(NAME)), allow(*PULL, resource=on("secret/*"))
        )
        with registry.http(writer) as client:
            query = {"mount": DIGEST, "from": "secret/app"}
            answer = client.post(f"/v2/{NAME}/blobs/uploads/", params=query)
            assert answer.status_code == 201

    def test_an_explicit_deny_counts(self, registry: Registry) -> None:
        writer = registry.user(
            "writer", allow("*"), allow("ecr:Get*", resource=on("secret/*"), effect="Deny")
        )
        with registry.http(writer) as client:
            query = {"mount": DIGEST, "from": "secret/app"}
            answer = client.post(f"/v2/{NAME}/blobs/uploads/", params=query)
            assert answer.status_code == 202


class TestPaths:
    @pytest.mark.parametrize(
        "name",
        [b"Team/app", b"team//app", b"team/../app", b"team/./app", b"../team", b"team/.app", b"-a",
         b"team/app.", b"t", b"a" * 257, b"team\\app", b"team/app\xff", b"team/ app", b"team:app"],
    )  # fmt: skip
    def test_names_outside_the_grammar_are_named(self, registry: Registry, name: bytes) -> None:
        with Unchanged(registry):
            for method, rest in (("POST", b"/blobs/uploads/"), ("PUT", b"/manifests/v1")):
                answer = registry.raw(method, b"/v2/" + name + rest, [b"{}"])
                assert (answer.status, answer.error["code"]) == (400, "NAME_INVALID")
                assert name.decode("latin-1")[:20].strip("\xff") in answer.error["message"].replace(
                    "\\\\", "\\"
                )

    @pytest.mark.parametrize(
        "path",
        [b"/v2/team%2Fapp/manifests/v1", b"/v2/team/app%2Fmanifests/v1",
         b"/v2/%2e%2e/manifests/v1", b"/v2/team/app/manifests/%761", b"/v2/team/%00/manifests/v1",
         b"/v2/team/app/blobs/uploads%2F", b"/v2/team/app/manifests/..%2f..%2fv1", b"/v2%2fx"],
    )  # fmt: skip
    def test_percent_encoding_is_refused(self, registry: Registry, path: bytes) -> None:
        registry.create(NAME)
        registry.hold(NAME, image(), "v1")
        with Unchanged(registry):
            for method in ("GET", "PUT", "DELETE", "POST"):
                answer = registry.raw(method, path, [b"{}"])
                assert (answer.status, answer.error["code"]) == (400, "NAME_INVALID")

    @pytest.mark.parametrize(
        "path", ["/v2/x", "/v2/team/app", "/v2//blobs/uploads/", "/v2/manifests/v1", "/v2//",
                 "/v2/team/app/manifests/", "/v2/team/app/tags/list/", "/v2/_catalog/x"]
    )  # fmt: skip
    def test_other_paths_are_unknown(self, client: httpx.Client, path: str) -> None:
        answer = client.get(path)
        assert answer.status_code in {400, 404}
        assert answer.json()["errors"][0]["code"] in {"UNSUPPORTED", "NAME_INVALID"}

    @pytest.mark.parametrize(
        ("method", "path", "allowed"),
        [("POST", "/v2/", "GET, HEAD"), ("DELETE", "/v2/_catalog", "GET"),
         ("PATCH", f"/v2/{NAME}/manifests/v1", "HEAD, GET, PUT, DELETE"),
         ("PUT", f"/v2/{NAME}/tags/list", "GET"), ("TRACE", f"/v2/{NAME}/tags/list", "GET")],
    )  # fmt: skip
    def test_other_methods_are_told_which_there_are(
        self, client: httpx.Client, method: str, path: str, allowed: str
    ) -> None:
        answer = client.request(method, path)
        refused(answer, 405, "UNSUPPORTED", method)
        assert set(answer.headers["allow"].split(", ")) == set(allowed.split(", "))

    def test_a_repository_may_be_called_like_a_part_of_the_protocol(
        self, registry: Registry, client: httpx.Client
    ) -> None:
        for name in ("team/blobs/uploads", "tags/list", "team/manifests", "referrers/x"):
            registry.create(name)
            images.push(client, name, image(), "v1")
            assert client.get(f"/v2/{name}/manifests/v1").content == image().manifest
            assert client.get(f"/v2/{name}/tags/list").json() == {"name": name, "tags": ["v1"]}


class TestCreateOnPush:
    def test_is_off_by_default(self, registry: Registry, client: httpx.Client) -> None:
        with Unchanged(registry):
            refused(client.post("/v2/new/app/blobs/uploads/"), 404, "NAME_UNKNOWN", "'new/app'")
            refused(put(client, b"{}", name="new/app"), 404, "NAME_UNKNOWN", "'new/app'")

    def test_makes_what_is_missing_for_who_may(self, open_one: OpenRegistry) -> None:
        registry = open_one(create_on_push=True)
        with registry.http() as client:
            images.push(client, "new/app", image(), "v1")
            assert client.get("/v2/new/app/manifests/v1").content == image().manifest
            refused(client.get("/v2/new/other/manifests/v1"), 404, "NAME_UNKNOWN", "new/other")
        writer = registry.user("writer", allow(*PUSH))
        with Unchanged(registry), registry.http(writer) as client:
            refused(client.post("/v2/more/app/blobs/uploads/"), 404, "NAME_UNKNOWN", "more/app")


class TestKeys:
    @pytest.fixture
    def keyed(self, registry: Registry) -> str:
        """The id of a key that `team/one` and `team/two` use; `team/app` uses the default."""
        key = registry.ground.keys.create("ours")
        config = {"encryptionType": "KMS", "kmsKey": key.arn}
        for name in ("team/one", "team/two"):
            registry.ecr().create_repository(
                repositoryName=name,
                encryptionConfiguration=config,  # type: ignore[arg-type]  # a plain dict
            )
        registry.create(NAME)
        return key.key_id

    def test_blobs_are_shared_under_one_key_and_never_across(
        self, registry: Registry, client: httpx.Client, keyed: str
    ) -> None:
        for name in (NAME, "team/one", "team/two"):
            put_blob(client, CONTENT, name)
        names = sorted(path.split("/")[1] for path in registry.objects())
        assert len(names) == 2
        assert keyed in names
        registry.check_whole()

    def test_a_disabled_key_refuses_pulls_and_pushes_at_once(
        self, registry: Registry, client: httpx.Client, keyed: str
    ) -> None:
        whole = image()
        blob = whole.blobs[0]
        for name in (NAME, "team/one"):
            images.push(client, name, whole, "v1")
        location = start(client, "team/one")
        paths = [("GET", "manifests/v1"), ("HEAD", "manifests/v1"),
                 ("GET", f"blobs/{blob.digest}"), ("HEAD", f"blobs/{blob.digest}")]  # fmt: skip
        beside = registry.beside()
        with beside.http() as other:
            for worker in (client, other):
                for method, path in paths:
                    assert worker.request(method, f"/v2/team/one/{path}").status_code == 200
            registry.ground.keys.disable(keyed)
            with Unchanged(registry):
                for worker in (client, other):
                    for method, path in paths:
                        answer = worker.request(method, f"/v2/team/one/{path}")
                        assert answer.status_code == 403, path
                        assert worker.request(method, f"/v2/{NAME}/{path}").status_code == 200
                refused(client.get("/v2/team/one/manifests/v1"), 403, "DENIED", "is disabled")
                refused(client.patch(location, content=b"x"), 403, "DENIED", "is disabled")
                answer = client.post("/v2/team/one/blobs/uploads/")
                refused(answer, 403, "DENIED", "is disabled")
                mounting = client.post(
                    f"/v2/team/two/blobs/uploads/?mount={blob.digest}&from=team/one"
                )
                refused(mounting, 403, "DENIED", "is disabled")
                refused(put(client, whole.manifest, "v2", "team/one"), 403, "DENIED", "disabled")
            registry.ground.keys.enable(keyed)
            for worker in (client, other):
                for method, path in paths:
                    assert worker.request(method, f"/v2/team/one/{path}").status_code == 200
        beside.close()
