"""The fields that both sides of HPACK know from the start: RFC 7541, appendix A."""

from typing import Final

Field = tuple[bytes, bytes]  # name and value

STATIC: Final[tuple[Field, ...]] = (
    (b"", b""),  # there is no index 0
    (b":authority", b""),
    (b":method", b"GET"),
    (b":method", b"POST"),
    (b":path", b"/"),
    (b":path", b"/index.html"),
    (b":scheme", b"http"),
    (b":scheme", b"https"),
    *((b":status", status) for status in (b"200", b"204", b"206", b"304", b"400", b"404", b"500")),
    (b"accept-charset", b""),
    (b"accept-encoding", b"gzip, deflate"),
    *(
        (name, b"")
        for name in (
            *(b"accept-language", b"accept-ranges", b"accept", b"access-control-allow-origin"),
            *(b"age", b"allow", b"authorization", b"cache-control", b"content-disposition"),
            *(b"content-encoding", b"content-language", b"content-length", b"content-location"),
            *(b"content-range", b"content-type", b"cookie", b"date", b"etag", b"expect"),
            *(b"expires", b"from", b"host", b"if-match", b"if-modified-since", b"if-none-match"),
            *(b"if-range", b"if-unmodified-since", b"last-modified", b"link", b"location"),
            *(b"max-forwards", b"proxy-authenticate", b"proxy-authorization", b"range"),
            *(b"referer", b"refresh", b"retry-after", b"server", b"set-cookie"),
            *(b"strict-transport-security", b"transfer-encoding", b"user-agent", b"vary", b"via"),
            b"www-authenticate",
        )
    ),
)
