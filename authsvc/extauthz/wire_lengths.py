"""How protobuf writes lengths: what all who read a CheckRequest off its bytes share.

A number's byte has seven bits of it, the lowest first; the eighth says that another byte follows.
"""

from typing import Final

SHORT: Final = 0x7F  # the longest length of one byte
MORE: Final = 0x80  # is set in a byte of a number that another one follows
TAG_AND_LENGTH: Final = 2  # bytes, where the length is short
