"""Every preset against what its provider published, or what its official library signed.

``provider_signatures.json``: ``published`` cases are copied from a provider's documentation or the tests of
its SDK, ``library`` cases were made or verified once with its official library on a package index.
"""

import json
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import msgspec
import pytest

from trigger_contracts.deliveries import RejectionReason as Reason
from trigger_contracts.webhook_providers import WebhookProvider
from trigger_webhooks import is_usable
from webhook_ingress.domain.authentication import Authentic, NotAuthentic, authenticate
from webhook_ingress.domain.presets import PRESETS, VerifiedAgainst
from webhook_ingress.domain.signed_request import SignedRequest

Make = Callable[..., Any]

AT = 1700000000
BODY = '{"id":"evt_1","n":"caf\\u00e9 \u2615"}'.encode()
ADYEN_KEY = "44782DEF547AAA06C910C43932B1EB0C71FC68D9D0C057550C48EC2ACF6BA056"
FORM = ("Content-Type", "application/x-www-form-urlencoded; charset=UTF-8")


def adyen(signature: str, **other: Any) -> bytes:
    item = {
        "pspReference": "7914073381342284",
        "merchantAccountCode": "TestMerchant",
        "merchantReference": "TestPayment-1407325143704",
        "amount": {"value": 1130, "currency": "EUR"},
        "eventCode": "AUTHORISATION",
        "success": "true",
        "additionalData": {"hmacSignature": signature},
        **other,
    }
    return json.dumps({"live": "false", "notificationItems": [{"NotificationRequestItem": item}]}).encode()


def graph(*states: str) -> bytes:
    return json.dumps({"value": [{"clientState": state, "resource": "me"} for state in states]}).encode()


def linear(at: Any) -> bytes:
    return json.dumps({"action": "create", "webhookTimestamp": at}).encode()


class Case(msgspec.Struct, frozen=True, kw_only=True, forbid_unknown_fields=True):
    """A request that a provider signed. ``at`` is when, in seconds since 1970; ``url`` where it was sent."""

    provider: WebhookProvider
    secret: str
    headers: tuple[tuple[str, str], ...]
    text: str = msgspec.field(name="body", default=BODY.decode())
    at: float = AT
    url: str = "https://hooks.example/api/webhooks/x"
    method: str = "POST"
    verified_against: str = ""
    query: tuple[tuple[str, str], ...] = ()

    @property
    def body(self) -> bytes:
        return self.text.encode()

    @property
    def id(self) -> str:
        return f"{self.provider}-{self.verified_against}"

    def signed(self, make_request: Make, **change: Any) -> SignedRequest:
        """The headers of the proof come first; ``change`` is what is not as it should be."""
        start, _, rest = self.url.partition("//")
        host, _, path = rest.partition("/")
        request = make_request(
            *change.get("headers", self.headers),
            method=self.method,
            target=change.get("target", f"/{path}"),
            query=self.query,
        )
        return SignedRequest(
            request=request,
            body=change.get("body", self.body),
            now=datetime.fromtimestamp(self.at, UTC) + timedelta(seconds=change.get("late", 0)),
            tolerance=300,
            public_url=f"{start}//{host}",
        )


P = WebhookProvider
CASES = msgspec.json.decode(
    Path(__file__).with_name("provider_signatures.json").read_bytes(), type=list[Case]
)
# Made below, because no signature is published: the documented rule, with another HMAC than the scheme's.
RULES = [P.META, P.TWITCH, P.WHATSAPP]


def ruled(provider: WebhookProvider, sign: Make) -> Case:
    secret = "0123456789abcdef0123456789abcdef"
    stamp = "2023-11-14T22:13:20.123456789Z"

    def made(*headers: tuple[str, str], body: bytes = BODY) -> Case:
        return Case(provider=provider, secret=secret, headers=headers, text=body.decode())

    def signed(content: bytes) -> str:
        return str(sign(secret.encode(), content))

    match provider:
        case P.META | P.WHATSAPP:
            return made(("X-Hub-Signature-256", f"sha256={signed(BODY)}"))
        case _:
            return made(
                ("Twitch-Eventsub-Message-Signature", f"sha256={signed(b'id-1' + stamp.encode() + BODY)}"),
                ("Twitch-Eventsub-Message-Id", "id-1"),
                ("Twitch-Eventsub-Message-Timestamp", stamp),
            )


def test_every_preset_is_verified_against_what_it_says() -> None:
    proven = {case.provider for case in CASES} | set(RULES)
    assert proven == set(PRESETS) == set(WebhookProvider)
    for provider, preset in PRESETS.items():
        kinds = {case.verified_against.split("-")[0] for case in CASES if case.provider is provider}
        assert ("published" in kinds) is (VerifiedAgainst.EXAMPLE in preset.verified_against)
        assert ("library" in kinds) is (VerifiedAgainst.LIBRARY in preset.verified_against)
        assert preset.verified_against


@pytest.fixture(params=[*CASES, *RULES], ids=lambda value: value.id if isinstance(value, Case) else value)
def proven(request: Any, sign: Make) -> Case:
    value: Case = ruled(request.param, sign) if isinstance(request.param, P) else request.param
    return value


def check(proven: Case, make_request: Make, *, secret: str | None = None, **change: Any) -> bool:
    """Ask the scheme alone: some published secrets are none by the form that the provider now gives them."""
    check = PRESETS[proven.provider].scheme(proven.signed(make_request, **change))
    return not isinstance(check, Reason) and check((secret or proven.secret).encode())


def test_what_the_provider_signed_is_believed(proven: Case, make_request: Make) -> None:
    assert check(proven, make_request)


def test_a_secret_of_the_providers_form_opens_the_door(
    proven: Case, make_request: Make, make_trigger: Make, make_secret: Make
) -> None:
    secret = make_secret(proven.secret.encode())
    trigger = make_trigger(provider=proven.provider, secrets=(make_secret(b"other"), secret))
    result = authenticate(trigger, signed=proven.signed(make_request))
    if is_usable(proven.secret.encode(), config=trigger.config):
        assert result == Authentic(secret_id=secret.id)
    else:
        assert result == NotAuthentic(reason=Reason.SECRET_UNAVAILABLE)


def test_another_secret_is_not_believed(proven: Case, make_request: Make) -> None:
    last = proven.secret[-1]
    others = [proven.secret[:-1] + ("a" if last != "a" else "b"), "whsec_", "whpk_", "x", ADYEN_KEY[::-1]]
    if (
        proven.secret.startswith(("whsec_", "whpk_")) and proven.provider is not P.STRIPE
    ) or proven.provider in {P.SENDGRID, P.ADYEN}:
        others[0] = proven.secret.replace("A", "B").replace("M", "N").replace("p", "q")
    for other in others:
        assert not check(proven, make_request, secret=other), other


def test_another_body_is_not_believed(proven: Case, make_request: Make) -> None:
    if proven.provider in {P.TELEGRAM, P.GITLAB} and "Token" in proven.headers[0][0]:
        return
    for body in (proven.body + b" x", proven.body[1:] or b"0", b"x", b"\xff", proven.body + b"\x80"):
        assert not check(proven, make_request, body=body), body


def test_missing_repeated_and_malformed_headers_are_refused(proven: Case, make_request: Make) -> None:
    if not proven.headers:
        return
    (name, value), *rest = proven.headers
    if not proven.provider.startswith("box"):
        assert not check(proven, make_request, headers=rest)
    assert not check(proven, make_request, headers=[(name, value), (name, value), *rest])
    odd = ["", " ", value[:-1], f" {value}", f"{value}\n", f"{value},{value}", "\udcff" * 44, "\u0661" * 64]
    for text in odd:
        assert not check(proven, make_request, headers=[(name, text), *rest]), text
    for place in range(1, len(proven.headers)):
        others = [header for at, header in enumerate(proven.headers) if at != place]
        if (
            "content-type" not in proven.headers[place][0].lower()
            and "Secondary" not in proven.headers[place][0]
        ):
            assert not check(proven, make_request, headers=others)
            twice = [*proven.headers, proven.headers[place]]
            assert not check(proven, make_request, headers=twice)


UNTIMED = {
    P.ADYEN,
    P.BITBUCKET,
    P.GITEA,
    P.GITHUB,
    P.GOGS,
    P.LINE,
    P.META,
    P.MICROSOFT_GRAPH,
    P.RAZORPAY,
    P.SHOPIFY,
    P.SQUARE,
    P.TELEGRAM,
    P.TWILIO,
    P.WHATSAPP,
}


def test_old_and_future_times_are_refused(proven: Case, make_request: Make) -> None:
    names = {name.lower() for name, _ in proven.headers}
    untimed = proven.provider in UNTIMED or names & {"x-gitlab-token", "x-hubspot-signature"}
    for late in (301, -302, 10**8):
        assert check(proven, make_request, late=late) is bool(untimed)
    assert check(proven, make_request, late=299)


@pytest.mark.parametrize("case", [case for case in CASES if case.provider in {P.SQUARE, P.TWILIO}])
def test_the_address_is_signed(case: Case, make_request: Make) -> None:
    target = "/" + case.url.partition("//")[2].partition("/")[2]
    assert not check(case, make_request, target=f"{target}&b=2" if "?" in target else f"{target}?b=2")
    assert not check(case, make_request, target="/elsewhere")


def test_twilio_covers_whatever_body_there_is(make_request: Make) -> None:
    """A body that is neither a form nor hashed in the address is signed by nothing."""
    get = next(case for case in CASES if case.verified_against == "library-get")
    assert not check(get, make_request, body=b"{}")
    form = [*get.headers, FORM]
    assert not check(get, make_request, headers=form, body=b"a=1")
    assert not check(get, make_request, headers=form, body=b"&&")


def test_adyen_borders_cannot_be_moved(make_request: Make) -> None:
    """The eight values are joined by colons: one that moves to its neighbour must not keep the signature."""
    signature = "XX3SAn1Z0xOXC8z6Zolj71lCBHM2tr6Erqz+B4vpZAw="
    moved = adyen(signature, merchantAccountCode="TestMerchant:Order", merchantReference=" 7\\8/9 caf\u00e9")
    (proven,) = [case for case in CASES if case.id == "adyen-library"]
    assert not check(proven, make_request, body=moved)
    both = json.loads(proven.body)
    both["notificationItems"].append({"NotificationRequestItem": {"pspReference": "unsigned"}})
    assert not check(proven, make_request, body=json.dumps(both).encode())
    assert not check(proven, make_request, body=b'{"notificationItems": []}')


def test_every_item_of_a_graph_body_has_to_bring_the_state(make_request: Make) -> None:
    (proven,) = [case for case in CASES if case.provider is P.MICROSOFT_GRAPH]
    secret = proven.secret
    assert check(proven, make_request, body=graph(secret, secret))
    for body in (
        graph(secret, "other"),
        graph(),
        b"[]",
        b'{"value": [{}]}',
        b'{"value": [{"clientState": 1}]}',
    ):
        assert not check(proven, make_request, body=body)


def test_linear_needs_the_time_in_its_body(make_request: Make, sign: Make) -> None:
    for at in (None, "1", 1.5, True, AT * 1000 - 301_000):
        body = linear(at)
        proven = Case(
            provider=P.LINEAR,
            secret="linear-signing-secret",
            headers=(("Linear-Signature", sign(b"linear-signing-secret", body)),),
            text=body.decode(),
        )
        assert not check(proven, make_request)


def test_gitlabs_signing_token_is_not_a_secret_token(make_request: Make) -> None:
    """GitLab never sends one; what this system makes up looks alike, and is a secret token."""
    signing = "whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8="
    for secret, expected in [(signing, False), ("whsec_AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8", True)]:
        proven = Case(provider=P.GITLAB, secret=secret, headers=(("X-Gitlab-Token", secret),))
        assert check(proven, make_request) is expected


def test_standard_webhooks_versions_belong_to_their_keys(make_request: Make) -> None:
    """A signature under the public key's version says nothing about a shared secret, and the reverse."""
    cases = {case.verified_against: case for case in CASES if case.provider is P.STANDARD_WEBHOOKS}
    shared, public = cases["library"], cases["library-v1a"]
    assert not check(shared, make_request, secret=public.secret)
    assert not check(public, make_request, secret=shared.secret)
    relabelled = [(name, value.replace("v1a,", "v1,")) for name, value in public.headers]
    assert not check(public, make_request, headers=relabelled)
