"""What the documents say, held against what runs."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
import tomllib
from collections.abc import Iterator
from dataclasses import fields
from pathlib import Path

import click
import pytest

from registry import __version__, app
from registry.api.app import Api
from registry.api.routes import PREFIX
from registry.aws.errors import Fault
from registry.aws.gateway import Gateway
from registry.aws.service import Declarations, Service
from registry.cli import main
from registry.config import ENVIRONMENT_PREFIX, Settings, choices, read
from registry.domain.downloads import LIFETIME as LINK_LIFETIME
from registry.domain.layers import PART_MIN
from registry.domain.replication.outcome import NotServed, failure
from registry.domain.resource_labels import MOST as LABELS_MAX
from registry.domain.tokens import LIFETIME
from registry.domain.uploads import SIZE_MAX as BLOB_MAX
from registry.ecr.errors import service_error
from registry.ecr.service import ecr
from registry.ecrpublic.errors import service_error as public_error
from registry.ecrpublic.service import ecr_public
from registry.ecs.operations.refusals import REFUSED
from registry.ecs.service import ecs
from registry.ground import lay_ground
from registry.http.limits import Limits
from registry.http.metrics import Metrics
from registry.iam.errors import CODES as IAM_CODES
from registry.kms.errors import CODES as KMS_CODES
from registry.kms.service import kms
from registry.logs.errors import CODES as LOGS_CODES
from registry.logs.service import logs
from registry.oci.errors import TABLE
from registry.oci.listing import PAGE_MAX
from registry.oci.manifests import TAGS_MAX
from registry.secretsmanager.errors import CODES as SECRETS_CODES
from registry.secretsmanager.service import secretsmanager
from registry.serve import greeting
from registry.setup import prepare
from registry.ssm.errors import CODES as SSM_CODES
from registry.ssm.service import ssm
from registry.values import errors
from registry.values.manifest import SIZE_MAX as MANIFEST_MAX
from tests.server_process import ServerProcess
from tests.tools import PROJECT

Codes = tuple[tuple[type[errors.MoorageError], str], ...]
DOCS = PROJECT / "docs"
README = PROJECT / "README.md"
PAGES = sorted([README, PROJECT / "CHANGELOG.md", *DOCS.glob("*.md")])

_LINK = re.compile(r"\]\(([^)\s]+)\)")
_FENCE = re.compile(r"^```(\w+)\n(.*?)^```$", re.DOTALL | re.MULTILINE)


def rows(page: str, heading: str) -> list[list[str]]:
    """The cells of the table whose first column has that heading, without the backticks' row."""
    lines = iter((DOCS / page).read_text().splitlines())
    for line in lines:
        if line.startswith(f"| {heading} |"):
            next(lines)
            break
    else:
        raise AssertionError(f"{page} has no table of {heading}")
    found = []
    for line in lines:
        if not line.startswith("|"):
            break
        found.append([cell.strip() for cell in line.strip("|").split(" | ")])
    return found


def code(cell: str) -> list[str]:
    """What stands in backticks."""
    return re.findall(r"`([^`]+)`", cell)


def blocks(page: Path, language: str) -> list[str]:
    """The fenced blocks of a language."""
    return [text for kind, text in _FENCE.findall(page.read_text()) if kind == language]


# Settings


def type_shown(kind: str) -> str:
    words = {"str": "text", "int": "whole number", "float": "number", "bool": "true or false"}
    words["Path"] = "path"
    listed = ", ".join(f"`{choice}`" for choice in choices(kind))
    return listed or words[kind.removesuffix(" | None")]


def default_shown(default: object) -> str:
    if default is None or default == "":
        return "none"
    return f"`{str(default).lower() if isinstance(default, bool) else default}`"


def test_every_setting_is_documented_with_its_default_and_nothing_else() -> None:
    documented = {code(row[2])[0]: row for row in rows("configuration.md", "option")}
    assert list(documented) == [item.name for item in fields(Settings)]
    for item in fields(Settings):
        option, environment, _, kind, default, meaning = documented[item.name]
        flag = item.name.replace("_", "-")
        both = [f"--{flag}", f"--no-{flag}"] if item.type == "bool" else [f"--{flag}"]
        assert code(option) == both
        assert code(environment) == [ENVIRONMENT_PREFIX + item.name.upper()]
        assert kind == type_shown(str(item.type))
        assert default == default_shown(item.default)
        assert meaning


def test_the_example_file_is_a_configuration() -> None:
    (example,) = blocks(DOCS / "configuration.md", "toml")
    given = tomllib.loads(example)
    settings = read(given)
    assert settings.storage == "s3"
    assert settings.grace_seconds == given["grace_seconds"]


def test_fixed_limits_are_as_documented() -> None:
    documented = {row[0]: row[1] for row in rows("configuration.md", "what")}
    limits = Limits()
    assert documented["request target"] == f"{limits.request_line:,} bytes"
    headers = f"{limits.headers:,} bytes, {limits.header_lines} lines"
    assert documented["all header lines"] == headers
    assert documented["idle connection"] == f"{limits.keep_alive_seconds:g} s"
    assert documented["manifest"] == f"{MANIFEST_MAX >> 20} MiB"
    assert documented["blob"] == f"{BLOB_MAX >> 20:,} MiB"
    assert documented["tags in one push by digest"] == str(TAGS_MAX)
    assert documented["entries in a page of tags, repositories, referrers"] == f"{PAGE_MAX:,}"
    assert documented["download URL of a layer"] == f"{LINK_LIFETIME.total_seconds() / 3600:g} hour"
    assert documented["tags of a repository"] == str(LABELS_MAX)
    part = ecr.model.shape_for("LayerPartBlob").metadata["max"]
    parts = documented["part of a layer by `UploadLayerPart`"]
    assert parts == f"{PART_MIN >> 20} MiB to {part:,} bytes"
    assert documented["authorization token"] == f"{LIFETIME.total_seconds() / 3600:g} hours"


# Operations, errors, metrics


def bound_services(folder: Path, monkeypatch: pytest.MonkeyPatch) -> list[Service]:
    """The services that the application hands to its gateway."""
    bound: list[Service] = []

    def spy(services: list[Service], *args: object, **kwargs: object) -> object:
        bound.extend(services)
        return Gateway(services, *args, **kwargs)  # type: ignore[arg-type]  # passed on as they came

    settings = Settings(data=folder / "data")
    settings.data.mkdir()
    prepare(settings)
    monkeypatch.setattr("registry.app.Gateway", spy)
    ground = lay_ground(settings)
    app.build(settings, ground)
    ground.close()
    return bound


def test_the_operations_are_those_of_the_application(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    served = {
        operation.label
        for service in bound_services(tmp_path, monkeypatch)
        for operation in service.operations.values()
    }
    documented = [
        code(row[0])[0] for row in rows("ecr.md", "operation") if row[1] in {"whole", "kept"}
    ]
    documented += [code(row[0])[0] for row in rows("ecr.md", "ECR Public operation")]
    documented += [code(row[0])[0] for row in rows("ecr.md", "STS operation")]
    documented += [code(row[0])[0] for row in rows("kms.md", "KMS operation") if row[1] == "whole"]
    for name, (page, _declared, _codes) in COMPANIONS.items():
        listed = rows(page, f"{name} operation")
        documented += [code(row[0])[0] for row in listed if row[1] != "not offered"]
    documented += [f"iam:{name}" for row in rows("iam.md", "what") for name in code(row[1])]
    listed = rows("ecs.md", "ECS operation")
    documented += [code(row[0])[0] for row in listed if row[1] in {"works", "refused"}]
    assert len(documented) == len(set(documented))
    assert set(documented) == served


def test_every_operation_of_the_model_is_listed_with_its_state() -> None:
    listed = rows("ecr.md", "operation")
    assert [code(row[0])[0] for row in listed] == [
        f"ecr:{name}" for name in ecr.model.operation_names
    ]
    assert {row[1] for row in listed} <= {"whole", "kept", "not yet"}


def test_every_operation_of_ecr_public_is_listed() -> None:
    listed = [code(row[0])[0] for row in rows("ecr.md", "ECR Public operation")]
    assert listed == [f"ecr-public:{name}" for name in ecr_public.model.operation_names]


def test_every_operation_of_kms_is_listed_with_its_state() -> None:
    listed = rows("kms.md", "KMS operation")
    assert [code(row[0])[0] for row in listed] == [
        f"kms:{name}" for name in kms.model.operation_names
    ]
    assert {row[1] for row in listed} == {"whole", "not here"}


COMPANIONS: dict[str, tuple[str, Declarations, Codes]] = {
    "CloudWatch Logs": ("logs.md", logs, LOGS_CODES),
    "Systems Manager": ("parameters.md", ssm, SSM_CODES),
    "Secrets Manager": ("secrets.md", secretsmanager, SECRETS_CODES),
}


@pytest.mark.parametrize("name", COMPANIONS)
def test_every_operation_of_the_companions_is_listed_with_its_state(name: str) -> None:
    page, declared, _ = COMPANIONS[name]
    listed = rows(page, f"{name} operation")
    assert [code(row[0])[0] for row in listed] == [
        f"{declared.model.signing_name}:{each}" for each in declared.model.operation_names
    ]
    assert {row[1] for row in listed} <= {"works", "refused", "not offered"}


@pytest.mark.parametrize("name", COMPANIONS)
def test_the_errors_of_the_companions_are_documented(name: str) -> None:
    documented = {code(row[0])[0]: code(row[1]) for row in rows("errors.md", f"{name} exception")}
    raised: dict[str, list[str]] = {}
    for kind, exception in COMPANIONS[name][2]:
        raised.setdefault(exception, []).append(kind.__name__)
    assert documented == raised


def test_every_operation_of_ecs_is_listed_with_its_state() -> None:
    listed = rows("ecs.md", "ECS operation")
    assert [code(row[0])[0] for row in listed] == [
        f"ecs:{name}" for name in ecs.model.operation_names
    ]
    assert {row[1] for row in listed} <= {"works", "refused", "not yet"}
    refused = {code(row[0])[0]: code(row[2])[0] for row in listed if row[1] == "refused"}
    assert refused == {f"ecs:{name}": error.code for name, error in REFUSED.items()}


def test_the_errors_of_kms_are_documented() -> None:
    documented = {code(row[0])[0]: code(row[1]) for row in rows("errors.md", "KMS exception")}
    raised = {name: [kind.__name__] for kind, name in KMS_CODES}
    raised["KMSInternalException"] = ["KeyUnavailable"]
    raised["MalformedPolicyDocumentException"] = ["PolicyInvalid"]
    assert documented == raised


def test_the_errors_of_the_protocol_are_documented() -> None:
    documented = [(*code(row[0]), int(row[1]), *code(row[2])) for row in rows("errors.md", "error")]
    assert documented == [(kind.__name__, status, name) for kind, status, name in TABLE]


def family(kind: type[errors.MoorageError]) -> Iterator[type[errors.MoorageError]]:
    yield kind
    for child in kind.__subclasses__():
        if child.__module__.startswith("registry.values."):
            yield from family(child)


def examples(kind: type[errors.MoorageError]) -> list[errors.MoorageError]:
    """Errors of exactly that type."""
    if kind is errors.RepositoryNotFound:
        return [errors.RepositoryNotFound("team/app", "123456789012")]
    if kind is errors.TagImmutable:
        return [errors.TagImmutable("v1", "team/app")]
    if kind is errors.ManifestReferenceUnknown:
        return [errors.ManifestReferenceUnknown([], images=images) for images in (False, True)]
    return [kind("a reason")]


def test_the_exceptions_of_ecr_are_documented() -> None:
    documented = {code(row[0])[0]: set(code(row[1])) for row in rows("errors.md", "exception")}
    raised: dict[str, set[str]] = {}
    for kind in family(errors.MoorageError):
        for error in examples(kind):
            found = service_error(error)
            if found is not None:
                raised.setdefault(found.code, set()).add(kind.__name__)
    raised["InvalidLayerPartException"] = {"RangeInvalid", "UploadConflict"}  # of parts alone
    raised["UnableToGetUpstreamLayerException"] = {  # of layers through the cache alone
        "UpstreamDenied", "UpstreamFailed", "BlobNotFound"
    }  # fmt: skip
    raised["InvalidLayerException"] = {"DigestInvalid"}  # of layers alone
    raised["InvalidParameterException"] = {"Invalid"}  # and every kind of it without its own
    assert documented == raised


def test_the_exceptions_of_ecr_public_are_those_of_ecr_or_documented() -> None:
    documented = {code(row[0])[0]: set(code(row[1])) for row in rows("errors.md", "of ECR Public")}
    own: dict[str, set[str]] = {}
    for kind in family(errors.MoorageError):
        for error in examples(kind):
            found, of_ecr = public_error(error), service_error(error)
            if found is not None and (of_ecr is None or of_ecr.code != found.code):
                own.setdefault(found.code, set()).add(kind.__name__)
    assert documented == own


def test_the_errors_of_iam_are_documented() -> None:
    documented = {code(row[0])[0]: code(row[1]) for row in rows("errors.md", "IAM code")}
    assert documented == {name: [kind.__name__] for kind, name, _ in IAM_CODES}


def test_what_can_be_wrong_with_any_aws_request_is_documented() -> None:
    documented = [code(row[0])[0] for row in rows("errors.md", "code")]
    assert len(documented) == len(set(documented))
    assert set(documented) == {fault.value.json.name for fault in Fault}


def test_the_metrics_are_documented_with_their_labels() -> None:
    metrics = Metrics()
    metrics.request("oci", "Version", "none", "success", 0.1)
    metrics.transferred("in", "private", 1)
    metrics.upload("private", "stored")
    metrics.collected("blobs", 1)
    metrics.replicated("COMPLETE")
    metrics.scanned("complete", 1.0)
    metrics.held("used", 1)
    metrics.gated("findings", "refused")
    metrics.lifecycle("expired", 1)
    metrics.events("log", "delivered", 1)
    served: dict[str, set[str]] = {}
    for line in metrics.exposition().decode().splitlines():
        sample = re.fullmatch(r"(\w+)(?:\{(.*)\})? \S+", line)
        if sample is not None and not sample[1].endswith("_created"):
            name = re.sub(r"_(total|bucket|sum|count)$", "", sample[1])
            labels = set(re.findall(r'(\w+)="', sample[2] or "")) - {"le"}
            served.setdefault(name, set()).update(labels)
    documented = {
        code(row[0])[0]: set(code(re.sub(r"\(.*?\)", "", row[2])))
        for row in rows("operations.md", "metric")
    }
    assert documented == served


# Dependencies


def test_every_dependency_is_listed_with_its_reason() -> None:
    project = tomllib.loads((PROJECT / "pyproject.toml").read_text())
    groups = project["dependency-groups"]
    named = [*project["project"]["dependencies"], *groups["build"], *groups["dev"]]
    wanted = {re.split(r"[\[<>=!~ ]", requirement)[0] for requirement in named}
    page = (DOCS / "dependencies.md").read_text()
    reasons = dict(re.findall(r"^\| `([\w-]+)` \| ([^|]+) \|", page, re.MULTILINE))
    assert set(reasons) == wanted
    assert all(len(reason) > 15 for reason in reasons.values())


# Pages, links, commands


def anchors(page: Path) -> set[str]:
    """Headings as the links that GitHub makes of them."""
    headings = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_every_link_leads_somewhere(page: Path) -> None:
    for target in _LINK.findall(page.read_text()):
        if target.startswith("https://"):
            continue
        name, _, anchor = target.partition("#")
        found = (page.parent / name).resolve() if name else page
        assert found.exists(), target
        assert not anchor or anchor in anchors(found), target


def test_the_index_lists_every_page() -> None:
    listed = set(_LINK.findall((DOCS / "README.md").read_text()))
    assert listed == {page.name for page in DOCS.glob("*.md")} - {"README.md"}


def commands(page: Path) -> Iterator[list[str]]:
    """The words of each `moorage …` in the page's console blocks."""
    text = "".join(blocks(page, "console")).replace("\\\n", " ")
    for line in text.splitlines():
        for command in line.split(" && "):
            words = shlex.split(command, comments=True)
            if words and words[0].removeprefix(".venv/bin/") == "moorage":
                yield words[1:]


def test_the_commands_shown_exist_with_their_options() -> None:
    shown = [(page.name, words) for page in PAGES for words in commands(page)]
    assert len(shown) > 5
    for page, words in shown:
        command: click.Command = main
        while isinstance(command, click.Group):
            command = command.commands[words.pop(0)]
        known = {option for each in command.params for option in each.opts + each.secondary_opts}
        unknown = {word for word in words if word.startswith("--")} - known
        assert not unknown, f"{page}: moorage {command.name} {unknown}"


def test_the_start_looks_as_the_readme_shows_it() -> None:
    (shown,) = blocks(README, "text")
    settings = Settings(data=Path("/home/you/moorage/moorage-data"))
    assert shown.strip() == greeting(settings, "http://127.0.0.1:5000").strip()


def test_the_readme_tests_as_the_check_does() -> None:
    (line,) = [
        line for line in README.read_text().splitlines() if line.endswith(".venv/bin/pytest")
    ]
    check = [step.strip() for step in (PROJECT / ".ci" / "run").read_text().splitlines()]
    made, *steps = line.split(" && ")
    assert f"[ -x .venv/bin/python ] || {made}" in check
    assert [step for step in check if step in steps] == steps


def test_the_changelog_knows_this_version() -> None:
    assert f"\n## [{__version__}]" in (PROJECT / "CHANGELOG.md").read_text()


@pytest.mark.clients
def test_the_boto3_example_runs(server: ServerProcess) -> None:
    (example,) = blocks(DOCS / "quickstart.md", "python")
    environment = server.aws_environment()
    for _ in range(2):  # it makes its repository once, and finds it afterwards
        done = subprocess.run(
            [sys.executable, "-c", example],
            env=environment,
            capture_output=True,
            text=True,
            timeout=60,
            check=False,
        )
        assert done.returncode == 0, done.stderr
        endpoint = environment["AWS_ENDPOINT_URL"]
        assert done.stdout == f"docker login --username AWS --password-stdin {endpoint}\n"


def test_the_own_interface_is_documented(tmp_path: Path) -> None:
    settings = Settings(data=tmp_path / "data")
    settings.data.mkdir()
    prepare(settings)
    ground = lay_ground(settings)
    found = app.build(settings, ground)
    ground.close()
    api: Api = found._app._below["api"]  # type: ignore[attr-defined]  # the application as `build` wires it
    documented = [code(row[0])[0] for row in rows("api.md", "endpoint")]
    assert sorted(documented) == sorted(f"{r.method} {PREFIX}{r.path}" for r in api.routes)


def test_the_failure_codes_of_replication_are_documented() -> None:
    documented = {code(row[0])[0] for row in rows("copying.md", "failure code")}
    raised = {failure(error)[0] for kind in family(errors.MoorageError) for error in examples(kind)}
    assert documented == raised | {failure(NotServed("x"))[0], failure(ValueError())[0]}
