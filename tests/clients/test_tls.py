"""TLS: the same clients over https, trusting an authority that they are told of."""

from __future__ import annotations

import datetime as dt
import ipaddress
import json
import os
from collections.abc import Iterator
from pathlib import Path

import httpx
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from tests import images
from tests.clients.programs import Program
from tests.server_process import ServerProcess
from tests.tools import require_tool

LOOPBACK = ipaddress.ip_address("127.0.0.1")


def write_certificate(folder: Path) -> tuple[Path, Path]:
    """A certificate of its own making for 127.0.0.1, and its key."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "moorage tests")])
    now = dt.datetime.now(dt.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now - dt.timedelta(minutes=5))
        .not_valid_after(now + dt.timedelta(days=1))
        .add_extension(x509.SubjectAlternativeName([x509.IPAddress(LOOPBACK)]), critical=False)
        .add_extension(x509.BasicConstraints(ca=True, path_length=0), critical=True)
        .sign(key, hashes.SHA256())
    )
    encoding, plain = serialization.Encoding.PEM, serialization.NoEncryption()
    form = serialization.PrivateFormat.PKCS8
    paths = folder / "ca.crt", folder / "server.key"
    paths[0].write_bytes(certificate.public_bytes(encoding))
    paths[1].write_bytes(key.private_bytes(encoding, form, plain))
    return paths


@pytest.fixture
def secure(tmp_path: Path) -> Iterator[ServerProcess]:
    """A server with a certificate, and the repository `team/app`."""
    certificate, key = write_certificate(tmp_path)
    options = ("--tls-cert", str(certificate), "--tls-key", str(key))
    server = ServerProcess(tmp_path, *options, authority=certificate).start()
    try:
        server.ecr.create_repository(repositoryName="team/app")
        yield server
    finally:
        server.stop()


def test_what_the_server_says_of_itself_is_https(secure: ServerProcess) -> None:
    data = secure.ecr.get_authorization_token()["authorizationData"][0]
    assert data["proxyEndpoint"] == secure.url
    with secure.http() as client:
        challenge = client.get("/v2/", headers={"authorization": ""})
        assert challenge.status_code == 401
        realm = f'Basic realm="{secure.url}/",service="ecr.amazonaws.com"'
        assert challenge.headers["www-authenticate"] == realm
    with pytest.raises(httpx.TransportError):
        httpx.get(secure.url.replace("https", "http") + "/healthz", trust_env=False)


def test_crane_pushes_and_validates(secure: ServerProcess, tmp_path: Path) -> None:
    authority = {"SSL_CERT_FILE": str(tmp_path / "ca.crt")}
    environment = {"DOCKER_CONFIG": str(tmp_path / "crane"), "HOME": str(tmp_path), **authority}
    crane = Program(require_tool("crane"), environment)
    login = ("auth", "login", secure.address, "--username", "AWS", "--password-stdin")
    crane(*login, stdin=secure.password())
    image = images.oci_image(images.layer({"random": os.urandom(8 << 20)}))
    layout = images.write_layout(tmp_path / "layout", {"v1": image})
    reference = f"{secure.address}/team/app:v1"
    crane("push", str(layout), reference)
    assert crane("digest", reference).strip() == image.digest
    assert crane("validate", "--remote", reference).startswith("PASS")


def test_skopeo_verifies_the_certificate(secure: ServerProcess, tmp_path: Path) -> None:
    trusted = tmp_path / "trusted"
    trusted.mkdir()
    (trusted / "ca.crt").write_bytes((tmp_path / "ca.crt").read_bytes())
    environment = {"REGISTRY_AUTH_FILE": str(tmp_path / "auth.json"), "HOME": str(tmp_path)}
    skopeo = Program(require_tool("skopeo"), environment, "--insecure-policy")
    user = ("--username", "AWS", "--password-stdin", secure.address)
    skopeo("login", "--cert-dir", str(trusted), *user, stdin=secure.password())
    image = images.oci_image(images.layer({"hello": b"hello\n"}))
    layout = images.write_layout(tmp_path / "layout", {"v1": image})
    remote = f"docker://{secure.address}/team/app:v1"
    copy = ("copy", f"oci:{layout}:v1", remote)
    assert "certificate" in skopeo.refused(*copy)
    skopeo("copy", "--dest-cert-dir", str(trusted), *copy[1:])
    shown = json.loads(skopeo("inspect", "--cert-dir", str(trusted), remote))
    assert shown["Digest"] == image.digest
