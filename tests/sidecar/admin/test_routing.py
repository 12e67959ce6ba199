"""Which endpoint a path leads to."""

import pytest

from sidecar.admin.call import Call, Reply
from sidecar.admin.routing import Endpoint, Routes


async def answer(_call: Call) -> Reply:
    return Reply()


ROUTES = Routes(
    [
        Endpoint("/", {"GET": answer}),
        Endpoint("/things", {"GET": answer, "POST": answer}),
        Endpoint("/things/special", {"GET": answer}),
        Endpoint("/things/{things}", {"GET": answer, "DELETE": answer}),
        Endpoint("/things/{things}/parts/{parts}", {"PUT": answer}),
    ]
)

PATHS = {
    "/": ("/", {}),
    "/things": ("/things", {}),
    "/things/": ("/things", {}),
    "/things/special": ("/things/special", {}),
    "/things/a%2Fb": ("/things/{things}", {"things": "a/b"}),
    "/things/a+b%2B": ("/things/{things}", {"things": "a b+"}),
    "/things/%F0%9F%A6%8D/": ("/things/{things}", {"things": "🦍"}),
    "/things/special/parts/1": (
        "/things/{things}/parts/{parts}",
        {"things": "special", "parts": "1"},
    ),
}


@pytest.mark.parametrize(("path", "expected"), PATHS.items(), ids=PATHS)
def test_leads_to_an_endpoint(path: str, expected: tuple[str, dict[str, str]]) -> None:
    match = ROUTES.match(path)
    assert match is not None
    assert (match.endpoint.template, match.segments) == expected


@pytest.mark.parametrize(
    "path", ["/nothing", "//things", "/things//", "/things/a/parts", "/%74hings", "*", ""]
)
def test_leads_nowhere(path: str) -> None:
    match = ROUTES.match(path)
    assert match is None or match.endpoint.template == "/"


def test_methods_are_listed_in_order_with_what_is_implied() -> None:
    assert ROUTES.endpoints[1].allowed == "GET, HEAD, OPTIONS, POST"
    assert ROUTES.endpoints[4].allowed == "OPTIONS, PUT"


def test_head_is_answered_as_get() -> None:
    assert ROUTES.endpoints[1].handler("HEAD") is answer
    assert ROUTES.endpoints[4].handler("HEAD") is None


def test_no_path_is_served_twice() -> None:
    with pytest.raises(ValueError, match="is there already"):
        Routes([Endpoint("/a/{a}", {}), Endpoint("/a/{b}", {})])
