"""One declaration for all processes; the newest for those that come later."""

import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from sidecar.control import Offer, Settled
from sidecar.declarative import file as file_module
from sidecar.declarative.encoding import decode_declaration, encode_declaration
from sidecar.declarative.file import DeclarationFile
from sidecar.declarative.registrar import Registrar
from tests.deadline import eventually
from tests.fakes.declarations import CountedLoads, Herd, a_consumer, declared, file_of


@pytest.fixture(autouse=True)
def _look_often(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(file_module, "LOOK_SECONDS", 0.01)


class Scene:
    """A registrar with its file and its processes."""

    def __init__(self, path: Path, *, deaf: bool = False) -> None:
        self.path = path
        path.write_text(file_of(consumers=[a_consumer("a", "key-a")]))
        self.metrics = CountedLoads()
        self.herd = Herd(deaf=deaf)
        self.file = DeclarationFile(str(path))
        self.registrar = Registrar(self.file.read(), metrics=self.metrics)
        self.read_again: Callable[[], None]

    @asynccontextmanager
    async def serving(self) -> AsyncIterator["Scene"]:
        async with self.registrar.serving(self.herd, self.file) as self.read_again:
            yield self

    def names(self) -> list[str | None]:
        """The consumers of what a process that starts now is told."""
        declaration = decode_declaration(self.registrar.load("authsvc").content)
        return [each.username for each in declaration.consumers]

    def write(self, text: str) -> None:
        """Exchange the file as careful programs do."""
        draft = self.path.with_suffix(".draft")
        draft.write_text(text)
        draft.replace(self.path)


@pytest.fixture
async def scene(tmp_path: Path) -> AsyncIterator[Scene]:
    async with Scene(tmp_path / "kong.yaml").serving() as scene:
        yield scene


def of(name: str) -> str:
    return file_of(consumers=[a_consumer(name, f"key-{name}")])


async def test_a_change_of_the_file_reaches_every_process(scene: Scene) -> None:
    scene.write(of("b"))
    await eventually(lambda: scene.names() == ["b"], "the new file")
    assert {role: [load.number for load in loads] for role, loads in scene.herd.loads.items()} == {
        "authsvc": [2],
        "analytics": [2],
        "admin": [2],
    }
    assert b"key-b" in scene.herd.loads["admin"][0].content
    assert b"key-b" not in scene.herd.loads["analytics"][0].content


async def test_a_change_in_place_and_another_symbolic_link_are_changes_too(
    tmp_path: Path,
) -> None:
    for name in ("one", "two"):
        (tmp_path / name).mkdir()
        (tmp_path / name / "kong.yaml").write_text(of(name))
    data, path = tmp_path / "data", tmp_path / "kong.yaml"
    data.symlink_to("one")
    scene = Scene(tmp_path / "first.yaml")
    path.symlink_to("data/kong.yaml")  # as Kubernetes mounts a ConfigMap
    scene.file = DeclarationFile(str(path))
    async with scene.serving():
        swapped = tmp_path / "swapped"
        swapped.symlink_to("two")
        swapped.replace(data)
        await eventually(lambda: scene.names() == ["two"], "the other link")
        (tmp_path / "two" / "kong.yaml").write_text(of("three"))
        await eventually(lambda: scene.names() == ["three"], "the change in place")


BAD = {
    "not YAML": "a: [",
    "half a file": '{"_format_version": "3.0", "consumers": [',
    "a bad entity": file_of(consumers=[{}]),
    "nothing at all": "",
}


@pytest.mark.parametrize("text", BAD.values(), ids=BAD)
async def test_a_bad_file_leaves_what_was_in_force(scene: Scene, text: str) -> None:
    scene.write(text)
    await eventually(lambda: "refused" in scene.metrics.results, "the refusal")
    assert (scene.names(), scene.herd.loads["authsvc"]) == (["a"], [])
    scene.write(of("b"))
    await eventually(lambda: scene.names() == ["b"], "the mended file")


async def test_a_file_that_is_gone_leaves_what_was_in_force(scene: Scene) -> None:
    scene.path.unlink()
    await eventually(lambda: "refused" in scene.metrics.results, "the refusal")
    assert scene.names() == ["a"]


async def test_what_is_bad_is_logged_without_a_key(
    scene: Scene, caplog: pytest.LogCaptureFixture, capsys: pytest.CaptureFixture[str]
) -> None:
    scene.write(file_of(consumers=[a_consumer("a", "canary", tags=5)]))
    await eventually(lambda: "refused" in scene.metrics.results, "the refusal")
    said = caplog.text + capsys.readouterr().out
    assert "tags" in said
    assert "canary" not in said


async def test_asked_to_it_reads_the_file_also_if_it_did_not_change(scene: Scene) -> None:
    scene.read_again()
    await eventually(lambda: "unchanged" in scene.metrics.results, "the look")
    assert scene.herd.loads["authsvc"] == []


async def test_an_offer_is_in_force_everywhere_and_the_file_comes_back_when_asked(
    scene: Scene,
) -> None:
    offered = declared(consumers=[a_consumer("offered", "k")])
    scene.registrar.offered(scene.herd, Offer(7, encode_declaration(offered)))
    await eventually(lambda: scene.herd.orders == [Settled(7, applied=True)], "an answer")
    assert scene.names() == ["offered"]
    assert [load.number for load in scene.herd.loads["authsvc"]] == [2]
    scene.read_again()
    await eventually(lambda: scene.names() == ["a"], "the file")


async def test_an_offer_that_not_all_apply_in_time_is_in_force_all_the_same(
    tmp_path: Path,
) -> None:
    async with Scene(tmp_path / "kong.yaml", deaf=True).serving() as scene:
        offer = Offer(1, encode_declaration(declared()))
        scene.registrar.offered(scene.herd, offer)
        await eventually(lambda: scene.herd.orders == [Settled(1, applied=False)], "an answer")
        assert scene.names() == []


async def test_reading_the_file_again_does_not_prolong_a_ttl(tmp_path: Path) -> None:
    scene = Scene(tmp_path / "kong.yaml")
    mortal = a_consumer("t", "k", ttl=5000)
    scene.path.write_text(file_of(consumers=[mortal]))
    read_long_ago = int(time.time()) - 60
    scene.registrar = Registrar(scene.file.read(now=read_long_ago), metrics=scene.metrics)
    async with scene.serving():
        scene.write(file_of(consumers=[mortal, {"username": "u"}]))
        await eventually(lambda: scene.names() == ["t", "u"], "the next file")
        (credential,) = decode_declaration(scene.registrar.load("admin").content).credentials
        assert credential.expires_at == read_long_ago + 5000
