"""Ansible's own AWS modules: what a playbook declares is there, and running it again changes none.

The collections are those of the `ansible` package; `.ci/run` unpacks them beside `.tools/ansible`.
"""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest

from tests.clients.programs import Program
from tests.conftest import StartServer
from tests.server_process import ServerProcess
from tests.tools import PROJECT, missing

PLAYBOOKS = Path(__file__).parent / "ansible"
_RECAP = re.compile(r"ok=(\d+)\s+changed=(\d+)\s+unreachable=0\s+failed=0")


@pytest.fixture
def asked(start_server: StartServer) -> ServerProcess:
    return start_server()


@pytest.fixture
def ansible(asked: ServerProcess, tmp_path: Path) -> Program:
    """`ansible-playbook`, knowing only what the server printed at its start."""
    folder = Path(os.environ.get("MOORAGE_TOOLS", PROJECT / ".tools")) / "ansible"
    program = folder / "bin" / "ansible-playbook"
    if not program.exists():
        missing(f"{program} is not there; see .ci/run")
    environment = {
        **asked.aws_environment(),
        "ANSIBLE_COLLECTIONS_PATH": str(folder / "collections"),
        "ANSIBLE_DEPRECATION_WARNINGS": "false",
        "ANSIBLE_HOME": str(tmp_path / "ansible"),
        "ANSIBLE_LOCALHOST_WARNING": "false",
        "ANSIBLE_NOCOLOR": "1",
        "LC_ALL": "C.UTF-8",
    }
    return Program(program, environment)


def run(ansible: Program, name: str, *options: str) -> tuple[int, set[str]]:
    """How many tasks succeeded, and the names of those that changed something."""
    said = ansible(str(PLAYBOOKS / name), *options)
    recap = _RECAP.search(said)
    assert recap, said
    changed = set(re.findall(r"TASK \[(.+?)\] \*+\nchanged:", said))
    assert bool(changed) == (int(recap[2]) > 0), said
    return int(recap[1]), changed


def test_a_playbook_applies_and_applies_again(ansible: Program, asked: ServerProcess) -> None:
    tasks, changed = run(ansible, "playbook.yml")
    assert len(changed) == tasks - 1  # all but the one that only asks who we are
    (made,) = asked.ecr.describe_repositories(repositoryNames=["ansible/api"])["repositories"]
    assert made["imageTagMutability"] == "IMMUTABLE"
    assert made["imageScanningConfiguration"] == {"scanOnPush": True}
    assert made["encryptionConfiguration"]["encryptionType"] == "KMS"
    assert (
        "ansible-puller"
        in asked.ecr.get_repository_policy(repositoryName="ansible/api")["policyText"]
    )

    assert run(ansible, "playbook.yml") == (tasks, set())

    _, changed = run(ansible, "playbook.yml", "--extra-vars", '{"kept": 5}')
    assert changed == {"A repository with a policy, a lifecycle and scanning"}
    kept = asked.ecr.get_lifecycle_policy(repositoryName="ansible/api")["lifecyclePolicyText"]
    assert re.search(r'"countNumber": ?5\b', kept)

    _, changed = run(ansible, "remove.yml")
    assert "The role" in changed
    assert asked.ecr.describe_repositories()["repositories"] == []
