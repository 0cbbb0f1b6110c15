"""Write envs/environment.yaml, for users of conda, from the pinned versions in envs/lock.txt: ``make conda``."""

import re
from pathlib import Path

HERE = Path(__file__).resolve().parent
HEAD = """\
# Generated from lock.txt by conda.py: change that file and run `make conda`.
#   conda env create --file envs/environment.yaml; conda activate xstilts; pip install --no-deps --editable .
# or, an environment for the jobs alone: snakemake --software-deployment-method conda
name: xstilts
channels: [conda-forge]
dependencies:
  - python=3.11
  - pip
  - make
  - pip:
"""


def environment(lock: str) -> str:
    """Return the conda file for the versions of a lock."""
    pins = re.findall(r"^[^\s#]\S*==[^\s\\]+", lock, re.MULTILINE)  # conda's list of packages has no place for hashes
    return HEAD + "".join(f"      - {pin}\n" for pin in pins)


if __name__ == "__main__":
    (HERE / "environment.yaml").write_text(
        environment((HERE / "lock.txt").read_text(encoding="utf-8")), encoding="utf-8"
    )
