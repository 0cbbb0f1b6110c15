"""The commands that stand in front of SLURM's own find those wherever the checkout lies, and never themselves."""

import os
import shutil
import subprocess
from pathlib import Path

import pytest

BIN = Path(__file__).parents[3] / "profiles/slurm/bin"


def command(path: Path, text: str) -> None:
    path.parent.mkdir(exist_ok=True)
    path.write_text(f"#!/bin/sh\n{text}\n")
    path.chmod(0o755)


def call(name: str, path: list[Path], *arguments: str, **more: str) -> subprocess.CompletedProcess[str]:
    environment = {"PATH": os.pathsep.join(map(str, path))} | more
    return subprocess.run([name, *arguments], env=environment, capture_output=True, text=True, timeout=60)


@pytest.fixture(params=["c++ (v1.0) [new]*", "plain"])
def wrappers(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """The folder of the profile in a checkout of some name."""
    return Path(shutil.copytree(BIN, tmp_path / request.param / "bin"))


@pytest.fixture
def system(tmp_path: Path) -> Path:
    """A folder of this machine's commands without SLURM's, which may be installed."""
    folder = tmp_path / "system"
    folder.mkdir()
    for place in (Path("/usr/bin"), Path("/bin")):
        for path in place.iterdir():
            if path.name not in ("squeue", "srun", "sacct") and not (folder / path.name).exists():
                (folder / path.name).symlink_to(path)
    return folder


def test_they_call_the_real_commands_from_any_checkout(wrappers: Path, system: Path, tmp_path: Path) -> None:
    slurm = tmp_path / "slurm"
    command(slurm / "squeue", 'echo "7|PREEMPTED"; echo "$@"')
    command(slurm / "srun", 'echo "$SLURM_CONF $*"')
    command(slurm / "sacct", 'echo "sacct $*"')
    path = [wrappers, slurm, system]
    assert call(str(wrappers / "squeue"), path, "-h").stdout == "7|CANCELLED\n-h\n"
    assert call(str(wrappers / "srun"), path, "a b", XSTILTS_SLURM_CONF="/its.conf").stdout == "/its.conf a b\n"
    assert call(str(wrappers / "sacct"), path, "--version").stdout == "sacct --version\n"
    assert "--name one" in call(str(wrappers / "sacct"), path, "--name", "one").stdout


def test_without_the_real_command_they_say_so_and_do_not_call_themselves(
    wrappers: Path, system: Path, tmp_path: Path
) -> None:
    other = Path(shutil.copytree(BIN, tmp_path / "another checkout" / "bin"))
    path = [wrappers, other, wrappers / "../bin", system]
    for name in ("squeue", "srun"):
        done = call(str(wrappers / name), path, "-h")
        assert done.returncode == 127
        assert done.stderr == f"{name}: SLURM's own command is not in PATH\n"
    assert call(str(wrappers / "sacct"), path, "-h").returncode == 0, "silence, as where there is no accounting"
