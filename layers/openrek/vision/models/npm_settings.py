"""npm's settings, read from the environment and .npmrc without npm: its registries and their credentials.

Of npm's settings these are known: `registry`, `@scope:registry`, and for a registry `//host/path/:_authToken` and
`:_auth`. The environment goes before the project's .npmrc, that before the user's.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

DEFAULT_REGISTRY = "https://registry.npmjs.org/"
_VARIABLE = re.compile(r"\$\{([^}]+)\}")


@dataclass(frozen=True, slots=True)
class NpmSettings:
    """The settings. `values` are npm's settings by name, the strongest source of each."""

    values: Mapping[str, str]

    @classmethod
    def of(cls, environ: Mapping[str, str], project: Path, home: Path) -> "NpmSettings":
        values: dict[str, str] = {}
        user = environ.get("NPM_CONFIG_USERCONFIG") or environ.get("npm_config_userconfig")
        for file in (Path(user) if user else home / ".npmrc", project / ".npmrc"):
            values.update(_read(file, environ))
        for variable, value in environ.items():
            if variable.lower().startswith("npm_config_") and value:
                values[variable[len("npm_config_") :].lower().replace("_", "-")] = value
        return cls(values)

    def registry(self, package: str) -> str:
        """Return the address of the registry for a package, with a slash at its end."""
        scope = package.partition("/")[0] if package.startswith("@") else ""
        found = self.values.get(f"{scope}:registry") or self.values.get("registry") or DEFAULT_REGISTRY
        return found.rstrip("/") + "/"

    def authorization(self, registry: str) -> str | None:
        """Return the value of the header Authorization for a registry, or None where its owner gave none."""
        place = registry.partition(":")[2]
        if token := self.values.get(f"{place}:_authToken"):
            return f"Bearer {token}"
        basic = self.values.get(f"{place}:_auth")
        return f"Basic {basic}" if basic else None


def _read(file: Path, environ: Mapping[str, str]) -> dict[str, str]:
    try:
        lines = file.read_text("utf-8").splitlines()
    except (OSError, UnicodeDecodeError):
        return {}
    pairs = (line.partition("=") for line in lines if not line.lstrip().startswith((";", "#")))
    return {name.strip(): _expanded(value.strip().strip("\"'"), environ) for name, mark, value in pairs if mark}


def _expanded(value: str, environ: Mapping[str, str]) -> str:
    return _VARIABLE.sub(lambda found: environ.get(found[1], found[0]), value)
