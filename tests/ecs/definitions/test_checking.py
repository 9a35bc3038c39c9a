"""What may stand in a task definition, without a server."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.aws.errors import ServiceError
from registry.ecs.definitions.checking import checked
from registry.ecs.definitions.sizes import FARGATE_SIZES
from registry.ecs.service import ecs

BOX: dict[str, Any] = {"name": "box", "image": "localhost:5000/box:v1", "memory": 64}
SIDE: dict[str, Any] = {**BOX, "name": "side"}
ROLE = "arn:aws:iam::123456789012:role/work"
ECR = "123456789012.dkr.ecr.eu-west-1.amazonaws.com/box:v1"
HEALTH = {"command": ["CMD-SHELL", "true"]}
FARGATE: dict[str, Any] = {
    "networkMode": "awsvpc",
    "cpu": "256",
    "memory": "512",
    "requiresCompatibilities": ["FARGATE"],
}
EFS: dict[str, Any] = {"fileSystemId": "fs-1"}
SHAPE: Any = ecs.model.operation_model("RegisterTaskDefinition").input_shape
INPUT = frozenset(SHAPE.members)


def definition(*containers: dict[str, Any], **more: Any) -> dict[str, Any]:
    return {"family": "web", "containerDefinitions": list(containers or [BOX]), **more}


def box(**more: Any) -> dict[str, Any]:
    return definition({**BOX, **more})


def fargate(**more: Any) -> dict[str, Any]:
    return definition({**BOX, **more}, **FARGATE)


def waits(condition: str, other: dict[str, Any] | None = None, name: str = "side") -> Any:
    wish = {"containerName": name, "condition": condition}
    return definition({**BOX, "dependsOn": [wish]}, other or SIDE)


def ports(*mappings: dict[str, Any], **more: Any) -> dict[str, Any]:
    return definition({**BOX, "portMappings": list(mappings)}, **more)


def volume(**more: Any) -> dict[str, Any]:
    return definition(volumes=[{"name": "data", **more}])


def logs(driver: str, **options: str) -> dict[str, Any]:
    named = {name.replace("_", "-"): value for name, value in options.items()}
    return {"logConfiguration": {"logDriver": driver, "options": named}}


def mounts(*paths: str, source: str = "data") -> dict[str, Any]:
    points = [{"sourceVolume": source, "containerPath": path} for path in paths]
    return definition({**BOX, "mountPoints": points}, volumes=[{"name": "data"}])


def linux(**more: Any) -> dict[str, Any]:
    return {"linuxParameters": more}


AWSLOGS = logs("awslogs", awslogs_group="g", awslogs_region="r")
MUST_MATCH = "the host ports and container ports in port mappings must match."
ONE_OF = "is not a valid log driver. Must be one of [awslogs,splunk,awsfirelens]"

REFUSED: list[tuple[dict[str, Any], str]] = [
    ({**box(), "family": ""}, "Family can not be blank."),
    ({**box(), "family": "a b"}, "Family contains invalid characters."),
    ({**box(), "containerDefinitions": []}, "Container list cannot be empty."),
    (
        definition(*({**BOX, "name": f"c{number}"} for number in range(11))),
        "at most 10 containers",
    ),
    (box(name=""), "Container.name should not be null or empty."),
    (box(name="a b"), "Container.name contains invalid characters."),
    (box(image=""), "Container.image should not be null or empty."),
    (box(image="$IMAGE"), "Container.image contains invalid characters."),
    (definition(BOX, BOX), "Container names must be unique within a task definition."),
    (box(essential=False), "Task definition doesn't have any essential container."),
    (
        definition({"name": "box", "image": "box"}),
        "Invalid setting for container 'box'. At least one of 'memory' or 'memoryReservation'"
        " must be specified.",
    ),
    (box(memory=3), "Invalid 'memory' setting for container 'box'."),
    (box(memoryReservation=65), "'memory' must be greater than or equal to 'memoryReservation'."),
    (box(cpu=-1), "Invalid 'cpu' setting for container 'box'."),
    (definition(cpu="127"), "Invalid 'cpu' setting for task."),
    (definition(cpu="a lot"), "Invalid 'cpu' setting for task."),
    (definition(cpu="0.3 vCPU"), "Invalid 'cpu' setting for task."),
    (definition(memory="0"), "Invalid 'memory' setting for task."),
    (
        definition(memory="63"),
        "The 'memory' setting for container 'box' is greater than for the task.",
    ),
    (definition(BOX, SIDE, memory="100"), "The sum of all container 'memoryReservation'"),
    (
        definition({**BOX, "cpu": 200}, {**SIDE, "cpu": 57}, cpu="256"),
        "The sum of all container 'cpu' values cannot be greater than the value of the task 'cpu'.",
    ),
    (box(startTimeout=1), "Granular start timeout on container 'box' must be at least 2 seconds."),
    (box(stopTimeout=1), "Granular stop timeout on container 'box' must be at least 2 seconds."),
    (box(environment=[{"name": "", "value": "1"}]), "can not be blank"),
    (
        box(environment=[{"name": "A"}], secrets=[{"name": "A", "valueFrom": "x"}]),
        "The secret name must be unique",
    ),
    (box(environmentFiles=[{"type": "s3", "value": "s3://a/b.env"}]), "Invalid arn syntax."),
    (
        box(environmentFiles=[{"type": "s3", "value": "arn:aws:s3:::a/b.env"}] * 11),
        "The maximum number of environment files was exceeded.",
    ),
    (
        box(secrets=[{"name": "A", "valueFrom": "x"}]),
        "When you are specifying container secrets, you must also specify a value for"
        " 'executionRoleArn'.",
    ),
    (
        box(restartPolicy={"enabled": True, "restartAttemptPeriod": 59}),
        "the 'restartAttemptPeriod' setting for container 'box' must be between 60 and 1800",
    ),
    (
        box(restartPolicy={"enabled": True, "ignoredExitCodes": list(range(51))}),
        "at most 50 exit codes",
    ),
    (
        box(ulimits=[{"name": "nofile", "softLimit": 2, "hardLimit": 1}]),
        "Soft limit exceeds hard limit for ulimit nofile",
    ),
    (
        box(ulimits=[{"name": "nofile", "softLimit": 1, "hardLimit": 1}] * 2),
        "Duplicate ulimit 'nofile'",
    ),
    (box(**linux(swappiness=101)), "Invalid 'swappiness' setting"),
    (box(**linux(swappiness=10)), "'swappiness' requires 'maxSwap'"),
    (box(**linux(maxSwap=-1)), "Invalid 'maxSwap' setting"),
    (box(**linux(sharedMemorySize=0)), "Invalid 'sharedMemorySize' setting"),
    (box(**linux(tmpfs=[{"containerPath": "tmp", "size": 1}])), "Invalid 'tmpfs' setting"),
    (box(**logs("awsfirelens")), "This server has no FireLens"),
    (box(firelensConfiguration={"type": "fluentbit"}), "This server has no FireLens"),
    (
        box(**logs("awslogs")),
        "Log driver awslogs requires options: awslogs-region, awslogs-group",
    ),
    (
        box(**logs("awslogs", awslogs_region="r")),
        "Log driver awslogs requires options: awslogs-group",
    ),
    (box(**logs("splunk", splunk_url="u")), "Log driver splunk requires options: splunk-token"),
    (box(resourceRequirements=[{"type": "GPU", "value": "no"}]), "Invalid GPU value 'no'"),
    (
        box(resourceRequirements=[{"type": "InferenceAccelerator", "value": "x"}]),
        "Unsupported resource requirement 'InferenceAccelerator'.",
    ),
    (box(healthCheck={"command": []}), "The command must begin with CMD"),
    (box(healthCheck={"command": ["CMD"]}), "The command must begin with CMD"),
    (box(healthCheck={**HEALTH, "interval": 4}), "interval for container 'box' must be between"),
    (box(healthCheck={**HEALTH, "timeout": 61}), "timeout for container 'box' must be between"),
    (box(healthCheck={**HEALTH, "retries": 0}), "retries for container 'box' must be between"),
    (box(healthCheck={**HEALTH, "startPeriod": 301}), "startPeriod for container 'box' must be"),
    (waits("START", name="no"), "Cannot depend on container + 'no' because it does not exist"),
    (waits("START", name="box"), "Container 'box' cannot depend on itself."),
    (
        waits("SUCCESS"),
        "A dependency container with SUCCESS or COMPLETE condition cannot be an essential"
        " container",
    ),
    (
        waits("HEALTHY"),
        "A dependency container with HEALTHY condition must have health check configured",
    ),
    (
        waits("START", {**SIDE, "links": ["box:b"]}),
        "Cyclic dependencies between containers are not allowed: box -> side -> box.",
    ),
    (
        box(volumesFrom=[{"sourceContainer": "no"}]),
        "Invalid 'volumesFrom' setting. Unknown container: 'no'.",
    ),
    (box(links=["no"]), "Invalid 'links' setting. Unknown container: 'no'."),
    (
        definition({**BOX, "links": ["side"]}, SIDE, networkMode="awsvpc"),
        "Links are not supported when networkMode=awsvpc.",
    ),
    *(
        ({**box(**{member: value}), "networkMode": "awsvpc"}, words)
        for member, value, words in (
            ("hostname", "h", "hostname is not supported on container when networkMode=awsvpc."),
            ("dnsServers", ["1.1.1.1"], "DNS servers are not supported on container when"),
            ("dnsSearchDomains", ["x"], "DNS search domains are not supported on container"),
            ("extraHosts", [{"hostname": "a", "ipAddress": "1.1.1.1"}], "Extra hosts are not"),
            ("disableNetworking", True, "Disable Networking is not supported on container"),
        )
    ),
    (ports({"hostPort": 80}), "Invalid 'containerPort' setting for container 'box'."),
    (ports({"containerPort": 65536}), "Invalid 'containerPort' setting for container 'box'."),
    (ports({"containerPort": 1, "hostPort": -1}), "Invalid 'hostPort' setting"),
    *(
        (
            ports({"containerPort": 80, "hostPort": 81}, networkMode=mode),
            f"When networkMode={mode}, {MUST_MATCH}",
        )
        for mode in ("awsvpc", "host")
    ),
    (ports({"containerPort": 80}, networkMode="none"), "not supported when networkMode=none"),
    (
        ports({"containerPort": 80, "hostPort": 80}, {"containerPort": 81, "hostPort": 80}),
        "TCP host port '80' is mapped multiple times in task.",
    ),
    (
        ports({"containerPort": 1, "name": "a"}, {"containerPort": 2, "name": "a"}),
        "The port mapping name 'a' is already used in the task.",
    ),
    (ports({"containerPort": 1, "name": "A B"}), "Invalid port mapping name 'A B'"),
    (
        ports({"containerPort": 1, "containerPortRange": "1-2"}),
        "cannot specify both single port and port range",
    ),
    (ports({"containerPortRange": "2-1"}), "Invalid 'containerPortRange' setting"),
    (ports({"containerPortRange": "1-2"}, networkMode="host"), "Invalid 'containerPortRange'"),
    (
        ports({"containerPortRange": "1-5"}, {"containerPortRange": "5-9"}),
        "TCP container port '5' is used multiple times in task.",
    ),
    (
        ports({"containerPortRange": "1-5"}, {"containerPort": 3}),
        "TCP container port '3' is used multiple times in task.",
    ),
    (ports(*({"containerPort": 1} for _ in range(101))), "Too many port mappings"),
    (definition(volumes=[{}]), "Volume.name should not be null or empty."),
    (definition(volumes=[{"name": "a b"}]), "Volume.name contains invalid characters."),
    (definition(volumes=[{"name": "a"}] * 2), "Duplicate volume name 'a'."),
    (
        volume(host={"sourcePath": "/x"}, efsVolumeConfiguration=EFS),
        "The volume 'data' can have only one of",
    ),
    (volume(configuredAtLaunch=True), "This server has no Amazon EBS volumes"),
    (volume(fsxWindowsFileServerVolumeConfiguration={"a": 1}), "This server has no volumes of"),
    (volume(dockerVolumeConfiguration={"autoprovision": True}), "only with the scope 'shared'"),
    (
        volume(efsVolumeConfiguration={**EFS, "authorizationConfig": {"iam": "ENABLED"}}),
        "EFS IAM authorization requires TransitEncryption to be enabled.",
    ),
    (
        volume(efsVolumeConfiguration={**EFS, "authorizationConfig": {"accessPointId": "a"}}),
        "EFS access points require TransitEncryption",
    ),
    (
        volume(
            efsVolumeConfiguration={
                **EFS,
                "rootDirectory": "/x",
                "transitEncryption": "ENABLED",
                "authorizationConfig": {"accessPointId": "a"},
            }
        ),
        'When using an EFS access point, the root directory must either be set to "/" or be',
    ),
    (mounts("/x", source="no"), "Unknown volume 'no'."),
    (mounts(""), "MountPoint.containerPath should not be null or empty."),
    (mounts("/x", "/x"), "Duplicate mount point '/x'"),
    (
        definition(proxyConfiguration={"containerName": "no"}),
        "Proxy container [no] does not exist",
    ),
    (definition(proxyConfiguration={"containerName": "box"}), "This server has no AWS App Mesh"),
    (definition(placementConstraints=[{"type": "memberOf"}]), "needs an expression"),
    (
        definition(placementConstraints=[{"type": "memberOf", "expression": "a"}] * 11),
        "at most 10 constraints",
    ),
    (definition(inferenceAccelerators=[{"a": "b"}]), "Unsupported field 'inferenceAccelerators'."),
    (
        definition(trustedExecutionConfiguration={"a": "b"}),
        "Unsupported field 'trustedExecutionConfiguration'.",
    ),
    (
        definition(runtimePlatform={"operatingSystemFamily": "WINDOWS_SERVER_2022_CORE"}),
        "This server runs Linux containers only",
    ),
    (definition(requiresCompatibilities=["MANAGED_INSTANCES"]), "This server has no launch type"),
    (
        definition(requiresCompatibilities=["EXTERNAL"], networkMode="awsvpc"),
        "The EXTERNAL launch type does not support network mode 'awsvpc'.",
    ),
    (
        definition(ephemeralStorage={"sizeInGiB": 30}),
        "Tasks using the EC2 launch type do not support EphemeralStorage.",
    ),
    *(
        ({**fargate(), "ephemeralStorage": {"sizeInGiB": size}}, "Size must be between 21 GiB")
        for size in (20, 201)
    ),
    (
        {**fargate(), "networkMode": "bridge"},
        "Fargate only supports network mode ‘awsvpc’.",
    ),
    (
        definition(networkMode="awsvpc", requiresCompatibilities=["FARGATE"]),
        "Fargate requires that 'cpu' be defined at the task level.",
    ),
    (
        definition(networkMode="awsvpc", cpu="256", requiresCompatibilities=["FARGATE"]),
        "Fargate requires that 'memory' be defined at the task level.",
    ),
    (
        {**fargate(), "cpu": "512"},
        "No Fargate configuration exists for given values: 512 CPU, 512 memory. See the Amazon"
        " ECS documentation for the valid values.",
    ),
    (
        {**fargate(), "placementConstraints": [{"type": "memberOf", "expression": "a"}]},
        "Fargate compatible task definitions do not support constraints",
    ),
    (
        {**fargate(), "ipcMode": "task"},
        "Tasks using the Fargate launch type do not support ipcMode.",
    ),
    (
        {**fargate(), "pidMode": "host"},
        "Tasks using the Fargate launch type do not support pidMode 'host'. The supported value"
        " for pidMode is 'task'.",
    ),
    (
        {**fargate(), "volumes": [{"name": "a", "host": {"sourcePath": "/x"}}]},
        "Fargate compatible task definitions do not support sourcePath",
    ),
    (
        {**fargate(), "volumes": [{"name": "a", "dockerVolumeConfiguration": {"scope": "task"}}]},
        "Fargate compatible task definitions do not support dockerVolumeConfiguration",
    ),
    (fargate(privileged=True), "Fargate requires that the 'privileged' setting be 'false'"),
    (
        fargate(dockerSecurityOptions=["x"]),
        "Fargate compatible task definitions do not support dockerSecurityOptions",
    ),
    (
        fargate(resourceRequirements=[{"type": "GPU", "value": "1"}]),
        "Tasks using the Fargate launch type do not support GPU resource requirements.",
    ),
    (
        fargate(stopTimeout=121),
        "Tasks using the Fargate launch type must have a container stop timeout of less than 120"
        " seconds.",
    ),
    (fargate(**logs("json-file")), f"json-file {ONE_OF}"),
    (fargate(**linux(devices=[{"hostPath": "/dev/x"}])), "do not support devices"),
    (fargate(**linux(sharedMemorySize=64)), "do not support sharedMemorySize"),
    (fargate(**linux(maxSwap=64)), "do not support maxSwap"),
    (
        fargate(**linux(capabilities={"add": ["NET_ADMIN"]})),
        "NET_ADMIN is not allowed on Fargate.",
    ),
    (
        fargate(image=ECR),
        "Fargate requires task definition to have execution role ARN to support ECR images.",
    ),
    (
        fargate(**AWSLOGS),
        "Fargate requires task definition to have execution role ARN to support log driver"
        " awslogs.",
    ),
]


@pytest.mark.parametrize(("wrong", "words"), REFUSED, ids=[words[:50] for _, words in REFUSED])
def test_what_cannot_be_is_refused_in_words_that_say_so(wrong: dict[str, Any], words: str) -> None:
    with pytest.raises(ServiceError) as caught:
        checked(wrong)
    assert caught.value.code == "ClientException"
    assert words in caught.value.message


ACCEPTED: list[dict[str, Any]] = [
    box(),
    fargate(stopTimeout=120, **linux(capabilities={"add": ["SYS_PTRACE"], "drop": ["ALL"]})),
    {
        **fargate(image=ECR, **AWSLOGS),
        "executionRoleArn": ROLE,
        "ephemeralStorage": {"sizeInGiB": 21},
    },
    {**fargate(), "pidMode": "task", "volumes": [{"name": "a"}]},
    waits("SUCCESS", {**SIDE, "essential": False}),
    waits("HEALTHY", {**SIDE, "healthCheck": HEALTH}),
    definition({**BOX, "links": ["side"], "volumesFrom": [{"sourceContainer": "side"}]}, SIDE),
    ports({"containerPort": 80}, {"containerPort": 80, "protocol": "udp"}, {"containerPort": 81}),
    ports({"containerPort": 80}, networkMode="host"),
    ports({"containerPortRange": "1-5"}, {"containerPortRange": "3-9", "protocol": "udp"}),
    mounts("/x", "/y"),
    volume(efsVolumeConfiguration=EFS),
    volume(dockerVolumeConfiguration={"scope": "shared", "autoprovision": True}),
    box(secrets=[{"name": "A", "valueFrom": "x"}]) | {"executionRoleArn": ROLE},
    box(restartPolicy={"enabled": True, "restartAttemptPeriod": 60, "ignoredExitCodes": [0]}),
    box(ulimits=[{"name": "nofile", "softLimit": 1, "hardLimit": -1}]),
    box(**linux(maxSwap=0, swappiness=10, tmpfs=[{"containerPath": "/t", "size": 1}])),
    box(healthCheck={"command": ["NONE"]}, privileged=True, **logs("json-file")),
    definition(networkMode="none", ipcMode="none", cpu="0.25 vCPU", memory="0.5GB"),
]


def registrable(document: dict[str, Any]) -> dict[str, Any]:
    """The members that RegisterTaskDefinition takes."""
    return {name: value for name, value in document.items() if name in INPUT}


@pytest.mark.parametrize("given", ACCEPTED)
def test_what_was_accepted_is_accepted_again_unchanged(given: dict[str, Any]) -> None:
    once = checked(given)
    assert checked(registrable(once)) == once


def containers() -> st.SearchStrategy[dict[str, Any]]:
    """Containers, some of which can't be."""
    mapping = st.fixed_dictionaries(
        {"containerPort": st.integers(0, 3)},
        optional={"hostPort": st.integers(0, 3), "protocol": st.sampled_from(["tcp", "udp"])},
    )
    health = st.fixed_dictionaries(
        {"command": st.sampled_from([["CMD", "true"], ["NONE"], []])},
        optional={"interval": st.integers(4, 6), "retries": st.integers(0, 2)},
    )
    wish = st.fixed_dictionaries(
        {
            "containerName": st.sampled_from("ab"),
            "condition": st.sampled_from(["START", "SUCCESS", "HEALTHY"]),
        }
    )
    return st.fixed_dictionaries(
        {"image": st.sampled_from(["box", ECR])},
        optional={
            "memory": st.integers(60, 70),
            "memoryReservation": st.integers(60, 70),
            "cpu": st.integers(0, 200),
            "essential": st.booleans(),
            "portMappings": st.lists(mapping, max_size=2),
            "healthCheck": health,
            "dependsOn": st.lists(wish, max_size=1),
            "stopTimeout": st.integers(1, 121),
            "logConfiguration": st.just(AWSLOGS["logConfiguration"]),
        },
    )


@given(
    st.lists(containers(), min_size=1, max_size=2),
    st.fixed_dictionaries(
        {"family": st.just("web")},
        optional={
            "networkMode": st.sampled_from(["awsvpc", "bridge", "host", "none"]),
            "cpu": st.sampled_from(["256", "1 vCPU", ".5 vcpu", "0.25vCPU"]),
            "memory": st.sampled_from(["512", "1GB", "2 gb", "lots"]),
            "executionRoleArn": st.just(ROLE),
            "requiresCompatibilities": st.sampled_from([["FARGATE"], ["EC2"], ["EC2", "FARGATE"]]),
            "volumes": st.lists(st.fixed_dictionaries({"name": st.sampled_from("ab")}), max_size=2),
        },
    ),
)
def test_anything_is_refused_or_stays_as_it_was_made(
    listed: list[dict[str, Any]], task: dict[str, Any]
) -> None:
    named = [{"name": name, **each} for name, each in zip("ab", listed, strict=False)]
    try:
        once = checked({**task, "containerDefinitions": named})
    except ServiceError:
        return
    assert checked(registrable(once)) == once
    required = task.get("requiresCompatibilities", [])
    assert set(required) <= set(once["compatibilities"])


def test_every_documented_size_of_fargate_is_taken_and_no_other() -> None:
    pairs = {
        (cpu, memory)
        for cpu in FARGATE_SIZES
        for memory in range(512, 122_881, 512)
        if "FARGATE"
        in checked({**definition(networkMode="awsvpc"), "cpu": str(cpu), "memory": str(memory)})[
            "compatibilities"
        ]
    }
    counts = {cpu: len([1 for each, _ in pairs if each == cpu]) for cpu in FARGATE_SIZES}
    assert counts == {256: 3, 512: 4, 1024: 7, 2048: 13, 4096: 23, 8192: 12, 16384: 12}
    assert max(memory for cpu, memory in pairs if cpu == 16384) == 120 * 1024


@pytest.mark.parametrize(
    ("given", "cpu", "memory"),
    [
        (("1 vCPU", "2 GB"), "1024", "2048"),
        ((".5 vcpu", "1GB"), None, None),
        (("0.25vCPU", "0.5 gb"), "256", "512"),
        (("256", "512"), "256", "512"),
    ],
)
def test_units_are_made_numbers(
    given: tuple[str, str], cpu: str | None, memory: str | None
) -> None:
    if cpu is None:
        with pytest.raises(ServiceError):
            checked(definition(cpu=given[0], memory=given[1]))
        return
    found = checked(definition(cpu=given[0], memory=given[1]))
    assert (found["cpu"], found["memory"]) == (cpu, memory)


def test_defaults_are_shown_as_they_are_taken() -> None:
    found = checked(ports({"containerPort": 80}, volumes=[{"name": "a"}]))
    (container,) = found["containerDefinitions"]
    assert container["portMappings"] == [{"containerPort": 80, "hostPort": 0, "protocol": "tcp"}]
    assert found["volumes"] == [{"name": "a", "host": {}}]
    assert found["compatibilities"] == ["EXTERNAL", "EC2"]
    assert "networkMode" not in found
    shared = checked(ports({"containerPort": 80}, networkMode="awsvpc"))
    assert shared["containerDefinitions"][0]["portMappings"][0]["hostPort"] == 80
    watched = checked(box(healthCheck=HEALTH))["containerDefinitions"][0]["healthCheck"]
    assert watched == {**HEALTH, "interval": 30, "timeout": 5, "retries": 3}


def test_attributes_say_what_an_instance_must_have() -> None:
    found = checked(
        {**fargate(image=ECR, **AWSLOGS), "executionRoleArn": ROLE, "taskRoleArn": ROLE}
    )
    assert [each["name"] for each in found["requiresAttributes"]] == [
        "com.amazonaws.ecs.capability.docker-remote-api.1.18",
        "com.amazonaws.ecs.capability.docker-remote-api.1.19",
        "com.amazonaws.ecs.capability.ecr-auth",
        "com.amazonaws.ecs.capability.logging-driver.awslogs",
        "com.amazonaws.ecs.capability.task-iam-role",
        "ecs.capability.execution-role-awslogs",
        "ecs.capability.execution-role-ecr-pull",
        "ecs.capability.task-eni",
    ]
    assert found["compatibilities"] == ["EC2", "FARGATE"]
    assert checked(box())["requiresAttributes"] == []
