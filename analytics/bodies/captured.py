"""The bodies of one request as Envoy showed them: whole, but neither opened nor masked yet."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class CapturedBody:
    """A whole body, with what its headers say about it (empty where they say nothing)."""

    data: bytes
    content_type: str = ""
    content_encoding: str = ""

    def __repr__(self) -> str:
        return f"CapturedBody({len(self.data)} bytes)"  # there may be keys in it


@dataclass(frozen=True, slots=True)
class Bodies:
    """Both bodies of a request; None where there is none, or it was not taken whole."""

    request: CapturedBody | None = None
    response: CapturedBody | None = None

    @property
    def count(self) -> int:
        """How many there are."""
        return (self.request is not None) + (self.response is not None)

    def without_request(self) -> "Bodies":
        """Return the response's alone."""
        return Bodies(response=self.response)


NO_BODIES = Bodies()
