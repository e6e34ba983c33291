"""The rows of other platforms, and of the schemes that many senders share."""

from typing import Final

from trigger_contracts.webhook_providers import WebhookProvider
from webhook_ingress.domain.presets.columns import (
    BOTH,
    EXAMPLE,
    HMAC,
    RULE,
    Acknowledgement,
    AddressTest,
    DeliveryId,
    Preset,
    Signature,
    Url,
    inferred,
    stated,
)
from webhook_ingress.domain.providers import box, delivery_ids, hubspot, microsoft_graph, sendgrid
from webhook_ingress.domain.providers.standard_webhooks import StandardWebhooks

_BOX: Final = "https://developer.box.com/guides/webhooks/v2"
_BOX_SUPPORT: Final = "https://support.box.com/hc/en-us/community/posts/360049180293"
_GRAPH: Final = "https://learn.microsoft.com/graph/change-notifications-delivery-webhooks"
_HUBSPOT: Final = "https://developers.hubspot.com/docs/api/webhooks"
_SENDGRID: Final = "https://www.twilio.com/docs/sendgrid/for-developers/tracking-events"
_STANDARD: Final = (
    "https://github.com/standard-webhooks/standard-webhooks/blob/main/spec/standard-webhooks.md"
)
_SVIX_DOCS: Final = "https://docs.svix.com/receiving"
_SVIX: Final = StandardWebhooks(prefixes=("svix-", "webhook-"))

ROWS: Final[dict[WebhookProvider, Preset]] = {
    WebhookProvider.BOX: Preset(
        scheme=box.signature_check,
        signature=Signature(
            headers=("box-signature-primary", "box-signature-secondary"),
            header="Box-Signature-Primary or Box-Signature-Secondary: <base64>",
            algorithm=HMAC,
            covers="body and time; either key is the secret",
            time="Box-Delivery-Timestamp, RFC 3339",
            source=stated(f"{_BOX}/signatures-v2"),
        ),
        # Not Box-Delivery-Id: "When Box retries a webhook this ID will change".
        delivery_id=DeliveryId(body=("id",), source=stated(f"{_BOX}/")),
        tolerance=600,
        acknowledgement=Acknowledgement(takes="any 2xx within 30 s", source=stated(_BOX_SUPPORT)),
        verified_against=BOTH,
    ),
    WebhookProvider.HUBSPOT: Preset(
        scheme=hubspot.signature_check,
        signature=Signature(
            headers=("x-hubspot-signature-v3", "x-hubspot-signature"),
            header="X-HubSpot-Signature-v3: <base64>; without it X-HubSpot-Signature: <hex> (v1, v2)",
            algorithm=f"{HMAC} (v3), SHA-256 over secret and content (v1, v2)",
            covers="method, address, body and time (v3); body (v1); method, address and body (v2)",
            time="X-HubSpot-Request-Timestamp, milliseconds (v3)",
            source=stated(f"{_HUBSPOT}/validating-requests"),
        ),
        delivery_id=DeliveryId(
            compute=delivery_ids.of_hubspot,
            what="the events' ids, subscriptions and times",
            source=inferred(_HUBSPOT),
        ),
        url=Url.SIGNED,
        acknowledgement=Acknowledgement(
            takes="anything but 4xx and 5xx, within 5 s", source=inferred(_HUBSPOT)
        ),
        verified_against=BOTH,
    ),
    WebhookProvider.MICROSOFT_GRAPH: Preset(
        scheme=microsoft_graph.signature_check,
        signature=Signature(
            header="clientState in every item of the body",
            algorithm="the secret itself",
            covers="nothing",
            source=stated(_GRAPH),
        ),
        # No delivery id: two changes of the same thing are reported with equal bodies.
        acknowledgement=Acknowledgement(
            takes="any 2xx within 3 s; 202 for what is queued", source=stated(_GRAPH)
        ),
        opening=microsoft_graph.opening,
        tests=(
            AddressTest(
                request="`POST` with `validationToken` and no body",
                verified="no: nothing is there yet to verify with",
                reply="200, the token as plain text",
                source=stated(_GRAPH),
            ),
        ),
        verified_against=RULE,
    ),
    WebhookProvider.SENDGRID: Preset(
        scheme=sendgrid.signature_check,
        signature=Signature(
            headers=("x-twilio-email-event-webhook-signature",),
            header="X-Twilio-Email-Event-Webhook-Signature: <base64>",
            algorithm="ECDSA on P-256, SHA-256",
            covers="time and body",
            time="X-Twilio-Email-Event-Webhook-Timestamp, seconds",
            source=stated(f"{_SENDGRID}/getting-started-event-webhook-security-features"),
        ),
        delivery_id=DeliveryId(
            compute=delivery_ids.of_body, what="SHA-256 of the body", source=inferred(f"{_SENDGRID}/event")
        ),
        acknowledgement=Acknowledgement(takes="any 2xx", source=stated(f"{_SENDGRID}/event")),
        verified_against=EXAMPLE,
    ),
    WebhookProvider.STANDARD_WEBHOOKS: Preset(
        scheme=StandardWebhooks().signature_check,
        signature=Signature(
            headers=("webhook-signature",),
            header="Webhook-Signature: v1,<base64> with `whsec_`, v1a,<base64> with `whpk_`",
            algorithm=f"{HMAC} (v1), Ed25519 (v1a)",
            covers="id, `.`, time, `.` and body",
            time="Webhook-Timestamp, seconds",
            source=stated(_STANDARD),
        ),
        delivery_id=DeliveryId(header="webhook-id", source=stated(_STANDARD)),
        acknowledgement=Acknowledgement(
            takes="any 2xx", source=stated(f"{_STANDARD}#delivery-success-and-failure")
        ),
        verified_against=BOTH,
    ),
    WebhookProvider.SVIX: Preset(
        scheme=_SVIX.signature_check,
        signature=Signature(
            headers=("svix-signature", "webhook-signature"),
            header="Svix-Signature: v1,<base64>, or as `standard-webhooks`",
            algorithm=HMAC,
            covers="id, `.`, time, `.` and body",
            time="Svix-Timestamp, seconds",
            source=stated(f"{_SVIX_DOCS}/verifying-payloads/how-manual"),
        ),
        delivery_id=DeliveryId(
            compute=_SVIX.delivery_id,
            what="`Svix-Id`, or `Webhook-Id` where that is signed",
            source=stated(f"{_SVIX_DOCS}/introduction"),
        ),
        acknowledgement=Acknowledgement(
            takes="any 2xx within 15 s", source=stated(f"{_SVIX_DOCS}/introduction")
        ),
        verified_against=EXAMPLE,
    ),
}
