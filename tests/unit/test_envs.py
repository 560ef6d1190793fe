import runpy
from pathlib import Path

import yaml

ENVS = Path(__file__).parents[2] / "envs"


def test_environments_follow_the_lock():
    generator = runpy.run_path(str(ENVS / "generate.py"))
    pins = generator["read_pins"]((ENVS.parent / "requirements.lock").read_text())
    for family in generator["FAMILIES"]:
        text = (ENVS / f"{family}.yaml").read_text()
        assert text == generator["render"](family, pins), "run: make lock"
        assert yaml.safe_load(text)["dependencies"][-1]["pip"]
