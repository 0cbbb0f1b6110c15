import re
import runpy
import subprocess
import sys
import tomllib
import zipfile
from importlib import metadata
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

ROOT = Path(__file__).parents[3]
LOCK = (ROOT / "envs/lock.txt").read_text(encoding="utf-8")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))["project"]
WANTED = [*PROJECT["dependencies"], *(line for extra in PROJECT["optional-dependencies"].values() for line in extra)]


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def pins(text: str) -> dict[str, tuple[str, list[str]]]:
    """Return {package: (version, hashes)} of a file for ``pip install --require-hashes``."""
    lines = [line for line in text.replace("\\\n", " ").splitlines() if line and not line.startswith("#")]
    found = {}
    for line in lines:
        wanted, *hashes = re.split(r"\s+--hash=sha256:", line.strip())
        name, version = re.fullmatch(
            r"([A-Za-z0-9_.-]+)==([0-9][0-9a-z.]*(?:\+cpu)?)(?: ; .*)?", wanted.strip()
        ).groups()
        assert hashes and all(re.fullmatch(r"[0-9a-f]{64}", one) for one in hashes), line
        found[plain(name)] = version, hashes
    assert len(found) == len(lines), "each package once"
    return found


PINS = pins(LOCK)
DOCS = pins((ROOT / "envs/docs.txt").read_text(encoding="utf-8"))  # beside the lock: make site


@pytest.mark.parametrize("line", WANTED)
def test_the_lock_pins_a_version_that_pyproject_allows(line):
    wanted = Requirement(line)
    assert wanted.specifier.contains((DOCS | PINS)[plain(wanted.name)][0])


@pytest.mark.parametrize("name", ["lock.txt", "cpu.txt", "cuda.txt", "bench.txt", "docs.txt"])
def test_every_package_has_a_version_of_no_one_machine_and_hashes(name):
    assert pins((ROOT / "envs" / name).read_text(encoding="utf-8"))


def test_the_lock_is_closed_and_cuda_has_the_rest_of_what_torch_needs():
    """Nothing else is ever installed: pip is told to leave out what stands in neither file."""
    cuda = pins((ROOT / "envs/cuda.txt").read_text(encoding="utf-8"))
    assert not set(cuda) & set(PINS)
    (cpu,) = pins((ROOT / "envs/cpu.txt").read_text(encoding="utf-8")).items()
    assert cpu[0] == "torch" and cpu[1][0] == f"{PINS['torch'][0]}+cpu" and set(cpu[1][1]) < set(PINS["torch"][1])
    lacking = {}
    for name in PINS:
        for line in metadata.requires(name) or ():
            needed = Requirement(line)
            if needed.marker is not None and not needed.marker.evaluate({"extra": ""}):
                continue
            version = (PINS | cuda).get(plain(needed.name), (None,))[0]
            if version is None or not needed.specifier.contains(version, prereleases=True):
                lacking[line] = name
    assert lacking == {}


def test_what_makes_the_site_is_closed_and_leaves_the_lock_as_it_is():
    assert not set(DOCS) & set(PINS)
    pytest.importorskip("sphinx")  # `make site` installs it
    for name in DOCS:
        for line in metadata.requires(name) or ():
            needed = Requirement(line)
            if needed.marker is None or needed.marker.evaluate({"extra": ""}):
                assert needed.specifier.contains((DOCS | PINS)[plain(needed.name)][0], prereleases=True), (name, line)


def test_another_file_of_a_pinned_version_is_refused(tmp_path):
    wheel = tmp_path / "annotated_doc-0.0.7-py3-none-any.whl"
    with zipfile.ZipFile(wheel, "w") as archive:
        archive.writestr("annotated_doc/__init__.py", "")
        archive.writestr(
            "annotated_doc-0.0.7.dist-info/METADATA", "Metadata-Version: 2.1\nName: annotated-doc\nVersion: 0.0.7\n"
        )
        archive.writestr("annotated_doc-0.0.7.dist-info/WHEEL", "Wheel-Version: 1.0\nTag: py3-none-any\n")
        archive.writestr("annotated_doc-0.0.7.dist-info/RECORD", "")
    assert PINS["annotated-doc"][0] == "0.0.7"
    head = LOCK[LOCK.index("annotated-doc==") :].split("\nannotated-types")[0]
    (tmp_path / "lock.txt").write_text(head + "\n")
    command = [
        sys.executable,
        "-m",
        "pip",
        "install",
        "--isolated",
        "--no-index",
        "--find-links",
        tmp_path,
        "--no-deps",
    ]
    command += ["--require-hashes", "--target", tmp_path / "here", "-r", tmp_path / "lock.txt"]
    done = subprocess.run(command, capture_output=True, text=True)
    assert done.returncode != 0 and "DO NOT MATCH THE HASHES" in done.stderr and not (tmp_path / "here").exists()
    recipe = (ROOT / "Makefile").read_text(encoding="utf-8")
    assert all(f"--require-hashes --no-deps -r envs/{name}.txt" in recipe for name in ("cpu", "lock", "cuda", "bench"))


def test_the_conda_file_is_in_step(in_step):
    text = runpy.run_path(str(ROOT / "envs/conda.py"))["environment"](LOCK)
    in_step(ROOT / "envs/environment.yaml", text)
    found = [line.split("==") for line in yaml.safe_load(text)["dependencies"][-1]["pip"]]
    assert {plain(name): version for name, version in found} == {name: version for name, (version, _) in PINS.items()}
