"""What is shipped: the wheel has everything the program needs, and runs without the checkout."""

import subprocess
import sys
import zipfile
from pathlib import Path

from tests.cli.program import environment

ROOT = Path(__file__).parents[1]


def test_the_wheel_runs_by_itself(tmp_path: Path) -> None:
    build = [sys.executable, "-m", "hatchling", "build", "--target", "wheel", "--directory", str(tmp_path)]
    subprocess.run(build, cwd=ROOT, check=True, capture_output=True)  # noqa: S603 - this project's own build
    [wheel] = tmp_path.glob("*.whl")
    with zipfile.ZipFile(wheel) as packed:
        names = packed.namelist()
        packed.extractall(tmp_path / "installed")
    assert {name.partition("/")[0] for name in names if "dist-info" not in name} == {
        "engine", "producers", "consumers", "levtao",
    }  # fmt: skip
    pages = [
        f"levtao/report/templates/{name}" for name in ("report.html.j2", "simulate.html.j2", "page.css", "page.js")
    ]
    for needed in ("engine/runtime/view.lua", "levtao/demo.toml", "levtao/embedded/kafka-pom.xml", *pages):
        assert needed in names
    ran = subprocess.run(
        [sys.executable, "-m", "levtao", "--help"], cwd=tmp_path, capture_output=True, text=True, check=True,
        env=environment(PYTHONPATH=str(tmp_path / "installed")),
    )  # fmt: skip
    assert "backtest" in ran.stdout
