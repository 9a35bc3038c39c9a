"""Where an upstream may lie."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.upstream.addresses import Address, Trusted, parsed
from registry.values.errors import ParameterInvalid
from registry.values.fetching import UpstreamUnsupported

PRIVATE = (
    "127.0.0.1", "10.1.2.3", "172.16.0.1", "192.168.1.1", "169.254.169.254", "100.64.0.1",
    "0.0.0.0", "255.255.255.255", "224.0.0.1", "::1", "::", "fe80::1", "fe80::1%eth0", "fd00::1",
    "ff02::1", "::ffff:127.0.0.1", "::ffff:10.0.0.1", "2002:7f00:1::", "64:ff9b::7f00:1",
)  # fmt: skip
PUBLIC = ("8.8.8.8", "2606:4700::1111", "::ffff:8.8.8.8")


@pytest.mark.parametrize(
    ("url", "address"),
    [
        ("registry-1.docker.io", Address("https", "registry-1.docker.io", 443)),
        ("Registry.Example.COM:5000", Address("https", "registry.example.com", 5000)),
        ("https://ghcr.io", Address("https", "ghcr.io", 443)),
        ("[2001:db8::1]:5000", Address("https", "2001:db8::1", 5000)),
        ("plain.corp:5000", Address("http", "plain.corp", 5000)),
        ("http://plain.corp:5000", Address("http", "plain.corp", 5000)),
        ("plain.corp", Address("http", "plain.corp", 80)),
    ],
)
def test_what_a_rule_may_name(url: str, address: Address) -> None:
    trusted = Trusted("http://plain.corp:5000, http://plain.corp, 10.0.0.1:5000")
    assert trusted.address(url) == address


@pytest.mark.parametrize(
    "url",
    [
        "", "http://ghcr.io", "ghcr.io/library", "ftp://ghcr.io", "user:pw@ghcr.io", "ghcr.io:x",
        "ghcr.io:70000", "gh cr.io", "ghcr.io?x=1", "-a.b", "a..b", "a/b@c", "ghcr.io\r\nx: y",
        "http://10.0.0.1:5000",
    ],
)  # fmt: skip
def test_what_it_may_not(url: str) -> None:
    with pytest.raises(UpstreamUnsupported):
        Trusted("10.0.0.1:5000").address(url)


@pytest.mark.parametrize("text", ["http://", "a b", "x,/y", "ftp://a"])
def test_a_setting_that_cannot_be_read(text: str) -> None:
    with pytest.raises(ParameterInvalid, match="upstreams"):
        Trusted(text)


@pytest.mark.parametrize("ip", PRIVATE)
def test_private_networks_are_out_of_reach_unless_named(ip: str) -> None:
    inside = Address("https", "inside.corp", 443)
    assert not Trusted().may_connect(inside, ip)
    assert not Trusted("other.corp, inside.corp:444").may_connect(inside, ip)
    assert Trusted("inside.corp").may_connect(inside, ip)


@pytest.mark.parametrize("ip", PUBLIC)
def test_public_ones_are_not(ip: str) -> None:
    assert Trusted().may_connect(Address("https", "ghcr.io", 443), ip)


def test_a_redirect_stays_under_tls_unless_named() -> None:
    trusted = Trusted("http://plain.corp")
    assert trusted.may_redirect(Address("https", "cdn.example.com", 443))
    assert trusted.may_redirect(Address("http", "plain.corp", 80))
    assert not trusted.may_redirect(Address("http", "cdn.example.com", 80))


@given(st.text(max_size=40))
def test_whatever_is_named_is_a_host_or_refused(text: str) -> None:
    try:
        found = Trusted().address(text)
    except UpstreamUnsupported:
        return
    assert found.scheme == "https"
    assert found.host
    assert found.host.isascii()
    assert not set(found.host) & set("/@?#\r\n %")
    assert parsed(f"https://{found.authority}/x?y=http://z") == found
