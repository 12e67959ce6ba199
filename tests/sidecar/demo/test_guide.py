import shlex

from sidecar.demo.guide import administration, calls
from sidecar.secret import Secret


def test_calls_present_the_key_under_the_name_that_is_looked_for() -> None:
    commands = [step.command for step in calls("http://a", key_name="x-key", key=Secret("K"))]

    assert commands[0] == "curl -i http://a/hello -H 'x-key: K'"
    assert "'http://a/hello?b=2&x-key=K&a=1'" in commands[3]


def test_with_a_token_every_line_brings_it() -> None:
    steps = administration("http://a", token_file="my token")

    for step in steps:
        assert "$(cat 'my token')" in step.command
        shlex.split(step.command)  # quotes are in pairs
