"""CheckRequests as others may write them: any field anywhere, lengths with idle bytes, damage."""

from dataclasses import dataclass, field

from hypothesis import strategies as st


def number(value: int, idle: int = 0) -> bytes:
    """Write a number, with some more bytes than it needs."""
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    out.append(value)
    for _ in range(idle):
        out[-1] |= 0x80
        out.append(0)
    return bytes(out)


@dataclass
class Field:
    """A field with a length: some bytes, or fields."""

    tag: int
    content: "bytes | Message"
    idle: int = 0

    def write(self) -> bytes:
        content = self.content if isinstance(self.content, bytes) else self.content.write()
        return number(self.tag) + number(len(content), self.idle) + content


@dataclass
class Message:
    """Fields in the order in which they are written; bytes stand for what is no such field."""

    fields: list[Field | bytes] = field(default_factory=list)

    def write(self) -> bytes:
        return b"".join(each if isinstance(each, bytes) else each.write() for each in self.fields)

    def messages(self) -> list["Message"]:
        """Return this one, and all within it."""
        found = [self]
        for each in self.fields:
            if isinstance(each, Field) and isinstance(each.content, Message):
                found += each.content.messages()
        return found


def message(*fields: tuple[int, bytes | Message]) -> Message:
    return Message([Field(*each) for each in fields])


def envoys_message(*, raw: bool) -> Message:
    """Return a request as Envoy writes it."""
    value = 0x1A if raw else 0x12
    headers = [
        message((0x0A, name), (value, said))
        for name, said in [(b":path", b"/"), (b"api-key", b"good"), (b"cookie", b"c" * 130)]
    ]
    if raw:
        before: list[tuple[int, bytes | Message]] = []
        after = [(0x6A, message(*((0x0A, header) for header in headers)))]
    else:
        before, after = [(0x1A, header) for header in headers[:2]], []
    http = message(
        (0x0A, b"17"),
        (0x12, b"GET"),
        *before,
        (0x22, b"/path"),
        (0x2A, b"host"),
        (0x32, b"https"),
        (0x52, b"HTTP/2"),
        *after,
    )
    time = b"\x08\x80\xd2\x93\xad\x06\x10\x95\x9a\xef\x3a"
    attributes = message(
        (0x0A, message((0x0A, message((0x0A, message((0x12, b"192.0.2.1"))))))),
        (0x12, message((0x0A, message((0x0A, message((0x12, b"192.0.2.2"))))))),
        (0x22, message((0x0A, time), (0x12, http))),
        (0x52, message((0x0A, b"route"), (0x12, b"items"))),
        (0x5A, message()),
        (0x6A, message()),
    )
    return message((0x0A, attributes))


# Fields that nobody knows, of each kind; the last ones are damaged.
STRANGE = [
    b"\x78\x05",
    b"\xf8\xff\xff\xff\x0f\x01",
    b"\x7d1234",
    b"\x79" + b"8" * 8,
    b"\x7a\x01z",
    b"\x7b\x7c",
    b"\x7b",
    b"\x0a\x05",
    b"\x00\x00",
    b"\x80",
]
TEXTS = [
    b"",
    b"GET",
    b"\xc3\xa9",
    b"\xff",
    b"route",
    b"api_key",
    b"Api-Key",
    b"api-\xe2\x84\xaaey",
    b"x-moesif-transaction-id",
    b"\x0a\x0d\x0a\x07api-key\x1a\x02no",
    b"\x08\x80\xd2\x93\xad\x06",
    b"t" * 127,
    b"t" * 128,
]
TAGS = [0x0A, 0x12, 0x1A, 0x22, 0x2A, 0x32, 0x48, 0x52, 0x5A, 0x62, 0x6A, 0x7A, 0x0D, 0x08]

# Which message, which field of it, where to, and what.
changes = st.tuples(
    st.integers(0, 40),
    st.integers(0, 12),
    st.integers(0, 12),
    st.sampled_from(["again", "away", "elsewhere"])
    | st.sampled_from(STRANGE).map(lambda each: ("strange", each))
    | st.sampled_from(TEXTS).map(lambda each: ("text", each))
    | st.sampled_from(TAGS).map(lambda each: ("tag", each))
    | st.sampled_from([1, 2, 8]).map(lambda each: ("idle", each)),
)


def change(root: Message, which: int, place: int, other: int, how: object) -> None:
    """Change a message in one place."""
    messages = root.messages()
    fields = messages[which % len(messages)].fields
    if isinstance(how, tuple) and how[0] == "strange":
        fields.insert(place % (len(fields) + 1), how[1])
        return
    if not fields:
        return
    place %= len(fields)
    chosen = fields[place]
    if how == "again":
        fields.insert(other % (len(fields) + 1), chosen)
    elif how == "away":
        del fields[place]
    elif how == "elsewhere":
        del fields[place]
        fields.insert(other % (len(fields) + 1), chosen)
    elif isinstance(chosen, Field) and isinstance(how, tuple):
        setattr(chosen, {"text": "content", "tag": "tag", "idle": "idle"}[how[0]], how[1])
