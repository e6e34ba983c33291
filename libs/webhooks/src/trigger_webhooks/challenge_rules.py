"""What the option ``challenge`` may be: where a sender's challenge is, and how it goes back."""

from collections.abc import Iterator
from typing import Final

from trigger_contracts.webhook_config import AuthType, Challenge, ChallengeReply, WebhookConfig
from trigger_paths import PathError, parse_path
from trigger_validation import FieldError
from trigger_webhooks.ordinary_headers import ORDINARY_HEADERS
from trigger_webhooks.response_headers import may_be_sent

_CREDENTIALS: Final = frozenset({"authorization", "cookie", "proxy-authorization"})
_LONGEST_BODY_STEPS: Final = 5


def challenge_errors(challenge: Challenge | None) -> Iterator[FieldError]:
    """Yield what is wrong with a challenge by itself, with pointers from the option on."""
    if challenge is None:
        return
    places = [place for place in (challenge.header, challenge.query, challenge.body) if place is not None]
    if len(places) != 1:
        yield FieldError("", 'Expected one of header, query and body. Example: {"query": "challenge"}')
        return
    if challenge.header is not None and challenge.header.lower() in ORDINARY_HEADERS | _CREDENTIALS:
        yield FieldError("/header", "This header has a meaning of its own. Example: X-Hook-Secret")
    name: str | None = challenge.header or challenge.query
    if challenge.body is not None:
        try:
            steps = parse_path(challenge.body)
        except PathError as error:
            yield FieldError("/body", str(error))
            return
        if len(steps) > _LONGEST_BODY_STEPS or any(step.isdecimal() for step in steps):
            detail = (
                f"Expected at most {_LONGEST_BODY_STEPS} names, without places in lists. Example: challenge"
            )
            yield FieldError("/body", detail)
        name = steps[-1]
    if challenge.reply is ChallengeReply.TEXT:
        if challenge.reply_name is not None:
            yield FieldError("/replyName", "Text has no name. Leave this out.")
    elif challenge.reply is ChallengeReply.HEADER:
        yield from _reply_header_errors(challenge.reply_name, usual=name)


def challenge_errors_between(config: WebhookConfig) -> Iterator[FieldError]:
    """Yield where a challenge is read from a header that has another meaning for the trigger."""
    header = config.challenge.header if config.challenge is not None else None
    if header is not None and header.lower() in _read_headers(config):
        yield FieldError("/challenge/header", "This trigger reads this header in each of its requests.")


def _reply_header_errors(name: str | None, *, usual: str | None) -> Iterator[FieldError]:
    if name is None and not may_be_sent(usual or "", value=""):
        yield FieldError("/replyName", "Name the header that it goes back in. Example: X-Hook-Secret")
    elif name is not None and not may_be_sent(name, value=""):
        yield FieldError("/replyName", "A trigger cannot set this header.")


def _read_headers(config: WebhookConfig) -> set[str]:
    key = config.idempotency_key
    names = [
        config.signature_header,
        config.timestamp_header,
        config.id_header,
        config.api_key_header,
        key.header if key is not None else None,
        "X-API-Key" if config.auth_type is AuthType.API_KEY else None,
    ]
    return {name.lower() for name in names if name is not None}
