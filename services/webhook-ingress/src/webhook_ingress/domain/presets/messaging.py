"""The rows of chats, calls and streams."""

from typing import Final

from trigger_contracts.webhook_config import TimestampFormat
from trigger_contracts.webhook_providers import WebhookProvider
from trigger_webhooks import signed_content_of
from webhook_ingress.domain import handshake
from webhook_ingress.domain.handshake import Reply
from webhook_ingress.domain.hmac_scheme import HmacScheme
from webhook_ingress.domain.presets.columns import (
    BOTH,
    HMAC,
    LIBRARY,
    RULE,
    SENDER,
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
    inferred,
    stated,
    v0_hmac,
)
from webhook_ingress.domain.providers import delivery_ids, discord, line, slack, tokens, twilio
from webhook_ingress.domain.signature_header import TimestampHeader

_DISCORD: Final = "https://docs.discord.com/developers"
_LINE: Final = "https://developers.line.biz/en/docs"
_META: Final = "https://developers.facebook.com/docs/graph-api/webhooks/getting-started"
_WHATSAPP: Final = "https://developers.facebook.com/docs/whatsapp/api/webhooks"
_SLACK: Final = "https://docs.slack.dev"
_TELEGRAM: Final = "https://core.telegram.org/bots/api"
_TWILIO: Final = "https://www.twilio.com/docs"
_TWITCH: Final = "https://dev.twitch.tv/docs/eventsub/handling-webhook-events/"
_ZOOM: Final = "https://developers.zoom.us/docs/api/webhooks/"
_EMPTY: Final = Reply()


def _same_body(*, source: str) -> DeliveryId:
    return DeliveryId(compute=delivery_ids.of_body, what="SHA-256 of the body", source=inferred(source))


def _meta(*, source: str) -> Preset:
    return Preset(
        scheme=hmac_of_body("x-hub-signature-256", prefix="sha256="),
        signature=Signature(
            headers=("x-hub-signature-256", "x-hub-signature"),
            header="X-Hub-Signature-256: sha256=<hex>",
            algorithm=HMAC,
            covers="body",
            source=stated(_META),
        ),
        opening=handshake.meta,
        tests=(
            AddressTest(
                request="`GET` with `hub.mode=subscribe`",
                verified="`hub.verify_token` against the hash of `verifyToken`",
                reply="200, `hub.challenge` as plain text",
                source=stated(_META),
            ),
        ),
        delivery_id=_same_body(source=source),
        acknowledgement=Acknowledgement(
            takes="200; anything else is repeated", status=200, source=stated(source)
        ),
        verified_against=RULE,
    )


ROWS: Final[dict[WebhookProvider, Preset]] = {
    WebhookProvider.DISCORD: Preset(
        scheme=discord.signature_check,
        signature=Signature(
            headers=("x-signature-ed25519",),
            header="X-Signature-Ed25519: <hex>",
            algorithm="Ed25519",
            covers="time and body",
            time="X-Signature-Timestamp, seconds",
            source=stated(f"{_DISCORD}/interactions/overview#setting-up-an-endpoint"),
        ),
        signed_handshake=discord.handshake,
        tests=(
            AddressTest(
                request="`PING`: type 1 of interactions, type 0 of webhook events",
                verified="yes; wrong signatures come on purpose and get a 401",
                reply='200 `{"type":1}`, or 204',
                source=stated(f"{_DISCORD}/events/webhook-events#preparing-for-events"),
            ),
        ),
        delivery_id=_same_body(source=f"{_DISCORD}/events/webhook-events"),
        acknowledgement=Acknowledgement(
            takes="an interaction: 200 with a `type` within 3 s; a webhook event: 204",
            status=200,
            reply=discord.acknowledgement,
            note="deferred for 15 minutes, in which the workflow responds with the interaction's token: "
            '`{"type":5}`, of a component `{"type":6}`, of an autocompletion no choices',
            source=stated(f"{_DISCORD}/interactions/receiving-and-responding"),
        ),
        verified_against=LIBRARY,
    ),
    WebhookProvider.LINE: Preset(
        scheme=base64_hmac_of("{body}", "x-line-signature"),
        signature=Signature(
            headers=("x-line-signature",),
            header="X-Line-Signature: <base64>",
            algorithm=HMAC,
            covers="body",
            source=stated(f"{_LINE}/messaging-api/receiving-messages/"),
        ),
        delivery_id=DeliveryId(
            compute=delivery_ids.of_line,
            what="every `webhookEventId`",
            source=stated(f"{_LINE}/messaging-api/receiving-messages/#check-webhook-redelivery"),
        ),
        acknowledgement=Acknowledgement(
            takes="200; anything else is an error, mailed to the owner",
            status=200,
            source=stated(f"{_LINE}/partner-docs/error-notification/"),
        ),
        signed_handshake=line.verification,
        tests=(
            AddressTest(
                request="an empty list of `events`, from the console's Verify button",
                verified="yes",
                reply="200, empty",
                source=stated(f"{_LINE}/messaging-api/verify-webhook-url/"),
            ),
        ),
        verified_against=BOTH,
    ),
    WebhookProvider.META: _meta(source=_META),
    WebhookProvider.SLACK: Preset(
        scheme=v0_hmac("x-slack-signature", time="x-slack-request-timestamp"),
        signature=Signature(
            headers=("x-slack-signature",),
            header="X-Slack-Signature: v0=<hex>",
            algorithm=HMAC,
            covers="`v0:`, time, `:` and body",
            time="X-Slack-Request-Timestamp, seconds",
            source=stated(f"{_SLACK}/authentication/verifying-requests-from-slack/"),
        ),
        delivery_id=DeliveryId(body=("event_id",), source=stated(f"{_SLACK}/apis/events-api/")),
        acknowledgement=Acknowledgement(
            takes="events: any 2xx within 3 s; commands and interactions: 200",
            status=200,
            reply=_EMPTY,
            note="a body would be shown to the user, or taken for an action",
            source=stated(f"{_SLACK}/interactivity/handling-user-interaction"),
        ),
        opening=slack.certificate_check,
        signed_handshake=slack.handshake,
        tests=(
            AddressTest(
                request="`url_verification`",
                verified="yes",
                reply="200, `challenge` as plain text",
                source=stated(f"{_SLACK}/reference/events/url_verification"),
            ),
            AddressTest(
                request="a form with `ssl_check=1`",
                verified="no: it may come unsigned. A signature that is there has to be right",
                reply="200, empty",
                source=Source(url=f"{_SLACK}/tools/bolt-python/", basis=Basis.LIBRARY),
            ),
        ),
        body_form="JSON (events), a form (commands), or a form whose field `payload` is JSON (interactions)",
        body_source=stated(f"{_SLACK}/interactivity/handling-user-interaction"),
        json_fields=("payload",),
        verified_against=BOTH,
    ),
    WebhookProvider.TELEGRAM: Preset(
        scheme=tokens.token_in("x-telegram-bot-api-secret-token"),
        signature=Signature(
            headers=("x-telegram-bot-api-secret-token",),
            header="X-Telegram-Bot-Api-Secret-Token",
            algorithm="the secret itself",
            covers="nothing",
            source=stated(f"{_TELEGRAM}#setwebhook"),
        ),
        delivery_id=DeliveryId(body=("update_id",), source=stated(f"{_TELEGRAM}#update")),
        acknowledgement=Acknowledgement(
            takes="any 2xx",
            status=200,
            reply=_EMPTY,
            note="a JSON body may be a call of the bot API, so there is none",
            source=stated(f"{_TELEGRAM}#making-requests-when-getting-updates"),
        ),
        verified_against=RULE,
    ),
    WebhookProvider.TWILIO: Preset(
        scheme=twilio.signature_check,
        signature=Signature(
            headers=("x-twilio-signature",),
            header="X-Twilio-Signature: <base64>",
            algorithm="HMAC-SHA1",
            covers="address and the form's sorted parameters; of another body, address with `bodySHA256`",
            source=stated(f"{_TWILIO}/usage/webhooks/webhooks-security"),
        ),
        delivery_id=DeliveryId(
            header="i-twilio-idempotency-token",
            source=stated(f"{_TWILIO}/usage/webhooks/webhooks-connection-overrides"),
        ),
        url=Url.SIGNED,
        acknowledgement=Acknowledgement(
            takes="200 with TwiML; JSON is error 12300",
            status=200,
            reply=Reply(
                body=twilio.NOTHING_TO_DO,
                content_type="text/xml; charset=utf-8",
            ),
            note="nothing is sent back; a call ends",
            source=stated(f"{_TWILIO}/usage/webhooks/messaging-webhooks"),
        ),
        body_form="a form",
        verified_against=BOTH,
    ),
    WebhookProvider.TWITCH: Preset(
        scheme=HmacScheme(
            headers=("twitch-eventsub-message-signature",),
            prefix="sha256=",
            content=signed_content_of("{id}{timestamp}{body}"),
            timestamp=TimestampHeader(
                name="twitch-eventsub-message-timestamp", written=TimestampFormat.RFC_3339
            ),
            id_header="twitch-eventsub-message-id",
        ).signature_check,
        signature=Signature(
            headers=("twitch-eventsub-message-signature",),
            header="Twitch-Eventsub-Message-Signature: sha256=<hex>",
            algorithm=HMAC,
            covers="id, time and body",
            time="Twitch-Eventsub-Message-Timestamp, RFC 3339",
            source=stated(_TWITCH),
        ),
        delivery_id=DeliveryId(header="twitch-eventsub-message-id", source=stated(_TWITCH)),
        tolerance=600,
        acknowledgement=Acknowledgement(takes="any 2xx", source=stated(_TWITCH)),
        signed_handshake=handshake.twitch,
        tests=(
            AddressTest(
                request="`webhook_callback_verification`",
                verified="yes",
                reply="200, `challenge` as plain text",
                source=stated(_TWITCH),
            ),
        ),
        verified_against=SENDER,
    ),
    WebhookProvider.WHATSAPP: _meta(source=_WHATSAPP),
    WebhookProvider.ZOOM: Preset(
        scheme=v0_hmac("x-zm-signature", time="x-zm-request-timestamp"),
        signature=Signature(
            headers=("x-zm-signature",),
            header="X-Zm-Signature: v0=<hex>",
            algorithm=HMAC,
            covers="`v0:`, time, `:` and body",
            time="X-Zm-Request-Timestamp, seconds",
            source=stated(_ZOOM),
        ),
        signed_handshake=handshake.zoom,
        tests=(
            AddressTest(
                request="`endpoint.url_validation`",
                verified="yes",
                reply="200, `plainToken` and its HMAC in hex as `encryptedToken`",
                source=stated(f"{_ZOOM}#validate-your-webhook-endpoint"),
            ),
        ),
        delivery_id=_same_body(source=_ZOOM),
        acknowledgement=Acknowledgement(
            takes="200 or 204 within 3 s",
            status=200,
            source=stated("https://devsupport.zoom.us/hc/en-us/articles/360059893812-Webhook-delays"),
        ),
        verified_against=LIBRARY,
    ),
}
