from __future__ import annotations

from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from registry.config import ENVIRONMENT_PREFIX, Settings, from_environment, from_file, read
from registry.values.errors import ParameterInvalid
from tests.tools import PROJECT

NAMES = [item.name for item in fields(Settings)]


def test_the_command_line_wins_then_the_environment_then_the_file_then_the_default(
    tmp_path: Path,
) -> None:
    file = tmp_path / "moorage.toml"
    file.write_text('host = "file"\nregion = "file-1"\nport = 1\n')
    environment = from_environment({"MOORAGE_HOST": "variable", "MOORAGE_REGION": "variable-1"})
    settings = read({"host": "option", "region": None}, environment, from_file(file))
    assert (settings.host, settings.region, settings.port) == ("option", "variable-1", 1)
    assert settings.workers == Settings().workers


def test_every_setting_can_come_from_the_environment() -> None:
    values = {"int": "7", "float": "1.5", "bool": "on", "Path": "/p", "Path | None": "/p",
              "str": "text", "str | None": "text"}  # fmt: skip
    special = {"account": "111122223333", "region": "eu-north-1", "sparse_manifests": "none",
               "key_provider": "aws", "storage": "s3", "log_level": "debug", "log_format": "text",
               "custom_domains": "images.example.com=111122223333/eu-north-1",
               "scan_attach": "spdx",
               "mirror_hosts": "hub.example.com=docker.io"}  # fmt: skip
    environment = {
        ENVIRONMENT_PREFIX + item.name.upper(): special.get(item.name) or values[str(item.type)]
        for item in fields(Settings)
    }
    settings = read(from_environment(environment))
    found = {name: getattr(settings, name) for name in NAMES}
    assert (settings.port, settings.grace_seconds, settings.encryption) == (7, 1.5, True)
    assert settings.keyring == settings.tls_cert == Path("/p")
    for name, value in special.items():
        assert found[name] == value
    assert from_environment(dict.fromkeys(environment, "")) == {}


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("port", "x", "'x' is not a whole number"),
        ("port", "1.5", "whole number"),
        ("port", 1.5, "whole number"),
        ("port", True, "whole number"),
        ("port", "٣", "whole number"),
        ("port", "9" * 5000, "whole number"),
        ("port", 65536, "not between 0 and 65535"),
        ("port", "-1", "not between 0 and 65535"),
        ("workers", "0", "at least 1"),
        ("max_connections", 0, "at least 1"),
        ("grace_seconds", "nan", "not a number"),
        ("grace_seconds", "inf", "not a number"),
        ("grace_seconds", -1, "at least 0"),
        ("grace_seconds", [1], "not a number"),
        ("header_timeout", "0", "more than 0"),
        ("gc_grace_hours", "0", "more than 0"),
        ("upload_expiry_hours", "1e9", "at most 87,600"),
        ("body_timeout", "-2", "more than 0"),
        ("send_timeout", False, "not a number"),
        ("encryption", "maybe", "'maybe' is not true or false"),
        ("create_on_push", 2, "not true or false"),
        ("sparse_manifests", "some", "'some' is not one of none, index, all"),
        ("storage", ["disk"], "is not one of"),
        ("log_level", "loud", "is not one of"),
        ("account", "12", "not 12 digits"),
        ("account", "١" * 12, "not 12 digits"),
        ("region", "", "not a region's name"),
        ("region", "EU", "not a region's name"),
        ("region", "a:b", "not a region's name"),
        ("host", ["a"], "not text"),
        ("host", 1.5, "not text"),
        ("data", 7, "not a path"),
        ("data", "", "not a path"),
        ("nothing", "1", "no such setting"),
    ],
)
def test_a_wrong_value_is_named_with_its_setting(name: str, value: object, reason: str) -> None:
    with pytest.raises(ParameterInvalid) as refused:
        read({name: value})
    assert str(refused.value).startswith(f"{name}: ")
    assert reason in str(refused.value)


@pytest.mark.parametrize(
    ("values", "named"),
    [({"tls_cert": "a"}, "tls_key"), ({"tls_key": "a"}, "tls_cert"),
     ({"storage": "s3"}, "s3_bucket")],
)  # fmt: skip
def test_what_makes_no_sense_together_is_named(values: dict[str, str], named: str) -> None:
    with pytest.raises(ParameterInvalid, match=named):
        read(values)


def test_an_account_may_be_written_as_a_number_and_words_as_truth(tmp_path: Path) -> None:
    assert read({"account": 111122223333}).account == "111122223333"
    for word in ("1", "true", "YES", " on ", True):
        assert read({"create_on_push": word}).create_on_push
    for word in ("0", "False", "no", "off", False):
        assert not read({"encryption": word}).encryption


@pytest.mark.parametrize(
    ("content", "named"),
    [(b"port = x", "line 1"), (b"\xff", "utf-8"), (b"[server]\nport = 1\n", "server: there is no"),
     (b'prot = 5\n', "prot: there is no such setting")],
)  # fmt: skip
def test_a_wrong_file_is_named(tmp_path: Path, content: bytes, named: str) -> None:
    file = tmp_path / "moorage.toml"
    file.write_bytes(content)
    with pytest.raises(ParameterInvalid, match=named):
        read(from_file(file))


def test_a_file_that_is_missing_is_named(tmp_path: Path) -> None:
    for path in (tmp_path / "none.toml", tmp_path):
        with pytest.raises(ParameterInvalid, match=str(path)):
            from_file(path)


@given(
    st.builds(
        dict,
        host=st.text(min_size=1),
        port=st.integers(0, 65535),
        grace_seconds=st.floats(0, 1e9),
        encryption=st.booleans(),
        keyring=st.none() | st.just(Path("/k")),
        s3_bucket=st.none() | st.text(min_size=1),
    )
)
def test_workers_read_what_the_server_wrote(values: dict[str, Any]) -> None:
    settings = replace(Settings(), **values)
    assert Settings.load(settings.dump()) == settings


def test_the_keyring_is_in_the_data_directory_unless_told() -> None:
    assert Settings(data=Path("d")).keyring_path == Path("d/keyring.json")
    assert Settings(keyring=Path("k")).keyring_path == Path("k")


@pytest.mark.parametrize("name", NAMES)
def test_each_setting_is_documented(name: str) -> None:
    page = (PROJECT / "docs" / "configuration.md").read_text()
    assert f"--{name.replace('_', '-')}" in page
    assert ENVIRONMENT_PREFIX + name.upper() in page
