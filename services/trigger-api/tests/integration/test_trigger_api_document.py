"""The document says what the API does, and every operation in it keeps strangers out."""

import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import aiohttp
import jsonschema_rs
import jwt
import msgspec
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from trigger_api.commands import openapi
from trigger_api.entrypoints.api import api_document

pytestmark = pytest.mark.integration

COMMITTED = Path(__file__).parents[4] / "docs" / "openapi" / "trigger-api.json"
FOUND: list[tuple[str, str, dict[str, Any]]] = [
    (method.upper(), path, operation)
    for path, item in api_document()["paths"].items()
    for method, operation in item.items()
]
OPERATIONS = [pytest.param(*case, id=case[2]["operationId"]) for case in FOUND]
SCHEDULE = {"cronExpression": "0 9 * * *", "timezone": "Europe/Amsterdam"}
RANGE = {"startAt": "2026-01-05T00:00:00Z", "endAt": "2026-01-05T00:00:00Z"}


def body_for(operation: str, *, workflow_id: str, definition: Any) -> Any:
    """Return a body that the operation takes, so that only who asks can be the reason of a refusal."""
    bodies: dict[str, Any] = {
        "registerWorkflow": {"name": "W", "definition": definition},
        "replaceWorkflow": {"name": "W", "definition": definition},
        "patchWorkflow": {"name": "V"},
        "revertWorkflow": {"version": 1},
        "createTrigger": {
            "workflowId": workflow_id,
            "name": "t",
            "triggerType": "schedule",
            "config": SCHEDULE,
        },
        "replaceTrigger": {"name": "t", "config": SCHEDULE},
        "patchTrigger": {"name": "u"},
        "rotateSecret": {},
        "revertTrigger": {"version": 1},
        "executeTrigger": {},
        "previewSchedule": SCHEDULE,
        "previewBackfill": RANGE,
        "backfillSchedule": {**RANGE, "overlapPolicy": "skip", "expectedFires": 0},
    }
    return bodies.get(operation)


def test_the_committed_document_is_the_one_that_is_served() -> None:
    assert COMMITTED.read_text() == openapi() + "\n", "python -m trigger_api openapi > docs/openapi/…"


def test_every_operation_is_documented_in_full() -> None:
    assert len(FOUND) >= 20
    for method, path, operation in FOUND:
        assert operation["summary"]
        assert operation["security"] == [{"token": [operation["security"][0]["token"][0]]}]
        assert {"401", "403", "503"} <= set(operation["responses"])
        if "{id}" in path:
            assert "404" in operation["responses"]
        takes_body = "requestBody" in operation
        assert takes_body == (
            method in {"POST", "PUT", "PATCH"} and not re.search("pause|resume|schedule/run", path)
        )


@pytest.fixture
async def trigger_id(api: Any, workflow_id: str) -> str:
    body = {"workflowId": workflow_id, "name": "t", "triggerType": "schedule", "config": SCHEDULE}
    made: str = (await api.call("POST", "/api/triggers", body, status=201)).json["id"]
    return made


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS)
async def test_another_workspaces_data_does_not_exist(
    api: Any,
    workflow_id: str,
    trigger_id: str,
    make_token: Any,
    definition: Any,
    method: str,
    path: str,
    operation: dict[str, Any],
) -> None:
    name = operation["operationId"]
    theirs = trigger_id if path.startswith("/api/triggers") else workflow_id
    target = path.replace("{id}", theirs)
    body = body_for(name, workflow_id=workflow_id, definition=definition)
    answer = await api.call(method, target, body, as_=make_token(sub="eve", org="evil"))
    if "{id}" in path or name == "createTrigger":
        assert answer.status == 404, answer.json
        assert answer.json["code"] == "not_found"
    else:
        # What names nothing: a list without the others' things, or what belongs to nobody.
        assert answer.status < 300
        assert theirs not in str(answer.json)
    unchanged = await api.call("GET", f"/api/triggers/{trigger_id}/events", status=200)
    assert len(unchanged.json["items"]) == 1


NOW = datetime.now(UTC)
RSA_KEY = rsa.generate_private_key(public_exponent=65537, key_size=2048)
PUBLIC_PEM = RSA_KEY.public_key().public_bytes(
    serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
)


def hmac_with(key: bytes, claims: dict[str, Any]) -> str:
    """Sign as HS256 with bytes that PyJWT itself would refuse to sign with."""
    import base64
    import hashlib
    import hmac

    def part(value: Any) -> str:
        return base64.urlsafe_b64encode(msgspec.json.encode(value)).decode().rstrip("=")

    text = f"{part({'alg': 'HS256', 'typ': 'JWT'})}.{part(claims)}"
    signature = hmac.new(key, text.encode(), hashlib.sha256).digest()
    return f"{text}.{base64.urlsafe_b64encode(signature).decode().rstrip('=')}"


def bad_tokens(make_token: Any) -> dict[str, str]:
    claims = {
        "sub": "ada",
        "org": "acme",
        "iss": "flowmaestro",
        "aud": "flowmaestro-triggers",
        "exp": int((NOW + timedelta(minutes=5)).timestamp()),
    }
    nobody = jwt.encode({k: v for k, v in claims.items() if k != "sub"}, "a" * 40, algorithm="HS256")
    return {
        "alg none": jwt.encode(claims, None, algorithm="none"),  # type: ignore[arg-type]
        "HS256 with an RSA public key": hmac_with(PUBLIC_PEM, claims),
        "RS256 with a key of their own": jwt.encode(
            claims, RSA_KEY, algorithm="RS256", headers={"kid": "unknown"}
        ),
        "another secret": jwt.encode(claims, "b" * 40, algorithm="HS256"),
        "no subject, wrong secret": nobody,
        "no subject": make_token(sub=None),
        "wrong audience": make_token(aud="somebody-else"),
        "wrong issuer": make_token(iss="somebody-else"),
        "expired": make_token(exp=NOW - timedelta(hours=1)),
        "not yet valid": make_token(nbf=NOW + timedelta(hours=1)),
        "no expiry": make_token(exp=None),
        "no token at all": "",
    }


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS)
async def test_who_is_not_known_gets_nothing(
    api: Any,
    workflow_id: str,
    trigger_id: str,
    make_token: Any,
    definition: Any,
    method: str,
    path: str,
    operation: dict[str, Any],
    capfd: Any,
) -> None:
    theirs = trigger_id if path.startswith("/api/triggers") else workflow_id
    body = body_for(operation["operationId"], workflow_id=workflow_id, definition=definition)
    for what, token in bad_tokens(make_token).items():
        headers = {"Authorization": f"Bearer {token}"} if token else {}
        async with api.session.request(
            method, api.base_url + path.replace("{id}", theirs), json=body, headers=headers
        ) as answer:
            document = await answer.json()
            assert answer.status == 401, (what, document)
            assert answer.headers["WWW-Authenticate"].startswith("Bearer")
        assert set(document) == {"type", "title", "status", "detail", "code", "requestId"}
        assert theirs not in str(document), what
    unchanged = await api.call("GET", f"/api/triggers/{trigger_id}/events", status=200)
    assert len(unchanged.json["items"]) == 1
    said = "".join(capfd.readouterr())
    assert not [token for token in bad_tokens(make_token).values() if token and token in said]


@pytest.mark.parametrize(("method", "path", "operation"), OPERATIONS)
async def test_each_operation_asks_for_its_scope(
    api: Any, make_token: Any, method: str, path: str, operation: dict[str, Any]
) -> None:
    (wanted,) = operation["security"][0]["token"]
    others = {"triggers:read", "triggers:write", "triggers:run"} - {wanted}
    answer = await api.call(
        method, path.replace("{id}", "0" * 8), as_=make_token(scope=" ".join(others)), status=403
    )
    assert answer.json["code"] == "scope_missing"


async def test_the_pages_need_no_token_and_no_network(api: Any) -> None:
    async with api.session.get(f"{api.base_url}/openapi.json") as answer:
        assert answer.status == 200
        assert await answer.json() == msgspec.json.decode(COMMITTED.read_bytes())
    async with api.session.get(f"{api.base_url}/docs") as answer:
        page = await answer.text()
        policy = answer.headers["Content-Security-Policy"]
    assert "default-src 'none'" in policy
    assert "https://" not in page
    assert "http://" not in page
    for address in re.findall(r'(?:src|href)="([^"]+)"', page):
        async with api.session.get(f"{api.base_url}/{address}") as answer:
            assert answer.status == 200, address
            assert len(await answer.read()) > 100
    async with api.session.get(f"{api.base_url}/docs/..%2f__init__.py") as answer:
        assert answer.status == 404


async def test_the_catalog_has_schemas_that_say_what_the_api_says(api: Any, workflow_id: str) -> None:
    catalog = (await api.call("GET", "/api/trigger-types", status=200)).json
    validators = {
        item["type"]: jsonschema_rs.Draft202012Validator(item["configSchema"], offline=True)
        for item in catalog["items"]
    }
    assert set(validators) == {"schedule", "webhook", "event", "manual"}
    assert {"github", "stripe", "slack"} <= {item["id"] for item in catalog["providers"]}
    samples: list[tuple[str, Any]] = [
        ("schedule", SCHEDULE),
        ("schedule", {"timezone": "UTC"}),
        ("schedule", {**SCHEDULE, "overlapPolicy": "never"}),
        ("schedule", {**SCHEDULE, "startAt": "2026-01-01T00:00:00Z", "jitterSeconds": 3}),
        ("webhook", {"authType": "hmac", "rateLimit": {"requests": 5}}),
        ("webhook", {"authtype": "hmac"}),
        ("webhook", {"customHeaders": {"X-A": "b"}, "response": {"status": 200, "body": "ok"}}),
        ("webhook", {"customHeaders": {"X A": "b"}}),
        ("event", {"eventType": "a", "filters": {"data.x": [1]}}),
        ("event", {"filters": {}}),
        ("manual", {"inputSchema": {"type": "object"}}),
        ("manual", {"inputSchema": 1}),
    ]
    verdicts = []
    for kind, config in samples:
        body = {"workflowId": workflow_id, "name": "t", "triggerType": kind, "config": config}
        answer = await api.call("POST", "/api/triggers", body)
        assert validators[kind].is_valid(config) == (answer.status == 201), (kind, config, answer.json)
        verdicts.append(answer.status)
    assert set(verdicts) == {201, 422}


async def test_a_change_has_to_say_what_it_is_meant_for_where_that_is_configured(
    settings: Any, make_token: Any, definition: Any, eventually: Any
) -> None:
    from msgspec.structs import replace

    from trigger_api.app import build
    from trigger_api.settings import IfMatch

    service = build(replace(settings, if_match=IfMatch.REQUIRED))
    await service.start()
    base = f"http://127.0.0.1:{settings.http_port}"
    headers = {"Authorization": f"Bearer {make_token()}"}
    try:
        async with aiohttp.ClientSession(base, headers=headers) as session:

            async def status(method: str, path: str, body: Any = None, **extra: str) -> int:
                async with session.request(method, path, json=body, headers=extra) as answer:
                    return answer.status

            async def ready() -> bool:
                return await status("GET", "/readyz") == 200

            await eventually(ready)
            async with session.post("/api/workflows", json={"name": "W", "definition": definition}) as answer:
                path = answer.headers["Location"]
            assert await status("PATCH", path, {"name": "X"}) == 428
            assert await status("DELETE", path) == 428
            assert await status("PATCH", path, {"name": "X"}, **{"If-Match": "1"}) == 412
            assert await status("PATCH", path, {"name": "X"}, **{"If-Match": 'W/"1"'}) == 412
            assert await status("PATCH", path, {"name": "X"}, **{"If-Match": '"7", "1"'}) == 200
            assert await status("PATCH", path, {"name": "Y"}, **{"If-Match": "*"}) == 200
            assert await status("DELETE", path, **{"If-Match": '"3"'}) == 204
    finally:
        await service.stop()
