"""Which host name means which registry, and by which name one is reached."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.values.scope import Hosts, Scope

DEFAULT = Scope("123456789012", "us-east-1")
OTHER = Scope("210987654321", "eu-west-1")
MINE = Scope("111122223333", "us-gov-west-1")
HOSTS = Hosts(DEFAULT, "registry.example", {"images.example.com": MINE})

scopes = st.builds(
    Scope,
    st.integers(0, 10**12 - 1).map(lambda number: f"{number:012}"),
    st.from_regex(r"[a-z]{2}-(gov-)?[a-z]{4,9}-[1-9]", fullmatch=True),
)
ports = st.sampled_from(["", ":5000", ":1", ":65535"])


@pytest.mark.parametrize(
    ("host", "scope"),
    [
        ("210987654321.dkr.ecr.eu-west-1.registry.example", OTHER),
        ("210987654321.dkr.ecr.eu-west-1.registry.example:5000", OTHER),
        ("210987654321.DKR.ecr.EU-WEST-1.Registry.Example:5000", OTHER),
        ("210987654321.dkr.ecr.eu-west-1.localhost:5000", OTHER),
        ("111122223333.dkr.ecr.us-gov-west-1.amazonaws.com", MINE),
        ("images.example.com", MINE),
        ("IMAGES.example.com:443", MINE),
        ("localhost:5000", DEFAULT),
        ("", DEFAULT),
        (":5000", DEFAULT),
        ("[::1]:5000", DEFAULT),
        ("other.images.example.com", DEFAULT),
        ("21098765432.dkr.ecr.eu-west-1.localhost", DEFAULT),
        ("2109876543210.dkr.ecr.eu-west-1.localhost", DEFAULT),
        ("x210987654321.dkr.ecr.eu-west-1.localhost", DEFAULT),
        ("a.210987654321.dkr.ecr.eu-west-1.localhost", DEFAULT),
        ("210987654321.dkr.ecr.eu-west-1", DEFAULT),
        ("210987654321.dkr.ecr.eu-west-1.", DEFAULT),
        ("210987654321.dkr.ecr.eu-west-1.localhost/x", DEFAULT),
        ("210987654321.dkr.ecr.eu-west-1.localhost\n", DEFAULT),
        ("２10987654321.dkr.ecr.eu-west-1.localhost", DEFAULT),
        ("210987654321.dkr.ecr.nowhere.localhost", DEFAULT),
    ],
)
def test_the_registry_a_host_means(host: str, scope: Scope) -> None:
    assert HOSTS.scope(host) == scope


@given(scopes, ports)
def test_a_host_that_is_given_out_leads_back(scope: Scope, port: str) -> None:
    for asked in (f"localhost{port}", f"210987654321.dkr.ecr.eu-west-1.localhost{port}"):
        host = HOSTS.host(scope, asked)
        assert HOSTS.scope(host) == scope
        assert host.endswith(port)


def test_by_which_name_a_registry_is_reached() -> None:
    assert HOSTS.host(DEFAULT, "anything:5000") == "anything:5000"
    assert HOSTS.host(MINE, "localhost:5000") == "images.example.com:5000"
    assert HOSTS.host(OTHER, "localhost") == "210987654321.dkr.ecr.eu-west-1.registry.example"


@given(st.text(max_size=80))
def test_any_text_is_a_host_of_some_registry(host: str) -> None:
    assert isinstance(HOSTS.scope(host), Scope)
