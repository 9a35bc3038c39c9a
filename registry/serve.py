"""`moorage serve`: prepare, start, tell the person how to reach it."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from dataclasses import replace

from registry import __version__
from registry.config import Settings
from registry.http.limits import Limits
from registry.http.logs import configure_logging
from registry.server import ServerSettings, run
from registry.setup import credentials_path, held, prepare

_EVERYWHERE = {"0.0.0.0", "::", "127.0.0.1", "::1"}  # noqa: S104 - compared, not bound


def serve(settings: Settings, say: Callable[[str], None]) -> int:
    """Run until SIGTERM or SIGINT; the exit status. Raises StartFailed."""
    configure_logging(settings.log_level, settings.log_format)
    server = server_settings(settings)
    scratch = settings.data / "run"
    os.umask(0o077)  # nothing that is kept is for other users of the machine
    with held(settings):
        prepare(settings)
        shutil.rmtree(scratch, ignore_errors=True)  # a server that was killed leaves its own
        scratch.mkdir()
        return run(
            server,
            "registry.app:create",
            lambda port: replace(settings, port=port).dump(),
            lambda url: say(greeting(settings, url)),
        )


def server_settings(settings: Settings) -> ServerSettings:
    """What the server process is told. Raises StartFailed for what cannot work."""
    proxies = tuple(part.strip() for part in settings.trusted_proxies.split(",") if part.strip())
    return ServerSettings(
        host=settings.host,
        port=settings.port,
        workers=settings.workers,
        tls_cert=str(settings.tls_cert) if settings.tls_cert else None,
        tls_key=str(settings.tls_key) if settings.tls_key else None,
        trusted_proxies=proxies,
        grace=settings.grace_seconds,
        scratch=str(settings.data / "run"),
        limits=Limits(
            header_seconds=settings.header_timeout,
            body_seconds=settings.body_timeout,
            write_seconds=settings.send_timeout,
            connections=settings.max_connections,
        ),
    )


def greeting(settings: Settings, url: str) -> str:
    """What is printed when the server answers: lines to copy."""
    scheme, _, address = url.partition("://")
    host, _, port = address.rpartition(":")
    shown = "localhost" if host.strip("[]") in _EVERYWHERE else host
    endpoint = f"{scheme}://{shown}:{port}"
    return "\n".join(
        (
            f"Moorage {__version__} serves on {endpoint} (data in {settings.data.absolute()})",
            "",
            "In another terminal:",
            "",
            f"export AWS_SHARED_CREDENTIALS_FILE={credentials_path(settings).absolute()}",
            f"export AWS_ENDPOINT_URL={endpoint}",
            f"export AWS_REGION={settings.region} AWS_DEFAULT_REGION={settings.region}",
            "aws ecr create-repository --repository-name team/my-app",
            "aws ecr get-login-password | docker login --username AWS --password-stdin"
            f" {shown}:{port}",
            "",
        )
    )
