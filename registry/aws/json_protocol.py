"""The AWS JSON protocols 1.0 and 1.1.

Source: "AWS JSON 1.0 and 1.1 protocols" in the Smithy specification.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any, NoReturn

from botocore.model import OperationModel, ServiceModel

from registry.aws.errors import Fault, RequestError, ServiceError, service_error
from registry.aws.protocol import Incoming, Message, Reply, reply
from registry.aws.scalars import read_json, write_json
from registry.aws.shapes import decode, encode

TARGET = "x-amz-target"
# A layer part of 20 MiB is 26.7 MiB in base64; AWS's own gateway stops not far above.
MAX_BODY = 40 * 1024 * 1024


class JsonProtocol:
    """Documents in, documents out; the operation is named by X-Amz-Target."""

    max_body = MAX_BODY

    def read(self, incoming: Incoming) -> Message:
        """The operation of the target and the body's document. Raises RequestError."""
        target = incoming.header(TARGET) or ""
        text = incoming.take_body()
        try:
            document = json.loads(text, parse_constant=_refuse) if text.strip() else {}
        except (ValueError, RecursionError):
            raise RequestError(Fault.MALFORMED, "the body is not a JSON document") from None
        return Message(target.rpartition(".")[2], document)

    def parameters(self, operation: OperationModel, document: Any) -> dict[str, Any]:
        """The input by the model's member names. Raises RequestError (MALFORMED)."""
        if operation.input_shape is None:
            return {}
        members: dict[str, Any] = decode(operation.input_shape, document, read_json)
        return members

    def result(self, operation: OperationModel, value: Mapping[str, Any], request_id: str) -> Reply:
        """The result as a document. Raises shapes.Unfit."""
        shape = operation.output_shape
        document = {} if shape is None else encode(shape, value, write_json)
        return self._reply(200, operation.service_model, request_id, document)

    def error(self, error: ServiceError, model: ServiceModel | None, request_id: str) -> Reply:
        """`{"__type": code, "message": …}` and the code once more as a header."""
        document = {**error.extra, "__type": error.code, "message": error.message}
        return self._reply(
            error.status, model, request_id, document, "x-amzn-errortype", error.code
        )

    def translate(self, error: RequestError) -> ServiceError:
        """A fault under the JSON services' name for it."""
        return service_error(error.fault.value.json, error.message)

    def _reply(
        self, status: int, model: ServiceModel | None, request_id: str, document: Any, *extra: str
    ) -> Reply:
        version = model.metadata.get("jsonVersion", "1.1") if model else "1.1"
        body = json.dumps(document, separators=(",", ":"), allow_nan=False).encode()
        return reply(status, f"application/x-amz-json-{version}", request_id, body, *extra)


def _refuse(constant: str) -> NoReturn:
    raise ValueError(f"{constant} is not JSON")
