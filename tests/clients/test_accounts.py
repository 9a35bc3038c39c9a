"""Two accounts, a robot and the audit log of a running server, with skopeo and `moorage`."""

from __future__ import annotations

import base64
import configparser
import json
import os
import sys
import time
from pathlib import Path
from typing import Any

import boto3
import pytest

from tests import images
from tests.clients.programs import Program
from tests.conftest import StartServer
from tests.server_process import ACCOUNT, REGION, ServerProcess
from tests.tools import require_tool

OTHER = "210987654321"
PLAIN = "--tls-verify=false"


@pytest.fixture
def running(start_server: StartServer) -> ServerProcess:
    """Two workers; `localhost` is the other account's registry, 127.0.0.1 the default one."""
    domains = f"localhost={OTHER}/{REGION}"
    return start_server("--workers", "2", "--robot-tokens", "--custom-domains", domains)


@pytest.fixture
def moorage(running: ServerProcess) -> Program:
    environment = {
        "MOORAGE_DATA": str(running.data),
        "MOORAGE_ROBOT_TOKENS": "true",
        "PYTHONPATH": os.environ.get("PYTHONPATH", ""),
    }
    return Program(Path(sys.executable).with_name("moorage"), environment)


@pytest.fixture
def skopeo(tmp_path: Path) -> Program:
    environment = {
        "REGISTRY_AUTH_FILE": str(tmp_path / "auth.json"),
        "HOME": str(tmp_path),
        "TMPDIR": str(tmp_path),
    }
    return Program(require_tool("skopeo"), environment, "--insecure-policy")


def password_of(server: ServerProcess, profile: str) -> str:
    """A password for docker, of an account's administrator."""
    parser = configparser.ConfigParser()
    parser.read(server.data / "credentials")
    ecr = boto3.client(
        "ecr",
        endpoint_url=server.url,
        region_name=REGION,
        aws_access_key_id=parser[profile]["aws_access_key_id"],
        aws_secret_access_key=parser[profile]["aws_secret_access_key"],
    )
    if profile != "default":
        ecr.create_repository(repositoryName="team/app")
    (data,) = ecr.get_authorization_token()["authorizationData"]
    ecr.close()
    return base64.b64decode(data["authorizationToken"]).decode().partition(":")[2]


def test_an_account_made_while_the_server_runs(
    running: ServerProcess, moorage: Program, skopeo: Program, tmp_path: Path
) -> None:
    moorage("account", "create", OTHER)
    theirs, ours = f"localhost:{running.port}", running.address
    running.ecr.create_repository(repositoryName="team/app")
    layout = images.write_layout(
        tmp_path / "layout", {"one": images.oci_image(images.layer({"a": b"a"}))}
    )
    sign_in = ("login", PLAIN, "--username", "AWS", "--password-stdin")
    skopeo(*sign_in, theirs, stdin=password_of(running, OTHER))
    skopeo(*sign_in, ours, stdin=running.password())
    skopeo("copy", "--dest-tls-verify=false", f"oci:{layout}:one", f"docker://{theirs}/team/app:v1")
    found = skopeo("list-tags", PLAIN, f"docker://{theirs}/team/app")
    assert json.loads(found)["Tags"] == ["v1"]
    empty = json.loads(skopeo("list-tags", PLAIN, f"docker://{ours}/team/app"))
    assert not empty["Tags"]
    skopeo(*sign_in, theirs, stdin=running.password())
    refused = skopeo.refused("inspect", PLAIN, f"docker://{theirs}/team/app:v1")
    assert "no resource-based policy allows the ecr:BatchGetImage action" in refused


def test_a_robot_and_what_the_audit_log_says_of_it(
    running: ServerProcess, moorage: Program, skopeo: Program, tmp_path: Path
) -> None:
    running.ecr.create_repository(repositoryName="team/app")
    words = ("--name", "ci", "--user", "admin", "--repository", "team/*", "--allow", "push")
    token = moorage("token", "create", *words).strip()
    robot = moorage("token", "list").split()[0]
    layout = images.write_layout(
        tmp_path / "layout", {"one": images.oci_image(images.layer({"a": b"a"}))}
    )
    sign_in = ("login", PLAIN, "--username", "AWS", "--password-stdin", running.address)
    skopeo(*sign_in, stdin=token)
    target = f"docker://{running.address}/team/app:v1"
    skopeo("copy", "--dest-tls-verify=false", f"oci:{layout}:one", target)
    moorage("token", "revoke", robot)
    assert "unauthorized" in skopeo.refused("inspect", PLAIN, target).lower()
    deadline = time.monotonic() + 20  # the log promises a second
    pushed: list[dict[str, Any]] = []
    while not pushed and time.monotonic() < deadline:
        events = [json.loads(line) for line in moorage("audit", "--json").splitlines()]
        pushed = [each for each in events if each["eventName"] == "PutImage"]
    assert [each["userIdentity"]["accessKeyId"] for each in pushed] == [robot]
    assert pushed[0]["requestParameters"]["imageTag"] == "v1"
    assert moorage("audit", "--principal", robot, "--action", "ecr:PutImage").count("allowed") == 1
    assert "Unauthenticated" in moorage("audit", "--denied")
    assert token not in json.dumps(events)
    assert {each["recipientAccountId"] for each in events} <= {ACCOUNT, None}
