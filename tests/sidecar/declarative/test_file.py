"""The file is read when it is whole, and refused without a word of its keys."""

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sidecar.declarative.declaration import Declaration, SealedKey
from sidecar.declarative.file import DeclarationFile, FileWatch, declarative_file, read_first
from sidecar.declarative.problems import DeclarationError
from sidecar.errors import DeclarativeConfigError, SettingsError
from sidecar.secret import Secret
from sidecar.settings import Database, Settings
from tests.deadline import eventually
from tests.fakes.declarations import CountedLoads, a_consumer, declared, file_of


class Changing:
    """A file that looks different each time, as long as somebody writes it."""

    def __init__(self) -> None:
        self.is_written = False
        self.looks = 0
        self.reads: list[int] = []

    def stamp(self) -> tuple[int, int, int, int]:
        if self.is_written:
            self.looks += 1
        return (0, 0, 0, self.looks)

    def read(self, *, now: float | None = None) -> Declaration:
        self.reads.append(self.looks)
        return declared()


@asynccontextmanager
async def watching(file: Changing) -> AsyncIterator[list[Declaration]]:
    taken: list[Declaration] = []

    async def take(declaration: Declaration) -> None:
        taken.append(declaration)

    watch = FileWatch(file, take=take, metrics=CountedLoads(), interval=0.001)  # type: ignore[arg-type]
    task = asyncio.create_task(watch.run())
    yield taken
    task.cancel()
    await asyncio.wait((task,))


async def test_a_file_is_left_alone_while_it_is_being_written() -> None:
    file = Changing()
    async with watching(file) as taken:
        file.is_written = True
        await eventually(lambda: file.looks > 20, "many looks")
        assert file.reads == []
        file.is_written = False
        await eventually(lambda: len(taken) == 1, "the whole file")
        assert file.reads == [file.looks]


async def test_a_fault_of_ours_does_not_end_the_watching() -> None:
    class Faulty(Changing):
        def read(self, *, now: float | None = None) -> Declaration:
            if not self.reads:
                self.reads.append(0)
                raise RuntimeError("a bug")
            return super().read(now=now)

    file = Faulty()
    async with watching(file) as taken:
        for looks in (1, 2):
            file.looks = looks
            await eventually(lambda n=looks: len(file.reads) == n, "the read")
        await eventually(lambda: len(taken) == 1, "the second file")


def left_sealed(text: str, *, transform: bool) -> SealedKey:
    return SealedKey(text)


def test_a_key_that_nobody_opens_is_refused_and_not_loaded(tmp_path: Path) -> None:
    path = tmp_path / "kong.yaml"
    path.write_text(file_of(consumers=[a_consumer("a", "canary")]))
    file = DeclarationFile(str(path), keys=left_sealed)
    with pytest.raises(DeclarationError, match="sealed") as refused:
        file.read()
    assert "canary" not in str(refused.value)


def test_the_settings_name_the_file(tmp_path: Path) -> None:
    path = tmp_path / "kong.yaml"
    path.write_text(file_of(consumers=[a_consumer("a", "in clear")]))
    settings = Settings(database=Database(url=Secret("off")), declarative_config=str(path))
    assert declarative_file(settings).read().count() == 2
    with pytest.raises(SettingsError, match="is required"):
        declarative_file(Settings())


def test_a_file_that_cannot_be_read_at_the_start_is_the_operators_mistake(tmp_path: Path) -> None:
    for path in (tmp_path / "missing", tmp_path):
        with pytest.raises(DeclarativeConfigError, match=r"^declarative_config: .* cannot be read"):
            read_first(DeclarationFile(str(path)))
