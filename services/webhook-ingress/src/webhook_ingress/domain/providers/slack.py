"""Slack's handshakes: https://docs.slack.dev/reference/events/url_verification

Commands are tested with a form that has ``ssl_check=1``. Slack's own library (Bolt) replies to it before it
looks at the signature.
"""

from typing import Final
from urllib.parse import parse_qs

from webhook_ingress.domain.handshake import OpeningReply, Reply, echo
from webhook_ingress.domain.json_body import Part, read
from webhook_ingress.domain.signed_request import SignedRequest

_LONGEST_CHECK: Final = 2000


class _Message(Part, frozen=True, kw_only=True):
    type: str | None = None
    challenge: str | None = None


def certificate_check(signed: SignedRequest, _verify_token: str | None) -> OpeningReply:
    """Reply to an unsigned ``ssl_check``; a signature that is there has to be verified first."""
    is_unsigned = not signed.request.values("x-slack-signature")
    return Reply() if is_unsigned and _is_certificate_check(signed) else None


def handshake(signed: SignedRequest, _secret: bytes) -> Reply | None:
    """Reply to ``url_verification``, or to a signed ``ssl_check``."""
    if _is_certificate_check(signed):
        return Reply()
    message = read(signed.body, _Message)
    if message is None or message.type != "url_verification" or message.challenge is None:
        return None
    return echo(message.challenge)


def _is_certificate_check(signed: SignedRequest) -> bool:
    if (
        signed.request.method != "POST"
        or len(signed.body) > _LONGEST_CHECK
        or b"ssl_check" not in signed.body
    ):
        return False
    return signed.has_form() and parse_qs(signed.body.decode("latin-1")).get("ssl_check") == ["1"]
