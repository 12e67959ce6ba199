from sidecar.demo.echo import running_echo
from tests.clients.raw_http import send


async def test_it_tells_what_it_was_sent_byte_for_byte() -> None:
    async with running_echo("127.0.0.1", 0) as port:
        answer = await send(
            port,
            "/a%2Fb?x=%61&&y",
            "X-Two: 1",
            "X-Two: 2",
            "X-One: \xe9",
            method="PUT",
            body=b"\xff!",
        )

    seen = answer.json()
    assert answer.status == 200
    assert (seen["method"], seen["path"]) == ("PUT", "/a%2Fb?x=%61&&y")
    assert seen["headers"]["X-Two"] == ["1", "2"]
    assert seen["headers"]["X-One"] == "\xe9"
    assert seen["body"] == "\\xff!"


async def test_it_answers_with_the_status_that_is_asked_for() -> None:
    async with running_echo("127.0.0.1", 0) as port:
        statuses = [(await send(port, f"/status/{code}")).status for code in ("404", "0", "x")]

    assert statuses == [404, 200, 200]
