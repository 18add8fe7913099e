"""The table that `make bench` writes: of benchmarks that exist, into its place on the page."""

import json
from pathlib import Path

import pytest
from benchmarks import table

FOLDER = Path(__file__).parent / "benchmarks"


def report(*benchmarks):
    return {
        "benchmarks": [
            {"fullname": f"tests/benchmarks/{name}", "stats": {"min": least}, "extra_info": extra}
            for name, least, extra in benchmarks
        ],
        "commit_info": {"id": "0123456789"},
        "machine_info": {"cpu": {"brand_raw": "a CPU", "flags": ["avx2"]}},
        "datetime": "2026-11-27T12:00:00",
    }


def test_every_row_is_of_benchmarks_that_there_are():
    class Collected:
        def pytest_collection_finish(self, session):
            self.names = {item.nodeid.rpartition("/")[2] for item in session.items}

    collected = Collected()
    words = ["-o", "addopts=", "-q", "--collect-only", "--benchmark-disable", "-p", "no:cacheprovider"]
    assert pytest.main([*words, str(FOLDER)], [collected]) == 0
    wanted = {name for _, ours, _, theirs, _ in table.TIMES for name in (ours, theirs)}
    wanted |= {table.ALONE, table.STREAMED, table.OUR_MEMORY, table.MONAI_MEMORY}
    assert wanted | {f"{table.GROWTH}[{side}]" for side in (512, 2048)} <= collected.names


def test_a_row_has_the_ratio_of_the_two_times():
    (row,) = (
        row
        for row in table.rows({
            table.DECODE: {"stats": {"min": 0.5}},
            "test_bcd_time.py::test_decoding[skimage-binary]": {"stats": {"min": 1.75}},
        })
        if "scikit-image" in row[2] 
    )  # fmt: skip
    assert row == ("decoder `bcd`", "500 ms", "scikit-image: 1.75 s", "3.50x", "2x")


def test_what_was_not_run_is_told():
    assert all(row[3] == "not run" for row in table.rows({}))


def test_growth_is_that_of_a_voxel():
    small, large = {"processor": 10.0, "peak": 7e8}, {"processor": 168.0, "peak": 2.3e9}
    made = report((f"{table.GROWTH}[512]", 1, small), (f"{table.GROWTH}[2048]", 1, large))
    assert "| 255x2048x2048 to labels | 2.30 GB | " in table.written(made)
    assert "| 10.5 s | 255x512x512: 10 s | +5% | within 10 % |" in table.written(made)


def test_the_rest_of_the_page_stays(tmp_path):
    page, measured = tmp_path / "page.md", tmp_path / "bench.json"
    page.write_text(f"before\n{table.BEGIN}\nold\n{table.END}\nafter\n")
    measured.write_text(json.dumps(report()))
    table.main(measured, page)
    lines = page.read_text().splitlines()
    assert lines[0] == "before" and lines[-1] == "after" and "old" not in lines
    assert "a CPU, without AMX; 2026-11-27, commit 0123456." in page.read_text()
