"""The committed protobuf modules are what proto/compile.sh makes of proto/*.proto."""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
FOLDERS = ("authsvc/extauthz/pb", "analytics/pb")


def generated_files(root: Path) -> dict[str, bytes]:
    """Return the generated files below a root, by path relative to it."""
    return {
        path.relative_to(root).as_posix(): path.read_bytes()
        for folder in FOLDERS
        for path in sorted((root / folder).glob("*_pb2.py*"))
    }


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> dict[str, bytes]:
    target = tmp_path_factory.mktemp("compiled")
    binaries = Path(sys.executable).parent
    subprocess.run(
        [ROOT / "proto" / "compile.sh", target],
        check=True,
        env=os.environ | {"PATH": f"{binaries}{os.pathsep}{os.environ['PATH']}"},
    )
    return generated_files(target)


def test_every_proto_file_is_compiled_somewhere(compiled: dict[str, bytes]) -> None:
    modules = {Path(name).stem for name in compiled}
    assert modules == {f"{path.stem}_pb2" for path in (ROOT / "proto").glob("*.proto")}


def test_the_same_modules_are_committed(compiled: dict[str, bytes]) -> None:
    assert set(generated_files(ROOT)) == set(compiled)


def test_the_committed_modules_are_up_to_date(compiled: dict[str, bytes]) -> None:
    committed = generated_files(ROOT)
    stale = [name for name, content in compiled.items() if committed.get(name) != content]
    assert not stale, "run `make proto`"
