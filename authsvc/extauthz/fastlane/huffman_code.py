"""The Huffman code of HPACK, as tables: RFC 7541, appendix B."""

from typing import Final

# How many bits each byte takes, then the end of the string. The code is canonical: among codes of
# one length the values follow the symbols, so that the lengths alone say all of appendix B.
_LENGTHS: tuple[int, ...] = (
    *(13, 23, 28, 28, 28, 28, 28, 28, 28, 24, 30, 28, 28, 30, 28, 28),
    *(28, 28, 28, 28, 28, 28, 30, 28, 28, 28, 28, 28, 28, 28, 28, 28),
    *(6, 10, 10, 12, 13, 6, 8, 11, 10, 10, 8, 11, 8, 6, 6, 6),
    *(5, 5, 5, 6, 6, 6, 6, 6, 6, 6, 7, 8, 15, 6, 12, 10),
    *(13, 6, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7, 7),
    *(7, 7, 7, 7, 7, 7, 7, 7, 8, 7, 8, 13, 19, 13, 14, 6),
    *(15, 5, 6, 5, 6, 5, 6, 6, 6, 5, 7, 7, 6, 6, 6, 5),
    *(6, 7, 6, 5, 5, 6, 7, 7, 7, 7, 7, 15, 11, 14, 13, 28),
    *(20, 22, 20, 20, 22, 22, 22, 23, 22, 23, 23, 23, 23, 23, 24, 23),
    *(24, 24, 22, 23, 24, 23, 23, 23, 23, 21, 22, 23, 22, 23, 23, 24),
    *(22, 21, 20, 22, 22, 23, 23, 21, 23, 22, 22, 24, 21, 22, 23, 23),
    *(21, 21, 22, 21, 23, 22, 23, 23, 20, 22, 22, 22, 23, 22, 22, 23),
    *(26, 26, 20, 19, 22, 23, 22, 25, 26, 26, 26, 27, 27, 26, 24, 25),
    *(19, 21, 26, 27, 27, 26, 27, 24, 21, 21, 26, 26, 28, 27, 27, 27),
    *(20, 24, 20, 21, 22, 21, 21, 23, 22, 22, 25, 25, 24, 24, 26, 23),
    *(26, 27, 26, 26, 27, 27, 27, 27, 27, 28, 27, 27, 27, 27, 27, 26),
    30,
)
_END_OF_STRING: Final = 256
_NOTHING: Final = -1


def _tree() -> list[list[int]]:
    """Return the code as a tree: each node's two branches, a leaf being ``~symbol``."""
    nodes: list[list[int]] = [[0, 0]]
    code = length = 0
    for symbol_length, symbol in sorted((length, s) for s, length in enumerate(_LENGTHS)):
        code <<= symbol_length - length
        length = symbol_length
        node = 0
        for shift in range(length - 1, 0, -1):
            bit = code >> shift & 1
            if not nodes[node][bit]:
                nodes[node][bit] = len(nodes)
                nodes.append([0, 0])
            node = nodes[node][bit]
        nodes[node][code & 1] = ~symbol
        code += 1
    return nodes


def _steps() -> tuple[list[int], list[int]]:
    """Return for each node and each half byte where it leads, and which byte ends on the way.

    No code is shorter than five bits, so that at most one does.
    """
    nodes = _tree()
    following: list[int] = []
    emitted: list[int] = []
    for start in range(len(nodes)):
        for nibble in range(16):
            node, symbol = start, _NOTHING
            for shift in (3, 2, 1, 0):
                node = nodes[node][nibble >> shift & 1]
                if node < 0:
                    node, symbol = 0, ~node
            following.append(node)
            emitted.append(symbol)
    return following, emitted


def _by_byte(following: list[int]) -> bytes:
    """Return where each node and each byte lead, at ``node << 8 | byte``."""
    leads = bytearray()
    for first in following:
        leads += bytes(following[first << 4 : (first + 1) << 4])
    return bytes(leads)


def _ends() -> bytes:
    """Return for each node whether a string may end there: after less than a byte of ones."""
    nodes = _tree()
    found = bytearray(len(nodes))
    node = 0
    for _ in range(8):
        found[node] = True
        node = nodes[node][1]
    return bytes(found)


_FOLLOWING, _EMITTED = _steps()

# By ``node << 8 | byte``: the next node.
NEXT: Final = _by_byte(_FOLLOWING)
# The same, for what ends on the way, up to two bytes; what is not there is to ``learn``. Strings
# need a few of these, and all together would take some megabytes.
TEXTS: Final[dict[int, bytes]] = {}
# By node: whether a string may end there.
MAY_END: Final = _ends()


def learn(step: int) -> bytes | None:
    """Return what ends on a way, and put it into ``TEXTS``.

    None where it is the end of the string, which none may contain.
    """
    first = _EMITTED[step >> 4]
    second = _EMITTED[_FOLLOWING[step >> 4] << 4 | step & 15]
    if _END_OF_STRING in {first, second}:
        return None
    text = bytes([symbol for symbol in (first, second) if symbol != _NOTHING])
    TEXTS[step] = text
    return text
