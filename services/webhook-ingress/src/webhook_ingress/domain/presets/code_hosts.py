"""The rows of code hosts and trackers."""

from typing import Final

from trigger_contracts.webhook_providers import WebhookProvider
from webhook_ingress.domain.presets.columns import (
    EXAMPLE,
    HMAC,
    LIBRARY,
    RULE,
    SENDER,
    Acknowledgement,
    AddressTest,
    Basis,
    DeliveryId,
    Preset,
    Redelivery,
    Signature,
    Source,
    hmac_of_body,
    inferred,
    stated,
)
from webhook_ingress.domain.providers import bitbucket, form_payload, github, linear, tokens

_JSON_OR_FORM: Final = "JSON, or a form whose field `payload` is JSON"
_PAYLOAD: Final = ("payload",)
_BITBUCKET: Final = "https://support.atlassian.com/bitbucket-cloud/docs/manage-webhooks/"
_BITBUCKET_LOG: Final = "https://confluence.atlassian.com/bbkb/troubleshoot-webhooks-1167729092.html"
_DATA_CENTER: Final = Source(url="https://github.com/runatlantis/atlantis/issues/474", basis=Basis.OBSERVED)
_GITEA: Final = Source(
    url="https://github.com/go-gitea/gitea/blob/main/services/webhook/deliver.go", basis=Basis.SOURCE
)
_GITHUB: Final = "https://docs.github.com/en/webhooks"
_GITLAB: Final = "https://docs.gitlab.com/user/project/integrations/webhooks/"
_GOGS: Final = Source(
    url="https://github.com/gogs/gogs/blob/main/internal/database/webhook.go", basis=Basis.SOURCE
)
_LINEAR: Final = "https://developers.linear.app/docs/graphql/webhooks"

ROWS: Final[dict[WebhookProvider, Preset]] = {
    WebhookProvider.BITBUCKET: Preset(
        scheme=hmac_of_body("x-hub-signature", prefix="sha256="),
        signature=Signature(
            headers=("x-hub-signature",),
            header="X-Hub-Signature: sha256=<hex>",
            algorithm=HMAC,
            covers="body",
            source=stated(_BITBUCKET),
        ),
        delivery_id=DeliveryId(
            header="x-request-uuid",
            source=stated("https://support.atlassian.com/bitbucket-cloud/docs/event-payloads/"),
        ),
        acknowledgement=Acknowledgement(takes="any 2xx", source=inferred(_BITBUCKET_LOG)),
        opening=bitbucket.opening,
        signed_handshake=bitbucket.ping,
        tests=(
            AddressTest(
                request="`X-Event-Key: diagnostics:ping`, the test button of Server and Data Center",
                verified="no: it comes unsigned. A signature that is there has to be right",
                reply="200, empty",
                source=_DATA_CENTER,
            ),
        ),
        verified_against=EXAMPLE,
    ),
    WebhookProvider.GITEA: Preset(
        scheme=form_payload.hmac_in("x-gitea-signature"),
        signature=Signature(
            headers=("x-gitea-signature", "x-gogs-signature", "x-hub-signature", "x-hub-signature-256"),
            header="X-Gitea-Signature: <hex>",
            algorithm=HMAC,
            covers="body; of a form, the text of its one field `payload`",
            source=_GITEA,
        ),
        delivery_id=DeliveryId(header="x-gitea-delivery", redelivery=Redelivery.NEW_EXECUTION, source=_GITEA),
        acknowledgement=Acknowledgement(takes="any 2xx", source=_GITEA),
        body_form=_JSON_OR_FORM,
        json_fields=_PAYLOAD,
        verified_against=SENDER,
    ),
    WebhookProvider.GITHUB: Preset(
        scheme=hmac_of_body("x-hub-signature-256", prefix="sha256="),
        signature=Signature(
            headers=("x-hub-signature-256", "x-hub-signature"),
            header="X-Hub-Signature-256: sha256=<hex>",
            algorithm=HMAC,
            covers="body",
            source=stated(f"{_GITHUB}/using-webhooks/validating-webhook-deliveries"),
        ),
        # GitHub repeats nothing by itself: a person who presses "redeliver" asks for another run.
        delivery_id=DeliveryId(
            header="x-github-delivery",
            redelivery=Redelivery.NEW_EXECUTION,
            source=stated(f"{_GITHUB}/webhook-events-and-payloads#delivery-headers"),
        ),
        acknowledgement=Acknowledgement(
            takes="any 2xx within 10 s",
            source=stated(f"{_GITHUB}/using-webhooks/handling-webhook-deliveries"),
        ),
        signed_handshake=github.ping,
        tests=(
            AddressTest(
                request="`X-GitHub-Event: ping`, when the webhook is made",
                verified="yes",
                reply="200, empty",
                source=stated(f"{_GITHUB}/webhook-events-and-payloads#ping"),
            ),
        ),
        body_form=_JSON_OR_FORM,
        body_source=stated(f"{_GITHUB}/using-webhooks/creating-webhooks"),
        json_fields=_PAYLOAD,
        verified_against=EXAMPLE,
    ),
    WebhookProvider.GITLAB: Preset(
        scheme=tokens.gitlab,
        signature=Signature(
            headers=("x-gitlab-token", "webhook-signature"),
            header="X-Gitlab-Token, or Webhook-Signature: v1,<base64> with a signing token",
            algorithm=f"the secret itself, or {HMAC}",
            covers="nothing, or id, time and body",
            time="Webhook-Timestamp, seconds, with a signing token alone",
            source=stated(_GITLAB),
        ),
        delivery_id=DeliveryId(header="idempotency-key", source=stated(_GITLAB)),
        acknowledgement=Acknowledgement(takes="anything but 4xx and 5xx", source=stated(_GITLAB)),
        verified_against=RULE,
    ),
    WebhookProvider.GOGS: Preset(
        scheme=form_payload.hmac_in("x-gogs-signature"),
        signature=Signature(
            headers=("x-gogs-signature",),
            header="X-Gogs-Signature: <hex>",
            algorithm=HMAC,
            covers="body; of a form, the text of its one field `payload`",
            source=_GOGS,
        ),
        delivery_id=DeliveryId(header="x-gogs-delivery", redelivery=Redelivery.NEW_EXECUTION, source=_GOGS),
        acknowledgement=Acknowledgement(takes="any 2xx", source=_GOGS),
        body_form=_JSON_OR_FORM,
        json_fields=_PAYLOAD,
        verified_against=SENDER,
    ),
    WebhookProvider.LINEAR: Preset(
        scheme=linear.signature_check,
        signature=Signature(
            headers=("linear-signature",),
            header="Linear-Signature: <hex>",
            algorithm=HMAC,
            covers="body",
            time="webhookTimestamp in the body, milliseconds",
            source=stated(_LINEAR),
        ),
        delivery_id=DeliveryId(header="linear-delivery", source=inferred(_LINEAR)),
        tolerance=60,
        acknowledgement=Acknowledgement(
            takes="200 within 5 s; anything else is repeated", status=200, source=stated(_LINEAR)
        ),
        verified_against=LIBRARY,
    ),
}
