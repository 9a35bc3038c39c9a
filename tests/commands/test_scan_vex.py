"""`moorage scan vex` and `moorage scan settings`."""

from __future__ import annotations

import json
from pathlib import Path

from tests.application import Registry
from tests.commands.running import moorage, result_of
from tests.domain.gates.test_signatures import pem
from tests.domain.vex.said import openvex, statement
from tests.gating import bad_and_good, gate


def test_a_document_from_its_making_to_its_end(registry: Registry, tmp_path: Path) -> None:
    bad_and_good(registry)
    gate(registry)
    data, file = registry.settings.data, tmp_path / "vex.json"
    file.write_text(json.dumps(openvex()))
    moorage(data, "gate", "test", "prod/app:bad", status=2)
    told = moorage(data, "scan", "vex", "add", "prod/app", "one", file)
    assert told == (
        "one is kept: openvex https://example.com/vex/1, by Ann Example <ann@example.com>\n"
    )
    assert "may be pulled" in moorage(data, "gate", "test", "prod/app:bad")
    assert moorage(data, "scan", "vex", "list", "prod/app").startswith("one  openvex https://")
    assert json.loads(moorage(data, "scan", "vex", "show", "prod/app", "one")) == openvex()
    assert moorage(data, "scan", "vex", "remove", "prod/app", "one") == "one is removed\n"
    moorage(data, "gate", "test", "prod/app:bad", status=2)
    assert moorage(data, "scan", "vex", "list", "prod/app:bad") == ""


def test_what_is_wrong_is_said(registry: Registry, tmp_path: Path) -> None:
    registry.create("prod/app")
    data, file = registry.settings.data, tmp_path / "vex.json"
    file.write_text(json.dumps(openvex(statement(status="fine"))))
    result = result_of(data, "scan", "vex", "add", "prod/app", "one", file)
    assert (result.exit_code, "status must be one of" in result.stderr) == (1, True)
    file.write_bytes(b"\xff")
    result = result_of(data, "scan", "vex", "add", "prod/app", "one", file)
    assert (result.exit_code, "is not JSON in UTF-8" in result.stderr) == (1, True)
    result = result_of(data, "scan", "settings", "prod/app", "--attach", "spdx", "--attach-none")
    assert (result.exit_code, "give one of" in result.stderr) == (1, True)
    result = result_of(data, "scan", "settings", "prod/app", "--vex-referrers", "signed")
    assert (result.exit_code, "needs vexKeys" in result.stderr) == (1, True)


def test_settings(registry: Registry, tmp_path: Path) -> None:
    registry.create("prod/app")
    data, key = registry.settings.data, tmp_path / "key.pem"
    key.write_text(pem())
    shown = moorage(data, "scan", "settings", "prod/app").splitlines()
    assert shown == [
        "attached after each scan: as the server does",
        "attached VEX documents that count: none",
        "keys of such documents: 0",
    ]
    given = ("--attach", "spdx", "--vex-referrers", "signed", "--vex-key", key)
    moorage(data, "scan", "settings", "prod/app", *given)
    shown = moorage(data, "scan", "settings", "prod/app", "--attach-none").splitlines()
    assert shown == [
        "attached after each scan: nothing",
        "attached VEX documents that count: signed",
        "keys of such documents: 1",
    ]
    assert "as the server does" in moorage(data, "scan", "settings", "prod/app", "--attach-default")
