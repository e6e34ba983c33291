"""The template of what is signed: parsed strictly, filled with bytes."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from trigger_webhooks import SignedContent, SignedContentError

VALUES = {"timestamp": b"1700000000", "id": b"\xff{body}", "url": b"https://a.example/?b", "body": b"{id}\0"}


@pytest.mark.parametrize(
    ("text", "placeholders", "content"),
    [
        ("{body}", {"body"}, b"{id}\0"),
        ("v0:{timestamp}:{body}", {"timestamp", "body"}, b"v0:1700000000:{id}\0"),
        ("{id}{url}{body}é", {"id", "url", "body"}, b"\xff{body}https://a.example/?b{id}\0\xc3\xa9"),
        ("{body}{body}", {"body"}, b"{id}\0{id}\0"),
        ("fixed", set(), b"fixed"),
        ("", set(), b""),
    ],
)
def test_a_template_is_filled_with_bytes(text: str, placeholders: set[str], content: bytes) -> None:
    template = SignedContent(text)
    assert template.placeholders == placeholders
    assert template.fill(VALUES) == content
    assert template.is_body_alone is (text == "{body}")


@pytest.mark.parametrize(
    ("text", "detail"),
    [
        ("{body", "A brace has no partner"),
        ("body}", "A brace has no partner"),
        ("{{body}}", "A brace has no partner"),
        ("{}", "{} is not a placeholder"),
        ("{method}{body}", "{method} is not a placeholder. These are: {timestamp}, {body}, {url}, {id}."),
        ("{BODY}", "{BODY} is not a placeholder"),
        ("{body!r}", "{body!r} is not a placeholder"),
        ("{body:>9}", "{body:>9} is not a placeholder"),
        ("{body.real}", "{body.real} is not a placeholder"),
    ],
)
def test_a_template_that_is_wrong_says_why(text: str, detail: str) -> None:
    with pytest.raises(SignedContentError) as refused:
        SignedContent(text)
    assert detail in str(refused.value)


@given(st.text(st.sampled_from("{}abody"), max_size=12))
def test_every_text_is_a_template_or_refused(text: str) -> None:
    try:
        template = SignedContent(text)
    except SignedContentError:
        assert "{" in text or "}" in text
    else:
        filled = template.fill(dict.fromkeys(template.placeholders, b""))
        assert filled == text.replace("{body}", "").encode()
