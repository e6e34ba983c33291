"""The test button of Bitbucket Server and Data Center.

https://confluence.atlassian.com/bitbucketserver/manage-webhooks-938025878.html,
https://github.com/runatlantis/atlantis/issues/474 (what it sends)

It sends ``{"test": true}`` without a signature, also where the webhook has a secret. The reply says no more
than that the address is one of a Bitbucket trigger, which a 401 says as well.
"""

from typing import Final

from webhook_ingress.domain.handshake import OpeningReply, Reply
from webhook_ingress.domain.signed_request import SignedRequest

_PING: Final = "diagnostics:ping"


def opening(signed: SignedRequest, _verify_token: str | None) -> OpeningReply:
    """Reply to an unsigned ping; a signature that is there has to be verified first."""
    is_unsigned = not signed.request.values("x-hub-signature")
    return Reply() if is_unsigned and _is_ping(signed) else None


def ping(signed: SignedRequest, _secret: bytes) -> Reply | None:
    """Reply to a signed ping."""
    return Reply() if _is_ping(signed) else None


def _is_ping(signed: SignedRequest) -> bool:
    return signed.request.method == "POST" and signed.header("x-event-key") == _PING
