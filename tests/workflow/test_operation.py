import pytest
from conftest import SHEET

from cineclr.operation.status import status
from cineclr.private import init


@pytest.fixture
def without_files(workflow):
    """The private side of the default run, whose DICOM folder is empty."""
    (workflow.folder / "dicom").mkdir()
    (workflow.folder / "echo.csv").write_text(SHEET)
    init(workflow.folder / "private" / "main", [workflow.folder / "dicom"], workflow.folder / "echo.csv")
    return workflow


def test_a_run_that_fails_ends_with_the_failed_jobs_and_their_reasons(without_files, capsys):
    done = without_files.snakemake("intake", "--quiet", "rules")
    output = done.stderr + done.stdout
    assert done.returncode == 1
    told = output[output.index("Run main: Snakemake ended") :]
    assert "0 of 53 jobs of this start are done (0 %), 0 cut short, 1 failed, 52 waiting" in told
    assert "list_files\n      cineclr list-files: error: sources.yaml: the folders hold no file" in told
    status(root=without_files.folder)
    assert capsys.readouterr().out.strip() in output
