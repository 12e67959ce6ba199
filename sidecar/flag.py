"""One thing that is so or not, as somebody sees it and somebody else asks."""


class Flag:
    """Is not so to begin with."""

    def __init__(self) -> None:
        self._value = False

    def set(self, value: bool) -> None:
        """Note how it is now."""
        self._value = value

    def is_set(self) -> bool:
        """Tell how it is."""
        return self._value
