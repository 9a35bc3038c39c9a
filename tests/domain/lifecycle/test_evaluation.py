"""What rules mean for images: by example, by property, and how long it takes."""

from __future__ import annotations

import fnmatch
from collections.abc import Callable
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from registry.domain.lifecycle.evaluation import evaluate
from registry.domain.lifecycle.kinship import Image
from registry.domain.lifecycle.language import Rule
from registry.domain.lifecycle.matching import Matching, liking
from tests.domain.lifecycle.world import (
    ARCHIVE,
    MOMENT,
    NOW,
    RETAIN,
    aged,
    digest_of,
    made,
    rule,
    rules_of,
    selected,
    tagged,
)

EXPIRE = "expire"


def expired(*given: Any, used: frozenset[int] = frozenset(), by: int = 1) -> set[int]:
    """Ids of what the rules expire, all by the rule of that priority."""
    *rules, images = given
    found = selected(list(rules), images, used)
    assert set(found.values()) <= {(by, EXPIRE)}
    return set(found)


class TestRules:
    def test_by_count_the_longest_pushed_go(self) -> None:
        images = [made(1, 3), made(2, 1), made(3, 2), made(4, 0)]
        assert expired(rule(countNumber=2), images) == {1, 3}
        assert expired(rule(countNumber=4), images) == set()

    def test_by_age_of_the_push(self) -> None:
        images = [made(1, 14), made(2, 13.99), made(3, 30, pulled=0)]
        assert expired(rule(**aged(14)), images) == {1, 3}

    def test_by_last_pull_one_never_pulled_counts_from_its_push(self) -> None:
        images = [
            made(1, 90, pulled=31),
            made(2, 90, pulled=29),
            made(3, 1),
            made(4, 40),
            made(5, 90, archived=50, activated=5, pulled=60),
        ]
        assert expired(rule(**aged(30, "sinceImagePulled")), images) == {1, 4}

    def test_by_the_time_in_the_archive(self) -> None:
        images = [made(1, 90, archived=31), made(2, 90, archived=29), made(3, 90)]
        chosen = aged(30, "sinceImageTransitioned", storageClass="archive")
        assert expired(rule(**chosen), images) == {1}

    def test_each_storage_class_has_its_own_rules(self) -> None:
        images = [made(1, 90, archived=31), made(2, 90), made(3, 10)]
        archive = rule(1, ARCHIVE, **aged(30))
        expire = rule(2, **aged(20, storageClass="archive"))
        assert selected([archive, expire], images) == {2: (1, "archive"), 1: (2, EXPIRE)}

    def test_tags(self) -> None:
        images = [made(1, 9, "prod-1", "beta"), made(2, 9, "prod-2"), made(3, 9), made(4, 9, "a")]
        assert expired(rule(**aged(1, **tagged("prod"))), images) == {1, 2}
        assert expired(rule(**aged(1, **tagged("prod", "beta"))), images) == {1}
        assert expired(rule(**aged(1, tagStatus="untagged")), images) == {3}
        patterns: dict[str, Any] = {"tagStatus": "tagged", "tagPatternList": ["*-2"]}
        assert expired(rule(**aged(1, **patterns)), images) == {2}
        patterns["tagPatternList"] = ["*-1", "b*a"]
        assert expired(rule(**aged(1, **patterns)), images) == {1}

    def test_what_a_rule_excludes_it_neither_takes_nor_counts(self) -> None:
        images = [made(1, 9, "v1"), made(2, 8, "v2", "keep-it"), made(3, 7, "v3"), made(4, 6)]
        chosen = rule(countNumber=2, tagExclusionPatternList=["keep-*"])
        assert expired(chosen, images) == {1}

    def test_an_image_belongs_to_the_first_rule_that_matches_it(self) -> None:
        images = [made(1, 90, "prod"), made(2, 90, "dev"), made(3, 90)]
        rules = [rule(1, **aged(365, **tagged("prod"))), rule(2, **aged(30))]
        assert selected(rules, images) == {2: (2, EXPIRE), 3: (2, EXPIRE)}

    def test_a_later_rule_counts_what_an_earlier_one_takes(self) -> None:
        images = [made(1, 9, "a"), made(2, 8, "a"), made(3, 7), made(4, 6)]
        rules = [rule(1, countNumber=1, **tagged("a")), rule(2, countNumber=3)]
        assert selected(rules, images) == {1: (1, EXPIRE)}
        rules[1] = rule(2, countNumber=1)
        assert selected(rules, images) == {1: (1, EXPIRE), 3: (2, EXPIRE)}

    def test_the_order_of_the_text_does_not_matter_but_priorities_do(self) -> None:
        images = [made(1, 90, "prod")]
        rules = [rule(2, **aged(30)), rule(1, ARCHIVE, **aged(10, **tagged("prod")))]
        assert selected(rules, images) == {1: (1, "archive")}

    def test_retain_keeps_what_its_selection_leaves_whatever_its_priority(self) -> None:
        images = [made(number, 100 - number, "v") for number in range(10)] + [made(20, 99)]
        rules = [rule(1, **aged(1)), rule(9, RETAIN, countNumber=3, **tagged("v"))]
        assert expired(*rules, images) == set(range(7)) | {20}
        by_pull = rule(9, RETAIN, **aged(7, "sinceImagePulled"))
        pulled = [made(1, 90, pulled=8), made(2, 90, pulled=6)]
        assert expired(rule(1, **aged(1)), by_pull, pulled) == {1}

    def test_what_is_in_use_stays_and_is_counted(self) -> None:
        images = [made(number, 10 - number) for number in range(5)]
        assert expired(rule(countNumber=1), images, used=frozenset({0, 2, 99})) == {1, 3}


class TestKin:
    def test_children_go_with_their_index_and_never_before_it(self) -> None:
        images = [
            made(1, 90, "old", children=(11, 12)), made(11, 91), made(12, 91),
            made(2, 1, "new", children=(21,)), made(21, 200), made(3, 90),
        ]  # fmt: skip
        assert expired(rule(**aged(30, tagStatus="untagged")), images) == {3}
        assert expired(rule(**aged(30)), images) == {1, 11, 12, 3}

    def test_children_count_for_nothing(self) -> None:
        images = [made(1, 2, "a", children=(11, 12)), made(11, 3), made(12, 3), made(2, 1, "b")]
        assert expired(rule(countNumber=2), images) == set()
        assert expired(rule(countNumber=1), images) == {1, 11, 12}

    def test_a_child_of_two_goes_with_the_last(self) -> None:
        images = [
            made(1, 90, "a", children=(9,)), made(2, 1, "b", children=(9,)), made(9, 95),
        ]  # fmt: skip
        assert expired(rule(**aged(30)), images) == {1}
        assert expired(rule(**aged(1)), images) == {1, 2, 9}

    def test_a_tagged_child_has_its_own_rule_but_stays_while_listed(self) -> None:
        images = [made(1, 1, "v1", children=(9,)), made(9, 90, "v1-amd64")]
        assert expired(rule(**aged(30)), images) == set()
        images[0] = made(1, 60, "v1", children=(9,))
        chosen = rule(**aged(30, tagStatus="tagged", tagPatternList=["v1"]))
        assert expired(chosen, images) == {1}
        assert expired(rule(**aged(30)), images) == {1, 9}

    def test_referrers_go_with_their_subject_whatever_their_tags(self) -> None:
        signature = made(2, 1, "sig", subject=digest_of("1"))
        of_signature = made(3, 0.5, subject=digest_of("2"))
        images = [made(1, 90, "v1"), signature, of_signature]
        assert expired(rule(**aged(30)), images) == {1, 2, 3}
        assert expired(rule(**aged(1, **tagged("sig"))), images) == set()
        assert expired(rule(**aged(1)), images[1:]) == {2, 3}

    def test_a_referrer_whose_subject_is_not_there_is_an_image_like_any_other(self) -> None:
        images = [made(2, 90, subject=digest_of("gone")), made(3, 1, subject=digest_of("gone"))]
        assert expired(rule(**aged(30)), images) == {2}

    @pytest.mark.parametrize("suffix", ["", ".sig", ".att", ".sbom"])
    def test_cosigns_tags_and_those_of_the_fallback_name_a_subject(self, suffix: str) -> None:
        tag = digest_of("1").replace(":", "-") + suffix
        images = [made(1, 10, "v1"), made(2, 90, tag), made(3, 90, tag.replace("sha256-", "x-"))]
        assert expired(rule(**aged(30)), images) == {3}
        assert expired(rule(**aged(5)), images) == {1, 2, 3}
        assert expired(rule(**aged(30)), [made(1, 10, "v1"), made(2, 90, tag, "mine")]) == {2}

    def test_a_circle_of_tags_that_no_rule_selects_stays(self) -> None:
        names = [digest_of(str(number)).replace(":", "-") + ".sig" for number in (1, 2)]
        circle = [made(1, 90, names[1]), made(2, 90, names[0]), made(3, 90)]
        assert expired(rule(**aged(30)), circle) == {3}

    def test_a_child_in_use_stays_with_its_own_signature(self) -> None:
        images = [
            made(1, 90, children=(11, 12)), made(11, 90), made(12, 90),
            made(21, 90, subject=digest_of("11")), made(22, 90, subject=digest_of("12")),
        ]  # fmt: skip
        assert expired(rule(**aged(30)), images, used=frozenset({11})) == {1, 12, 22}
        assert expired(rule(**aged(30)), images, used=frozenset({1})) == set()

    def test_the_archive_takes_followers_too_and_nothing_twice(self) -> None:
        images = [
            made(1, 90, "a", children=(11, 12)), made(11, 90), made(12, 90, archived=3),
            made(2, 1, "b", children=(13,)), made(13, 90, "c"),
        ]  # fmt: skip
        found = selected([rule(1, ARCHIVE, **aged(30))], images)
        assert found == {1: (1, "archive"), 11: (1, "archive")}

    def test_what_goes_together_is_a_family(self) -> None:
        images = [
            made(1, 90, "a", children=(9,)), made(2, 90, "b", children=(9,)), made(9, 95),
            made(5, 90), made(6, 80, subject=digest_of("5")), made(7, 1, subject=digest_of("8")),
        ]  # fmt: skip
        found = evaluate(rules_of(rule(**aged(30))), images, NOW)
        assert {each.image.id: each.family for each in found} == {1: 1, 2: 1, 9: 1, 5: 5, 6: 5}


TAGS = ("a", "ab", "b", "keep-b", digest_of("1").replace(":", "-") + ".sig")


@st.composite
def rule_lists(draw: st.DrawFn) -> list[dict[str, Any]]:
    """Valid policies: what the language refuses is left out."""
    found: list[dict[str, Any]] = []
    seen: set[Any] = set()
    for priority in range(1, draw(st.integers(2, 6))):
        storage = draw(st.sampled_from(["standard", "standard", "archive"]))
        tags = draw(st.sampled_from([("a",), ("b",), ("a", "b"), "untagged"]))
        chosen: dict[str, Any] = {"tagStatus": tags} if isinstance(tags, str) else tagged(*tags)
        if draw(st.booleans()):
            chosen |= {"countNumber": draw(st.integers(1, 4))}
        else:
            kinds = ["sinceImagePushed", "sinceImagePulled"]
            kinds += ["sinceImageTransitioned"] * (storage == "archive")
            chosen |= aged(draw(st.integers(1, 9)), draw(st.sampled_from(kinds)))
        if tags != "untagged" and draw(st.booleans()):
            chosen["tagExclusionPatternList"] = ["keep-*"]
        action = draw(st.sampled_from([None, None, RETAIN, ARCHIVE]))
        if (action is ARCHIVE and storage == "archive") or (storage, tags) in seen:
            continue
        seen.add((storage, tags))
        found.append(rule(priority, action, storageClass=storage, **chosen))
    if draw(st.booleans()) or not found:
        found.append(rule(9, **aged(draw(st.integers(1, 9)))))
    return found


@st.composite
def image_lists(draw: st.DrawFn) -> list[Image]:
    count = draw(st.integers(1, 12))
    found = []
    for number in range(1, count + 1):
        kin = st.integers(1, number + 2)
        archived = draw(st.sampled_from([None, None, 1.5, 6.0]))
        found.append(
            made(
                number,
                draw(st.integers(0, 10)),
                *draw(st.sets(st.sampled_from(TAGS), max_size=2)),
                pulled=draw(st.sampled_from([None, 0.5, 5.0])),
                archived=archived,
                activated=draw(st.sampled_from([None, 0.5])) if archived else None,
                subject=draw(st.none() | kin.map(lambda each: digest_of(str(each)))),
                children=tuple(draw(st.sets(kin, max_size=2))) if draw(st.booleans()) else (),
            )
        )
    return found


USED = st.frozensets(st.integers(1, 12), max_size=3)
Case = Callable[[list[dict[str, Any]], list[Image], frozenset[int]], None]


def holds(check: Case) -> Callable[[], None]:
    return settings(max_examples=150, deadline=None)(
        given(rule_lists(), image_lists(), USED)(check)
    )


def matches(rule: Rule, image: Image) -> bool:
    """Said anew, from the page, for one image: whether it has the rule's storage class and tags."""

    def has(pattern: str) -> bool:
        return any(fnmatch.fnmatchcase(tag, pattern) for tag in image.tags)

    if image.storage != rule.storage or any(map(has, rule.exclusions)):
        return False
    if rule.status != "tagged":
        return rule.status == "any" or not image.tags
    wanted = [f"{prefix}*" for prefix in rule.prefixes] + list(rule.patterns)
    return bool(image.tags) and all(map(has, wanted))


def follows(image: Image, images: list[Image]) -> bool:
    """Said anew, from the page: whether the image has no rule of its own."""
    known = {each.digest for each in images if each is not image}
    signed = {tag.removesuffix(".sig").replace("-", ":", 1) for tag in image.tags}
    listed = any(image.digest in each.children for each in images if each is not image)
    scheme = bool(image.tags) and all(tag.startswith("sha256-") for tag in image.tags)
    return (
        image.subject in known or (scheme and bool(signed & known)) or (not image.tags and listed)
    )


class TestProperties:
    def test_the_order_of_rows_and_rules_never_matters(self) -> None:
        @settings(max_examples=150, deadline=None)
        @given(rule_lists(), image_lists(), USED, st.randoms(use_true_random=False))
        def check(
            texts: list[dict[str, Any]], images: list[Image], used: frozenset[int], chance: Any
        ) -> None:
            rules = list(rules_of(*texts))
            expected = evaluate(rules, images, NOW, used)
            others = images.copy()
            chance.shuffle(others)
            chance.shuffle(rules)
            assert evaluate(rules, others, NOW, used) == expected

        check()

    def test_each_image_at_most_once_and_never_what_is_in_use(self) -> None:
        @holds
        def check(texts: list[dict[str, Any]], images: list[Image], used: frozenset[int]) -> None:
            found = [each.image.id for each in evaluate(rules_of(*texts), images, NOW, used)]
            assert len(found) == len(set(found))
            assert used.isdisjoint(found)

        check()

    def test_the_sets_of_a_rule_are_what_it_says_of_each_image(self) -> None:
        @holds
        def check(texts: list[dict[str, Any]], images: list[Image], used: frozenset[int]) -> None:
            del used
            for each in rules_of(*texts):
                matching = Matching(image for image in images if image.storage == each.storage)
                expected = {image.id for image in images if matches(each, image)}
                assert matching.every(each) == expected
                assert matching.picked(each, expected, MOMENT) <= expected

        check()

    def test_what_an_earlier_rule_matches_no_later_rule_touches(self) -> None:
        @holds
        def check(texts: list[dict[str, Any]], images: list[Image], used: frozenset[int]) -> None:
            rules = rules_of(*texts)
            acting = [each for each in rules if each.action != "retain"]
            for found in evaluate(rules, images, NOW, used):
                if not follows(found.image, images):
                    first = next(each for each in acting if matches(each, found.image))
                    assert first.priority == found.priority

        check()

    def test_nothing_goes_before_what_lists_it_or_what_it_refers_to(self) -> None:
        @holds
        def check(texts: list[dict[str, Any]], images: list[Image], used: frozenset[int]) -> None:
            found = evaluate(rules_of(*texts), images, NOW, used)
            gone = {each.image.digest for each in found if each.expires}
            left = [each for each in images if each.digest not in gone]
            kept = {each.digest for each in left}
            listed = {digest for each in left for digest in each.children if digest != each.digest}
            for image in images:
                if image.digest in gone:
                    assert image.digest not in listed
                    assert image.subject not in kept or image.subject == image.digest
            for image in left:  # and nobody is left alone by what went: followers went too
                if image.subject in gone and image.id not in used and image.digest not in listed:
                    assert _held_otherwise(image, kept, used, images)

        check()

    def test_a_retained_number_is_always_left(self) -> None:
        @holds
        def check(texts: list[dict[str, Any]], images: list[Image], used: frozenset[int]) -> None:
            texts = [each for each in texts if each["action"] != RETAIN]
            rules = rules_of(*texts, rule(99, RETAIN, countNumber=3))
            gone = {each.image.id for each in evaluate(rules, images, NOW, used)}
            leading = [
                each for each in images if each.status == "ACTIVE" and not follows(each, images)
            ]
            left = [each for each in leading if each.id not in gone]
            assert len(left) >= min(3, len(leading))

        check()

    def test_a_second_run_after_the_first_never_takes_more_by_count(self) -> None:
        """A run that was cut short and begun anew ends where it would have ended."""

        @holds
        def check(texts: list[dict[str, Any]], images: list[Image], used: frozenset[int]) -> None:
            rules = [each for each in rules_of(*texts) if each.action != "transition"]
            if not rules:
                return
            found = evaluate(rules, images, NOW, used)
            families = sorted({each.family for each in found})
            done = set(families[: len(families) // 2])
            gone = {each.image.id for each in found if each.family in done}
            left = [each for each in images if each.id not in gone]
            again = {each.image.id for each in evaluate(rules, left, NOW, used)}
            assert again <= {each.image.id for each in found}

        check()


def _held_otherwise(
    image: Image, kept: set[str], used: frozenset[int], images: list[Image]
) -> bool:
    """By a tag of cosign's scheme for something that stays."""
    del used, images
    return any(tag.removesuffix(".sig").replace("-", ":", 1) in kept for tag in image.tags)


@given(
    st.text("ab*", max_size=8).filter(lambda text: text.count("*") <= 4), st.text("ab", max_size=9)
)
def test_wildcards_are_those_of_the_shell(pattern: str, tag: str) -> None:
    assert liking(pattern)(tag) == fnmatch.fnmatchcase(tag, pattern)
