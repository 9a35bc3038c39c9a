from __future__ import annotations

from typing import Any

import pytest

from registry.aws.constraints import invalid_parameter, validation_error, violations
from registry.aws.errors import Fault, RequestError, ServiceError
from tests.aws.test_protocols import model_of

NAME_PATTERN = r"[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*(\/[a-z0-9]+((\.|_|__|-+)[a-z0-9]+)*)*"


def complaints(service: str, operation: str, members: dict[str, Any]) -> list[str]:
    shape = model_of(service).operation_model(operation).input_shape
    assert shape is not None
    return [str(each) for each in violations(shape, members)]


@pytest.mark.parametrize(
    ("service", "operation", "members", "expected"),
    [
        ("ecr", "CreateRepository", {"repositoryName": "team/app"}, []),
        (
            "ecr",
            "CreateRepository",
            {},
            [
                "Value null at 'repositoryName' failed to satisfy constraint:"
                " Member must not be null"
            ],
        ),
        (
            "ecr",
            "CreateRepository",
            {"repositoryName": "x"},
            [
                "Value 'x' at 'repositoryName' failed to satisfy constraint:"
                " Member must have length greater than or equal to 2"
            ],
        ),
        (
            "ecr",
            "CreateRepository",
            {"repositoryName": "A" * 257},
            [
                f"Value '{'A' * 256}…' at 'repositoryName' failed to satisfy constraint:"
                " Member must have length less than or equal to 256",
                f"Value '{'A' * 256}…' at 'repositoryName' failed to satisfy constraint:"
                f" Member must satisfy regular expression pattern: {NAME_PATTERN}",
            ],
        ),
        (
            "ecr",
            "DescribeRepositories",
            {"maxResults": 1001},
            [
                "Value '1001' at 'maxResults' failed to satisfy constraint:"
                " Member must have value less than or equal to 1000"
            ],
        ),
        (
            "ecr",
            "DescribeRepositories",
            {"repositoryNames": []},
            [
                "Value '[]' at 'repositoryNames' failed to satisfy constraint:"
                " Member must have length greater than or equal to 1"
            ],
        ),
        (
            "ecr",
            "DescribeRepositories",
            {"repositoryNames": ["ok", "B"]},
            [
                "Value '[ok, B]' at 'repositoryNames' failed to satisfy constraint: Member must"
                " satisfy constraint: [Member must have length less than or equal to 256, Member"
                " must have length greater than or equal to 2, Member must satisfy regular"
                f" expression pattern: {NAME_PATTERN}]"
            ],
        ),
        (
            "ecr",
            "BatchGetImage",
            {"repositoryName": "ok", "imageIds": [{"imageTag": "v1"}, {"imageTag": ""}]},
            [
                "Value '' at 'imageIds.2.member.imageTag' failed to satisfy constraint:"
                " Member must have length greater than or equal to 1"
            ],
        ),
        (
            "ecr",
            "CreateRepository",
            {"repositoryName": "ok", "encryptionConfiguration": {"encryptionType": "ROT13"}},
            [
                "Value 'ROT13' at 'encryptionConfiguration.encryptionType' failed to satisfy"
                " constraint: Member must satisfy enum value set: [AES256, KMS, KMS_DSSE]"
            ],
        ),
        (
            "ecr",
            "UploadLayerPart",
            {
                "repositoryName": "ok",
                "uploadId": "5f5c2c4e-3a52-4f0e-9d5f-0d8f2f6f5a11",
                "partFirstByte": -1,
                "partLastByte": 1,
                "layerPartBlob": b"x" * (20 * 1024 * 1024 + 1),
            },
            [
                "Value '-1' at 'partFirstByte' failed to satisfy constraint:"
                " Member must have value greater than or equal to 0",
                "Value at 'layerPartBlob' failed to satisfy constraint:"
                " Member must have length less than or equal to 20971520",
            ],
        ),
        (
            "kms",
            "Encrypt",
            {"KeyId": "", "Plaintext": b"x"},
            [
                "Value '' at 'keyId' failed to satisfy constraint:"
                " Member must have length greater than or equal to 1"
            ],
        ),
        (
            "iam",
            "ChangePassword",
            {"OldPassword": "fine", "NewPassword": ""},
            [
                "Value at 'newPassword' failed to satisfy constraint:"
                " Member must have length greater than or equal to 1",
                "Value at 'newPassword' failed to satisfy constraint: Member must satisfy regular"
                r" expression pattern: [\u0009\u000A\u000D\u0020-\u00FF]+",
            ],
        ),
    ],
)
def test_constraints_in_awss_words(
    service: str, operation: str, members: dict[str, Any], expected: list[str]
) -> None:
    assert complaints(service, operation, members) == expected


def found(members: dict[str, Any]) -> Any:
    shape = model_of("ecr").operation_model("DescribeRepositories").input_shape
    assert shape is not None
    return list(violations(shape, members))


def test_the_common_form_counts() -> None:
    one = validation_error(found({"maxResults": 0}))
    two = validation_error(found({"maxResults": 0, "registryId": "5"}))
    assert isinstance(one, RequestError)
    assert isinstance(two, RequestError)
    assert one.fault is Fault.INVALID
    assert one.message == (
        "1 validation error detected: Value '0' at 'maxResults' failed to satisfy constraint:"
        " Member must have value greater than or equal to 1"
    )
    assert two.message.startswith("2 validation errors detected: Value '5' at 'registryId' failed")
    assert "; Value '0' at 'maxResults' failed" in two.message


def test_ecrs_form() -> None:
    error = invalid_parameter(found({"registryId": "5", "maxResults": 0}))
    assert isinstance(error, ServiceError)
    assert error.code == "InvalidParameterException"
    assert error.message == (
        "Invalid parameter at 'registryId' failed to satisfy constraint:"
        " 'must satisfy regular expression '[0-9]{12}''; "
        "Invalid parameter at 'maxResults' failed to satisfy constraint:"
        " 'Member must have value greater than or equal to 1'"
    )
