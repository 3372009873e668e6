"""Print what `make colab` installs: the notebooks' packages in the versions that Colab has.

`python -m tools.colab FREEZE` reads Colab's list of packages, which its developers publish as
pip-freeze.txt in github.com/googlecolab/backend-info.
"""

from __future__ import annotations

import re
import sys
from pathlib import Path

from tools import run_notebooks

# What runs a notebook's cells there.
KERNEL = ("ipykernel", "ipython", "jupyter_client", "keras", "protobuf", "traitlets")
DRAWS_FIGURES_TO_EXPLORE = "vl-convert-python"  # where the runtime is not Colab itself


def requirements(freeze: str) -> list[str]:
    """Return Colab's versions of the dependencies and the kernel, and what its cell installs.

    Raises:
        ValueError: Colab no longer has a package that the cell takes for granted.
    """
    versions = re.findall(r"^([\w.-]+)==(\S+)", freeze, re.MULTILINE)
    there = {_normal(name): version for name, version in versions}
    taken = [name for name in run_notebooks.dependencies() if name in run_notebooks.ON_COLAB]
    wanted = [*taken, *KERNEL]
    if dropped := [name for name in wanted if _normal(name) not in there]:
        raise ValueError(f"Colab's list has no {', '.join(dropped)}: take it out of ON_COLAB")
    pins = [f"{name}=={there[_normal(name)]}" for name in wanted]
    return [*pins, *run_notebooks.missing_on_colab(), DRAWS_FIGURES_TO_EXPLORE]


def _normal(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


if __name__ == "__main__":
    print("\n".join(requirements(Path(sys.argv[1]).read_text(encoding="utf-8"))))
