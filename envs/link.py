"""Make this checkout's library and its programs usable in the .venv beside it, wherever the two lie or move to.

What pip writes for an editable installation holds the place as text: braces in it stop setuptools, and quotes break the
first line of a program.
"""

import os
import sys
import sysconfig
from pathlib import Path

PROGRAMS = {"xstilts": "xstilts.cli", "snakemake": "snakemake"}
LAUNCHER = '#!/bin/sh\nexec "$(dirname -- "$(readlink -f -- "$0")")/python" -P -m {module} "$@"\n'


def main() -> None:
    """Write the two kinds of files."""
    packages = Path(sysconfig.get_path("purelib"))
    library = os.path.relpath(Path(sys.prefix).parent / "src", packages)  # relative: the same after a move
    (packages / "xstilts.pth").write_text(f"{library}\n", encoding="ascii")
    for name, module in PROGRAMS.items():
        program = Path(sys.prefix, "bin", name)
        program.write_text(LAUNCHER.format(module=module), encoding="ascii")
        program.chmod(0o755)


if __name__ == "__main__":
    main()
