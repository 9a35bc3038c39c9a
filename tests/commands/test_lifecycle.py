"""`moorage lifecycle`: what it reports, runs and shows."""

from __future__ import annotations

import threading
from pathlib import Path

import pytest

from tests.application import Registry
from tests.commands.running import moorage, result_of
from tests.domain.lifecycle.holding import NAME, hold, image, left, put, repository
from tests.domain.lifecycle.world import aged, policy, rule

TEXT = policy(rule(**aged(30)))


@pytest.fixture
def data(registry: Registry) -> Path:
    registry.create(NAME)
    registry.create("team/none")
    hold(registry, image("a"), "v1", age=40)
    hold(registry, image("b"), age=1)
    put(registry, TEXT)
    return registry.settings.data


def test_a_report_tells_and_changes_nothing(registry: Registry, data: Path) -> None:
    before = registry.stored()
    told = moorage(data, "lifecycle", "report").splitlines()
    assert told[0].startswith(f"{NAME}: 1 images would go, which frees 1.3 KiB; 0 would be")
    assert told[1] == f"  {image('a').digest} (v1) would go by rule 1"
    assert len(told) == 2
    assert registry.stored() == before


def test_a_report_of_a_policy_in_a_file(registry: Registry, data: Path, tmp_path: Path) -> None:
    file = tmp_path / "new.json"
    file.write_text(policy(rule(countNumber=1, tagStatus="any")))
    hold(registry, image("c"), age=0)
    told = moorage(data, "lifecycle", "report", NAME, "team/none", "--policy", file)
    assert f"{NAME}: 2 images would go" in told
    assert "team/none: 0 images would go, which frees 0 bytes" in told
    file.write_text("{")
    result = result_of(data, "lifecycle", "report", NAME, "--policy", file)
    assert (result.exit_code, "100 to 30720 characters" in result.stderr) == (1, True)


def test_a_long_report_names_a_few_unless_asked_for_all(registry: Registry, data: Path) -> None:
    for number in range(25):
        hold(registry, image(f"x{number}"), age=50)
    short = moorage(data, "lifecycle", "report").splitlines()
    assert (len(short), short[-1]) == (22, "  and 6 more; --all names them")
    assert len(moorage(data, "lifecycle", "report", "--all").splitlines()) == 27


def test_a_run_is_now_whatever_is_due(registry: Registry, data: Path) -> None:
    told = moorage(data, "lifecycle", "run", NAME)
    assert told.startswith(f"{NAME}: ")
    assert told.endswith(" UTC: 1 images deleted, 0 archived, 0 left for a later run\n")
    assert left(registry) == {image("b").digest}
    again = moorage(data, "lifecycle", "run")
    assert again.endswith(" UTC: 0 images deleted, 0 archived, 0 left for a later run\n")


def test_show(registry: Registry, data: Path) -> None:
    lines = moorage(data, "lifecycle", "show", NAME).splitlines()
    assert lines[0] == TEXT
    assert lines[1] == "last run  never"
    assert lines[2].startswith("next run  ")
    assert len(lines) == 3
    previews = registry.stores.lifecycle.previews
    previews.start(repository(registry), TEXT)
    previews.run(threading.Event())
    shown = moorage(data, "lifecycle", "show", NAME).splitlines()[-1]
    assert shown.startswith("preview   COMPLETE: 1 would go, 0 would be archived, 1.3 KiB would")


@pytest.mark.parametrize(
    ("words", "reason"),
    [(("show", "team/none"), "Lifecycle policy does not exist"),
     (("run", "team/none"), "Lifecycle policy does not exist"),
     (("report", "team/no"), "does not exist in the registry")],
)  # fmt: skip
def test_what_there_is_not(
    registry: Registry, data: Path, words: tuple[str, str], reason: str
) -> None:
    result = result_of(data, "lifecycle", *words)
    assert (result.exit_code, reason in result.stderr) == (1, True)
