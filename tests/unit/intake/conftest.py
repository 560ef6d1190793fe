import pytest
from intake_files import Archive


@pytest.fixture
def archive(tmp_path):
    return Archive(tmp_path)
