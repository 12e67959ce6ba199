from collections.abc import Iterable
from typing import Any

from analytics.checked_call import CheckedCall
from analytics.conditions import Fields, Look
from analytics.gated import Gated
from authsvc.request import Request


class Noticing(CheckedCall):
    """A request that notices which of its fields are read."""

    def __init__(self, **given: Any) -> None:
        super().__init__(Request(**{"method": "GET", "path": "/v1/x"} | given))
        self.read: list[str] = []

    @property
    def route(self) -> str | None:
        self.read.append("route")
        return super().route

    def header(self, name: str) -> str | None:
        self.read.append(name)
        return super().header(name)

    def body_member(self, name: str) -> str | None:
        self.read.append("body")
        return super().body_member(name)


def gated(*things: Iterable[tuple[str, str]] | None) -> Gated[int]:
    """Return things by their number, each with one group of conditions or without any."""
    fields = Fields()
    made = Gated(
        (
            fields.gate(
                None
                if conditions is None
                else [{"conditions": [{"path": p, "value": v} for p, v in conditions]}]
            ),
            number,
        )
        for number, conditions in enumerate(things)
    )
    fields.join()
    return made


GET, POST = ("request.verb", "^GET$"), ("request.verb", "^POST$")


def test_those_that_hold_are_found_in_their_order() -> None:
    made = gated([GET], None, [POST], [GET, ("request.route", "^/v1")], None)
    assert list(made.passing(Look(Noticing()))) == [0, 1, 3, 4]
    assert list(made.passing(Look(Noticing(method="PUT")))) == [1, 4]
    assert list(gated().passing(Look(Noticing()))) == []


def test_the_guard_is_a_condition_that_few_have() -> None:
    call = Noticing(headers=(("x-all", b"yes"),))
    of_all = ("request.headers.x-all", "yes")
    made = gated(*[[of_all, ("request.route", f"^/v2/{number}")] for number in range(50)])
    assert list(made.passing(Look(call))) == []
    assert call.read == ["route"]


def test_guards_are_on_few_fields() -> None:
    call = Noticing()
    route = ("request.route", "^/v2/")
    made = gated(*[[(f"request.headers.x-{number}", "."), route] for number in range(50)])
    assert list(made.passing(Look(call))) == []
    assert call.read == ["route"]


def test_a_body_is_read_only_if_everything_else_holds() -> None:
    query = ("request.body.query", "mutation")
    made = gated([query, POST], [query, POST, ("request.route", "^/v2")])
    call = Noticing()
    assert list(made.passing(Look(call))) == []
    assert "body" not in call.read
    call = Noticing(method="POST")
    assert list(made.passing(Look(call))) == []
    assert "body" in call.read
    call = Noticing(method="POST")
    assert list(gated([query, POST, ("request.route", "^/v2")]).passing(Look(call))) == []
    assert "body" not in call.read
