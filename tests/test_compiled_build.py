"""What ``TOLLKEEPER_MYPYC=1`` builds: it installs, is compiled, and passes the same suites."""

import os
import shutil
import subprocess
import sys
import sysconfig
import tomllib
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]
SUITES = (
    "tests/analytics/bodies/test_pipeline_bodies.py",
    "tests/analytics/test_event.py",
    "tests/analytics/test_masking.py",
    "tests/analytics/test_pipeline.py",
    "tests/analytics/test_transaction.py",
    "tests/analytics/test_codec.py",
    "tests/analytics/test_entry_wire.py",
    "tests/analytics/test_known_pieces.py",
    "tests/analytics/test_wire.py",
    "tests/authsvc/extauthz",
    "tests/bench/test_analytics_agreement.py",
    "tests/conformance/test_kong_access_decision.py",
    "tests/conformance/test_moesif.py",
    "tests/fuzz",
)

pytestmark = pytest.mark.timeout(900)  # a C compiler on a busy machine takes its time


def can_compile() -> bool:
    """Tell whether there is a C compiler, and what it needs of Python."""
    compiler = (sysconfig.get_config_var("CC") or "cc").split()[0]
    headers = Path(sysconfig.get_path("include")) / "Python.h"
    return shutil.which(compiler) is not None and headers.exists()


def pip_install(target: Path, **environ: str) -> subprocess.CompletedProcess[str]:
    command = [
        *(sys.executable, "-m", "pip", "install", "-q", "--disable-pip-version-check"),
        *("--no-deps", "--no-build-isolation", "--no-index", "--target", str(target), str(ROOT)),
    ]
    return subprocess.run(
        command, env=os.environ | environ, capture_output=True, text=True, timeout=600, check=False
    )


def listed() -> list[str]:
    """Return the modules that are to be compiled, as files."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    hook = project["tool"]["hatch"]["build"]["targets"]["wheel"]["hooks"]["custom"]
    return sorted(hook["modules"])


def compiled_in(packages: Path) -> list[str]:
    """Return which modules of an installation are compiled, by their sources."""
    libraries = (path.relative_to(packages) for path in packages.glob("*/**/*.so"))
    return sorted(str(path.parent / path.name.partition(".")[0]) + ".py" for path in libraries)


@pytest.fixture(scope="module")
def compiled(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with the packages as the compiled wheel has them."""
    if not can_compile():
        pytest.skip("there is no C compiler, or no headers of Python's")
    target = tmp_path_factory.mktemp("compiled")
    done = pip_install(target, TOLLKEEPER_MYPYC="1")
    assert done.returncode == 0, done.stderr[-3000:]
    return target


def run_on(packages: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    """Run Python where these packages come before those of the checkout."""
    environ = os.environ | {
        "PYTHONPATH": os.pathsep.join((str(packages), str(ROOT))),
        "PYTHONSAFEPATH": "1",  # else the working directory comes first
    }
    return subprocess.run(
        [sys.executable, *arguments],
        cwd=ROOT,
        env=environ,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )


def test_without_being_asked_nothing_is_compiled(tmp_path: Path) -> None:
    done = pip_install(tmp_path, TOLLKEEPER_MYPYC="0")

    assert done.returncode == 0, done.stderr
    assert compiled_in(tmp_path) == []


def test_what_is_neither_yes_nor_no_is_refused(tmp_path: Path) -> None:
    done = pip_install(tmp_path, TOLLKEEPER_MYPYC="yes")

    assert done.returncode != 0
    assert "TOLLKEEPER_MYPYC is to be 0 or 1" in done.stderr


def test_what_is_listed_is_compiled_beside_its_source(compiled: Path) -> None:
    assert compiled_in(compiled) == listed()
    assert all((compiled / module).exists() for module in listed())


def test_the_suites_of_the_hot_path_pass_on_it(compiled: Path) -> None:
    done = run_on(
        compiled,
        *("-m", "pytest", "-q", "-p", "no:cacheprovider", *SUITES),
        *("-o", f"pythonpath={compiled} ."),
        *("-k", "not interoperability"),
    )

    assert done.returncode == 0, done.stdout[-5000:] + done.stderr[-2000:]


def test_the_suites_see_the_compiled_modules(compiled: Path) -> None:
    names = [module.removesuffix(".py").replace("/", ".") for module in listed()]
    program = (
        "import importlib, sys\n"
        "for name in sys.argv[1:]:\n"
        "    print(importlib.import_module(name).__file__)"
    )

    done = run_on(compiled, "-c", program, *names)

    assert done.returncode == 0, done.stderr
    assert all(line.endswith(".so") for line in done.stdout.splitlines())
    assert len(done.stdout.splitlines()) == len(names)


def test_it_tells_itself_from_a_plain_one(compiled: Path) -> None:
    program = "from authsvc.extauthz.fastlane.build import BUILD; print(BUILD)"

    assert run_on(compiled, "-c", program).stdout.strip() == "compiled"
    assert run_on(ROOT, "-c", program).stdout.strip() == "plain"


def test_the_command_runs_on_it(compiled: Path) -> None:
    done = run_on(compiled, str(compiled / "bin" / "tollkeeper"), "--version")

    assert done.returncode == 0, done.stderr
    assert done.stdout.startswith("tollkeeper ")
