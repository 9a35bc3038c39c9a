from __future__ import annotations

from pathlib import Path

import pytest

from registry.http.limits import Limits
from registry.server import ServerSettings, StartFailed
from tests.http.certificate import certificate


def test_settings_reach_a_worker_as_they_are() -> None:
    settings = ServerSettings(
        host="::1",
        port=1,
        workers=3,
        trusted_proxies=("10.0.0.0/8", "2001:db8::1"),
        grace=1.5,
        limits=Limits(header_lines=7),
    )
    assert ServerSettings.from_json(settings.to_json()) == settings


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"workers": 0}, "workers is 0"),
        ({"port": 65536}, "port 65536"),
        ({"tls_cert": "cert.pem"}, "given together"),
        ({"trusted_proxies": ("*",)}, "'\\*' is not an IP address"),
        ({"trusted_proxies": ("proxy.example",)}, "proxy.example"),
        ({"trusted_proxies": ("10.0.0.1/8",)}, "10.0.0.1/8"),
    ],
)
def test_what_cannot_work_is_named(changes: dict[str, object], said: str) -> None:
    with pytest.raises(StartFailed, match=said):
        ServerSettings(**changes)  # type: ignore[arg-type]  # each of its own type


def test_a_certificate_that_cannot_be_used_is_named(tmp_path: Path) -> None:
    _, (cert, key) = certificate(tmp_path)
    assert ServerSettings(tls_cert=cert, tls_key=key).tls() is not None
    (tmp_path / "other").mkdir()
    _, (_, other) = certificate(tmp_path / "other")
    missing = str(tmp_path / "missing.pem")
    for wrong in ((cert, other), (missing, key), (key, cert), (cert, missing)):
        with pytest.raises(StartFailed, match="cannot load the TLS certificate"):
            ServerSettings(tls_cert=wrong[0], tls_key=wrong[1]).tls()
