"""Which blind indexes there are, in eight bytes each.

The first eight bytes of a digest stand for it: two keys that share them cost one look-up too many,
once in a million years of guessing, and nothing else.  They lie in sorted arrays, one for each
value of their first ten bits, because a blind index is as good as random: all are about as long, a
search takes some ten steps, and a key that is added moves a few kilobytes at most.
"""

from array import array
from bisect import bisect_left

DIGEST_BYTES = 32  # of a blind index; what is longer or shorter is no key's
PREFIX_BYTES = 8
_SHIFT = 8 * PREFIX_BYTES - 10
_ARRAYS = 1 << 10


def prefix_of(digest: bytes) -> int:
    """Return what stands for a digest."""
    return int.from_bytes(digest[:PREFIX_BYTES], "big")


class KeyIndex:
    """A set of digests: what was added is in it, and hardly anything else."""

    def __init__(self) -> None:
        self._arrays = [array("Q") for _ in range(_ARRAYS)]
        self._count = 0

    def __len__(self) -> int:
        return self._count

    def __contains__(self, digest: bytes) -> bool:
        prefix = prefix_of(digest)
        prefixes = self._arrays[prefix >> _SHIFT]
        place = bisect_left(prefixes, prefix)
        return place < len(prefixes) and prefixes[place] == prefix

    def add(self, digest: bytes) -> None:
        """Add one digest."""
        prefix = prefix_of(digest)
        prefixes = self._arrays[prefix >> _SHIFT]
        place = bisect_left(prefixes, prefix)
        if place == len(prefixes) or prefixes[place] != prefix:
            prefixes.insert(place, prefix)
            self._count += 1

    def extend(self, page: "array[int]") -> None:
        """Add many digests at once, by what stands for them, in order."""
        start = 0
        while start < len(page):
            number = page[start] >> _SHIFT
            end = bisect_left(page, number + 1 << _SHIFT, lo=start)
            self._merge(number, page[start:end])
            start = end

    def _merge(self, number: int, added: "array[int]") -> None:
        prefixes = self._arrays[number]
        before = len(prefixes)
        if not prefixes or prefixes[-1] < added[0]:
            prefixes.extend(added)
        else:  # a change has added something in between
            prefixes = self._arrays[number] = array("Q", sorted({*prefixes, *added}))
        self._count += len(prefixes) - before
