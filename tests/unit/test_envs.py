import ast
import importlib.metadata
import re
import runpy
import sys
from pathlib import Path

import pytest
import yaml
from packaging.requirements import Requirement

from cineclr.cli import COMMANDS

ROOT = Path(__file__).parents[2]
ENVS, PACKAGE = ROOT / "envs", ROOT / "workflow"
# What only functions import that these commands do not call.
SPARED = {("pretrain-cmr", "stanza"), ("evaluate-retrieval", "stanza")}


@pytest.fixture(scope="module")
def generator():
    return runpy.run_path(str(ENVS / "generate.py"))


def test_environments_follow_the_lock(generator):
    pins = generator["read_pins"]((ENVS.parent / "requirements.lock").read_text())
    for family in generator["FAMILIES"]:
        text = (ENVS / f"{family}.yaml").read_text()
        assert text == generator["render"](family, pins), "run: make lock"
        assert yaml.safe_load(text)["dependencies"][-1]["pip"]


def test_every_command_finds_what_it_imports_in_the_environment_of_its_rule(generator):
    distributions = importlib.metadata.packages_distributions()
    missing = []
    for command, family in sorted(commands_of_rules()):
        there = closure_of(set(generator["SHARED"]) | set(generator["FAMILIES"][family]))
        for name in imports_of(COMMANDS[command].split(":")[0]):
            known_as = {plain(distribution) for distribution in distributions.get(name, [name])}
            if not known_as & there and (command, name) not in SPARED:
                missing.append(f"{command}: {name} is not in envs/{family}.yaml")
    assert not missing


def commands_of_rules() -> set[tuple[str, str]]:
    """Return each command that a rule runs, with the family of its conda environment."""
    found = set()
    for path in (PACKAGE / "rules").glob("*.smk"):
        for rule in re.split(r"\n\s*(?=(?:use )?rule )", path.read_text()):
            if family := re.search(r"envs/(\w+)\.yaml", rule):
                found |= {(command, family[1]) for command in re.findall(r"-m cineclr ([a-z-]+)", rule)}
    assert len(found) > 40
    return found


def imports_of(module: str) -> set[str]:
    """Return the packages of others that a module imports, itself or by ours, anywhere in the code."""
    seen: set[str] = set()
    others: set[str] = set()
    waiting = [module]
    while waiting:
        name = waiting.pop()
        path = PACKAGE / Path(*name.split("."))
        path = path / "__init__.py" if path.is_dir() else path.with_suffix(".py")
        if name in seen or not path.exists():
            continue
        seen.add(name)
        waiting.append(name.rpartition(".")[0])
        for imported in named_in(path):
            if imported.startswith("cineclr"):
                waiting.append(imported)
            elif imported.split(".")[0] not in sys.stdlib_module_names:
                others.add(imported.split(".")[0])
    return others


def named_in(path: Path) -> set[str]:
    named = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            named |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            named |= {node.module, *(f"{node.module}.{alias.name}" for alias in node.names)}
    return named


def closure_of(packages: set[str]) -> set[str]:
    """Return distributions and all that they require, by the metadata of what is installed."""
    seen: set[str] = set()
    waiting = list(packages)
    while waiting:
        name = plain(waiting.pop())
        if name in seen:
            continue
        seen.add(name)
        try:
            required = importlib.metadata.requires(name) or []
        except importlib.metadata.PackageNotFoundError:
            continue
        needs = (Requirement(text) for text in required)
        waiting += [need.name for need in needs if not need.marker or need.marker.evaluate({"extra": ""})]
    return seen


def plain(name: str) -> str:
    return re.sub(r"[-_.]+", "-", name).lower()
