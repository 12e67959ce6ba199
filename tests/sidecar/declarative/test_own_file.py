"""A process that runs one role reads the file by itself."""

from pathlib import Path

import pytest

from sidecar.declarative import file as file_module
from sidecar.declarative.editions import CannotPublishError
from sidecar.declarative.file import DeclarationFile
from sidecar.declarative.own_file import open_own_file
from sidecar.errors import DeclarativeConfigError
from tests.deadline import eventually
from tests.fakes.declarations import CountedLoads, a_consumer, declared, file_of


@pytest.fixture(autouse=True)
def _look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_module, "LOOK_SECONDS", 0.01)


async def test_the_file_is_followed(tmp_path: Path) -> None:
    path, metrics = tmp_path / "kong.yaml", CountedLoads()
    path.write_text(file_of(consumers=[a_consumer("a", "k")]))
    async with open_own_file(DeclarationFile(str(path)), metrics=metrics) as (found, read_again):
        first = await found.next()
        found.applied(first.number)
        path.write_text(file_of(consumers=[a_consumer("b", "k")]))
        second = await found.next()
        found.applied(second.number)
        assert [each.declaration.consumers[0].username for each in (first, second)] == ["a", "b"]
        assert (first.number, second.number) == (1, 2)
        path.write_text("nonsense")
        await eventually(lambda: "refused" in metrics.results, "the refusal")
        path.write_text(file_of(consumers=[a_consumer("b", "k")]))
        read_again()
        await eventually(lambda: metrics.results[-1] == "unchanged", "the look")
    assert metrics.results.count("loaded") == 2


async def test_what_is_posted_would_reach_no_other_process_and_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "kong.yaml"
    path.write_text(file_of())
    file = DeclarationFile(str(path))
    async with open_own_file(file, metrics=CountedLoads()) as (found, _):
        with pytest.raises(CannotPublishError, match="declarative_config"):
            await found.publish(declared())


async def test_a_bad_file_at_the_start_is_the_operators_mistake(tmp_path: Path) -> None:
    path = tmp_path / "kong.yaml"
    path.write_text(file_of(consumers=[{}]))
    with pytest.raises(DeclarativeConfigError, match=r"^declarative_config: consumers\[1\]: "):
        async with open_own_file(DeclarationFile(str(path)), metrics=CountedLoads()):
            pass
