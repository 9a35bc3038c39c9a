"""Terraform with HashiCorp's AWS provider: applied, planned without a change, changed, destroyed.

Neither the program nor the provider (650 MB) can be had from a package registry, so `.ci/run` does
not install them. The test runs where both are: `terraform` on the PATH, and the provider in the
folder that `TF_PLUGINS` names, laid out as a filesystem mirror.
"""

from __future__ import annotations

import json
import os
import shutil
from pathlib import Path

import pytest

from tests.clients.programs import Program
from tests.conftest import StartServer
from tests.server_process import ServerProcess
from tests.tools import find_tool

CONFIGURATION = Path(__file__).parent / "terraform" / "main.tf"
MIRROR = Path(os.environ.get("TF_PLUGINS", "tf-plugins"))
CHANGED = ("-var", "mutability=MUTABLE", "-var", "kept=5", "-var", "team=orders")


@pytest.fixture
def asked(start_server: StartServer) -> ServerProcess:
    return start_server()


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    made = tmp_path / "terraform"
    made.mkdir()
    shutil.copy(CONFIGURATION, made)
    return made


@pytest.fixture
def terraform(asked: ServerProcess, folder: Path) -> Program:
    """Terraform, initialized in the folder."""
    program = find_tool("terraform")
    if program is None:
        pytest.skip("terraform is not installed; no package registry has it")
    if not (MIRROR / "registry.terraform.io" / "hashicorp" / "aws").is_dir():
        pytest.skip(f"no AWS provider in {MIRROR}; TF_PLUGINS names the folder")
    settings = folder / "terraform.rc"
    mirror = f'filesystem_mirror {{\n    path = "{MIRROR}"\n  }}'
    settings.write_text(f"provider_installation {{\n  {mirror}\n}}\n")
    environment = {
        **asked.aws_environment(),
        "CHECKPOINT_DISABLE": "1",
        "TF_CLI_CONFIG_FILE": str(settings),
        "TF_IN_AUTOMATION": "1",
        "NO_COLOR": "1",
    }
    made = Program(program, environment, f"-chdir={folder}")
    made("init", "-input=false")
    return made


def apply(terraform: Program, *variables: str) -> str:
    return terraform("apply", "-auto-approve", "-input=false", *variables)


def unchanged(terraform: Program, *variables: str) -> None:
    """Plan again; with -detailed-exitcode any difference is a failure that shows itself."""
    terraform("plan", "-input=false", "-detailed-exitcode", *variables)


def test_applied_planned_changed_destroyed(terraform: Program, asked: ServerProcess) -> None:
    assert "0 changed, 0 destroyed" in apply(terraform)
    outputs = json.loads(terraform("output", "-json"))
    assert outputs["repositories"]["value"] == ["tf/api", "tf/plain"]
    assert outputs["user"]["value"] == "AWS"
    unchanged(terraform)

    # The provider itself replaces a lifecycle policy; all else changes in place.
    assert "1 added, 4 changed, 1 destroyed" in apply(terraform, *CHANGED)
    unchanged(terraform, *CHANGED)
    (made,) = asked.ecr.describe_repositories(repositoryNames=["tf/api"])["repositories"]
    assert made["imageTagMutability"] == "MUTABLE"
    assert made["encryptionConfiguration"]["kmsKey"] == outputs["key"]["value"]

    terraform("destroy", "-auto-approve", "-input=false", *CHANGED)
    assert asked.ecr.describe_repositories()["repositories"] == []
    assert asked.ecr.describe_pull_through_cache_rules()["pullThroughCacheRules"] == []
