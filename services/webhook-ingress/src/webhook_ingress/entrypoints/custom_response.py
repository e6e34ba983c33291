"""What a trigger's own ``response`` and ``customHeaders`` make of the response to an accepted request."""

from typing import Final

import msgspec

from trigger_contracts.config import WebhookConfig
from trigger_webhooks import may_be_sent
from webhook_ingress.ports import HttpResponse

JSON: Final = "application/json"
TEXT: Final = "text/plain; charset=utf-8"

_BODILESS: Final = frozenset({204, 205})
# All triggers share the host: what one responds must not run as a page of it in a browser.
_SANDBOX: Final = ("Content-Security-Policy", "sandbox; default-src 'none'")


def customized(usual: HttpResponse, *, config: WebhookConfig) -> HttpResponse:
    """Return the response of the trigger's own; it cannot set what frames a message.

    What ``response`` leaves out, its status or its body, is as usual.
    """
    response = config.response
    if response is None and not config.custom_headers:
        return usual
    fields = _fields(config)
    content_type, body = usual.content_type, usual.body
    if response is not None and response.body is not msgspec.UNSET:
        content_type, body = _body(response.body)
    content_type = fields.pop("content-type", ("", content_type))[1]
    status = usual.status
    if response is not None and response.status is not msgspec.UNSET:
        status = response.status
    bodiless = status in _BODILESS
    return HttpResponse(
        status=status,
        headers=(*usual.headers, _SANDBOX, *fields.values()),
        body=b"" if bodiless else body,
        content_type="" if bodiless else content_type,
    )


def _fields(config: WebhookConfig) -> dict[str, tuple[str, str]]:
    """Return the fields by lower-case name; those of ``response`` win."""
    of_response = {} if config.response is None else config.response.headers
    both = (*config.custom_headers.items(), *of_response.items())
    return {name.lower(): (name, value) for name, value in both if may_be_sent(name, value=value)}


def _body(value: object) -> tuple[str, bytes]:
    if isinstance(value, str):
        return TEXT, value.encode()
    return JSON, msgspec.json.encode(value)
