"""GitHub's ``ping``: https://docs.github.com/en/webhooks/webhook-events-and-payloads#ping

It says that a webhook was made, and nothing that happened in a repository.
"""

from webhook_ingress.domain.handshake import Reply
from webhook_ingress.domain.signed_request import SignedRequest


def ping(signed: SignedRequest, _secret: bytes) -> Reply | None:
    """Reply to a signed ping. Its header is not signed, but to forge it can only keep a run from starting."""
    return Reply() if signed.header("x-github-event") == "ping" else None
