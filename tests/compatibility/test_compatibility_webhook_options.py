"""What trigger-api lets people save, webhook-ingress serves: no trigger is there to be refused."""

import re
from datetime import UTC, datetime
from typing import Any
from uuid import UUID

import msgspec
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from trigger_api.domain import config_rules
from trigger_contracts import streams
from trigger_contracts.codec import encode
from trigger_contracts.config import AuthType, Change, HttpMethod, TriggerChanged, TriggerState, WebhookConfig
from trigger_contracts.latest_triggers import LatestTriggers, Unreadable
from trigger_contracts.webhook_config import (
    IdempotencyKeySource,
    MissingOrigin,
    OnDisabled,
    RateLimit,
    SignatureAlgorithm,
    SignatureEncoding,
    SignatureLabels,
    TimestampFormat,
    WebhookResponse,
)
from trigger_contracts.webhook_providers import PROVIDER_SECRETS, WebhookProvider
from trigger_webhooks import generate_secret, needs_secret, secret_errors, without_plain_token
from webhook_ingress.domain.request_rules import request_rules

TRIGGER_ID = UUID("01890000-0000-7000-8000-000000000001")
SUBJECT = streams.config_trigger(TRIGGER_ID)
HEADERS = st.sampled_from(
    ["X-A", "x-signature", "Set-Cookie", "Content-Type", "Link", "Vary", "X-Request-Id"]
)
VALUES = st.sampled_from(["a", "", "b c"])
CONTENT = st.sampled_from(
    ["{body}", "{timestamp}.{body}", "{id}.{timestamp}.{body}", "{url}{body}", "{timestamp}", "{{body}}", "x"]
)


def rarely(strategy: st.SearchStrategy[Any], *, usual: Any = None) -> st.SearchStrategy[Any]:
    return st.just(usual) | st.just(usual) | strategy


CONFIGS = st.builds(
    WebhookConfig,
    method=st.sampled_from(HttpMethod),
    auth_type=st.sampled_from(AuthType),
    require_signature=st.booleans(),
    allowed_origins=rarely(st.sampled_from([("https://a.example",), ("https://A.example/",)]), usual=()),
    provider=rarely(st.sampled_from(WebhookProvider)),
    signature_header=rarely(HEADERS),
    signature_prefix=rarely(st.sampled_from(["", "v1=", "sha512="])),
    signature_encoding=st.sampled_from(SignatureEncoding),
    algorithm=st.sampled_from(SignatureAlgorithm),
    signed_content=CONTENT,
    timestamp_header=rarely(st.just("X-Time")),
    id_header=rarely(st.just("X-Id")),
    filters=rarely(
        st.sampled_from(
            [{"body.a": 1}, {"data.a": 1}, {"headers.X-A": "b"}, {"headers.authorization": "b"}, {"a..b": 1}]
        ),
        usual={},
    ),
    expression=rarely(
        st.sampled_from(["payload.body.a == 1", "event.a == 1", "payload.body.l.map(x, x) == []", "payload."])
    ),
    tolerance_seconds=rarely(st.integers(1, 900), usual=300),
    verify_token=rarely(st.just("a-token-of-ours")),
    idempotency_key=rarely(
        st.builds(
            IdempotencyKeySource,
            header=rarely(HEADERS),
            body=rarely(
                st.sampled_from(["id", "data.id", "items[0].id", "a..b", "a[x]", "[0]", "a b", "ä.ö"])
            ),
        )
    ),
    allowed_ips=rarely(
        st.lists(
            st.sampled_from(
                ["192.0.2.0/24", "192.0.2.1/24", "2001:db8::/32", "::1", "10.0.0.1", "fe80::1%eth0", "x", ""]
            ),
            max_size=2,
        ).map(tuple),
        usual=(),
    ),
    timestamp_format=st.sampled_from(TimestampFormat),
    signature_labels=rarely(
        st.builds(SignatureLabels, signature=st.sampled_from(["v1", "t"]), timestamp=rarely(st.just("t")))
    ),
    api_key_header=rarely(st.sampled_from(["Authorization", "X-Token", "Host"])),
    rate_limit=rarely(st.builds(RateLimit, requests=st.integers(1, 9), per_seconds=st.integers(1, 60))),
    on_disabled=st.sampled_from(OnDisabled),
    missing_origin=st.sampled_from(MissingOrigin),
    custom_headers=rarely(st.dictionaries(HEADERS, VALUES, max_size=2), usual={}),
    response=rarely(
        st.builds(
            WebhookResponse,
            status=st.integers(200, 299),
            headers=st.dictionaries(HEADERS, VALUES, max_size=2),
            body=st.just(msgspec.UNSET) | st.just("ok") | st.just({"a": 1}),
        )
    ),
)


def unsupported_option(config: WebhookConfig) -> str | None:
    """Return the option that keeps a saved configuration from being served."""
    kept = without_plain_token(config)
    assert isinstance(kept, WebhookConfig)
    return request_rules(kept).unsupported_option(public_url="https://hooks.example.com")


@pytest.mark.slow
@settings(max_examples=4000, deadline=None, suppress_health_check=list(HealthCheck))
@given(config=CONFIGS)
def test_what_can_be_saved_is_served_and_what_is_not_served_cannot_be_saved(config: WebhookConfig) -> None:
    errors, unsupported = config_rules.field_errors_of(config), unsupported_option(config)
    if not errors:
        assert unsupported is None
    if unsupported is not None:
        assert errors


def state(**config: Any) -> bytes:
    """Return a webhook trigger's state as trigger-api publishes it; ``config`` is as on the wire."""
    at = datetime(2026, 11, 23, 12, tzinfo=UTC)
    change = Change(event="TriggerCreated", version=1, at=at, actor="a", request_id="r")
    trigger = TriggerState(
        id=TRIGGER_ID,
        workspace="acme",
        workflow_id=TRIGGER_ID,
        name="a webhook",
        enabled=True,
        config=WebhookConfig(),
        version=1,
        created_at=at,
        updated_at=at,
    )
    message = msgspec.json.decode(encode(TriggerChanged(change=change, trigger=trigger)))
    message["trigger"]["config"] = {"triggerType": "webhook", **config}
    return msgspec.json.encode(message)


def test_the_configuration_of_an_older_release_is_served() -> None:
    """It lacks the options that came later: they have their defaults."""
    found = LatestTriggers().apply(SUBJECT, data=state(method="PUT", authType="none"))
    assert isinstance(found, TriggerState)
    assert found.config == WebhookConfig(method=HttpMethod.PUT)
    assert isinstance(found.config, WebhookConfig)
    assert unsupported_option(found.config) is None


def test_an_option_of_a_newer_release_is_passed_over() -> None:
    """A newer release writes every option, also those that are not set: they must not close the door.

    So an option that keeps requests out needs a message or a value that older releases do not know.
    """
    found = LatestTriggers().apply(SUBJECT, data=state(optionOfTomorrow=None))
    assert isinstance(found, TriggerState)
    assert found.config == WebhookConfig()


@pytest.mark.parametrize(
    "config", [{"authType": "mutual_tls"}, {"provider": "provider-of-tomorrow"}, {"algorithm": "sha3"}]
)
def test_a_value_of_a_newer_release_closes_the_door(config: dict[str, Any]) -> None:
    found = LatestTriggers().apply(SUBJECT, data=state(**config))
    assert isinstance(found, Unreadable)
    assert found.trigger_id == TRIGGER_ID


@pytest.mark.parametrize("provider", [None, *WebhookProvider])
def test_a_generated_secret_is_one_that_the_provider_takes(provider: WebhookProvider | None) -> None:
    config = WebhookConfig(provider=provider, auth_type=AuthType.HMAC)
    assert needs_secret(config)
    for seed in range(200):
        secret = generate_secret(config, random=bytes((seed * 7 + n * 13) % 256 for n in range(32)))
        if provider is None or PROVIDER_SECRETS[provider].chosen_by_user:
            assert secret_errors(config, secret=secret, before=None) == []
    if provider is not None and not PROVIDER_SECRETS[provider].chosen_by_user:
        (error,) = secret_errors(config, secret=None, before=None)
        assert (error.pointer, str(provider) in error.detail) == ("/secret", True)


def test_every_provider_says_what_its_secret_is() -> None:
    assert set(PROVIDER_SECRETS) == set(WebhookProvider)
    for rule in PROVIDER_SECRETS.values():
        re.compile(rule.pattern)
        assert not re.fullmatch(rule.pattern, "")
        assert not re.fullmatch(rule.pattern, " " * 32)
