from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from registry.domain.identities.entities import GROUPS, USERS
from registry.domain.policyfiles.applying import PolicyFiles
from registry.domain.policyfiles.folder import read_folder
from registry.domain.policyfiles.outcome import Outcome
from registry.domain.policyfiles.problems import PolicyFilesInvalid
from registry.values.errors import RepositoryPolicyNotFound
from registry.values.scope import Scope
from tests.domain.policyfiles.world import (
    ACCOUNT,
    SCOPE,
    World,
    arn,
    document,
    for_everybody,
    write,
)


def changes(outcome: Outcome) -> list[str]:
    return [f"{change.sign} {change.what}" for change in outcome.changes]


def test_what_is_new_comes_what_differs_changes_and_what_is_the_same_stays(
    world: World, folder: Path
) -> None:
    world.repository("team/app")
    world.user("ann")
    write(folder, {"identity/team/dev.json": document(), "repository/team/app.json": "{}"})
    write(folder, {"repository/team/app.json": for_everybody()})
    write(folder, {"attachments.json": '{"dev": {"users": ["ann"]}}'})
    assert changes(world.apply(folder)) == [
        "+ identity policy dev",
        f"+ attachment user ann {arn('team/dev')}",
        "+ repository policy team/app",
    ]
    assert world.attached(USERS, "ann") == [arn("team/dev")]
    assert world.repositories.policy(world.repositories.get(SCOPE, "team/app")) == for_everybody()
    before = world.everything()
    assert changes(world.apply(folder)) == []
    assert world.everything() == before

    write(folder, {"identity/team/dev.json": document("ecr:Get*")})
    assert changes(world.apply(folder)) == ["~ identity policy dev"]
    versions = world.policies.versions(ACCOUNT, arn("team/dev"))
    assert [(each.id, each.is_default) for each in versions] == [("v2", True), ("v1", False)]
    assert versions[0].document == document("ecr:Get*")


def test_another_layout_of_the_same_document_is_no_change(world: World, folder: Path) -> None:
    world.apply(write(folder, {"identity/dev.json": document()}))
    write(folder, {"identity/dev.json": "\n" + document().replace(",", ",\r\n") + "\n\n"})
    assert changes(world.apply(folder)) == []


def test_the_oldest_version_makes_room_for_a_sixth(world: World, folder: Path) -> None:
    for action in "abcdefg":
        world.apply(write(folder, {"identity/dev.json": document(f"ecr:{action}")}))
    found = world.policies.versions(ACCOUNT, arn("dev"))
    assert [each.id for each in found] == ["v7", "v6", "v5", "v4", "v3"]
    assert found[0].is_default


def test_a_default_that_is_the_oldest_is_not_what_makes_room(world: World, folder: Path) -> None:
    world.apply(write(folder, {"identity/dev.json": document("ecr:first")}))
    for action in "abcd":
        world.policies.add_version(ACCOUNT, arn("dev"), document(f"ecr:{action}"), default=False)
    world.apply(write(folder, {"identity/dev.json": document("ecr:last")}))
    found = world.policies.versions(ACCOUNT, arn("dev"))
    assert [each.id for each in found] == ["v6", "v5", "v4", "v3", "v1"]


def test_one_refusal_undoes_everything(world: World, folder: Path) -> None:
    world.repository("app")
    world.policies.create(ACCOUNT, "Dev", document(), path="/elsewhere/")
    write(folder, {"identity/a.json": document(), "identity/dev.json": document()})
    write(folder, {"repository/app.json": for_everybody(), "identity/z.json": document()})
    stranger = "arn:aws:iam::999999999999:policy/x"
    write(folder, {"attachments.json": f'{{\n "{stranger}": {{"users": ["admin"]}}\n}}'})
    before = world.everything()
    with pytest.raises(PolicyFilesInvalid) as refused:
        world.apply(folder)
    assert [str(problem) for problem in refused.value.problems] == [
        f"{folder}/identity/dev.json:1:1:"
        " a policy 'dev' exists with another path or case than the file's",
        f"{folder}/attachments.json:2:{len(stranger) + 17}: {stranger} is not of account {ACCOUNT}",
    ]
    assert world.everything() == before


def test_more_attachments_than_a_user_can_have_undo_everything(world: World, folder: Path) -> None:
    names = [f"p{number:02}" for number in range(21)]
    write(folder, {f"identity/{name}.json": document() for name in names})
    listed = ", ".join(f'"{name}": {{"users": ["admin"]}}' for name in names)
    write(folder, {"attachments.json": f"{{{listed}}}"})
    before = world.everything()
    with pytest.raises(PolicyFilesInvalid, match="PoliciesPerUser"):
        world.apply(folder)
    assert world.everything() == before


def test_what_does_not_exist_yet_is_waited_for(world: World, folder: Path) -> None:
    write(folder, {"repository/later.json": for_everybody(), "identity/dev.json": document()})
    own = arn("made-by-others")
    write(
        folder,
        {"attachments.json": f'{{"dev": {{"groups": ["ops"]}},\n"{own}": {{"users": ["admin"]}}}}'},
    )
    outcome = world.apply(folder)
    assert changes(outcome) == ["+ identity policy dev"]
    assert sorted(str(problem) for problem in outcome.waiting) == [
        f"{folder}/attachments.json:1:21: waits: The group with name ops cannot be found.",
        f"{folder}/attachments.json:2:{len(own) + 16}:"
        f" waits: Policy {own} does not exist or is not attachable.",
        f"{folder}/repository/later.json:1:1:"
        " waits: there is no repository 'later' yet in us-east-1",
    ]
    world.repository("later")
    world.group("ops")
    world.policies.create(ACCOUNT, "made-by-others", document())
    outcome = world.apply(folder)
    assert len(outcome.changes) == 3
    assert outcome.waiting == []


def test_pruning_takes_away_what_came_from_files_and_nothing_else(
    world: World, folder: Path
) -> None:
    for name in ("ours", "theirs"):
        world.repository(name)
    world.group("ops")
    world.policies.create(ACCOUNT, "theirs", document())
    world.repositories.set_policy(world.repositories.get(SCOPE, "theirs"), for_everybody())
    world.holdings.attach(GROUPS, ACCOUNT, "ops", arn("theirs"))
    before = world.everything()
    write(folder, {"identity/ours.json": document(), "repository/ours.json": for_everybody()})
    write(folder, {"attachments.json": '{"ours": {"groups": ["ops"]}}'})
    world.apply(folder)
    world.apply(write(folder, {"identity/ours.json": document("ecr:Get*")}))

    empty = folder / "empty"
    empty.mkdir()
    kept = world.apply(empty)
    assert changes(kept) == []
    assert sorted(kept.kept) == [
        f"attachment group ops {arn('ours')}",
        f"identity policy {arn('ours')}",
        "repository policy ours",
    ]
    assert changes(world.apply(empty, prune=True)) == [
        f"- attachment group ops {arn('ours')}",
        "- repository policy ours",
        "- identity policy ours",
    ]
    assert world.everything() == before


def test_what_was_made_again_by_somebody_else_is_theirs(world: World, folder: Path) -> None:
    repository = world.repository("app")
    write(folder, {"identity/dev.json": document(), "repository/app.json": for_everybody()})
    world.apply(folder)
    world.policies.delete(ACCOUNT, arn("dev"))
    world.policies.create(ACCOUNT, "dev", document())
    world.repositories.set_policy(repository, for_everybody("ecr:ListImages"))
    empty = folder / "empty"
    empty.mkdir()
    assert changes(world.apply(empty, prune=True)) == []
    assert world.policies.get(ACCOUNT, arn("dev")).name == "dev"
    assert "ListImages" in world.repositories.policy(repository)


def test_a_policy_that_others_use_is_not_pruned(world: World, folder: Path) -> None:
    world.apply(write(folder, {"identity/dev.json": document()}))
    world.holdings.attach(USERS, ACCOUNT, "admin", arn("dev"))
    empty = folder / "empty"
    empty.mkdir()
    before = world.everything()
    with pytest.raises(PolicyFilesInvalid, match="has no file any more"):
        world.apply(empty, prune=True)
    assert world.everything() == before


def test_other_accounts_and_regions_have_nothing_of_it(world: World, folder: Path) -> None:
    repository = world.repository("app")
    write(folder, {"identity/dev.json": document(), "repository/app.json": for_everybody()})
    elsewhere = PolicyFiles(world.database, Scope("210987654321", "eu-west-1"))
    outcome = elsewhere.apply(read_folder(folder))
    assert changes(outcome) == ["+ identity policy dev"]
    assert len(outcome.waiting) == 1
    assert all(not policy.arn.startswith(arn("")) for policy in world.policies.all(ACCOUNT))
    with pytest.raises(RepositoryPolicyNotFound):
        world.repositories.policy(repository)


def test_an_account_that_is_not_here_is_refused(world: World, folder: Path) -> None:
    files = PolicyFiles(world.database, Scope("999999999999", "us-east-1"))
    with pytest.raises(PolicyFilesInvalid, match="no account 999999999999"):
        files.apply(read_folder(folder))


Turn = tuple[dict[str, str], bool]
"""What the directory holds, by file, and whether to prune."""

_FOLDERS = st.dictionaries(
    st.sampled_from(["identity/a", "identity/b", "repository/app", "repository/gone"]),
    st.sampled_from(["ecr:Get*", "ecr:*", "ecr:List*"]),
)


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(st.lists(st.tuples(_FOLDERS, st.booleans()), min_size=1, max_size=5))
def test_diff_says_what_apply_does_and_a_second_apply_does_nothing(
    world: World, tmp_path_factory: pytest.TempPathFactory, turns: list[Turn],
) -> None:  # fmt: skip
    if world.repositories.page(SCOPE, "", 1) == []:
        world.repository("app")
    for wanted, prune in turns:
        folder = tmp_path_factory.mktemp("turn")
        for name, action in wanted.items():
            make = document if name.startswith("identity/") else for_everybody
            write(folder, {f"{name}.json": make(action)})
        before = world.everything()
        foreseen = world.diff(folder, prune=prune)
        assert world.everything() == before
        done = world.apply(folder, prune=prune)
        assert (done.changes, done.kept) == (foreseen.changes, foreseen.kept)
        after = world.everything()
        assert world.apply(folder, prune=prune).changes == []
        assert world.everything() == after
        if prune:
            held = {policy.name for policy in world.policies.all(ACCOUNT) if ACCOUNT in policy.arn}
            assert held == {name[9:] for name in wanted if name.startswith("identity/")}
