"""`moorage public alias`, seen by a running server."""

from __future__ import annotations

from tests.application import ACCOUNT, Registry
from tests.commands.running import moorage, result_of
from tests.ecrpublic.calls import NAME, public
from tests.identities import OTHER


def test_a_running_server_has_it_at_once(registry: Registry) -> None:
    ecr = public(registry)
    made = ecr.create_repository(repositoryName=NAME)["repository"]["repositoryUri"]
    said = moorage(registry.settings.data, "public", "alias", "acme", "--account", ACCOUNT)
    assert said == f"the public registry of account {ACCOUNT} is 'acme'\n"
    (shown,) = ecr.describe_repositories()["repositories"]
    assert shown["repositoryUri"].endswith(f"/public/acme/{NAME}")
    with registry.anyone() as client:
        for uri in (made, shown["repositoryUri"]):
            name = uri.partition("/")[2]
            assert client.get(f"/v2/{name}/tags/list").json()["tags"] == []


def test_one_that_is_taken(registry: Registry) -> None:
    data = registry.settings.data
    moorage(data, "public", "alias", "acme", "--account", OTHER)
    refused = result_of(data, "public", "alias", "acme", "--account", ACCOUNT)
    assert refused.exit_code == 1
    assert "the alias 'acme' is taken" in refused.output
    assert result_of(data, "public", "alias", "Acme").exit_code == 1
