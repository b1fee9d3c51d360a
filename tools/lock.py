"""Write requirements.lock from the packages of this environment: `make lock`.

The lock is a pip constraints file: it pins versions and adds nothing, so packages of one platform only (the CUDA
libraries of torch on Linux) do no harm elsewhere. It names no registry.
"""

import re
from importlib.metadata import distributions
from pathlib import Path

LEFT_OUT = {"fitscape", "pip", "setuptools", "wheel", "py-spy"}


def canonical(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()


def main() -> None:
    pins = {canonical(d.metadata["Name"]): d.version for d in distributions()}
    lines = [f"{name}=={version}" for name, version in sorted(pins.items()) if name not in LEFT_OUT]
    Path("requirements.lock").write_text("\n".join(lines) + "\n")


if __name__ == "__main__":
    main()
