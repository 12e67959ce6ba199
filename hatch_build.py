"""Compiles what is hot of both features with mypyc, where ``TOLLKEEPER_MYPYC=1`` asks for it.

Without it nothing here does anything: the wheel is plain Python, and needs no compiler. A compiled
wheel has the same modules, each beside what was made of it, which Python prefers.
"""

import os
import shutil
import tempfile
from contextlib import chdir
from pathlib import Path
from typing import Any

from hatchling.builders.hooks.plugin.interface import BuildHookInterface

VARIABLE = "TOLLKEEPER_MYPYC"
ANSWERS = {"": False, "0": False, "1": True}
# The compiler, and what calls the C compiler for it.
NEEDED = ["mypy>=2.4", "setuptools>=82"]
# What is compiled sees the others as mypy does where they are not installed: as of any type.
OPTIONS = ["--config-file=", "--follow-imports=silent", "--ignore-missing-imports"]


class Hook(BuildHookInterface):
    """Adds compiled modules to a wheel."""

    PLUGIN_NAME = "custom"

    def dependencies(self) -> list[str]:
        """Return what a build needs beside what every build does."""
        return NEEDED if is_wanted() else []

    def initialize(self, version: str, build_data: dict[str, Any]) -> None:
        """Compile, unless it is for an editable installation, which is to be edited."""
        if not is_wanted() or version != "standard":
            return
        self._place = Path(tempfile.mkdtemp(prefix="tollkeeper-mypyc-"))
        compiled = self._place / "compiled"
        with chdir(self.root):
            compile_modules(self.config["modules"], into=compiled, scratch=self._place)
        build_data["pure_python"] = False
        build_data["infer_tag"] = True
        for path in compiled.rglob("*.so"):
            build_data["force_include"][str(path)] = str(path.relative_to(compiled))

    def finalize(self, version: str, build_data: dict[str, Any], artifact_path: str) -> None:  # noqa: ARG002 - hatchling's signature
        """Remove what is in the wheel now."""
        if hasattr(self, "_place"):
            shutil.rmtree(self._place)


def is_wanted() -> bool:
    """Return whether to compile.

    Raises:
        ValueError: It was not said in one of the ways there are.
    """
    answer = os.environ.get(VARIABLE, "")
    if answer not in ANSWERS:
        raise ValueError(f"{VARIABLE} is to be 0 or 1")
    return ANSWERS[answer]


def compile_modules(modules: list[str], *, into: Path, scratch: Path) -> None:
    """Compile modules, named as files are, into a tree that lies over theirs.

    Raises:
        SystemExit: There is no C compiler, or mypy finds an error.
    """
    # What only this needs: a plain build is to work without it.
    from mypyc.build import mypycify  # noqa: PLC0415
    from setuptools import Distribution  # noqa: PLC0415
    from setuptools.command.build_ext import build_ext  # noqa: PLC0415
    from setuptools.errors import BaseError  # noqa: PLC0415

    extensions = mypycify(
        [*OPTIONS, f"--cache-dir={scratch / 'types'}", *modules],
        debug_level="0",
        target_dir=str(scratch / "sources"),
        group_name="tollkeeper",
    )
    command = build_ext(Distribution({"name": "tollkeeper", "ext_modules": extensions}))
    command.build_lib = str(into)
    command.build_temp = str(scratch / "objects")
    command.ensure_finalized()
    try:
        command.run()
    except BaseError as error:
        raise SystemExit(f"{VARIABLE}=1 needs a C compiler and Python's headers: {error}") from None
