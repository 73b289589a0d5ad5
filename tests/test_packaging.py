"""What is installed from a wheel: the library, the command, the shipped configs, and no stray top-level package."""

from __future__ import annotations

import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[1]


@pytest.fixture(scope="module")
def wheel_names(tmp_path_factory: pytest.TempPathFactory) -> set[str]:
    out = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(out)]
    subprocess.run(command, cwd=ROOT, check=True, capture_output=True)
    (wheel,) = out.glob("*.whl")
    return set(zipfile.ZipFile(wheel).namelist())


def test_wheel_holds_configs_and_templates(wheel_names: set[str]) -> None:
    shipped = {f"seqrobust/configs/{path.name}" for path in (ROOT / "configs").glob("*.yaml")}
    assert shipped
    assert shipped <= wheel_names
    assert {"seqrobust/py.typed", "seqrobust/report/page.html.j2"} <= wheel_names


def test_wheel_has_two_packages_only(wheel_names: set[str]) -> None:
    tops = {name.split("/")[0] for name in wheel_names}
    assert {name for name in tops if not name.endswith(".dist-info")} == {"seqrobust", "seqrobust_cli"}


def test_every_analysis_is_kept_apart_from_the_others() -> None:
    """The contract that lint-imports checks names each room by hand."""
    from seqrobust.run.registry import ANALYSES

    _, _, contract = (ROOT / "pyproject.toml").read_text().partition("Analyses do not import each other")
    for row in ANALYSES.values():
        room = row.room.partition(":")[0].removesuffix(".room")
        assert f'"{room}"' in contract, f"add {room} to the contract in pyproject.toml"


def test_version_is_said_once() -> None:
    import seqrobust

    assert f'version = "{seqrobust.__version__}"' in (ROOT / "pyproject.toml").read_text()
    assert f"## [{seqrobust.__version__}]" in (ROOT / "CHANGELOG.md").read_text()
