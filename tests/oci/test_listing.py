from __future__ import annotations

import httpx
import pytest

from tests import images
from tests.application import Registry
from tests.oci.bodies import NAME, image, put_blob, refused


@pytest.fixture(autouse=True)
def _repository(registry: Registry) -> None:
    registry.create(NAME)


def pages(client: httpx.Client, url: str, member: str) -> list[list[str]]:
    """What each page lists, following Link to the end."""
    found, following = [], url
    while following:
        answer = client.get(following)
        assert answer.status_code == 200, answer.text
        found.append(answer.json()[member])
        following = answer.links.get("next", {}).get("url", "")
    return found


def test_the_version(client: httpx.Client) -> None:
    for path in ("/v2/", "/v2"):
        for method in ("GET", "HEAD"):
            answer = client.request(method, path)
            assert answer.status_code == 200
            assert answer.headers["docker-distribution-api-version"] == "registry/2.0"


def test_tags_come_in_byte_order_and_pages(registry: Registry, client: httpx.Client) -> None:
    names = ["B", "_", "a", "a.b", "a0", "z"]
    for name in reversed(names):
        registry.hold(NAME, image(), name)
    url = f"/v2/{NAME}/tags/list"
    assert client.get(url).json() == {"name": NAME, "tags": names}
    assert pages(client, f"{url}?n=4", "tags") == [names[:4], names[4:]]
    assert pages(client, f"{url}?n=2", "tags") == [names[:2], names[2:4], names[4:]]
    assert pages(client, f"{url}?n=6", "tags") == [names]
    assert pages(client, f"{url}?n=0", "tags") == [[]]
    assert pages(client, f"{url}?last=a", "tags") == [["a.b", "a0", "z"]]
    assert pages(client, f"{url}?n=9&last=zz", "tags") == [[]]


def test_an_empty_repository_has_no_tags(client: httpx.Client) -> None:
    assert client.get(f"/v2/{NAME}/tags/list").json() == {"name": NAME, "tags": []}
    refused(client.get("/v2/team/none/tags/list"), 404, "NAME_UNKNOWN", "team/none")


@pytest.mark.parametrize("number", ["x", "-1", "1.5", "", "9" * 10, "٣"])
@pytest.mark.parametrize(
    "path", [f"/v2/{NAME}/tags/list", "/v2/_catalog", f"/v2/{NAME}/referrers/sha256:" + "0" * 64]
)
def test_a_count_that_is_no_number_is_named(client: httpx.Client, path: str, number: str) -> None:
    refused(client.get(path, params={"n": number}), 400, "UNSUPPORTED", repr(number))


def test_the_catalog(registry: Registry, client: httpx.Client) -> None:
    for name in ("team/b", "team/c", "alone"):
        registry.create(name)
    names = ["alone", NAME, "team/b", "team/c"]
    assert client.get("/v2/_catalog").json() == {"repositories": names}
    assert pages(client, "/v2/_catalog?n=3", "repositories") == [names[:3], names[3:]]


class TestReferrers:
    @pytest.fixture
    def subject(self, registry: Registry) -> images.Image:
        made = image("subject")
        registry.hold(NAME, made, "v1")
        for number in range(5):
            kind = f"application/{'sig' if number % 2 else 'sbom'}"
            registry.hold(NAME, images.artifact(kind, b"%d" % number, made))
        return made

    def listed(self, client: httpx.Client, url: str) -> list[dict[str, object]]:
        return [item for page in pages(client, url, "manifests") for item in page]  # type: ignore[misc]  # descriptors

    def test_all_with_their_types(self, client: httpx.Client, subject: images.Image) -> None:
        url = f"/v2/{NAME}/referrers/{subject.digest}"
        answer = client.get(url)
        assert answer.headers["content-type"] == images.OCI_INDEX
        assert "oci-filters-applied" not in answer.headers
        assert answer.json()["schemaVersion"] == 2
        found = answer.json()["manifests"]
        expected = [
            images.artifact(f"application/{'sig' if n % 2 else 'sbom'}", b"%d" % n, subject)
            for n in range(5)
        ]
        assert {item["digest"]: item["artifactType"] for item in found} == {
            each.digest: f"application/{'sig' if n % 2 else 'sbom'}"
            for n, each in enumerate(expected)
        }
        assert {item["size"] for item in found} == {len(each.manifest) for each in expected}

    def test_by_type(self, client: httpx.Client, subject: images.Image) -> None:
        url = f"/v2/{NAME}/referrers/{subject.digest}?artifactType=application/sbom"
        answer = client.get(url)
        assert answer.headers["oci-filters-applied"] == "artifactType"
        assert len(answer.json()["manifests"]) == 3
        assert len(pages(client, url + "&n=2", "manifests")) == 2
        assert len(self.listed(client, url + "&n=2")) == 3

    def test_pages_neither_skip_nor_repeat_beside_writes(
        self, client: httpx.Client, subject: images.Image
    ) -> None:
        url = f"/v2/{NAME}/referrers/{subject.digest}"
        everything = [item["digest"] for item in self.listed(client, url)]
        first = client.get(url + "?n=2")
        (seen, last) = [item["digest"] for item in first.json()["manifests"]]
        assert client.delete(f"/v2/{NAME}/manifests/{last}").status_code == 202
        rest = self.listed(client, first.links["next"]["url"])
        assert [seen, last, *[item["digest"] for item in rest]] == everything

    def test_large_manifests_come_in_smaller_pages(
        self, registry: Registry, client: httpx.Client
    ) -> None:
        subject = image("large")
        registry.hold(NAME, subject)
        for number in range(4):
            content = images.Blob(b"%d" % number, images.OCI_LAYER, "x")
            noted = {"note": "x" * 2_000_000}
            registry.hold(
                NAME, images.oci_image(content, subject=subject.descriptor(), annotations=noted)
            )
        found = pages(client, f"/v2/{NAME}/referrers/{subject.digest}", "manifests")
        assert [len(page) for page in found] == [3, 1]

    def test_of_nothing_are_none(self, client: httpx.Client) -> None:
        answer = client.get(f"/v2/{NAME}/referrers/{images.digest_of(b'none')}")
        assert (answer.status_code, answer.json()["manifests"]) == (200, [])

    def test_a_push_tells_that_its_subject_is_known(self, client: httpx.Client) -> None:
        subject = image("later")
        made = images.artifact("application/sig", b"x", subject)
        for blob in made.blobs:
            put_blob(client, blob.content)
        pushed = images.put_manifest(client, NAME, made)
        assert pushed.headers["oci-subject"] == subject.digest

    def test_wrong_digests_are_named(self, client: httpx.Client) -> None:
        for digest in ("latest", "sha256:0"):
            answer = client.get(f"/v2/{NAME}/referrers/{digest}")
            refused(answer, 400, "DIGEST_INVALID", digest)
        good = images.digest_of(b"x")
        answer = client.get(f"/v2/{NAME}/referrers/{good}", params={"last": "x"})
        refused(answer, 400, "DIGEST_INVALID", "'x'")
        refused(client.get(f"/v2/team/none/referrers/{good}"), 404, "NAME_UNKNOWN", "team/none")
