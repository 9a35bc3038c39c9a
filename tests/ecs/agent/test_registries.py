"""As whom images are pulled, and where secrets come from."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.ecs.agent.collaborators import PullSource, Unavailable
from registry.ecs.agent.environment_files import variables
from registry.ecs.agent.registries import Registries, host_of, own_addresses
from registry.ecs.agent.secrets import SecretStores, parse_reference
from registry.ecs.clients import Keys
from registry.ecs.protocol import RoleCredentials, TaskPayload
from registry.ecs.statuses import DesiredStatus
from registry.values.scope import Hosts, Scope
from tests.application import ACCOUNT, REGION, Registry, allow
from tests.identities import make_role
from tests.sts.test_services import client as service_client
from tests.sts.test_services import trusting_service


class Clients:
    """boto3's, of an application in this process."""

    def __init__(self, registry: Registry) -> None:
        self._registry = registry

    def of(self, service: str, region: str, keys: Keys) -> Any:
        assert region == REGION
        return self._registry.aws(
            service, keys.access_key_id, keys.secret_access_key, keys.session_token
        )


def assumed(registry: Registry, *policies: str) -> RoleCredentials:
    arn = make_role(registry, "execution", trusting_service("ecs-tasks.amazonaws.com"), *policies)
    answer = service_client(registry, "sts").assume_role(RoleArn=arn, RoleSessionName="task")
    found = answer["Credentials"]
    return RoleCredentials(
        "c" * 64,
        arn,
        found["AccessKeyId"],
        found["SecretAccessKey"],
        found["SessionToken"],
        datetime.now(UTC),
    )


def payload(execution: RoleCredentials | None) -> TaskPayload:
    return TaskPayload(
        arn=f"arn:aws:ecs:{REGION}:{ACCOUNT}:task/demo/1",
        cluster_arn="c",
        definition={},
        desired_status=DesiredStatus.RUNNING,
        launch_type="FARGATE",
        container_arns={},
        execution_credentials=execution,
    )


def registries(registry: Registry) -> Registries:
    hosts = Hosts(Scope(ACCOUNT, REGION))
    return Registries(Clients(registry), hosts, own_addresses("127.0.0.1", 5000))  # type: ignore[arg-type]  # a client of no socket


def test_this_registry_is_pulled_from_as_the_execution_role(registry: Registry) -> None:
    role = assumed(registry, allow("ecr:GetAuthorizationToken", "ecr:BatchGetImage"))
    for host in ("localhost:5000", "127.0.0.1:5000", f"{ACCOUNT}.dkr.ecr.{REGION}.localhost:5000"):
        source = registries(registry).source(payload(role), {"image": f"{host}/team/box:v1"})
        assert source.username == "AWS"
        assert source.password
        assert source.password not in repr(source)


def test_a_role_that_may_not_is_refused_in_words(registry: Registry) -> None:
    role = assumed(registry)
    with pytest.raises(Unavailable, match=r"AccessDeniedException.*ecr:GetAuthorizationToken"):
        registries(registry).source(payload(role), {"image": "localhost:5000/box"})


@pytest.mark.parametrize(
    "image", ["busybox", "team/box:v1", "ghcr.io/team/box", "localhost:5001/x"]
)
def test_elsewhere_anybody_pulls(registry: Registry, image: str) -> None:
    role = assumed(registry)
    assert registries(registry).source(payload(role), {"image": image}) == PullSource(image)
    assert registries(registry).source(payload(None), {"image": "localhost:5000/x"}) == PullSource(
        "localhost:5000/x"
    )


def test_hosts_are_what_docker_takes_for_hosts() -> None:
    assert host_of("team/box") is None
    assert host_of("box") is None
    assert host_of("localhost/box") == "localhost"
    assert host_of("A.example:1/box@sha256:0") == "a.example:1"


def test_secrets_come_from_their_stores(registry: Registry) -> None:
    role = assumed(
        registry,
        allow("ssm:GetParameters", "secretsmanager:GetSecretValue", "kms:Decrypt"),
    )
    admin = registry.admin
    ssm = registry.aws("ssm", admin.id, admin.secret)
    ssm.put_parameter(Name="/app/word", Value="sesame", Type="SecureString")
    keeper = registry.aws("secretsmanager", admin.id, admin.secret)
    arn = keeper.create_secret(Name="db", SecretString='{"password": "p4ss", "port": 5432}')["ARN"]
    stores = SecretStores(Clients(registry))  # type: ignore[arg-type]  # a client of no socket
    found = stores.resolve(
        payload(role),
        {
            "secrets": [
                {"name": "WORD", "valueFrom": "/app/word"},
                {"name": "ALL", "valueFrom": arn},
                {"name": "PASSWORD", "valueFrom": f"{arn}:password::"},
                {"name": "PORT", "valueFrom": f"{arn}:port:AWSCURRENT:"},
            ]
        },
    )
    assert found.secrets == {
        "WORD": "sesame",
        "ALL": '{"password": "p4ss", "port": 5432}',
        "PASSWORD": "p4ss",
        "PORT": "5432",
    }
    assert "sesame" not in repr(found)
    for wrong, words in (
        ("/app/none", "invalid parameters: /app/none"),
        (f"{arn}:nothing::", "did not contain json key nothing"),
        (arn.replace("db-", "no-"), "unable to retrieve secret from asm"),
    ):
        with pytest.raises(Unavailable, match=words):
            stores.resolve(payload(role), {"secrets": [{"name": "X", "valueFrom": wrong}]})
    with pytest.raises(Unavailable, match="no execution role"):
        stores.resolve(payload(None), {"secrets": [{"name": "X", "valueFrom": "x"}]})


def test_references_have_parts() -> None:
    arn = "arn:aws:secretsmanager:r:1:secret:db-abcdef"
    assert parse_reference(arn) == (arn, "", "", "")
    assert parse_reference(f"{arn}:key:stage:version") == (arn, "key", "stage", "version")


def test_environment_files_are_read_as_the_agent_reads_them() -> None:
    content = b"# a comment\nA=1\nB = 2\n\nC=x=y\nA=2\nNOTHING\n  D='q'\n"
    assert variables(content) == {"A": "1", "C": "x=y", "D": "'q'"}


@given(st.binary(max_size=2000))
def test_any_bytes_are_a_file(content: bytes) -> None:
    assert all(name and "=" not in name for name in variables(content))
