"""What is changed about a repository: mutability of tags, scanning, its own tags."""

from __future__ import annotations

import json
import threading
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.domain.resource_labels import KEY_MAX, MOST, VALUE_MAX, label_set
from registry.values.errors import ResourceTagInvalid, TagImmutable, Vanished
from tests.application import ACCOUNT, REGION, SCOPE, Registry, allow, on
from tests.ecr.calls import NAME, image, missing, refusal

ARN = on(NAME)
FORBIDDEN = "!<\n\0{"
TEXT = "aZ9é雪 _.:/=+-@ws" * 3 + FORBIDDEN
A, B = image("a"), image("b")


@pytest.fixture(autouse=True)
def _repository(registry: Registry) -> None:
    registry.create(NAME)


def excluding(*filters: str) -> list[Any]:
    return [{"filterType": "WILDCARD", "filter": text} for text in filters]


def put(client: httpx.Client, tag: str, content: bytes) -> int:
    headers = {"content-type": "application/vnd.oci.image.manifest.v1+json"}
    return client.put(f"/v2/{NAME}/manifests/{tag}", content=content, headers=headers).status_code


class TestMutability:
    def test_both_ways_round_on_every_path(self, registry: Registry, client: httpx.Client) -> None:
        ecr = registry.ecr()
        for each in (A, B):
            registry.hold(NAME, each)
        for tag in ("v1", "dev-1"):
            assert put(client, tag, A.manifest) == 201
        for mutability, moving in (
            ("IMMUTABLE_WITH_EXCLUSION", {"dev-1"}),
            ("MUTABLE_WITH_EXCLUSION", {"v1"}),
            ("IMMUTABLE", set()),
            ("MUTABLE", {"v1", "dev-1"}),
        ):
            wanted: Any = {"imageTagMutability": mutability}
            if mutability.endswith("EXCLUSION"):
                wanted["imageTagMutabilityExclusionFilters"] = excluding("dev-*")
            told = ecr.put_image_tag_mutability(repositoryName=NAME, **wanted)
            told.pop("ResponseMetadata")  # type: ignore[misc]  # a TypedDict says it is needed
            assert told == {"registryId": ACCOUNT, "repositoryName": NAME, **wanted}
            (shown,) = ecr.describe_repositories()["repositories"]
            assert {name: dict(shown)[name] for name in wanted} == wanted
            for tag in ("v1", "dev-1"):
                assert (put(client, tag, B.manifest) == 201) == (tag in moving)
                put_image = {"repositoryName": NAME, "imageManifest": B.text, "imageTag": tag}
                code, _ = refusal(lambda asked=put_image: ecr.put_image(**asked))  # type: ignore[misc]  # bound now
                # Where it may move it stands there already.
                refused = "Image" if tag in moving else "ImageTag"
                assert code == f"{refused}AlreadyExistsException"
                assert put(client, tag, A.manifest) == 201

    def test_of_fifty_pushers_of_a_new_tag_one_wins(self, registry: Registry) -> None:
        registry.ecr().put_image_tag_mutability(repositoryName=NAME, imageTagMutability="IMMUTABLE")
        made = [image(str(number)) for number in range(50)]
        for each in made:
            registry.hold(NAME, each)
        ready = threading.Barrier(len(made))
        clients, ecr = [registry.http() for _ in made], registry.ecr()

        def push(number: int) -> bool:
            ready.wait()
            if number % 2:
                return put(clients[number], "v1", made[number].manifest) == 201
            try:
                ecr.put_image(repositoryName=NAME, imageManifest=made[number].text, imageTag="v1")
            except ecr.exceptions.ImageTagAlreadyExistsException:
                return False
            return True

        with ThreadPoolExecutor(len(made)) as pool:
            won = list(pool.map(push, range(len(made))))
        assert won.count(True) == 1
        stored = registry.images.get(registry.repositories.get(SCOPE, NAME), "v1")
        assert str(stored.image.digest) == made[won.index(True)].digest

    def test_a_push_that_looked_before_the_change_does_not_get_through(
        self, registry: Registry
    ) -> None:
        registry.hold(NAME, A, "v1")
        registry.hold(NAME, B)
        seen = registry.repositories.get(SCOPE, NAME)
        registry.ecr().put_image_tag_mutability(repositoryName=NAME, imageTagMutability="IMMUTABLE")
        assert not seen.fixes("v1")
        with pytest.raises(TagImmutable):
            registry.images.put(seen, B.manifest, tag_names=["v1"])

    @pytest.mark.parametrize(
        ("options", "named"),
        [
            ({"imageTagMutability": "SOMETIMES"}, "imageTagMutability"),
            ({"imageTagMutability": "IMMUTABLE_WITH_EXCLUSION"}, "ExclusionFilters"),
            ({"imageTagMutabilityExclusionFilters": excluding("a")}, "_WITH_EXCLUSION"),
            (
                {
                    "imageTagMutability": "MUTABLE_WITH_EXCLUSION",
                    "imageTagMutabilityExclusionFilters": excluding("a*b*c*"),
                },
                "at most 2 wildcards",
            ),
        ],
    )
    def test_what_cannot_be(self, registry: Registry, options: dict[str, Any], named: str) -> None:
        before = registry.stored()
        wanted = {"repositoryName": NAME, "imageTagMutability": "MUTABLE"} | options
        code, message = refusal(lambda: registry.ecr().put_image_tag_mutability(**wanted))
        assert (code, named in message) == ("InvalidParameterException", True)
        assert registry.stored() == before


def test_scanning(registry: Registry) -> None:
    ecr = registry.ecr()
    for wanted in (True, False):
        told = ecr.put_image_scanning_configuration(
            repositoryName=NAME, imageScanningConfiguration={"scanOnPush": wanted}
        )
        assert told["imageScanningConfiguration"] == {"scanOnPush": wanted}
        (shown,) = ecr.describe_repositories()["repositories"]
        assert shown["imageScanningConfiguration"] == {"scanOnPush": wanted}


def test_a_repository_that_went_meanwhile(registry: Registry) -> None:
    seen = registry.repositories.get(SCOPE, NAME)
    registry.repositories.delete(SCOPE, NAME)
    registry.create(NAME)
    changes: list[Callable[[], None]] = [
        lambda: registry.stores.settings.set_mutability(seen, "IMMUTABLE", []),
        lambda: registry.stores.settings.tag(seen, {"a": "b"}),
        lambda: registry.stores.settings.untag(seen, ["a"]),
    ]
    for change in changes:
        with pytest.raises(Vanished, match=NAME):
            change()
    assert registry.repositories.get(SCOPE, NAME).mutability == "MUTABLE"


class TestTags:
    def test_set_changed_and_removed(self, registry: Registry) -> None:
        ecr = registry.ecr()
        ecr.tag_resource(resourceArn=ARN, tags=[{"Key": "team", "Value": "blue"}])
        both = [{"Key": "Team", "Value": ""}, {"Key": "team", "Value": "rot-grün/1 @x"}]
        ecr.tag_resource(resourceArn=ARN, tags=both)  # type: ignore[arg-type]  # a list of any dict
        assert ecr.list_tags_for_resource(resourceArn=ARN)["tags"] == both
        ecr.untag_resource(resourceArn=ARN, tagKeys=["team", "none"])
        assert ecr.list_tags_for_resource(resourceArn=ARN)["tags"] == both[:1]

    @pytest.mark.parametrize(
        ("key", "value"),
        [("", "x"), ("k" * (KEY_MAX + 1), "x"), ("k", "v" * (VALUE_MAX + 1)), ("k!", "x"),
         ("k", "<"), ("aws:x", "y"), ("AWS:x", "y"), ("k\n", "x")],
    )  # fmt: skip
    def test_outside_the_grammar(self, registry: Registry, key: str, value: str) -> None:
        ecr, before = registry.ecr(), registry.stored()
        tags: Any = [{"Key": key, "Value": value}]
        calls = [
            lambda: ecr.tag_resource(resourceArn=ARN, tags=tags),
            lambda: ecr.create_repository(repositoryName="team/new", tags=tags),
        ]
        if value in ("x", "y"):
            calls.append(lambda: ecr.untag_resource(resourceArn=ARN, tagKeys=[key]))
        for call in calls:
            assert refusal(call)[0] == "InvalidTagParameterException"
        assert registry.stored() == before

    def test_fifty_and_no_more(self, registry: Registry) -> None:
        ecr = registry.ecr()
        many: Any = [{"Key": f"k{number}", "Value": "v"} for number in range(MOST)]
        ecr.tag_resource(resourceArn=ARN, tags=many)
        ecr.tag_resource(resourceArn=ARN, tags=[{"Key": "k0", "Value": "w"}])
        one_more: Any = [{"Key": "one", "Value": "more"}]
        for call in (
            lambda: ecr.tag_resource(resourceArn=ARN, tags=one_more),
            lambda: ecr.create_repository(repositoryName="team/new", tags=many + one_more),
        ):
            assert refusal(call)[0] == "TooManyTagsException"

    def test_a_key_stands_once(self, registry: Registry) -> None:
        twice: Any = [{"Key": "a", "Value": "1"}, {"Key": "a", "Value": "2"}]
        code, message = refusal(lambda: registry.ecr().tag_resource(resourceArn=ARN, tags=twice))
        assert (code, "tag key" in message) == ("InvalidParameterException", True)

    @pytest.mark.parametrize(
        "arn",
        ["team/app", "arn:aws:ecr:us-east-1:123456789012:repository/", "arn:aws:s3:::bucket",
         "arn:aws:ecr:us-east-1:123456789012:image/x"],
    )  # fmt: skip
    def test_only_repositories_have_them(self, registry: Registry, arn: str) -> None:
        code, message = refusal(lambda: registry.ecr().list_tags_for_resource(resourceArn=arn))
        assert (code, "resourceArn" in message) == ("InvalidParameterException", True)

    def test_conditions_on_what_is_there_and_on_what_is_asked(self, registry: Registry) -> None:
        def only(condition: dict[str, Any], *actions: str) -> str:
            statement = {"Effect": "Allow", "Action": list(actions), "Resource": "*"}
            return json.dumps(
                {"Version": "2012-10-17", "Statement": [{**statement, "Condition": condition}]}
            )

        blue = {"StringEquals": {"aws:ResourceTag/team": "blue"}}
        key = {"ForAllValues:StringEquals": {"aws:TagKeys": ["stage"]}}
        asked = {"StringEquals": {"aws:RequestTag/stage": "test"}, **key}
        ada = registry.user(
            "ada",
            only(blue, "ecr:ListTagsForResource", "ecr:DeleteRepository"),
            only(asked, "ecr:TagResource"),
            only(key, "ecr:UntagResource"),
        )
        ecr, admin = registry.ecr(ada), registry.ecr()

        def tagged(*pairs: tuple[str, str]) -> Any:
            return [{"Key": key, "Value": value} for key, value in pairs]

        ecr.tag_resource(resourceArn=ARN, tags=tagged(("stage", "test")))
        ecr.untag_resource(resourceArn=ARN, tagKeys=["stage"])
        for call in (
            lambda: ecr.tag_resource(resourceArn=ARN, tags=tagged(("stage", "live"))),
            lambda: ecr.tag_resource(resourceArn=ARN, tags=tagged(("stage", "test"), ("a", "b"))),
            lambda: ecr.untag_resource(resourceArn=ARN, tagKeys=["team"]),
            lambda: ecr.list_tags_for_resource(resourceArn=ARN),
        ):
            assert refusal(call)[0] == "AccessDeniedException"
        admin.tag_resource(resourceArn=ARN, tags=tagged(("team", "blue")))
        assert ecr.list_tags_for_resource(resourceArn=ARN)["tags"]
        admin.tag_resource(resourceArn=ARN, tags=tagged(("team", "red")))
        assert refusal(lambda: ecr.delete_repository(repositoryName=NAME))[0] == (
            "AccessDeniedException"
        )

    @given(st.text(TEXT, max_size=KEY_MAX), st.text(TEXT, max_size=VALUE_MAX))
    def test_any_text_is_taken_whole_or_refused(self, key: str, value: str) -> None:
        if not key or key.lower().startswith("aws:") or set(key + value) & set(FORBIDDEN):
            with pytest.raises(ResourceTagInvalid):
                label_set([(key, value)])
        else:
            assert label_set([(key, value)]) == {key: value}


def test_missing_and_not_allowed(registry: Registry) -> None:
    stranger = registry.ecr(registry.user("ada", allow("ecr:*", resource=on("other/*"))))
    none = f"arn:aws:ecr:{REGION}:{ACCOUNT}:repository/team/none"
    before = registry.stored()

    def calls(ecr: Any, name: str, arn: str) -> list[tuple[str, Any]]:
        return [
            (
                "PutImageTagMutability",
                lambda: ecr.put_image_tag_mutability(
                    repositoryName=name, imageTagMutability="IMMUTABLE"
                ),
            ),
            (
                "PutImageScanningConfiguration",
                lambda: ecr.put_image_scanning_configuration(
                    repositoryName=name, imageScanningConfiguration={}
                ),
            ),
            (
                "TagResource",
                lambda: ecr.tag_resource(resourceArn=arn, tags=[{"Key": "a", "Value": "b"}]),
            ),
            ("UntagResource", lambda: ecr.untag_resource(resourceArn=arn, tagKeys=["a"])),
            ("ListTagsForResource", lambda: ecr.list_tags_for_resource(resourceArn=arn)),
        ]

    for _, call in calls(registry.ecr(), "team/none", none):
        assert refusal(call) == missing()
    for action, call in calls(stranger, NAME, ARN):
        code, message = refusal(call)
        assert code == "AccessDeniedException"
        assert f"ecr:{action} on resource: {ARN}" in message
    assert registry.stored() == before
