import subprocess
import sys

import pytest

from cineclr import cli


def test_every_command_loads_and_explains_itself(capsys):
    for name in cli.COMMANDS:
        with pytest.raises(SystemExit) as caught:
            cli.main([name, "--help"])
        assert caught.value.code == 0, name
        assert f"cineclr {name}" in capsys.readouterr().out


def test_an_unknown_command_lists_the_known_ones(capsys):
    assert cli.main(["scan-dicm"]) == 2
    assert "scan-dicom" in capsys.readouterr().err


def test_a_users_mistake_is_one_line_and_no_traceback(tmp_path, capsys):
    code = cli.main(
        ["init", "--private", str(tmp_path / "p"), "--dicom", str(tmp_path / "none"), "--sheet", "x"]
    )
    assert code == 1
    assert capsys.readouterr().err.startswith("cineclr init: error: --dicom: no such folder")


def test_bad_settings_are_a_users_mistake(tmp_path, capsys):
    code = cli.main(
        ["make-demo-hospital", "--private", str(tmp_path), "--settings", '{"studys": 3}', "--seed", "0"]
    )
    assert code == 1
    assert "studys: no such setting" in capsys.readouterr().err


def test_an_unexpected_error_of_the_private_side_is_not_quoted(monkeypatch, capsys):
    def fail() -> None:
        raise ValueError("Invalid value for VR DA: 'SMITH^JOHN'")

    monkeypatch.setattr(cli, "load_command", lambda name: fail)
    assert cli.main(["scan-dicom"]) == 1
    private = capsys.readouterr().err
    assert "SMITH" not in private
    assert "test_cli.py" in private
    assert cli.main(["pretrain-echo"]) == 1
    assert "SMITH" in capsys.readouterr().err


def test_planning_and_dicom_commands_do_not_import_torch():
    modules = ["cineclr.config", "cineclr.private", "cineclr.intake.scan", "cineclr.intake.echo.deidentify"]
    modules += ["cineclr.cohort.sheet", "cineclr.cohort.build", "cineclr.reporting.tables"]
    code = f"import sys, {', '.join(modules)}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
