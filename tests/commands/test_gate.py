"""`moorage gate`: set, show, remove, test."""

from __future__ import annotations

import json
from pathlib import Path

from tests.application import Registry
from tests.commands.running import moorage, result_of
from tests.gating import BAD, CVE, GOOD, bad_and_good


def test_a_gate_from_its_making_to_its_end(registry: Registry, tmp_path: Path) -> None:
    bad_and_good(registry)
    data, file = registry.settings.data, tmp_path / "gate.json"
    file.write_text(json.dumps({"repositories": ["prod/*"], "severity": "HIGH"}))
    assert f"{BAD.digest} may be pulled" in moorage(data, "gate", "test", "prod/app:bad")
    assert moorage(data, "gate", "set", "critical", file) == "critical is set\n"
    assert moorage(data, "gate", "show").startswith("critical  changed ")
    assert json.loads(moorage(data, "gate", "show", "critical"))["severity"] == "HIGH"
    told = moorage(data, "gate", "test", f"prod/app@{BAD.digest}", status=2).splitlines()
    assert told[0].startswith(f"image {BAD.digest} is refused by the gate 'critical': 1 finding")
    assert told[1] == f"  {CVE} (CRITICAL, PyYAML 5.3, fixed in 5.4)"
    assert f"{GOOD.digest} may be pulled" in moorage(data, "gate", "test", "prod/app:good")
    assert moorage(data, "gate", "remove", "critical") == "critical is removed\n"
    assert moorage(data, "gate", "show") == ""


def test_a_dry_run_is_shown_and_lets_pass(registry: Registry, tmp_path: Path) -> None:
    bad_and_good(registry)
    file = tmp_path / "gate.json"
    file.write_text('{"repositories": ["*"], "severity": "LOW", "dryRun": true}')
    moorage(registry.settings.data, "gate", "set", "trial", file)
    told = moorage(registry.settings.data, "gate", "test", "prod/app:bad")
    assert told.startswith("dry run: image")
    assert told.endswith(f"{BAD.digest} may be pulled\n")


def test_what_is_wrong_is_said(registry: Registry, tmp_path: Path) -> None:
    data, file = registry.settings.data, tmp_path / "gate.json"
    file.write_text('{"repositories": ["*"]}')
    result = result_of(data, "gate", "set", "g", file)
    assert (result.exit_code, "refuses nothing" in result.stderr) == (1, True)
    result = result_of(data, "gate", "test", "prod/app")
    assert (result.exit_code, "REPOSITORY:TAG" in result.stderr) == (1, True)
    result = result_of(data, "gate", "remove", "g")
    assert (result.exit_code, "there is no gate 'g'" in result.stderr) == (1, True)
