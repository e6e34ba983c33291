"""The rows of payment services and shops."""

from typing import Final

from trigger_contracts.webhook_config import LabelSeparator, SignatureLabels
from trigger_contracts.webhook_providers import WebhookProvider
from trigger_webhooks import signed_content_of
from webhook_ingress.domain.handshake import Reply
from webhook_ingress.domain.hmac_scheme import HmacScheme
from webhook_ingress.domain.presets.columns import (
    BOTH,
    HMAC,
    LIBRARY,
    Acknowledgement,
    AddressTest,
    Basis,
    DeliveryId,
    Preset,
    Signature,
    Source,
    Url,
    base64_hmac_of,
    hmac_of_body,
    stated,
)
from webhook_ingress.domain.providers import adyen, stripe

_ADYEN: Final = "https://docs.adyen.com/development-resources/webhooks"
_PADDLE: Final = "https://developer.paddle.com/webhooks"
_RAZORPAY: Final = "https://razorpay.com/docs/webhooks"
_SHOPIFY: Final = "https://shopify.dev/docs/apps/build/webhooks"
_SQUARE: Final = "https://developer.squareup.com/docs/webhooks"
_STRIPE_PING: Final = "https://docs.stripe.com/api/v2/core/event_destinations"
_STRIPE: Final = "https://docs.stripe.com/webhooks"

ROWS: Final[dict[WebhookProvider, Preset]] = {
    WebhookProvider.ADYEN: Preset(
        scheme=adyen.signature_check,
        signature=Signature(
            headers=("hmacsignature",),
            header="hmacSignature in each item, or the header HmacSignature: <base64>",
            algorithm=f"{HMAC}, the key from hex",
            covers="eight fields of each item and nothing else, or with the header the body",
            source=stated(f"{_ADYEN}/secure-webhooks/verify-hmac-signatures/"),
        ),
        delivery_id=DeliveryId(
            compute=adyen.delivery_id,
            what="event code and PSP reference; of a header-signed body, its SHA-256",
            source=stated(f"{_ADYEN}/handle-webhook-events"),
        ),
        acknowledgement=Acknowledgement(
            takes="any 2xx; formerly the body `[accepted]`",
            status=200,
            reply=Reply(body=b"[accepted]"),
            note="satisfies both rules",
            source=stated(f"{_ADYEN}/handle-webhook-events"),
        ),
        verified_against=BOTH,
    ),
    WebhookProvider.PADDLE: Preset(
        scheme=HmacScheme(
            headers=("paddle-signature",),
            labels=SignatureLabels(timestamp="ts", signature="h1", separator=LabelSeparator.SEMICOLON),
            content=signed_content_of("{timestamp}:{body}"),
        ).signature_check,
        signature=Signature(
            headers=("paddle-signature",),
            header="Paddle-Signature: ts=<time>;h1=<hex>",
            algorithm=HMAC,
            covers="time, `:` and body",
            time="ts in the signature's header, seconds",
            provider_tolerance="its libraries: 5 s. Ours is wider, for clocks and networks differ; narrow it "
            "with `toleranceSeconds`",
            source=stated(f"{_PADDLE}/about/signature-verification"),
        ),
        delivery_id=DeliveryId(body=("event_id",), source=stated(f"{_PADDLE}/about/respond-to-webhooks")),
        acknowledgement=Acknowledgement(
            takes="200 within 5 s; anything else is repeated",
            status=200,
            source=stated(f"{_PADDLE}/about/respond-to-webhooks"),
        ),
        verified_against=BOTH,
    ),
    WebhookProvider.RAZORPAY: Preset(
        scheme=hmac_of_body("x-razorpay-signature"),
        signature=Signature(
            headers=("x-razorpay-signature",),
            header="X-Razorpay-Signature: <hex>",
            algorithm=HMAC,
            covers="body",
            source=stated(f"{_RAZORPAY}/validate-test"),
        ),
        delivery_id=DeliveryId(header="x-razorpay-event-id", source=stated(f"{_RAZORPAY}/best-practices")),
        acknowledgement=Acknowledgement(takes="any 2xx", source=stated(f"{_RAZORPAY}/best-practices")),
        verified_against=LIBRARY,
    ),
    WebhookProvider.SHOPIFY: Preset(
        scheme=base64_hmac_of("{body}", "x-shopify-hmac-sha256"),
        signature=Signature(
            headers=("x-shopify-hmac-sha256",),
            header="X-Shopify-Hmac-Sha256: <base64>",
            algorithm=HMAC,
            covers="body",
            source=stated(f"{_SHOPIFY}/verify-deliveries"),
        ),
        delivery_id=DeliveryId(header="x-shopify-webhook-id", source=stated(f"{_SHOPIFY}/verify-deliveries")),
        acknowledgement=Acknowledgement(
            takes="200, or any 2xx, within 5 s", status=200, source=stated(f"{_SHOPIFY}/subscribe/https")
        ),
        verified_against=LIBRARY,
    ),
    WebhookProvider.SQUARE: Preset(
        scheme=base64_hmac_of("{url}{body}", "x-square-hmacsha256-signature"),
        signature=Signature(
            headers=("x-square-hmacsha256-signature", "x-square-signature"),
            header="X-Square-HmacSha256-Signature: <base64>",
            algorithm=HMAC,
            covers="address and body",
            source=stated(f"{_SQUARE}/step3validate"),
        ),
        delivery_id=DeliveryId(body=("event_id",), source=stated(f"{_SQUARE}-overview")),
        url=Url.SIGNED,
        acknowledgement=Acknowledgement(
            takes="any 2xx within 10 s", source=stated(f"{_SQUARE}/how-it-works")
        ),
        verified_against=BOTH,
    ),
    WebhookProvider.STRIPE: Preset(
        scheme=HmacScheme(
            headers=("stripe-signature",),
            labels=SignatureLabels(timestamp="t", signature="v1"),
            content=signed_content_of("{timestamp}.{body}"),
        ).signature_check,
        signature=Signature(
            headers=("stripe-signature",),
            header="Stripe-Signature: t=<time>,v1=<hex>",
            algorithm=HMAC,
            covers="time, `.` and body",
            time="t in the signature's header, seconds",
            source=stated(f"{_STRIPE}/signature"),
        ),
        delivery_id=DeliveryId(body=("id",), source=stated(f"{_STRIPE}#handle-duplicate-events")),
        acknowledgement=Acknowledgement(takes="any 2xx", source=stated(_STRIPE)),
        signed_handshake=stripe.ping,
        tests=(
            AddressTest(
                request="`v2.core.event_destination.ping`",
                verified="yes",
                reply="200, empty",
                source=Source(url=_STRIPE_PING, basis=Basis.LIBRARY),
            ),
        ),
        verified_against=LIBRARY,
    ),
}
