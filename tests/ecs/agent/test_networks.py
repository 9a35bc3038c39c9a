"""The network modes, and name spaces that containers share."""

from __future__ import annotations

import http.client
import socket
from ipaddress import IPv4Network, ip_address, ip_network
from pathlib import Path

import pytest

from registry.ecs.agent.definition import PAUSE
from registry.ecs.agent.networks import USUAL_SUBNETS, NoSubnet, free_subnet, interface_of, routed
from registry.ecs.statuses import TaskStatus
from tests.ecs.agent.harness import STAYS, Rig, container, eventually, shell

SERVES = shell(f"echo -n here > /index.html; /bin/busybox httpd -p 8080 -h /; {STAYS}")
LATE = "/bin/busybox wget -qO- http://{}/index.html"


def get(host: str, port: int) -> str:
    """What a web server says, as soon as it does."""
    found: list[str] = []

    def answers() -> bool:
        connection = http.client.HTTPConnection(host, port, timeout=5)
        try:
            connection.request("GET", "/index.html")
            found.append(connection.getresponse().read().decode())
        except OSError:
            return False
        finally:
            connection.close()
        return True

    eventually(answers)
    return found[-1]


def test_awsvpc_tasks_have_an_address_that_their_containers_share(rig: Rig) -> None:
    hosts = [{"hostname": "friend", "ipAddress": "10.9.8.7"}]
    control = [{"namespace": "net.ipv4.ip_default_ttl", "value": "77"}]
    payload = rig.running(
        {"command": SERVES, "portMappings": [{"containerPort": 8080}], "systemControls": control,
         "dnsServers": ["10.9.8.6"]},
        {"name": "side", "extraHosts": hosts, "dnsSearchDomains": ["inner.example"]},
        networkMode="awsvpc",
    )  # fmt: skip
    interface = rig.plane.tasks[payload.arn].interface
    assert interface is not None
    assert ip_address(interface.private_address) in ip_network(interface.subnet_cidr)
    assert len(interface.mac_address.split(":")) == 6
    assert get(interface.private_address, 8080) == "here"
    assert rig.inside(payload, "wget", "-qO-", "http://127.0.0.1:8080/index.html", name="side") == (
        "here"
    )
    assert interface.mac_address in rig.inside(payload, "ip", "link", name="side")
    assert "10.9.8.7\tfriend" in rig.inside(payload, "cat", "/etc/hosts", name="side")
    resolver = rig.inside(payload, "cat", "/etc/resolv.conf")
    assert "search inner.example" in resolver
    assert rig.shown(payload, PAUSE)["HostConfig"]["Dns"] == ["10.9.8.6"]
    assert rig.inside(payload, "cat", "/proc/sys/net/ipv4/ip_default_ttl").strip() == "77"
    assert container(rig.plane.tasks[payload.arn]).network_bindings == ()
    ended = rig.stop(payload)
    assert ended.interface == interface
    assert rig.plane.statuses(payload.arn) == [
        TaskStatus.PROVISIONING,
        TaskStatus.PENDING,
        TaskStatus.RUNNING,
        TaskStatus.STOPPING,
        TaskStatus.DEPROVISIONING,
        TaskStatus.STOPPED,
    ]


def test_awsvpc_tasks_reach_each_other(rig: Rig) -> None:
    first = rig.running({"command": SERVES}, networkMode="awsvpc")
    second = rig.running({}, networkMode="awsvpc")
    interfaces = [rig.plane.tasks[one.arn].interface for one in (first, second)]
    assert interfaces[0] is not None
    assert interfaces[1] is not None
    address = interfaces[0].private_address
    assert address != interfaces[1].private_address
    assert get(address, 8080) == "here"
    assert rig.inside(second, "wget", "-qO-", f"http://{address}:8080/index.html") == "here"


def test_the_pause_container_ends_at_once_and_needs_next_to_nothing(rig: Rig) -> None:
    payload = rig.running({}, networkMode="awsvpc")
    pause = rig.shown(payload, PAUSE)
    assert pause["Config"]["Image"] == "moorage-pause:1"
    image = rig.engine.inspect_image("moorage-pause:1")  # type: ignore[no-untyped-call]  # left out of its types
    assert image["Size"] < 1000
    rig.stop(payload)
    assert rig.shown(payload, PAUSE)["State"]["ExitCode"] == 0


def test_bridge_ports_chosen_and_given(rig: Rig) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    mappings = [
        {"containerPort": 8080, "hostPort": port},
        {"containerPort": 8080, "protocol": "udp"},
    ]
    payload = rig.running({"command": SERVES, "portMappings": mappings}, networkMode="bridge")
    found = container(rig.plane.tasks[payload.arn]).network_bindings
    given = [one for one in found if one["protocol"] == "tcp" and one["bindIP"] == "0.0.0.0"]
    assert given == [
        {"bindIP": "0.0.0.0", "containerPort": 8080, "hostPort": port, "protocol": "tcp"}
    ]
    chosen = [one for one in found if one["protocol"] == "udp"]
    assert all(one["hostPort"] > 1024 for one in chosen)
    assert get("127.0.0.1", port) == "here"


def test_a_range_of_ports(rig: Rig) -> None:
    mappings = [{"containerPortRange": "9000-9003", "protocol": "tcp"}]
    payload = rig.running({"portMappings": mappings}, networkMode="bridge")
    found = container(rig.plane.tasks[payload.arn]).network_bindings
    assert len(found) == 1
    first, _, last = found[0]["hostPortRange"].partition("-")
    assert (found[0]["containerPortRange"], int(last) - int(first)) == ("9000-9003", 3)


def test_a_port_that_is_taken(rig: Rig) -> None:
    with socket.create_server(("0.0.0.0", 0)) as taken:
        mappings = [{"containerPort": 80, "hostPort": taken.getsockname()[1]}]
        ended = rig.stopped({"portMappings": mappings}, networkMode="bridge")
    reason = container(ended).reason or ""
    assert reason.startswith("CannotStartContainerError: Error response from daemon: ")


def test_host_is_the_hosts_network(rig: Rig) -> None:
    with socket.create_server(("127.0.0.1", 0)) as free:
        port = free.getsockname()[1]
    serves = shell(
        f"echo -n here > /index.html; /bin/busybox httpd -p 127.0.0.1:{port} -h /; {STAYS}"
    )
    mappings = [{"containerPort": port, "hostPort": port}]
    payload = rig.running({"command": serves, "portMappings": mappings}, networkMode="host")
    assert get("127.0.0.1", port) == "here"
    assert container(rig.plane.tasks[payload.arn]).network_bindings == (
        {"bindIP": "0.0.0.0", "containerPort": port, "hostPort": port, "protocol": "tcp"},
    )


def test_none_has_only_the_loopback(rig: Rig) -> None:
    payload = rig.running({}, networkMode="none")
    links = rig.inside(payload, "ip", "-o", "link")
    assert [line.split(":")[1].strip() for line in links.splitlines()] == ["lo"]


def test_links_on_the_bridge(rig: Rig) -> None:
    waits = shell(
        "while ! /bin/busybox wget -qO- http://db:8080/index.html; do /bin/busybox sleep 0.1; done"
    )
    payload = rig.run(
        {"name": "web", "command": SERVES, "essential": False},
        {"command": waits, "links": ["web:db"]},
        networkMode="bridge",
    )
    ended = rig.plane.reaches(payload.arn, TaskStatus.STOPPED)
    assert container(ended).exit_code == 0
    assert rig.output(payload) == "here"


def test_processes_and_memory_shared_within_a_task(rig: Rig) -> None:
    payload = rig.running(
        {}, {"name": "side"}, networkMode="bridge", pidMode="task", ipcMode="task"
    )
    processes = rig.inside(payload, "ps", "-o", "pid,args", name="side")
    assert processes.count("trap 'exit 0' TERM") == 2
    assert "1 /pause" in processes
    modes = [rig.shown(payload, name)["HostConfig"]["IpcMode"] for name in ("app", "side")]
    assert modes == [f"container:{rig.shown(payload, PAUSE)['Id']}"] * 2
    rig.inside(payload, "sh", "-c", "(/bin/busybox sleep 0.2 &)")
    eventually(lambda: "sleep 0.2" not in rig.inside(payload, "ps", "-o", "stat,args"))
    assert "Z " not in rig.inside(payload, "ps", "-o", "stat,args")


def test_further_networks_that_stand_around_a_container(rig: Rig) -> None:
    network = rig.engine.create_network("moorage-test-around", driver="bridge")
    rig.others.networks = ("moorage-test-around",)
    rig.others.environment = {"ECS_CONTAINER_METADATA_URI_V4": "http://169.254.170.2/v4/1"}
    try:
        payload = rig.running({}, networkMode="awsvpc")
        joined = rig.shown(payload, PAUSE)["NetworkSettings"]["Networks"]
        assert set(joined) == {"moorage-awsvpc", "moorage-test-around"}
        assert "ECS_CONTAINER_METADATA_URI_V4=http://169.254.170.2/v4/1" in rig.inside(
            payload, "env"
        )
        rig.stop(payload)
        rig.engine.remove_container(rig.shown(payload, PAUSE)["Id"])
    finally:
        rig.engine.remove_network(network["Id"])


def routes(folder: Path, *lines: str) -> Path:
    """`/proc/net/route` with these destinations and masks."""
    file = folder / "route"
    rows = [f"eth0\t{line.split()[0]}\t0\t1\t0\t0\t0\t{line.split()[1]}\t0\t0\t0" for line in lines]
    file.write_text("\n".join(["Iface\tDestination\t...", *rows]) + "\n")
    return file


def test_the_routes_of_a_machine(tmp_path: Path) -> None:
    # The words of that file are little-endian; the second line is the default route.
    file = routes(tmp_path, "0000D50A 0000FFFF", "00000000 00000000", "00001EAC 00F0FFFF")
    assert routed(file) == [IPv4Network("10.213.0.0/16"), IPv4Network("172.30.0.0/20")]
    assert routed(tmp_path / "nowhere") == []


def test_a_subnet_that_nothing_here_uses_is_taken() -> None:
    assert free_subnet([]) == USUAL_SUBNETS[0]
    taken = [IPv4Network("10.213.7.0/24"), IPv4Network("172.16.0.0/12")]
    assert free_subnet(taken) == USUAL_SUBNETS[2]
    with pytest.raises(NoSubnet):
        free_subnet([IPv4Network("0.0.0.0/1"), IPv4Network("128.0.0.0/1")])


def test_a_container_without_an_address_has_no_interface() -> None:
    assert interface_of(None) is None
    assert interface_of({"NetworkSettings": {"Networks": {"moorage-awsvpc": {}}}}) is None
