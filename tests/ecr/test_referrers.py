"""ListImageReferrers: what is shown, filters, pages, who may."""

from __future__ import annotations

from typing import Any

import pytest

from tests import images
from tests.application import Registry, allow, on
from tests.ecr.calls import NAME, image, missing, refusal

SUBJECT = image()
TYPES = ("application/sig", "application/sbom")


@pytest.fixture
def held(registry: Registry) -> Registry:
    """An image with 25 referrers: 13 signatures, 12 SBOMs."""
    registry.create(NAME)
    registry.hold(NAME, SUBJECT, "v1")
    for number in range(25):
        registry.hold(NAME, images.artifact(TYPES[number % 2], b"%d" % number, SUBJECT))
    return registry


def listed(registry: Registry, **options: Any) -> Any:
    return registry.ecr().list_image_referrers(
        **{"repositoryName": NAME, "subjectId": {"imageDigest": SUBJECT.digest}, **options}
    )


def test_pages_neither_skip_nor_repeat(held: Registry) -> None:
    first = listed(held)
    assert len(first["referrers"]) == 20
    gone = first["referrers"][3]["digest"]
    held.ecr().batch_delete_image(repositoryName=NAME, imageIds=[{"imageDigest": gone}])
    second = listed(held, nextToken=first["nextToken"])
    assert "nextToken" not in second
    found = [each["digest"] for page in (first, second) for each in page["referrers"]]
    assert len(found) == len(set(found)) == 25
    (page,) = listed(held, maxResults=1)["referrers"]
    assert page["digest"] == found[0]


def test_what_is_shown(held: Registry) -> None:
    signed = images.oci_image(
        images.Blob(b"s", images.OCI_LAYER),
        subject=SUBJECT.descriptor(),
        annotations={"made-by": "tests"},
    )
    held.hold(NAME, signed)
    shown = {each["digest"]: each for each in listed(held, maxResults=50)["referrers"]}
    assert len(shown) == 26
    assert shown[signed.digest] == {
        "digest": signed.digest,
        "mediaType": images.OCI_MANIFEST,
        "artifactType": images.OCI_CONFIG,
        "size": len(signed.manifest),
        "annotations": {"made-by": "tests"},
        "artifactStatus": "ACTIVE",
    }


def test_filters(held: Registry) -> None:
    for wanted, count in (
        ({"artifactTypes": [TYPES[0]]}, 13),
        ({"artifactTypes": list(TYPES)}, 25),
        ({"artifactTypes": ["application/none"]}, 0),
        ({"artifactTypes": []}, 25),
        ({"artifactStatus": "ACTIVE"}, 25),
        ({"artifactStatus": "ANY"}, 25),
        ({"artifactStatus": "ARCHIVED"}, 0),
        ({"artifactStatus": "ACTIVATING"}, 0),
    ):
        assert len(listed(held, maxResults=50, filter=wanted)["referrers"]) == count
    token = listed(held)["nextToken"]
    for options in ({"filter": {"artifactTypes": [TYPES[0]]}}, {"nextToken": "x"}):
        asked = {"nextToken": token} | options
        code, message = refusal(lambda asked=asked: listed(held, **asked))  # type: ignore[misc]  # bound now
        assert (code, "nextToken" in message) == ("InvalidParameterException", True)


def test_of_what_is_not_there(held: Registry) -> None:
    other = {"imageDigest": images.digest_of(b"none")}
    assert listed(held, subjectId=other)["referrers"] == []
    assert refusal(lambda: listed(held, repositoryName="team/none")) == missing()
    for options, named in (
        ({"subjectId": {"imageDigest": "sha256:1"}}, "sha256:1"),
        ({"subjectId": {}}, "imageDigest"),
        ({"maxResults": 51}, "maxResults"),
    ):
        code, message = refusal(lambda options=options: listed(held, **options))  # type: ignore[misc]  # bound now
        assert (code, named in message) == ("InvalidParameterException", True)


def test_who_may(held: Registry) -> None:
    def ask(policy: str) -> Any:
        ecr = held.ecr(held.user(f"u{abs(hash(policy))}", policy))
        return lambda: ecr.list_image_referrers(
            repositoryName=NAME, subjectId={"imageDigest": SUBJECT.digest}
        )

    code, message = refusal(ask(allow("ecr:*", resource=on("other/*"))))
    assert (code, f"ecr:BatchGetImage on resource: {on(NAME)}" in message) == (
        "AccessDeniedException",
        True,
    )
    assert ask(allow("ecr:BatchGetImage"))()["referrers"]
