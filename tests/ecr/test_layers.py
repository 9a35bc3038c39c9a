"""The layer API: parts in order, layers checked, links that need no header."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from registry.domain.downloads import Downloads
from registry.domain.identities.identity import Credential
from registry.domain.layers import PART_MIN
from registry.values.errors import Denied
from tests import images
from tests.application import ACCOUNT, REGION, SCOPE, URL, Registry, allow, on
from tests.ecr.calls import NAME, failure, image, missing, refusal

MIB = 1024 * 1024
FIRST, LAST = bytes(PART_MIN), b"the end"


@pytest.fixture(autouse=True)
def _repository(registry: Registry) -> None:
    registry.create(NAME)


def begin(ecr: Any) -> str:
    return str(ecr.initiate_layer_upload(repositoryName=NAME)["uploadId"])


def part(ecr: Any, upload: str, first: int, content: bytes, **changed: Any) -> Any:
    named = {"repositoryName": NAME, "uploadId": upload, "layerPartBlob": content}
    span = {"partFirstByte": first, "partLastByte": first + len(content) - 1}
    return ecr.upload_layer_part(**{**named, **span, **changed})


def complete(ecr: Any, upload: str, *digests: str) -> Any:
    return ecr.complete_layer_upload(
        repositoryName=NAME, uploadId=upload, layerDigests=list(digests)
    )


def push_layer(ecr: Any, content: bytes) -> str:
    upload = begin(ecr)
    part(ecr, upload, 0, content)
    return str(complete(ecr, upload, images.digest_of(content))["layerDigest"])


class TestUploads:
    def test_a_layer_in_parts(self, registry: Registry) -> None:
        ecr = registry.ecr()
        begun = ecr.initiate_layer_upload(repositoryName=NAME)
        upload = begun["uploadId"]
        assert PART_MIN <= begun["partSize"] <= 20_971_520
        taken = part(ecr, upload, 0, FIRST)
        assert {name: taken[name] for name in ("registryId", "repositoryName", "uploadId")} == {
            "registryId": ACCOUNT,
            "repositoryName": NAME,
            "uploadId": upload,
        }
        assert taken["lastByteReceived"] == PART_MIN - 1
        end = part(ecr, upload, PART_MIN, LAST)
        assert end["lastByteReceived"] == PART_MIN + len(LAST) - 1
        digest = images.digest_of(FIRST + LAST)
        done = complete(ecr, upload, digest)
        assert (done["layerDigest"], done["uploadId"]) == (digest, upload)
        with registry.http() as docker:
            assert docker.get(f"/v2/{NAME}/blobs/{digest}").content == FIRST + LAST
        registry.check_whole()

    def test_a_part_of_the_greatest_size_and_one_byte_more(self, registry: Registry) -> None:
        ecr = registry.ecr()
        upload = begin(ecr)
        assert part(ecr, upload, 0, bytes(20_971_520))["lastByteReceived"] == 20_971_519
        code, message = refusal(lambda: part(ecr, upload, 20_971_520, bytes(20_971_521)))
        assert (code, "layerPartBlob" in message) == ("InvalidParameterException", True)

    def test_both_wires_share_an_upload(self, registry: Registry) -> None:
        ecr = registry.ecr()
        upload = begin(ecr)
        part(ecr, upload, 0, FIRST)
        with registry.http() as docker:
            path = f"/v2/{NAME}/blobs/uploads/{upload}"
            assert docker.get(path).headers["range"] == f"0-{PART_MIN - 1}"
            digest = images.digest_of(FIRST + LAST)
            assert docker.put(path, params={"digest": digest}, content=LAST).status_code == 201

    @pytest.mark.parametrize(
        ("first", "last"),
        [(0, 6), (PART_MIN + 1, PART_MIN + 7), (PART_MIN, PART_MIN + 7), (PART_MIN, PART_MIN - 1)],
    )
    def test_a_part_that_does_not_follow_tells_where_to_go_on(
        self, registry: Registry, first: int, last: int
    ) -> None:
        ecr = registry.ecr()
        upload = begin(ecr)
        part(ecr, upload, 0, FIRST)
        found = failure(
            lambda: part(ecr, upload, first, LAST, partFirstByte=first, partLastByte=last)
        )
        assert found["Error"]["Code"] == "InvalidLayerPartException"
        assert found["lastValidByteReceived"] == PART_MIN - 1
        assert found["registryId"] == ACCOUNT
        assert found["repositoryName"] == NAME
        assert found["uploadId"] == upload
        assert part(ecr, upload, PART_MIN, LAST)["lastByteReceived"] == PART_MIN + 6

    def test_what_is_not_a_layer_yet(self, registry: Registry) -> None:
        ecr = registry.ecr()
        upload, digest = begin(ecr), images.digest_of(LAST + LAST)
        code, message = refusal(lambda: complete(ecr, upload, digest))
        assert (code, upload in message) == ("EmptyUploadException", True)
        part(ecr, upload, 0, LAST)
        part(ecr, upload, len(LAST), LAST)
        code, message = refusal(lambda: complete(ecr, upload, digest))
        assert (code, str(PART_MIN) in message) == ("LayerPartTooSmallException", True)

    def test_another_digest(self, registry: Registry) -> None:
        ecr, before = registry.ecr(), registry.objects()
        upload = begin(ecr)
        part(ecr, upload, 0, LAST)
        other, digest = images.digest_of(b"other"), images.digest_of(LAST)
        for digests in ((digest, other), ("sha256:1",)):
            code, _ = refusal(lambda digests=digests: complete(ecr, upload, *digests))  # type: ignore[misc]  # bound now
            assert code == "InvalidParameterException"
        code, message = refusal(lambda: complete(ecr, upload, other))
        assert (code, other in message) == ("InvalidLayerException", True)
        assert registry.objects() == before

    def test_a_layer_that_is_there(self, registry: Registry) -> None:
        ecr = registry.ecr()
        digest = push_layer(ecr, LAST)
        code, message = refusal(lambda: push_layer(ecr, LAST))
        assert (code, digest in message) == ("LayerAlreadyExistsException", True)
        registry.check_whole()

    def test_pushing_a_layer_again_repairs_a_lost_one(self, registry: Registry) -> None:
        ecr = registry.ecr()
        push_layer(ecr, LAST)
        (lost,) = registry.objects()
        (registry.settings.data / "storage" / lost).unlink()
        code, _ = refusal(lambda: push_layer(ecr, LAST))
        assert code == "LayerAlreadyExistsException"
        registry.check_whole()

    def test_an_upload_is_its_beginners_alone(self, registry: Registry) -> None:
        upload = begin(registry.ecr())
        ada = registry.ecr(registry.user("ada", allow("*")))
        for call in (
            lambda: part(ada, upload, 0, LAST),
            lambda: complete(ada, upload, images.digest_of(LAST)),
        ):
            code, message = refusal(call)
            assert (code, upload in message) == ("UploadNotFoundException", True)

    def test_keys_and_repositories_that_are_not_there(self, registry: Registry) -> None:
        ecr = registry.ecr()
        upload = begin(ecr)
        gone = {"repositoryName": "team/none"}
        digest = images.digest_of(b"")
        for call in (
            lambda: ecr.initiate_layer_upload(**gone),
            lambda: part(ecr, upload, 0, LAST, **gone),
            lambda: ecr.complete_layer_upload(uploadId=upload, layerDigests=[digest], **gone),
            lambda: ecr.batch_check_layer_availability(layerDigests=[digest], **gone),
            lambda: ecr.get_download_url_for_layer(layerDigest=digest, **gone),
        ):
            assert refusal(call) == missing()
        key = registry.ground.keys.create("ours")
        registry.create("team/keyed")
        ecr.delete_repository(repositoryName=NAME)
        ecr.create_repository(
            repositoryName=NAME,
            encryptionConfiguration={"encryptionType": "KMS", "kmsKey": key.key_id},
        )
        registry.ground.keys.disable(key.key_id)
        assert refusal(lambda: begin(ecr))[0] == "KmsException"

    def test_an_upload_id_has_a_form(self, registry: Registry) -> None:
        code, message = refusal(lambda: part(registry.ecr(), "x", 0, LAST))
        assert (code, "uploadId" in message) == ("InvalidParameterException", True)


def test_availability(registry: Registry) -> None:
    whole, other = image(), images.digest_of(b"nothing")
    registry.hold(NAME, whole, "v1")
    registry.hold_blob(registry.repositories.get(SCOPE, NAME), LAST)
    loose = images.digest_of(LAST)
    answer = registry.ecr().batch_check_layer_availability(
        repositoryName=NAME,
        layerDigests=[whole.blobs[1].digest, loose, other, "sha256:1", "", loose],
    )
    assert answer["layers"] == [
        {
            "layerDigest": whole.blobs[1].digest,
            "layerAvailability": "AVAILABLE",
            "layerSize": len(whole.blobs[1].content),
            "mediaType": images.OCI_LAYER,
        },
        {"layerDigest": loose, "layerAvailability": "AVAILABLE", "layerSize": len(LAST)},
        {"layerDigest": other, "layerAvailability": "UNAVAILABLE"},
    ]
    found = [(each["layerDigest"], each["failureCode"]) for each in answer["failures"]]
    assert found == [("sha256:1", "InvalidLayerDigest"), ("", "MissingLayerDigest")]


class TestDownloads:
    @pytest.fixture
    def blob(self, registry: Registry) -> images.Blob:
        whole = images.oci_image(images.layer({"hello": b"hello" * 40_000}))
        registry.hold(NAME, whole, "v1")
        return whole.blobs[1]

    def url(self, registry: Registry, blob: images.Blob, key: Any = None) -> str:
        told = registry.ecr(key).get_download_url_for_layer(
            repositoryName=NAME, layerDigest=blob.digest
        )
        assert told["layerDigest"] == blob.digest
        return told["downloadUrl"]

    @pytest.fixture
    def anyone(self, registry: Registry) -> httpx.Client:
        return registry.anyone()

    def test_the_link_alone_is_enough(
        self, registry: Registry, anyone: httpx.Client, blob: images.Blob
    ) -> None:
        url = self.url(registry, blob)
        assert url.startswith(f"{URL}/layers/{blob.digest}?token=")
        whole = anyone.get(url)
        assert (whole.status_code, whole.content) == (200, blob.content)
        part = anyone.get(url, headers={"range": "bytes=10-19"})
        assert (part.status_code, part.content) == (206, blob.content[10:20])
        head = anyone.head(url)
        assert head.headers["content-length"] == str(len(blob.content))
        beside = registry.beside()
        assert beside.anyone().get(url).content == blob.content
        beside.close()

    def test_it_is_good_for_nothing_else(
        self, registry: Registry, anyone: httpx.Client, blob: images.Blob
    ) -> None:
        url = self.url(registry, blob)
        other = images.oci_image(images.layer({"other": b"other"}))
        registry.hold(NAME, other)
        (token,) = parse_qs(urlsplit(url).query)["token"]
        for bad in (
            url.replace(blob.digest, other.blobs[1].digest),
            url[:-2],
            url + "&token=" + token,
            url.partition("?")[0],
            f"{URL}/layers/?token={token}",
            f"{URL}/layers/sha256:1?token=é",
        ):
            answer = anyone.get(bad)
            assert answer.status_code == 403, bad
            assert answer.json()["errors"][0]["code"] == "DENIED"
        assert anyone.put(url).status_code == 405
        for secret in (repr(anyone.get(url).headers), answer.text):
            assert token not in secret

    def test_it_ends_with_the_rights_of_its_caller(
        self, registry: Registry, anyone: httpx.Client, blob: images.Blob
    ) -> None:
        ada = registry.user("ada", allow("ecr:GetDownloadUrlForLayer"))
        url = self.url(registry, blob, ada)
        assert anyone.get(url).status_code == 200
        deny = {"Effect": "Deny", "Principal": "*", "Action": "ecr:GetDownloadUrlForLayer"}
        text = json.dumps({"Version": "2012-10-17", "Statement": [deny]})
        registry.ecr().set_repository_policy(repositoryName=NAME, policyText=text)
        denied = anyone.get(url)
        assert denied.status_code == 403
        assert f"{ada.user.arn} is not authorized" in denied.text
        registry.ecr().delete_repository_policy(repositoryName=NAME)
        assert anyone.get(url).status_code == 200
        registry.set_key_active(ada, active=False)
        assert "have ended" in anyone.get(url).text

    def test_of_a_session_it_ends_with_the_session(
        self, registry: Registry, anyone: httpx.Client, blob: images.Blob
    ) -> None:
        ada = registry.user("ada", allow("*"))
        got = registry.sts(ada).get_session_token()["Credentials"]
        session = registry.aws(
            "ecr", got["AccessKeyId"], got["SecretAccessKey"], got["SessionToken"]
        )
        url = session.get_download_url_for_layer(repositoryName=NAME, layerDigest=blob.digest)[
            "downloadUrl"
        ]
        assert got["SessionToken"] not in url
        assert anyone.get(url).content == blob.content
        registry.set_user_active(ada, active=False)
        assert anyone.get(url).status_code == 403

    def test_it_ends_with_the_layer_and_the_repository(
        self, registry: Registry, anyone: httpx.Client, blob: images.Blob
    ) -> None:
        url = self.url(registry, blob)
        ecr = registry.ecr()
        ecr.batch_delete_image(repositoryName=NAME, imageIds=[{"imageTag": "v1"}])
        ecr.delete_repository(repositoryName=NAME, force=True)
        assert anyone.get(url).status_code == 404
        registry.create(NAME)
        registry.hold_blob(registry.repositories.get(SCOPE, NAME), blob.content)
        assert anyone.get(url).status_code == 404

    def test_an_hour(self, registry: Registry) -> None:
        tokens = registry.stores.tokens
        downloads = Downloads(bytes(32), tokens)
        repository = registry.repositories.get(SCOPE, NAME)
        now = datetime.now(UTC)
        digest = images.digest_of(b"")
        sealed = downloads.seal(repository, digest, Credential(registry.admin.id), now)
        good = downloads.open(sealed, digest, now + timedelta(minutes=59, seconds=58))
        assert (good.repository_id, good.scope.region) == (repository.id, REGION)
        with pytest.raises(Denied, match="Request has expired"):
            downloads.open(sealed, digest, now + timedelta(hours=1))
        with pytest.raises(Denied):
            Downloads(bytes(31) + b"\1", tokens).open(sealed, digest, now)

    def test_what_has_no_link(self, registry: Registry, blob: images.Blob) -> None:
        ecr = registry.ecr()
        registry.hold_blob(registry.repositories.get(SCOPE, NAME), LAST)
        loose, other = images.digest_of(LAST), images.digest_of(b"none")
        for digest, code in (
            (loose, "LayerInaccessibleException"),
            (other, "LayersNotFoundException"),
        ):
            got = refusal(
                lambda digest=digest: ecr.get_download_url_for_layer(  # type: ignore[misc]  # bound now
                    repositoryName=NAME, layerDigest=digest
                )
            )
            assert (got[0], digest in got[1]) == (code, True)
        code, _ = refusal(
            lambda: ecr.get_download_url_for_layer(repositoryName=NAME, layerDigest="sha256:1")
        )
        assert code == "InvalidParameterException"
        assert blob.content


def test_who_may_not(registry: Registry) -> None:
    ecr = registry.ecr(registry.user("ada", allow("ecr:*", resource=on("other/*"))))
    upload, digest = "0" * 8 + "-0000-0000-0000-" + "0" * 12, images.digest_of(LAST)
    before = registry.stored()
    for action, call in (
        ("InitiateLayerUpload", lambda: begin(ecr)),
        ("UploadLayerPart", lambda: part(ecr, upload, 0, LAST)),
        ("CompleteLayerUpload", lambda: complete(ecr, upload, digest)),
        (
            "BatchCheckLayerAvailability",
            lambda: ecr.batch_check_layer_availability(repositoryName=NAME, layerDigests=[digest]),
        ),
        (
            "GetDownloadUrlForLayer",
            lambda: ecr.get_download_url_for_layer(repositoryName=NAME, layerDigest=digest),
        ),
    ):
        code, message = refusal(call)
        assert code == "AccessDeniedException"
        assert f"ecr:{action} on resource: {on(NAME)}" in message
    assert registry.stored() == before
