"""The columns of a preset's row: what one provider's webhooks need, and where that was looked up."""

from collections.abc import Callable
from dataclasses import dataclass
from enum import Enum
from typing import Final

from trigger_contracts.webhook_config import SignatureEncoding
from trigger_paths import Path
from trigger_webhooks import signed_content_of
from webhook_ingress.domain.handshake import OpeningHandshake, Reply, SignedHandshake
from webhook_ingress.domain.hmac_scheme import HmacScheme
from webhook_ingress.domain.signature_header import TimestampHeader
from webhook_ingress.domain.signed_request import SignatureScheme, SignedRequest


class Redelivery(Enum):
    """Whether the same delivery id is the same execution where the trigger does not say."""

    SAME_EXECUTION = "the provider repeats by itself"
    NEW_EXECUTION = "a person asks for it"


class Url(Enum):
    """Whether the scheme signs the address, so that the public one has to be configured."""

    SIGNED = "signed"
    UNSIGNED = "unsigned"


class VerifiedAgainst(Enum):
    """What a row's signature was verified against."""

    EXAMPLE = "a signature that the provider published"
    LIBRARY = "the provider's own library, which verified or made the tests' signatures"
    SOURCE = "the sender's own source; no published signature"
    RULE = "the documentation's rule alone; no published signature"


EXAMPLE: Final = frozenset({VerifiedAgainst.EXAMPLE})
LIBRARY: Final = frozenset({VerifiedAgainst.LIBRARY})
BOTH: Final = EXAMPLE | LIBRARY
SENDER: Final = frozenset({VerifiedAgainst.SOURCE})
RULE: Final = frozenset({VerifiedAgainst.RULE})


class Basis(Enum):
    """How a fact about a provider is known."""

    STATED = "the provider's page states it"
    LIBRARY = "the provider's own library does it"
    SOURCE = "the sender's source does it"
    OBSERVED = "a public report shows what it sends"
    INFERRED = "no page states it; it follows from what the page says"


@dataclass(frozen=True, slots=True, kw_only=True)
class Source:
    """Where a fact was looked up."""

    url: str
    basis: Basis = Basis.STATED


def stated(url: str) -> Source:
    """Return the page that states a fact."""
    return Source(url=url)


def inferred(url: str) -> Source:
    """Return the page that a fact follows from."""
    return Source(url=url, basis=Basis.INFERRED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Signature:
    """How requests are signed, for readers; ``scheme`` is what counts.

    ``headers`` are the fields, in lower case, that hold a signature of the request or the secret itself: also
    those of another kind that the provider sends as well, for nothing may be sent again from a record.
    """

    header: str
    algorithm: str
    covers: str
    source: Source
    headers: tuple[str, ...] = ()
    time: str = ""
    """Where the signed time is, and how it is written."""
    provider_tolerance: str = ""
    """What the provider's own libraries or pages tolerate, where it differs from the row's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Acknowledgement:
    """What an accepted request gets in place of the usual 202.

    ``takes`` is what counts as success for the provider.
    """

    takes: str
    source: Source
    status: int = 202
    reply: Reply | Callable[[SignedRequest], Reply] | None = None
    """``None``: the usual body, with the execution's id, under ``status``."""
    note: str = ""

    def reply_to(self, signed: SignedRequest) -> Reply | None:
        """Return the whole reply to a request; ``None`` where its body is the usual one."""
        return self.reply(signed) if callable(self.reply) else self.reply


@dataclass(frozen=True, slots=True, kw_only=True)
class AddressTest:
    """A provider's handshake or connectivity test, for readers."""

    request: str
    verified: str
    reply: str
    source: Source


@dataclass(frozen=True, slots=True, kw_only=True)
class DeliveryId:
    """Where a provider names its delivery: a header, a path into the body, or a function.

    ``what`` says for readers what the function reads; ``source`` is there where a provider is meant.
    """

    header: str | None = None
    body: Path | None = None
    compute: Callable[[SignedRequest], str | None] | None = None
    redelivery: Redelivery = Redelivery.SAME_EXECUTION
    what: str = ""
    source: Source | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class Preset:
    """A row. ``tolerance`` is in seconds, and counts where the trigger has the usual one.

    ``json_fields`` names the fields of a form whose text is JSON.
    """

    scheme: SignatureScheme
    signature: Signature
    verified_against: frozenset[VerifiedAgainst]
    acknowledgement: Acknowledgement
    delivery_id: DeliveryId | None = None
    tolerance: int = 300
    url: Url = Url.UNSIGNED
    body_form: str = "JSON"
    body_source: Source | None = None
    """``None``: the page about the signature says it."""
    opening: OpeningHandshake | None = None
    signed_handshake: SignedHandshake | None = None
    tests: tuple[AddressTest, ...] = ()
    json_fields: tuple[str, ...] = ()


def hmac_of_body(*headers: str, prefix: str = "") -> SignatureScheme:
    """Return the scheme of an HMAC-SHA256 over the body, in hex."""
    return HmacScheme(headers=headers, prefix=prefix).signature_check


def base64_hmac_of(content: str, *headers: str) -> SignatureScheme:
    """Return the scheme of an HMAC-SHA256 over a template, in base64."""
    return HmacScheme(
        headers=headers, encoding=SignatureEncoding.BASE64, content=signed_content_of(content)
    ).signature_check


def v0_hmac(header: str, *, time: str) -> SignatureScheme:
    """Return the scheme that Slack and Zoom share."""
    return HmacScheme(
        headers=(header,),
        prefix="v0=",
        content=signed_content_of("v0:{timestamp}:{body}"),
        timestamp=TimestampHeader(name=time),
    ).signature_check


HMAC: Final = "HMAC-SHA256"
"""The algorithm of most signatures."""
