"""`moorage serve` as a person starts it: what it prints, keeps, and finds again."""

from __future__ import annotations

import gzip
import os
import stat
import subprocess
import sys
from pathlib import Path

import httpx
import pytest

from tests import images
from tests.clients.programs import Program
from tests.conftest import StartServer
from tests.server_process import ServerProcess
from tests.tools import require_tool


def mode(path: Path) -> int:
    return stat.S_IMODE(path.stat().st_mode)


def test_the_first_start_gives_all_one_needs(start_server: StartServer) -> None:
    server = start_server()
    exports = server.exports
    assert Path(exports["AWS_SHARED_CREDENTIALS_FILE"]) == server.data / "credentials"
    assert exports["AWS_ENDPOINT_URL"] == f"http://localhost:{server.port}"
    # boto3 and version 1 of the CLI read the second only.
    assert exports["AWS_REGION"] == exports["AWS_DEFAULT_REGION"] == "us-east-1"
    assert mode(server.data / "credentials") == 0o600
    assert server.credentials.secret_access_key not in server.log
    assert "alembic" not in server.log


def test_the_printed_lines_lead_to_a_push(
    start_server: StartServer, engine: str, tmp_path: Path
) -> None:
    server = start_server()
    lines = [line for line in server.log.splitlines() if line.startswith(("export ", "aws "))]
    assert len(lines) >= 4
    search = f"{Path(sys.executable).parent}:{require_tool('docker').parent}"
    environment = {
        "DOCKER_HOST": engine,
        "DOCKER_CONFIG": str(tmp_path),
        "HOME": str(tmp_path),
        "PATH": f"{search}:{os.environ['PATH']}",
    }
    bash = Program(require_tool("bash"), environment, "-euo", "pipefail", "-c")
    reference = f"localhost:{server.port}/team/my-app:v1"
    archive = tmp_path / "image.tar"
    archive.write_bytes(gzip.decompress(images.layer({"hello": b"hello\n"}).content))
    bash("\n".join([*lines, f"docker import {archive} {reference}", f"docker push {reference}"]))
    bash(f"docker image rm {reference}; docker pull {reference}; docker image rm {reference}")
    (detail,) = server.ecr.describe_images(repositoryName="team/my-app")["imageDetails"]
    assert detail["imageTags"] == ["v1"]


def test_a_second_start_finds_everything(start_server: StartServer) -> None:
    server = start_server()
    before = server.credentials
    image = images.multi_arch()
    server.ecr.create_repository(repositoryName="team/kept")
    with server.http() as client:
        images.push(client, "team/kept", image, "v1")
        token = client.headers["authorization"]
    server.stop()

    server.start()
    assert server.credentials == before
    (detail,) = [
        found
        for found in server.ecr.describe_images(repositoryName="team/kept")["imageDetails"]
        if "imageTags" in found
    ]
    assert detail["imageDigest"] == image.digest
    url = f"{server.url}/v2/team/kept/manifests/v1"
    headers = {"authorization": token, "accept": image.media_type}
    got = httpx.get(url, headers=headers, trust_env=False)
    assert got.content == image.manifest


def test_what_was_answered_survives_a_kill(start_server: StartServer) -> None:
    server = start_server()
    image = images.oci_image(images.layer({"data": b"x" * 3_000_000}))
    server.ecr.create_repository(repositoryName="team/kept")
    with server.http() as client:
        images.push(client, "team/kept", image, "v1")
    server.kill()

    server.start()
    with server.http() as client:
        for blob in image.blobs:
            got = client.get(f"/v2/team/kept/blobs/{blob.digest}")
            assert got.content == blob.content
        assert client.get("/v2/team/kept/manifests/v1").content == image.manifest


def test_account_and_region_are_settings(start_server: StartServer) -> None:
    server = start_server("--account", "111122223333", "--region", "eu-north-1")
    aws = Program(Path(sys.executable).with_name("aws"), server.aws_environment())
    arn = aws(
        "ecr", "create-repository", "--repository-name", "team/app",
        "--query", "repository.repositoryArn", "--output", "text",
    )  # fmt: skip
    assert arn.strip() == "arn:aws:ecr:eu-north-1:111122223333:repository/team/app"


def test_settings_come_from_the_environment(start_server: StartServer) -> None:
    server = start_server(MOORAGE_CREATE_ON_PUSH="true")
    with server.http() as client:
        images.push(client, "made/by-push", images.multi_arch(), "v1")
    names = [
        found["repositoryName"] for found in server.ecr.describe_repositories()["repositories"]
    ]
    assert names == ["made/by-push"]


def test_metrics_count_and_tell_no_secret(start_server: StartServer) -> None:
    server = start_server()
    server.password()
    text = httpx.get(f"{server.url}/metrics", trust_env=False).text
    assert "moorage_http_requests_total{" in text
    assert server.credentials.secret_access_key not in text


@pytest.mark.parametrize(
    ("options", "named"),
    [
        (["--sparse-manifests", "some"], "sparse-manifests"),
        (["--account", "12"], "account"),
        (["--tls-cert", "cert.pem"], "tls"),
        (["--config", "missing.toml"], "missing.toml"),
    ],
)
def test_a_wrong_setting_ends_the_start_with_a_reason(
    tmp_path: Path, options: list[str], named: str
) -> None:
    output = refused(tmp_path, *options)
    assert named in output
    assert not (tmp_path / "data" / "credentials").exists()


def test_a_port_that_is_taken_is_named(server: ServerProcess, tmp_path: Path) -> None:
    assert str(server.port) in refused(tmp_path, "--port", str(server.port))


def refused(folder: Path, *options: str) -> str:
    """The output of a start that must fail, quickly and without a traceback."""
    moorage = Path(sys.executable).with_name("moorage")
    done = subprocess.run(
        [moorage, "serve", "--data", folder / "data", "--host", "127.0.0.1", *options],
        cwd=folder,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        timeout=30,
        check=False,
    )
    output = done.stdout + done.stderr
    assert done.returncode != 0, output
    assert "Traceback" not in output
    return output
