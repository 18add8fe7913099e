"""The page of formats says what is so."""

import runpy
from pathlib import Path

import pytest

DOCS = Path(__file__).parents[1] / "docs"


def test_the_table_of_formats_is_what_is_read():
    pytest.importorskip("zarr")
    page = runpy.run_path(str(DOCS / "scripts" / "formats.py"))["page"]
    assert page() == (DOCS / "formats.md").read_text(encoding="utf-8")
