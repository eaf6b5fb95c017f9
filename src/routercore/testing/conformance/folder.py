"""A plugin's folder, checked as its author sees it: ``routercore plugin check .``."""

from __future__ import annotations

import sys
import tomllib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from importlib import import_module, invalidate_caches
from pathlib import Path
from types import ModuleType

from routercore.provider.spec import Provider
from routercore.testing.conformance.grades import QUALITY_FILE, Grade, Quality
from routercore.testing.conformance.runs import Outcome, grade_of, run_checks
from routercore.testing.conformance.subject import Subject

BADGE = "Conformance grade: **"


class FolderError(ValueError):
    """A folder is no plugin that can be checked; the message says what is missing."""


@dataclass(frozen=True, slots=True)
class Findings:
    """What the checks found of one provider of a plugin."""

    provider: str
    outcomes: tuple[Outcome, ...]
    grade: Grade


@dataclass(frozen=True, slots=True)
class PluginFolder:
    """A plugin's folder: its module, its transcripts, its quality file."""

    path: Path
    module: ModuleType

    @classmethod
    def open(cls, path: Path) -> PluginFolder:
        """Import the plugin whose ``pyproject.toml`` lies in ``path``.

        Raises:
            FolderError: there is no such file, or it names no plugin that can be imported.
        """
        project = path / "pyproject.toml"
        if not project.is_file():
            raise FolderError(f"{project} does not exist; is {path} a plugin's folder?")
        points = (
            tomllib.loads(project.read_text("utf-8")).get("project", {}).get("entry-points", {})
        )
        targets = list(points.get("routercore", {}).values())
        if not targets:
            raise FolderError(f"{project} has no table [project.entry-points.routercore]")
        for source in (path / "src", path):
            if source.is_dir() and str(source) not in sys.path:
                sys.path.insert(0, str(source))
        invalidate_caches()
        try:
            return cls(path, import_module(targets[0].partition(":")[0]))
        except Exception as error:  # The plugin boundary: an import runs its code.
            what = f"{type(error).__name__}: {error}"
            raise FolderError(f"{targets[0]} cannot be imported: {what}") from error

    @property
    def quality_file(self) -> Path:
        file = self.module.__file__
        assert file is not None
        return Path(file).parent / QUALITY_FILE

    def providers(self) -> Sequence[Provider]:
        """What the plugin's hook contributes.

        Raises:
            FolderError: it has no such hook, or the hook fails or gives no provider.
        """
        name = f"{self.module.__name__}.routercore_providers"
        hook = getattr(self.module, "routercore_providers", None)
        if hook is None:
            raise FolderError(f"there is no {name}; the kit checks providers alone")
        if not hasattr(hook, "routercore_impl"):
            raise FolderError(f"{name} is not marked with @hookimpl: no router would find it")
        try:
            providers: Sequence[Provider] = list(hook() or ())
        except Exception as error:  # The plugin boundary.
            raise FolderError(f"{name} raised {type(error).__name__}: {error}") from error
        if not providers:
            raise FolderError(f"{name} gives no provider; it has to return a list of them")
        return providers

    def check(self) -> list[Findings]:
        """Run the kit on every provider of the plugin."""
        quality, found = Quality.read(self.quality_file), []
        for provider in self.providers():
            subject = Subject(provider, self.path / "tests" / "transcripts")
            outcomes = run_checks(subject, quality)
            found.append(Findings(provider.name, tuple(outcomes), grade_of(outcomes, subject)))
        return found

    def record(self, findings: Iterable[Findings]) -> Grade:
        """Write the grade into the quality file and, where it has a line for it, the README."""
        grade = min((one.grade for one in findings), default=Grade.NONE)
        exceptions = Quality.read(self.quality_file).exceptions
        self.quality_file.write_text(Quality(grade, exceptions).written(), "utf-8")
        readme = self.path / "README.md"
        if readme.is_file():
            text = readme.read_text("utf-8")
            lines = [_badge(grade) if line.startswith(BADGE) else line for line in text.split("\n")]
            readme.write_text("\n".join(lines), "utf-8")
        return grade


def _badge(grade: Grade) -> str:
    return f"{BADGE}{grade.name.lower()}**, by `routercore plugin check`."
