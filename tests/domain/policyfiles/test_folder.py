from __future__ import annotations

import os
from pathlib import Path

import pytest

from registry.domain.policyfiles.folder import read_folder
from registry.domain.policyfiles.problems import PolicyFilesInvalid
from tests.domain.policyfiles.world import document, for_everybody, write


def problems(folder: Path) -> list[str]:
    """What is wrong, with paths from the directory on."""
    with pytest.raises(PolicyFilesInvalid) as refused:
        read_folder(folder)
    return [str(each).removeprefix(f"{folder}/") for each in refused.value.problems]


def test_places_are_read_from_the_names(folder: Path) -> None:
    write(folder, {"identity/dev.json": f"\n {document()}\n", "identity/a/b/Ops.json": document()})
    write(folder, {"repository/team/app.json": for_everybody(), "README.md": "x", ".git/x": "x"})
    write(folder, {"identity/.draft.json": "x", "registry/policy.json": for_everybody()})
    found = read_folder(folder)
    assert sorted((each.kind, each.path, each.name) for each in found.files) == [
        ("identity", "/", "dev"),
        ("identity", "/a/b/", "Ops"),
        ("registry", "/", "policy"),
        ("repository", "/", "team/app"),
    ]
    assert next(each.text for each in found.files if each.name == "dev") == document()


def test_every_file_with_a_problem_is_named_with_line_and_column(folder: Path) -> None:
    write(folder, {"identity/good.json": document()})
    write(folder, {"identity/one.json": '{\n  "Version": "2012-10-17"\n}\n'})
    write(folder, {"identity/two.json": document().replace(', "Act', ',\n "Akt')})
    write(folder, {"repository/app.json": "{\n  oops\n}"})
    write(folder, {"lifecycle/app.json": "{}"})
    write(folder, {"gate/g.json": '{"repositories":\n ["a"]}'})
    assert problems(folder) == [
        "gate/g.json:1:1: refuses nothing: one of severity, unscanned, unsigned is needed",
        "identity/one.json:1:1: Statement is missing",
        "identity/two.json:1:41: Statement[0]: 'Aktion' is not an element of a policy",
        "lifecycle/app.json:1:1: a lifecycle policy has 100 to 30720 characters, this has 2",
        "repository/app.json:2:3: not JSON: Expecting property name enclosed in double quotes",
    ]


@pytest.mark.parametrize(
    ("name", "reason"),
    [
        ("identiy/x.json", "is neither attachments.json nor in one of identity/, repository/"),
        ("x.json", "is neither attachments.json nor"),
        ("identity/x.jsn", "is not a .json file"),
        ("identity/x y.json", "the name has other characters"),
        ("identity/a b/x.json", "the directories between make no path of IAM"),
        ("repository/Team/App.json", "repository name 'Team/App' must be lower-case"),
        ("lifecycle/a..b.json", "repository name 'a..b' must be"),
        ("registry/other.json", "a registry has one policy: registry/policy.json"),
        ("gate/a/b.json", "files of gate/ lie in no further directory"),
        ("identity/" + "a" * 129 + ".json", "the name has other characters"),
    ],
)
def test_a_file_out_of_place_is_refused(folder: Path, name: str, reason: str) -> None:
    (found,) = problems(write(folder, {name: document()}))
    assert found.startswith(f"{name}:1:1: {reason}")


def test_names_are_unique_whatever_their_path_and_case(folder: Path) -> None:
    write(folder, {"identity/a/dev.json": document(), "identity/b/DEV.json": document()})
    (found,) = problems(folder)
    assert found.startswith("identity/b/DEV.json:1:1: ")
    assert "identity/a/dev.json has the same name" in found


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ('{"gone": {"users": ["ann"]}}', "1:21: there is no file for policy 'gone'"),
        ('{"dev": {"user": ["ann"]}}', "1:18: dev.user: 'user' is not known here"),
        ('{"dev": {"users": "ann"}}', "1:19: dev.users: must be a list"),
        ('{"dev": {"users": [1]}}', "1:20: dev.users[0]: must be a string"),
        ('{"dev": {"users": ["a b"]}}', "1:20: dev.users[0]: 'a b' is not a name"),
        ('{"a b": {}}', "1:9: a b: 'a b' is neither the name nor the ARN"),
        ('{"arn:aws:iam::aws:policy/Nope": {}}', "this server has no policy"),
        ('{"dev": {}, "dev": {}}', "1:1: 'dev' appears more than once"),
        ("[]", "1:1: must be an object, not a list"),
    ],
)
def test_attachments_are_checked(folder: Path, text: str, reason: str) -> None:
    write(folder, {"attachments.json": text, "identity/dev.json": document()})
    (found,) = problems(folder)
    assert found.startswith("attachments.json:")
    assert reason in found


def test_bytes_that_are_no_text_are_refused_at_their_place(folder: Path) -> None:
    (folder / "gate").mkdir()
    (folder / "gate" / "g.json").write_bytes(b'{\n "a": "\xff"}')
    assert problems(folder) == ["gate/g.json:2:8: is not UTF-8"]


def test_characters_that_iam_does_not_take_are_refused_at_their_place(folder: Path) -> None:
    write(folder, {"identity/dev.json": document("ecr:*").replace('"Eff', '\n"Sid":"\u20ac","Eff')})
    assert problems(folder) == [
        r"identity/dev.json:2:8: '\u20ac' is not a character that IAM takes (up to \xff)"
    ]


def test_a_file_without_end_is_not_read_whole(folder: Path) -> None:
    (folder / "gate").mkdir()
    (folder / "gate" / "g.json").symlink_to("/dev/zero")
    assert problems(folder) == ["gate/g.json:1:1: has more than 1048576 bytes"]


def test_policies_that_are_too_long_are_refused(folder: Path) -> None:
    write(folder, {"identity/dev.json": document("ecr:" + "a" * 6144)})
    write(folder, {"repository/app.json": for_everybody("ecr:" + "a" * 10240)})
    first, second = problems(folder)
    assert "more than 6144" in first
    assert "more than 10240" in second


def test_links_are_followed_but_not_in_circles(folder: Path, tmp_path: Path) -> None:
    mounted = write(tmp_path / "mounted", {"dev.json": document()})
    (folder / "identity").symlink_to(mounted, target_is_directory=True)
    assert [each.name for each in read_folder(folder).files] == ["dev"]
    (mounted / "again").symlink_to(mounted, target_is_directory=True)
    assert problems(folder) == ["identity/again:1:1: is linked to more than once"]


def test_a_missing_directory_and_a_dangling_link_are_refused(folder: Path) -> None:
    with pytest.raises(PolicyFilesInvalid, match="is not a directory"):
        read_folder(folder / "missing")
    (folder / "gate").mkdir()
    (folder / "gate" / "g.json").symlink_to("nowhere")
    assert problems(folder) == ["gate/g.json:1:1: cannot be read: No such file or directory"]


def test_names_that_would_steer_a_terminal_are_shown_escaped(folder: Path) -> None:
    name = os.fsdecode(b"\x1b[2J\xff.json")
    (folder / name).write_text("{}")
    with pytest.raises(PolicyFilesInvalid) as refused:
        read_folder(folder)
    assert str(refused.value).startswith(f"{folder}/\\x1b[2J\\udcff.json:1:1: ")
