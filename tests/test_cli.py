"""The command `moorage`, its output and its errors; and the start of a real server."""

from __future__ import annotations

import os
import re
import stat
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import click
import httpx
import pytest
from click.testing import CliRunner, Result

from registry.cli import main
from registry.config import Settings
from registry.ground import lay_ground
from registry.server import StartFailed
from registry.setup import held, prepare
from tests.server_process import ServerProcess
from tests.yardstick import slowness


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """A data directory after its first start."""
    settings = Settings(data=tmp_path / "data")
    with held(settings):
        prepare(settings)
    return settings.data


def moorage(*arguments: object, **environment: str) -> Result:
    runner = CliRunner(env={"MOORAGE_DATA": None, **environment})
    result = runner.invoke(main, [str(argument) for argument in arguments])
    assert result.exception is None or isinstance(result.exception, SystemExit), result.exception
    return result


def refused(*arguments: object) -> str:
    """The one line of a command that must fail."""
    result = moorage(*arguments)
    assert result.exit_code == 1
    assert result.output.startswith("Error: ")
    assert result.output.count("\n") == 1
    return result.output


def keys(data: Path, command: str, *arguments: object) -> str:
    result = moorage("keys", command, *arguments, "--data", data)
    assert result.exit_code == 0, result.output
    return result.output


def commands() -> Iterator[list[str]]:
    for name, command in main.commands.items():
        yield [name]
        if isinstance(command, click.Group):
            yield from ([name, inner] for inner in command.commands)


@pytest.mark.parametrize("path", [[], *commands()], ids=" ".join)
def test_each_command_explains_itself(path: list[str]) -> None:
    for flag in ("--help", "-h"):
        result = moorage(*path, flag)
        assert result.exit_code == 0
        assert len(result.output.splitlines()) > 4


class TestKeys:
    def test_create_and_list(self, data: Path) -> None:
        made = keys(data, "create", "--alias", "alias/ours", "--description", "for the team")
        arn = made.splitlines()[0]
        assert re.fullmatch(r"arn:aws:kms:us-east-1:123456789012:key/[0-9a-f-]{36}", arn)
        for part in ("ENABLED", "alias/ours", "versions  1", "for the team"):
            assert part.lower() in made.lower()
        listed = keys(data, "list")
        assert made in listed
        assert listed.count("managed by the registry") == 2

    def test_their_whole_life(self, data: Path) -> None:
        arn = keys(data, "create").splitlines()[0]
        assert "versions  2" in keys(data, "rotate", arn)
        assert "disabled" in keys(data, "disable", arn).lower()
        assert "enabled" in keys(data, "enable", arn).lower()
        scheduled = keys(data, "schedule-deletion", arn, "--days", 7)
        assert re.search(r"pending.* on \d{4}-", scheduled.lower())
        assert "disabled" in keys(data, "cancel-deletion", arn).lower()

    def test_a_running_server_sees_it_at_once(self, data: Path) -> None:
        ground = lay_ground(Settings(data=data))
        arn = keys(data, "create").splitlines()[0]
        key_id = ground.keys.resolve(arn)
        ground.keys.check(key_id)
        keys(data, "disable", arn)
        assert "DISABLED" in str(ground.keys.describe(arn).state).upper()
        ground.close()

    def test_wrong_references_are_named(self, data: Path) -> None:
        for command in ("rotate", "disable", "enable", "schedule-deletion", "cancel-deletion"):
            assert "alias/none" in refused("keys", command, "alias/none", "--data", data)
        assert "managed" in refused("keys", "disable", "alias/aws/ecr", "--data", data)
        arn = keys(data, "create", "--alias", "alias/ours").splitlines()[0]
        assert "alias/ours" in refused("keys", "create", "--alias", "alias/ours", "--data", data)
        assert "7" in refused("keys", "schedule-deletion", arn, "--days", "6", "--data", data)

    def test_where_there_is_no_keyring_none_is_made(self, tmp_path: Path) -> None:
        assert "keyring.json" in refused("keys", "list", "--data", tmp_path)
        assert list(tmp_path.iterdir()) == []


class TestCredentials:
    def test_another_key_for_the_administrator(self, data: Path) -> None:
        first = (data / "credentials").read_text()
        result = moorage("credentials", "--data", data)
        assert result.exit_code == 0
        second = (data / "credentials").read_text()
        assert first != second
        key_id, secret = (line.rpartition(" = ")[2] for line in second.splitlines()[1:])
        assert key_id in result.output
        assert secret not in result.output
        ground = lay_ground(Settings(data=data))
        for text in (first, second):
            known, hidden = (line.rpartition(" = ")[2] for line in text.splitlines()[1:])
            key = ground.directory.access_key(known)
            assert key is not None
            assert key.secret == hidden
        ground.close()

    def test_before_the_first_start(self, tmp_path: Path) -> None:
        for folder in (tmp_path, tmp_path / "none"):
            assert str(folder) in refused("credentials", "--data", folder)
        assert list(tmp_path.iterdir()) == []

    def test_of_another_account(self, data: Path) -> None:
        text = refused("credentials", "--data", data, "--account", "111122223333")
        assert "111122223333" in text


class TestServe:
    @pytest.mark.parametrize(
        ("options", "named"),
        [(["--port", "x"], "port: 'x'"), (["--workers", "0"], "workers"),
         (["--config", "/none.toml"], "/none.toml"), (["--storage", "s3"], "s3_bucket"),
         (["--trusted-proxies", "nowhere"], "nowhere"), (["--tls-cert", "c"], "tls_key"),
         (["--tls-cert", "/c", "--tls-key", "/k"], "/c")],
    )  # fmt: skip
    def test_wrong_settings_are_named(self, tmp_path: Path, options: list[str], named: str) -> None:
        assert named in refused("serve", "--data", str(tmp_path / "data"), *options)

    def test_a_data_directory_that_cannot_be_made(self, tmp_path: Path) -> None:
        (tmp_path / "file").write_text("")
        folder = tmp_path / "file" / "data"
        assert str(folder) in refused("serve", "--data", folder)

    def test_a_data_directory_in_use(self, data: Path) -> None:
        with held(Settings(data=data)):
            text = refused("serve", "--data", data)
        assert "another moorage server runs" in text
        assert str(data) in text

    def test_data_of_a_newer_version(self, data: Path) -> None:
        ground = lay_ground(Settings(data=data))
        with ground.database.write() as connection:
            connection.exec_driver_sql("UPDATE alembic_version SET version_num = '9999'")
        ground.close()
        assert "newer Moorage (schema 9999)" in refused("serve", "--data", data)


def test_two_holders_of_one_directory(data: Path) -> None:
    with held(Settings(data=data)), pytest.raises(StartFailed), held(Settings(data=data)):
        pass
    with held(Settings(data=data)):
        pass


def test_a_second_start_finds_everything_and_files_are_the_owners(data: Path) -> None:
    kept = {name: (data / name).read_bytes() for name in ("credentials", "keyring.json")}
    prepare(Settings(data=data))
    assert {name: (data / name).read_bytes() for name in kept} == kept
    for path in (data, *data.rglob("*")):
        expected = 0o700 if path.is_dir() else 0o600
        assert stat.S_IMODE(path.stat().st_mode) == expected, path


def test_a_server_answers_within_two_seconds(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """In CPU time, which is nearly all of it: what else the machine does is no matter."""
    process = ServerProcess(tmp_path)
    program = str(Path(sys.executable).with_name("moorage"))
    command = [program, "serve", "--data", str(tmp_path / "data"), "--port", str(process.port)]
    seconds, spent = [], []
    for _ in range(3):
        started = time.perf_counter()
        with subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL) as run:
            while not _healthy(process.url):
                assert run.poll() is None
                assert time.perf_counter() - started < 60
                time.sleep(0.01)
            seconds.append(time.perf_counter() - started)
            spent.append(_spent(run.pid))
            run.terminate()
            assert run.wait(30) == 0
    with capsys.disabled():
        print(
            f"\nstart to first answer: {', '.join(f'{each:.2f}' for each in seconds)} s;"
            f" CPU {', '.join(f'{each:.2f}' for each in spent)} s"
        )
    assert min(spent) < 2.5 * slowness()


def _spent(pid: int) -> float:
    """Seconds of CPU that a process has had. Source: proc(5), `/proc/[pid]/stat`."""
    fields = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def _healthy(url: str) -> bool:
    try:
        return httpx.get(f"{url}/healthz", timeout=5, trust_env=False).is_success
    except httpx.TransportError:
        return False
