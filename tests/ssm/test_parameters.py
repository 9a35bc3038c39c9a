from __future__ import annotations

import time
from typing import Any

import pytest

from registry.domain.parameters.parameters import VERSIONS_MAX
from tests.application import ACCOUNT, REGION, Registry, allow
from tests.identities import OTHER, aws
from tests.logs.calls import refusal


def arn(key: str) -> str:
    return f"arn:aws:ssm:{REGION}:{ACCOUNT}:parameter/{key}"


def put(ssm: Any, name: str, value: str = "v", **options: Any) -> Any:
    return ssm.put_parameter(Name=name, Value=value, **{"Type": "String"} | options)


def names(answer: Any) -> list[str]:
    return [each["Name"] for each in answer["Parameters"]]


def test_a_parameter_comes_back_as_it_was_put(ssm: Any) -> None:
    assert put(ssm, "/team/url", "http://x", Description="d")["Version"] == 1
    found = ssm.get_parameter(Name="/team/url")["Parameter"]
    assert found.pop("LastModifiedDate")
    assert found == {
        "Name": "/team/url",
        "Type": "String",
        "Value": "http://x",
        "Version": 1,
        "ARN": arn("team/url"),
        "DataType": "text",
    }
    assert ssm.get_parameter(Name=arn("team/url"))["Parameter"]["Value"] == "http://x"


def test_versions_and_labels(ssm: Any) -> None:
    put(ssm, "p", "1")
    assert refusal(put, ssm=ssm, name="p", value="2") == (
        "ParameterAlreadyExists",
        "The parameter already exists. To overwrite this value, set the overwrite option in the"
        " request to true.",
    )
    assert put(ssm, "p", "2", Overwrite=True)["Version"] == 2
    put(ssm, "p", "3", Overwrite=True)
    assert ssm.label_parameter_version(Name="p", ParameterVersion=1, Labels=["prod", "1x"]) | {
        "ResponseMetadata": None
    } == {"InvalidLabels": ["1x"], "ParameterVersion": 1, "ResponseMetadata": None}

    def value(name: str) -> tuple[str, str]:
        found = ssm.get_parameter(Name=name)["Parameter"]
        return found["Value"], found.get("Selector", "")

    assert value("p") == ("3", "")
    assert value("p:2") == ("2", ":2")
    assert value("p:prod") == ("1", ":prod")
    assert value(f"{arn('p')}:2") == ("2", ":2")
    ssm.label_parameter_version(Name="p", Labels=["prod"])  # of the newest: a label moves
    assert value("p:prod") == ("3", ":prod")
    assert refusal(ssm.get_parameter, Name="p:9")[0] == "ParameterVersionNotFound"
    assert refusal(ssm.get_parameter, Name="p:none")[0] == "ParameterVersionNotFound"
    assert refusal(ssm.get_parameter, Name="none")[0] == "ParameterNotFound"
    history = ssm.get_parameter_history(Name="p")["Parameters"]
    assert [(each["Version"], each["Value"], each["Labels"]) for each in history] == [
        (1, "1", []),
        (2, "2", []),
        (3, "3", ["prod"]),
    ]
    pages = ssm.get_paginator("get_parameter_history").paginate(
        Name="p", PaginationConfig={"PageSize": 2}
    )
    assert [len(page["Parameters"]) for page in pages] == [2, 1]
    removed = ssm.unlabel_parameter_version(Name="p", ParameterVersion=3, Labels=["prod", "no"])
    assert (removed["RemovedLabels"], removed["InvalidLabels"]) == (["prod"], ["no"])
    many = [f"l{number}" for number in range(10)]
    ssm.label_parameter_version(Name="p", Labels=many)
    code, _ = refusal(ssm.label_parameter_version, Name="p", Labels=["more"])
    assert code == "ParameterVersionLabelLimitExceeded"
    code, _ = refusal(ssm.label_parameter_version, Name="p", ParameterVersion=9, Labels=["x"])
    assert code == "ParameterVersionNotFound"


def test_the_oldest_version_goes_unless_it_has_a_label(ssm: Any) -> None:
    put(ssm, "p", "1")
    for number in range(2, VERSIONS_MAX + 2):
        put(ssm, "p", str(number), Overwrite=True)
    assert refusal(ssm.get_parameter, Name="p:1")[0] == "ParameterVersionNotFound"
    ssm.label_parameter_version(Name="p", ParameterVersion=2, Labels=["kept"])
    code, message = refusal(put, ssm=ssm, name="p", value="x", Overwrite=True)
    assert code == "ParameterMaxVersionLimitExceeded"
    assert "Version 2, the oldest version, can't be deleted" in message


@pytest.mark.parametrize(
    ("options", "code"),
    [
        ({"name": "a b"}, "ValidationException"),
        ({"name": "aws-x"}, "ValidationException"),
        ({"name": "/ssm/x"}, "ValidationException"),
        ({"name": "/aws/x"}, "AccessDeniedException"),
        ({"name": "/" + "/".join("abcdefghijklmnop")}, "HierarchyLevelLimitExceededException"),
        ({"value": ""}, "ValidationException"),
        ({"value": "x" * 4097}, "ValidationException"),
        ({"value": "x" * 8193, "Tier": "Advanced"}, "ValidationException"),
        ({"Type": "Other"}, "ValidationException"),
        ({"DataType": "other"}, "ValidationException"),
        ({"AllowedPattern": "^[0-9]+$"}, "ParameterPatternMismatchException"),
        ({"AllowedPattern": "["}, "InvalidAllowedPatternException"),
        ({"KeyId": "alias/x"}, "ValidationException"),
        ({"KeyId": "alias/x", "Type": "SecureString"}, "InvalidKeyId"),
        ({"Policies": '[{"Type":"Expiration"}]'}, "InvalidPolicyTypeException"),
        ({"Overwrite": True, "Tags": [{"Key": "a", "Value": "b"}]}, "ValidationException"),
    ],
)
def test_what_cannot_be_put(ssm: Any, options: dict[str, Any], code: str) -> None:
    assert refusal(put, **{"ssm": ssm, "name": "p"} | options)[0] == code
    assert names(ssm.describe_parameters()) == []


def test_a_pattern_that_never_ends_is_refused_in_time(ssm: Any) -> None:
    began = time.monotonic()
    value = {"ssm": ssm, "name": "p", "value": "a" * 40}
    code, _ = refusal(put, **value, AllowedPattern="^(a+)+b$")
    assert code == "InvalidAllowedPatternException"
    assert time.monotonic() - began < 20


def test_tiers(ssm: Any) -> None:
    assert put(ssm, "a", "x" * 5000, Tier="Intelligent-Tiering")["Tier"] == "Advanced"
    assert put(ssm, "b", "x", Tier="Intelligent-Tiering")["Tier"] == "Standard"


def test_a_type_stays_and_what_is_not_said_is_taken_over(ssm: Any) -> None:
    put(ssm, "p", "12", Description="d", AllowedPattern="^[0-9]+$")
    code, _ = refusal(put, ssm=ssm, name="p", Type="StringList", value="13", Overwrite=True)
    assert code == "HierarchyTypeMismatchException"
    code, _ = refusal(ssm.put_parameter, Name="p", Value="x", Overwrite=True)
    assert code == "ParameterPatternMismatchException"
    ssm.put_parameter(Name="p", Value="13", Overwrite=True)
    (found,) = ssm.describe_parameters()["Parameters"]
    assert (found["Description"], found["AllowedPattern"]) == ("d", "^[0-9]+$")
    assert found["LastModifiedUser"].endswith("user/admin")
    code, message = refusal(ssm.put_parameter, Name="q", Value="x")
    assert (code, message) == (
        "ValidationException",
        "A parameter type is required when you create a parameter.",
    )


def test_several_at_once(ssm: Any) -> None:
    for name in ("a", "b"):
        put(ssm, name, name)
    found = ssm.get_parameters(Names=["b", "none", "a", "a:9"])
    assert sorted(names(found)) == ["a", "b"]
    assert sorted(found["InvalidParameters"]) == ["a:9", "none"]
    gone = ssm.delete_parameters(Names=["a", "none"])
    assert (gone["DeletedParameters"], gone["InvalidParameters"]) == (["a"], ["none"])
    ssm.delete_parameter(Name="b")
    assert refusal(ssm.delete_parameter, Name="b")[0] == "ParameterNotFound"


def test_a_hierarchy(ssm: Any) -> None:
    for name in ("/a/1", "/a/2", "/a/b/3", "/ab/4", "root"):
        put(ssm, name)

    def below(path: str, **options: Any) -> list[str]:
        pages = ssm.get_paginator("get_parameters_by_path").paginate(
            Path=path, PaginationConfig={"PageSize": 1}, **options
        )
        return [name for page in pages for name in names(page)]

    assert below("/a") == below("/a/") == ["/a/1", "/a/2"]
    assert below("/a", Recursive=True) == ["/a/1", "/a/2", "/a/b/3"]
    assert below("/", Recursive=True) == ["/a/1", "/a/2", "/a/b/3", "/ab/4", "root"]
    assert below("/") == ["root"]
    ssm.label_parameter_version(Name="/a/2", Labels=["x"])
    labelled = [{"Key": "Label", "Option": "Equals", "Values": ["x"]}]
    assert below("/a", ParameterFilters=labelled) == ["/a/2"]
    assert refusal(ssm.get_parameters_by_path, Path="a")[0] == "ValidationException"
    assert refusal(ssm.get_parameters_by_path, Path="/a", NextToken="x")[0] == "InvalidNextToken"
    by_name = [{"Key": "Name", "Values": ["x"]}]
    code, _ = refusal(ssm.get_parameters_by_path, Path="/a", ParameterFilters=by_name)
    assert code == "InvalidFilterKey"


def test_listing_with_filters(ssm: Any) -> None:
    put(ssm, "/a/1", Tags=[{"Key": "team", "Value": "pay"}])
    put(ssm, "/a/b/2", "x,y", Type="StringList")
    put(ssm, "other", "s", Type="SecureString")

    def listed(*filters: tuple[str, str, list[str]]) -> list[str]:
        given = [
            {"Key": key, "Option": option, "Values": values} for key, option, values in filters
        ]
        pages = ssm.get_paginator("describe_parameters").paginate(
            ParameterFilters=given, PaginationConfig={"PageSize": 1}
        )
        return [name for page in pages for name in names(page)]

    assert listed() == ["/a/1", "/a/b/2", "other"]
    assert listed(("Name", "BeginsWith", ["/a"])) == ["/a/1", "/a/b/2"]
    assert listed(("Name", "Contains", ["the"])) == ["other"]
    assert listed(("Name", "Equals", ["/a/1", "other"])) == ["/a/1", "other"]
    assert listed(("Type", "Equals", ["SecureString"])) == ["other"]
    assert listed(("KeyId", "Equals", ["alias/aws/ssm"])) == ["other"]
    assert listed(("Path", "OneLevel", ["/a"])) == ["/a/1"]
    assert listed(("Path", "Recursive", ["/a"]), ("Type", "Equals", ["StringList"])) == ["/a/b/2"]
    assert listed(("tag:team", "Equals", ["pay"])) == ["/a/1"]
    older = ssm.describe_parameters(Filters=[{"Key": "Name", "Values": ["/a"]}])
    assert names(older) == ["/a/1", "/a/b/2"]
    twice = [{"Key": "Name", "Values": ["x"]}] * 2
    assert refusal(ssm.describe_parameters, ParameterFilters=twice)[0] == "InvalidFilterKey"
    wrong = [{"Key": "Type", "Option": "Contains", "Values": ["x"]}]
    assert refusal(ssm.describe_parameters, ParameterFilters=wrong)[0] == "InvalidFilterOption"
    both = {"Filters": [{"Key": "Name", "Values": ["x"]}], "ParameterFilters": twice[:1]}
    assert refusal(ssm.describe_parameters, **both)[0] == "ValidationException"
    assert refusal(ssm.describe_parameters, NextToken="x")[0] == "InvalidNextToken"


def test_tags(ssm: Any) -> None:
    put(ssm, "p", Tags=[{"Key": "a", "Value": "1"}])
    which = {"ResourceType": "Parameter", "ResourceId": "p"}
    ssm.add_tags_to_resource(**which, Tags=[{"Key": "b", "Value": "2"}])
    ssm.remove_tags_from_resource(**which, TagKeys=["a"])
    assert ssm.list_tags_for_resource(**which)["TagList"] == [{"Key": "b", "Value": "2"}]
    other = which | {"ResourceType": "Document"}
    assert refusal(ssm.list_tags_for_resource, **other)[0] == "InvalidResourceType"
    missing = which | {"ResourceId": "none"}
    assert refusal(ssm.list_tags_for_resource, **missing)[0] == "InvalidResourceId"
    many = [{"Key": f"k{number}", "Value": ""} for number in range(50)]
    assert refusal(ssm.add_tags_to_resource, **which, Tags=many)[0] == "TooManyTagsError"


# Secure strings.


def test_a_secure_string_is_opened_for_who_may_use_its_key(registry: Registry, ssm: Any) -> None:
    kms = aws(registry, "kms")
    key = kms.create_key()["KeyMetadata"]
    put(ssm, "own", "hidden", Type="SecureString", KeyId=key["KeyId"])
    put(ssm, "common", "hidden", Type="SecureString")
    assert ssm.get_parameter(Name="own")["Parameter"]["Value"] != "hidden"
    for name in ("own", "common"):
        found = ssm.get_parameter(Name=name, WithDecryption=True)["Parameter"]
        assert found["Value"] == "hidden"
    reader = aws(registry, "ssm", registry.user("reader", allow("ssm:Get*", "ssm:Put*")))
    assert reader.get_parameter(Name="common", WithDecryption=True)["Parameter"]["Value"] == (
        "hidden"
    )
    code, message = refusal(reader.get_parameter, Name="own", WithDecryption=True)
    assert code == "AccessDeniedException"
    assert "kms:Decrypt" in message
    assert refusal(reader.get_parameters, Names=["own"], WithDecryption=True)[0] == (
        "AccessDeniedException"
    )
    assert "hidden" not in reader.get_parameter(Name="own")["Parameter"]["Value"]
    code, message = refusal(
        reader.put_parameter, Name="new", Value="x", Type="SecureString", KeyId=key["KeyId"]
    )
    assert code == "AccessDeniedException"
    assert "kms:Encrypt" in message
    through = aws(
        registry,
        "ssm",
        registry.user("both", allow("ssm:GetParameter"), allow("kms:Decrypt", resource=key["Arn"])),
    )
    assert through.get_parameter(Name="own", WithDecryption=True)["Parameter"]["Value"] == "hidden"
    kms.disable_key(KeyId=key["KeyId"])
    assert refusal(ssm.get_parameter, Name="own", WithDecryption=True)[0] == "InvalidKeyId"


def test_the_encryption_context_is_the_parameters_arn(registry: Registry, ssm: Any) -> None:
    kms = aws(registry, "kms")
    key = kms.create_key()["KeyMetadata"]
    for name in ("mine", "other"):
        put(ssm, name, "hidden", Type="SecureString", KeyId=key["KeyId"])
    only = (
        '{"Version": "2012-10-17", "Statement": [{"Effect": "Allow", "Action": "kms:Decrypt",'
        ' "Resource": "*", "Condition": {"StringEquals":'
        f' {{"kms:EncryptionContext:PARAMETER_ARN": "{arn("mine")}"}}}}}}]}}'
    )
    bound = aws(registry, "ssm", registry.user("bound", allow("ssm:*"), only))
    assert bound.get_parameter(Name="mine", WithDecryption=True)["Parameter"]["Value"] == "hidden"
    code, _ = refusal(bound.get_parameter, Name="other", WithDecryption=True)
    assert code == "AccessDeniedException"


def test_no_value_lies_in_clear_nor_in_the_audit_log(registry: Registry, ssm: Any) -> None:
    put(ssm, "plain", "very-open-value")
    put(ssm, "secure", "very-secret-value", Type="SecureString")
    code, message = refusal(put, ssm=ssm, name="p", value="very-bad-value", AllowedPattern="^x$")
    assert code == "ParameterPatternMismatchException"
    assert "very-bad" not in message
    registry.close()
    written = b"".join(
        path.read_bytes() for path in registry.settings.data.rglob("*") if path.is_file()
    )
    assert b"parameter/secure" in written
    for value in (b"very-open-value", b"very-secret-value", b"very-bad-value"):
        assert value not in written


# Who may.


def test_policies_are_of_names(registry: Registry, ssm: Any) -> None:
    put(ssm, "/team/a")
    put(ssm, "/other/b")
    theirs = aws(registry, "ssm", registry.user("team", allow("ssm:*", resource=arn("team/*"))))
    assert theirs.get_parameter(Name="/team/a")["Parameter"]["Value"] == "v"
    code, message = refusal(theirs.get_parameter, Name="/other/b")
    assert code == "AccessDeniedException"
    assert f"ssm:GetParameter on resource: {arn('other/b')} " in message
    assert refusal(theirs.get_parameters, Names=["/team/a", "/other/b"])[0] == (
        "AccessDeniedException"
    )
    code, message = refusal(theirs.describe_parameters)
    assert f"on resource: arn:aws:ssm:{REGION}:{ACCOUNT}:* " in message


def test_accounts_have_parameters_of_their_own(registry: Registry, ssm: Any) -> None:
    put(ssm, "p")
    theirs = aws(registry, "ssm", registry.user("mallory", allow("*"), account=OTHER))
    assert refusal(theirs.get_parameter, Name="p")[0] == "ParameterNotFound"
    assert refusal(theirs.get_parameter, Name=arn("p"))[0] == "AccessDeniedException"
    assert names(theirs.describe_parameters()) == []
