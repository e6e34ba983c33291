"""``docs/providers.md``, made of the presets: ``python -m webhook_ingress providers`` prints it."""

from collections.abc import Iterable, Iterator
from typing import Final

from webhook_ingress.domain.handshake import Reply
from webhook_ingress.domain.presets import (
    PRESETS,
    Acknowledgement,
    Basis,
    Preset,
    Redelivery,
    Source,
    VerifiedAgainst,
)

_LINKS: Final = {
    Basis.STATED: "stated",
    Basis.LIBRARY: "library",
    Basis.SOURCE: "sender's source",
    Basis.OBSERVED: "observed",
    Basis.INFERRED: "inferred",
}
_NONE: Final = "-"
_LETTERS: Final = {
    VerifiedAgainst.EXAMPLE: "E",
    VerifiedAgainst.LIBRARY: "L",
    VerifiedAgainst.SOURCE: "S",
    VerifiedAgainst.RULE: "R",
}
_PAGE: Final = """# Providers

What `config.provider` knows of each provider. `make providers` makes this page of the presets, and a test
compares the two. A link names where a fact was looked up, and how it is known:

{bases}

## What starts a run

A request that says that something happened starts a run. So does a test event that a person sends (at Stripe,
GitLab, Gitea, Gogs, Adyen, SendGrid, Shopify, Square or Meta): it is signed like any other, and a person who
presses that button wants to see a run. Twitch's `revocation` is news as well, and nothing else brings it.

A request that only asks whether the address is there, or whose it is, starts none. It gets the reply that its
provider expects, and is in the webhook log with the reason `handshake`:

{tests}

An unsigned one gets an empty reply, or its own token as plain text, which no browser takes for a page. What
it could learn, that the address is one of a trigger of that provider, a 401 says as well.

## Acknowledgements

The sender of an accepted request gets, in this order:

1. the trigger's own `response`. What that leaves out, its `status` or its `body`, is as below;
2. what its provider takes for success;
3. 202 with the execution's id.

`responseFormat` chooses between JSON and `OK` where the provider leaves the body free. `customHeaders` are
added in every case, and a `Content-Type` among them wins. `X-Execution-Id` is always there.

A refusal stays a problem document with its 4xx or 5xx. No provider needs otherwise: each repeats what failed,
or shows it to its owner. Some give an address up after enough refusals (Discord, GitLab, LINE, Razorpay,
Shopify, Square). They get them where a secret is wrong, which has to be mended, or while a trigger is paused:
for that there is `onDisabled: ignore`, whose 200 has the body in this table.

{acknowledgements}

## Signatures

Verified against: **E** a signature that the provider published, **L** its own library, **S** the sender's
source, **R** the documentation's rule alone. Hex is taken in either case. Base64 is taken in one spelling:
the standard alphabet, with its padding, and no bits left over. A header that comes twice is refused.
`toleranceSeconds` other than 300 replaces the tolerance of the row.

{signatures}

## Delivery ids

A repeated delivery id is the same execution, and runs nothing twice, unless a person asks for the repetition.
`idempotencyKey` replaces the provider's.

{deliveries}

## Bodies

Of a form, the fields in the last column are read as JSON.

{bodies}"""


def providers_page() -> str:
    """Return the page, without the line feed at its end."""
    return _PAGE.format(
        bases="\n".join(f"- *{_LINKS[basis]}*: {basis.value}" for basis in Basis),
        tests=_table(("provider", "request", "verified", "reply", "source"), _tests()),
        acknowledgements=_table(
            ("provider", "takes for success", "gets", "", "source"),
            ((name, *_acknowledgement(preset.acknowledgement)) for name, preset in _rows()),
        ),
        signatures=_table(
            (
                "provider",
                "signature",
                "algorithm",
                "covers",
                "time",
                "tolerance",
                "verified against",
                "source",
            ),
            ((name, *_signature(preset)) for name, preset in _rows()),
        ),
        deliveries=_table(
            ("provider", "delivery id", "the same id again", "source"),
            ((name, *_delivery(preset)) for name, preset in _rows()),
        ),
        bodies=_table(
            ("provider", "sent as", "JSON fields", "source"),
            ((name, *_body(preset)) for name, preset in _rows()),
        ),
    )


def _rows() -> Iterator[tuple[str, Preset]]:
    for provider, preset in sorted(PRESETS.items()):
        yield f"`{provider}`", preset


def _tests() -> Iterator[tuple[str, ...]]:
    for name, preset in _rows():
        for test in preset.tests:
            yield name, test.request, test.verified, test.reply, _link(test.source)


def _acknowledgement(row: Acknowledgement) -> tuple[str, ...]:
    match row.reply:
        case None:
            gets = f"{row.status}, the usual body"
        case Reply(body=b""):
            gets = f"{row.status}, empty"
        case Reply(body=body, content_type=kind):
            gets = f"{row.status}, `{body.decode()}` as {(kind or 'text/plain').partition(';')[0]}"
        case _:
            gets = "by the kind of the request"
    return row.takes, gets, row.note, _link(row.source)


def _signature(preset: Preset) -> tuple[str, ...]:
    row = preset.signature
    tolerance = f"{preset.tolerance} s" if row.time else _NONE
    return (
        row.header,
        row.algorithm,
        row.covers,
        row.time or _NONE,
        f"{tolerance}; {row.provider_tolerance}" if row.provider_tolerance else tolerance,
        " ".join(letter for kind, letter in _LETTERS.items() if kind in preset.verified_against),
        _link(row.source),
    )


def _delivery(preset: Preset) -> tuple[str, ...]:
    source = preset.delivery_id
    if source is None:
        return "none: two deliveries may be equal", _NONE, _NONE
    if source.header is not None:
        name = f"`{source.header.title()}`"
    elif source.body is not None:
        name = f"`{'.'.join(map(str, source.body))}` in the body"
    else:
        name = source.what
    same = source.redelivery is Redelivery.SAME_EXECUTION
    again = "the same execution" if same else "another execution: a person asked for it"
    return name, again, _NONE if source.source is None else _link(source.source)


def _body(preset: Preset) -> tuple[str, ...]:
    fields = ", ".join(f"`{name}`" for name in preset.json_fields)
    return preset.body_form, fields or _NONE, _link(preset.body_source or preset.signature.source)


def _link(source: Source) -> str:
    return f"[{_LINKS[source.basis]}]({source.url})"


def _table(head: tuple[str, ...], rows: Iterable[tuple[str, ...]]) -> str:
    lines = [head, ("---",) * len(head), *rows]
    return "\n".join(f"| {' | '.join(_cell(cell) for cell in line)} |" for line in lines)


def _cell(text: str) -> str:
    # Angle brackets outside code would be HTML.
    parts = text.split("`")
    plain = [part.replace("<", "&lt;") if at % 2 == 0 else part for at, part in enumerate(parts)]
    return "`".join(plain).replace("|", "\\|")
