"""Package URLs: what they are, and which covers which."""

from __future__ import annotations

from contextlib import suppress
from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.domain.vex.purls import LENGTH_MAX, Purl, parse

PLAIN = st.text(st.characters(codec="utf-8", exclude_characters="/"), min_size=1, max_size=12)


@pytest.mark.parametrize(
    ("text", "found"),
    [
        ("pkg:pypi/Py_YAML@5.3", Purl("pypi", "", "py-yaml", "5.3", (), "")),
        ("pkg:npm/%40angular/core@1", Purl("npm", "@angular", "core", "1", (), "")),
        ("pkg:npm/@angular/core", Purl("npm", "@angular", "core", "", (), "")),
        ("pkg:golang/a.b/c/d@v1#x/y", Purl("golang", "a.b/c", "d", "v1", (), "x/y")),
        (
            "pkg:deb/debian/g%2B%2B@1%2B2?distro=debian-12&arch=amd64",
            Purl("deb", "debian", "g++", "1+2", (("arch", "amd64"), ("distro", "debian-12")), ""),
        ),
        ("pkg://OCI/App@sha256%3Aab", Purl("oci", "", "app", "sha256:ab", (), "")),
    ],
)
def test_its_parts(text: str, found: Purl) -> None:
    assert parse(text) == found


@pytest.mark.parametrize(
    "text",
    ["", "pypi/x", "pkg:", "pkg:pypi", "pkg:pypi/", "pkg:1x/y", "pkg:pypi/x?a",
     "pkg:pypi/" + "x" * LENGTH_MAX],
)  # fmt: skip
def test_what_is_none(text: str) -> None:
    with pytest.raises(ValueError, match=r"package URL|longer"):
        parse(text)


@given(PLAIN, PLAIN, PLAIN)
def test_what_was_escaped_is_found_again(space: str, name: str, version: str) -> None:
    found = parse(f"pkg:npm/{quote(space, '')}/{quote(name, '')}@{quote(version, '')}")
    assert (found.namespace, found.name, found.version) == (space, name, version)


@given(st.text(max_size=60))
def test_any_text_is_read_or_refused(text: str) -> None:
    with suppress(ValueError):
        assert parse(f"pkg:{text}").name


@pytest.mark.parametrize(
    ("mine", "other", "covers"),
    [
        ("pkg:pypi/a@1", "pkg:pypi/a@1", True),
        ("pkg:pypi/a", "pkg:pypi/a@1", True),
        ("pkg:pypi/a@1", "pkg:pypi/a@1.0", False),
        ("pkg:pypi/a@1", "pkg:pypi/a@10", False),
        ("pkg:pypi/a@1", "pkg:pypi/a", False),
        ("pkg:pypi/a", "pkg:npm/a@1", False),
        ("pkg:deb/debian/a", "pkg:deb/ubuntu/a@1", False),
        ("pkg:deb/debian/a@1", "pkg:deb/debian/a@1?arch=amd64", True),
        ("pkg:deb/debian/a@1?arch=arm64", "pkg:deb/debian/a@1?arch=amd64", False),
        ("pkg:deb/debian/a@1?arch=arm64", "pkg:deb/debian/a@1", False),
    ],
)
def test_which_covers_which(mine: str, other: str, *, covers: bool) -> None:
    assert parse(mine).covers(parse(other)) is covers
