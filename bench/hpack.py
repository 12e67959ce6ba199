"""The header blocks of one unary gRPC call, as a client that remembers them sends them (RFC 7541).

The first call on a connection adds every header to the server's table; later ones only refer to
it. That is what Envoy does, and it keeps the server from paying for decoding the same text again.
"""

_METHOD_POST = b"\x83"
_SCHEME_HTTP = b"\x86"
_PATH, _AUTHORITY = 4, 1  # indexes of these names in the static table
_STATIC_ENTRIES = 61


def call_blocks(*, path: str, authority: str) -> tuple[bytes, bytes]:
    """Return the header block of the first call on a connection, and that of every later one."""
    indexed_names = [(_PATH, path), (_AUTHORITY, authority)]
    literal_names = [("te", "trailers"), ("content-type", "application/grpc")]
    added = [bytes([0x40 | name]) + _text(value) for name, value in indexed_names]
    added += [b"\x40" + _text(name) + _text(value) for name, value in literal_names]
    newest = _STATIC_ENTRIES + 1
    references = [bytes([0x80 | newest + age]) for age in reversed(range(len(added)))]
    head = _METHOD_POST + _SCHEME_HTTP
    return head + b"".join(added), head + b"".join(references)


def _text(text: str) -> bytes:
    raw = text.encode()
    if len(raw) >= 0x7F:
        raise ValueError("a longer text needs a longer length")
    return bytes([len(raw)]) + raw
