"""Bytes to requests: what is not HTTP to the letter is refused, however it is cut into pieces."""

from collections.abc import Sequence
from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from webhook_ingress.entrypoints.request_parser import MalformedRequestError, RawRequest, RequestParser
from webhook_ingress.entrypoints.webhook_endpoint import is_webhook

LINE = b"POST /api/webhooks/1?a=%C3%BC HTTP/1.1\r\n"
HOST = b"Host: x\r\n"


def parsed(*pieces: bytes) -> list[RawRequest]:
    parser = RequestParser()
    for piece in pieces:
        parser.feed(piece)
    return list(parser.requests)


@pytest.mark.parametrize(
    "data",
    [
        LINE + HOST + b"Content-Length: 2\r\nTransfer-Encoding: chunked\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        LINE + HOST + b"Transfer-Encoding: chunked\r\nContent-Length: 2\r\n\r\n2\r\n{}\r\n0\r\n\r\n",
        LINE + HOST + b"Transfer-Encoding: chunked, identity\r\n\r\n",
        LINE + HOST + b"Transfer-Encoding: gzip\r\n\r\n",
        LINE + HOST + b"Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
        LINE + HOST + b"Transfer-Encoding: xchunked\r\n\r\n",
        LINE + HOST + b"Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n",
        LINE + HOST + b"Content-Length: 2\r\nContent-Length: 2\r\n\r\n{}",
        LINE + HOST + b"Content-Length: 2, 2\r\n\r\n{}",
        LINE + HOST + b"Content-Length: +2\r\n\r\n{}",
        LINE + HOST + b"Content-Length: 0x2\r\n\r\n{}",
        LINE + HOST + b"Content-Length:\r\n\r\n",
        LINE + HOST + b"Content-Length: 2 \r\n 2\r\n\r\n{}",
        LINE + HOST + b"X-A: b\r\n folded\r\n\r\n",
        LINE + HOST + b"X-A: b\n\r\n\r\n",
        LINE + HOST + b"X-A: b\rX-B: c\r\n\r\n",
        LINE + HOST + b"X-A: b\0\r\n\r\n",
        LINE + HOST + b"X A: b\r\n\r\n",
        LINE + HOST + b": b\r\n\r\n",
        LINE + HOST + b"\xc3\xbc: b\r\n\r\n",
        LINE + HOST + HOST + b"\r\n",
        LINE + HOST + b"User-Agent: a\r\nUser-Agent: b\r\n\r\n",
        LINE + b"X-A: no host\r\n\r\n",
        LINE.replace(b"\r\n", b"\n") + HOST + b"\r\n",
        LINE.replace(b"1.1", b"1.2") + HOST + b"\r\n",
        LINE.replace(b"1.1", b"2.0") + HOST + b"\r\n",
        LINE.replace(b"1.1", b"0.9") + HOST + b"\r\n",
        LINE.replace(b"HTTP/", b"http/") + HOST + b"\r\n",
        LINE.replace(b"POST", b"BREW") + HOST + b"\r\n",
        LINE.replace(b"POST", b"post") + HOST + b"\r\n",
        b"POST relative HTTP/1.1\r\n" + HOST + b"\r\n",
        b"POST http:// HTTP/1.1\r\n" + HOST + b"\r\n",
        b"POST http://[::1/api/webhooks/1 HTTP/1.1\r\n" + HOST + b"\r\n",
        b"POST * HTTP/1.1\r\n" + HOST + b"\r\n",
        b"CONNECT a:443 HTTP/1.1\r\n" + HOST + b"\r\n",
        b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n",
        b"POST /" + b"x" * 8190 + b" HTTP/1.1\r\n" + HOST + b"\r\n",
        LINE + HOST + b"X-A: " + b"x" * 8190 + b"\r\n\r\n",
        LINE + HOST + b"".join(b"X-%d: y\r\n" % number for number in range(128)) + b"\r\n",
    ],
)
def test_what_may_be_read_in_two_ways_is_not_a_request(data: bytes) -> None:
    with pytest.raises(MalformedRequestError):
        parsed(data)
    # Cut anywhere, it is refused too, at the latest when it is all there.
    with pytest.raises(MalformedRequestError):
        parsed(*(data[at : at + 1] for at in range(len(data))))


@pytest.mark.parametrize(
    "chunks",
    [
        b"zz\r\n{}\r\n",
        b"-1\r\n",
        b"0x2\r\n{}\r\n",
        b"2 \r\n{}\r\n",
        b"2\n{}\r\n",
        b"2\r\n{}x\r\n",
        b"2\r\n{}\n0\r\n\r\n",
        b"fffffffffffffffff\r\n",
    ],
)
def test_a_body_with_a_bad_chunk_never_becomes_complete(chunks: bytes) -> None:
    parser = RequestParser()
    parser.feed(LINE + HOST + b"Transfer-Encoding: chunked\r\n\r\n")
    with pytest.raises(MalformedRequestError):
        parser.feed(chunks)
    (request,) = parser.requests
    assert not request.is_complete


@pytest.mark.parametrize(
    "endless",
    [
        [LINE, HOST, *[b"X-A: y\r\n" * 100] * 200],
        [LINE + HOST + b"X-A: ", *[b"y" * 1000] * 200],
        [b"POST /", *[b"y" * 1000] * 200],
        [LINE + HOST + b"Transfer-Encoding: chunked\r\n\r\n0\r\nX-A: ", *[b"y" * 1000] * 200],
        [LINE + HOST + b"Transfer-Encoding: chunked\r\n\r\n2;", *[b"y" * 1000] * 200],
        [b"\r\n" * 500] * 200,
    ],
    ids=["headers", "value", "target", "trailer", "chunk extension", "empty lines"],
)
def test_no_part_grows_without_end(endless: Sequence[bytes]) -> None:
    with pytest.raises(MalformedRequestError):
        parsed(*endless)


def test_a_request_is_what_was_sent() -> None:
    data = LINE + HOST + b"X-A:  b\t \r\nX-a: \xff\r\nX-C:\r\nContent-Length: 4\r\n\r\n\x00\xff{}"
    (request,) = parsed(data)
    assert (request.method, request.target) == ("POST", "/api/webhooks/1?a=%C3%BC")
    assert request.headers == [
        ("host", "x"),
        ("x-a", "b"),
        ("x-a", "\udcff"),
        ("x-c", ""),
        ("content-length", "4"),
    ]
    assert (request.body, request.is_complete, request.keep_alive) == (b"\x00\xff{}", True, True)


@given(st.lists(st.integers(min_value=1, max_value=400), max_size=20))
def test_how_it_is_cut_makes_no_difference(cuts: list[int]) -> None:
    first = (
        LINE
        + HOST
        + b"X-A: b\r\nTransfer-Encoding: chunked\r\n\r\n2;x=y\r\n{}\r\n1\r\n!\r\n0\r\nX-T: u\r\n\r\n"
    )
    second = LINE + HOST + b"Content-Length: 3\r\n\r\nabc"
    data = first + second
    places = sorted({0, len(data), *(cut % len(data) for cut in cuts)})
    found = parsed(*(data[a:b] for a, b in pairwise(places)))
    assert [(bytes(one.body), one.is_complete) for one in found] == [(b"{}!", True), (b"abc", True)]
    assert dict(found[0].headers) == {"host": "x", "x-a": "b", "transfer-encoding": "chunked"}


@pytest.mark.parametrize(
    ("lines", "keeps"),
    [
        (b"HTTP/1.1\r\nHost: x\r\n", True),
        (b"HTTP/1.1\r\nHost: x\r\nConnection: close\r\n", False),
        (b"HTTP/1.1\r\nHost: x\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n", False),
        (b"HTTP/1.0\r\n", False),
        (b"HTTP/1.0\r\nConnection: keep-alive\r\n", True),
        # HTTP/1.0 has no chunks: what follows may be framed otherwise.
        (b"HTTP/1.0\r\nConnection: keep-alive\r\nTransfer-Encoding: chunked\r\n", False),
    ],
)
def test_what_becomes_of_the_connection(lines: bytes, *, keeps: bool) -> None:
    body = b"0\r\n\r\n" if b"chunked" in lines else b""
    (request,) = parsed(b"POST /api/webhooks/1 " + lines + b"\r\n" + body)
    assert (request.keep_alive, request.is_complete) == (keeps, True)


def test_what_follows_the_last_request_is_ignored() -> None:
    (request,) = parsed(LINE + HOST + b"Connection: close\r\n\r\nPOST /api/webhooks/2 HTTP/1.1\r\n")
    assert request.is_complete


@given(st.text(alphabet="/%?#.:@[]*a0\\", max_size=12))
def test_every_target_is_for_webhooks_or_not(text: str) -> None:
    for target in (text, f"/api/webhooks/{text}", f"http://h/{text}"):
        try:
            (request,) = parsed(b"POST " + target.encode() + b" HTTP/1.1\r\n" + HOST + b"\r\n")
        except (MalformedRequestError, ValueError):
            continue
        assert is_webhook(request) in {True, False}
