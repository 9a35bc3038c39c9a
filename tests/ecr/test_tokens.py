"""GetAuthorizationToken."""

from __future__ import annotations

import base64
from datetime import UTC, datetime, timedelta

from tests.application import Registry, allow
from tests.ecr.calls import refusal


class TestTokens:
    def test_a_token_signs_docker_in(self, registry: Registry) -> None:
        user = registry.user("ada", allow("ecr:GetAuthorizationToken"))
        (data,) = registry.ecr(user).get_authorization_token()["authorizationData"]
        assert data["proxyEndpoint"] == "http://registry.test:5000"
        left = data["expiresAt"] - datetime.now(UTC)
        assert timedelta(hours=11, minutes=59) < left <= timedelta(hours=12)
        header = f"Basic {data['authorizationToken']}"
        assert base64.b64decode(data["authorizationToken"]).startswith(b"AWS:")
        with registry.anyone({"authorization": header}) as client:
            assert client.get("/v2/").status_code == 200

    def test_only_for_who_may(self, registry: Registry) -> None:
        user = registry.user("ada", allow("ecr:ListImages"))
        code, message = refusal(lambda: registry.ecr(user).get_authorization_token())
        assert code == "AccessDeniedException"
        assert f"{user.user.arn} is not authorized to perform: ecr:GetAuthorizationToken" in message
