"""What `tickbox serve` makes for its workers."""

import os
import tempfile
from contextlib import ExitStack
from pathlib import Path

import pytest

from app.cli.serve import shared_metrics
from app.observability.metrics import FOLDER


def test_the_folder_of_the_metrics_is_there_for_its_time(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path))
    monkeypatch.setenv(FOLDER, "set by the test, to be taken back")
    with ExitStack() as stack:
        folder = shared_metrics(stack)
        assert os.environ[FOLDER] == folder
        assert [*tmp_path.iterdir()] == [Path(folder)]
    assert [*tmp_path.iterdir()] == []
