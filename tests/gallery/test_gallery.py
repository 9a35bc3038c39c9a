"""The gallery: what anybody sees, and that nothing of it is more than text."""

from __future__ import annotations

import html.parser
from typing import Any

import pytest
from botocore.exceptions import ClientError

from registry.domain.public.registries import PublicRegistries
from registry.gallery import listing
from tests import images
from tests.application import ACCOUNT, HOST, Registry, allow
from tests.ecrpublic.calls import NAME, alias_of, hold, public
from tests.identities import OTHER

EVIL = "<script>alert(1)</script>\"'><img src=x onerror=y>"
PNG = b"\x89PNG\r\n\x1a\npixels"
DATA: dict[str, Any] = {
    "description": "Says hello",
    "architectures": ["x86-64", "z80"],
    "operatingSystems": ["Linux"],
    "aboutText": "# About it\n\nA **small** image.",
    "usageText": "```\nrun it\n```",
    "logoImageBlob": PNG,
}


class Tags(html.parser.HTMLParser):
    """Which elements and attributes a page has."""

    def __init__(self, page: str) -> None:
        super().__init__()
        self.found: set[str] = set()
        self.feed(page)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.found |= {tag, *(name for name, _ in attrs)}


@pytest.fixture
def held(registry: Registry) -> Registry:
    public(registry).create_repository(repositoryName=NAME, catalogData=DATA)
    hold(registry, images.multi_arch(), "v1")
    return registry


def get(registry: Registry, path: str, status: int = 200) -> str:
    with registry.anyone() as client:
        answer = client.get(path)
        assert answer.status_code == status
        assert answer.headers["content-security-policy"].startswith("default-src 'none'")
        assert answer.headers["x-content-type-options"] == "nosniff"
        return answer.text


def test_nothing_yet(registry: Registry) -> None:
    assert "There are none yet" in get(registry, "/gallery")
    assert get(registry, "/gallery.json") == '{"repositories":[],"next":null}'


def test_the_list(held: Registry) -> None:
    held.create("secret/app")
    page = get(held, "/gallery")
    assert NAME in page
    assert "Says hello" in page
    assert "x86-64" in page
    assert "z80" not in page  # no badge of AWS's gallery either
    assert "secret/app" not in page
    assert ACCOUNT not in page


def test_the_list_as_data(held: Registry) -> None:
    with held.anyone() as client:
        (found,) = client.get("/gallery.json").json()["repositories"]
        alias = alias_of(held)
        assert found.pop("lastPushedAt")
        assert found == {
            "registryAlias": alias,
            "registryName": alias,
            "repositoryName": NAME,
            "repositoryUri": f"{HOST}/public/{alias}/{NAME}",
            "description": "Says hello",
            "architectures": ["x86-64", "z80"],
            "operatingSystems": ["Linux"],
            "logo": f"/gallery/logo/{alias}/{NAME}",
            "page": f"/gallery/r/{alias}/{NAME}",
        }
        assert client.get(found["page"]).status_code == 200
        logo = client.get(found["logo"])
        assert (logo.content, logo.headers["content-type"]) == (PNG, "image/png")


def test_the_page_of_a_repository(held: Registry) -> None:
    public(held).put_registry_catalog_data(displayName="Acme & Sons")
    page = get(held, f"/gallery/r/{alias_of(held)}/{NAME}")
    for text in (
        f"docker pull {HOST}/public/{alias_of(held)}/{NAME}:v1",
        "by Acme &amp; Sons",
        "<h3>About it</h3>",
        "<strong>small</strong>",
        "<pre><code>run it</code></pre>",
        "<code>v1</code>",
    ):
        assert text in page
    public(held).create_repository(repositoryName="tools/bare")
    bare = get(held, f"/gallery/r/{alias_of(held)}/tools/bare")
    assert "No image yet" in bare


def test_a_search(held: Registry) -> None:
    public(held).create_repository(repositoryName="tools/other")
    public(held).create_repository(repositoryName="tools/per_cent", catalogData=DATA)

    def found(text: str) -> list[str]:
        with held.anyone() as client:
            answer = client.get("/gallery.json", params={"q": text}).json()
            return [each["repositoryName"] for each in answer["repositories"]]

    assert found("OTHER") == ["tools/other"]
    assert found(" says HELLO ") == [NAME, "tools/per_cent"]
    assert found("%") == []
    assert found("_") == ["tools/per_cent"]
    assert "Nothing matches" in get(held, "/gallery?q=nothing")


def test_pages_over_accounts(registry: Registry, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(listing, "PAGE", 2)
    theirs = public(registry, registry.user("mallory", allow("*"), account=OTHER))
    for client in (public(registry), theirs):
        for name in ("app", "base"):
            client.create_repository(repositoryName=name)
    found: list[tuple[str, str]] = []
    given: dict[str, str] | None = {}
    with registry.anyone() as client:
        while given is not None:
            answer = client.get("/gallery.json", params=given).json()
            found += [
                (each["repositoryName"], each["registryAlias"]) for each in answer["repositories"]
            ]
            given = {"next": answer["next"]} if answer["next"] else None
        assert "next=" in client.get("/gallery").text
        assert client.get("/gallery.json?next=x").status_code == 400
    names = PublicRegistries(registry.ground.database, registry.ground.cache)
    aliases = [names.alias(account) for account in (ACCOUNT, OTHER)]
    assert found == [(name, alias) for name in ("app", "base") for alias in aliases]


def test_no_text_is_more_than_text(registry: Registry) -> None:
    data = {
        "description": EVIL,
        "aboutText": f"# {EVIL}\n- {EVIL}\n`{EVIL}`\n[{EVIL}](javascript:alert(1))",
        "usageText": f'[a](https://x/"onclick=1)\n```\n{EVIL}',
        "architectures": [EVIL[:50]],
    }
    public(registry).create_repository(repositoryName=NAME, catalogData=data)
    public(registry).put_registry_catalog_data(displayName=EVIL)
    alias = alias_of(registry)
    for path in ("/gallery", f"/gallery/r/{alias}/{NAME}", f"/gallery?q={EVIL}"):
        found = Tags(get(registry, path)).found
        assert found.isdisjoint({"script", "img", "onerror", "onclick"}), path
    assert "javascript:" not in str(Tags(get(registry, f"/gallery/r/{alias}/{NAME}")).rawdata)


def test_what_was_deleted_is_out_of_sight_while_it_rests(held: Registry) -> None:
    held.create("secret/app")
    held.hold("secret/app", images.multi_arch(), "v1")
    held.ecr().delete_repository(repositoryName="secret/app", force=True)
    public(held).delete_repository(repositoryName=NAME, force=True)
    assert len(held.rows()["repositories"]) == 2  # they rest
    assert get(held, "/gallery.json") == '{"repositories":[],"next":null}'
    resting = held.rows()["repositories"][0]
    arn = f"arn:aws:ecr-public::{resting[1]}:repository/{resting[3]}"
    with pytest.raises(ClientError, match="must be the ARN of a public repository"):
        public(held).list_tags_for_resource(resourceArn=arn)


def test_what_is_not_there(held: Registry) -> None:
    alias = alias_of(held)
    held.create("team/app")
    for path in (
        f"/gallery/r/{alias}/tools/none",
        f"/gallery/r/{alias}/team/app",
        "/gallery/r/nobodys/app",
        f"/gallery/r/{alias}",
        "/gallery/x",
        f"/gallery/logo/{alias}/tools/none",
    ):
        assert "Not found" in get(held, path, 404)
    with held.anyone() as client:
        assert client.post("/gallery").status_code == 405
        assert client.head("/gallery").status_code == 200
