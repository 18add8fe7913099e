from pathlib import Path

import pytest

from nucleizoo import published
from nucleizoo.core.errors import UserError
from nucleizoo.published import Archive
from nucleizoo.published.layouts import LAYOUTS

ROOT = Path(__file__).parents[2]
NAMES = {
    "Fluo-N2DL-HeLa", "Fluo-N2DL-HeLa-test", "Fluo-N2DH-SIM+", "Fluo-N2DH-GOWT1", "Fluo-N3DH-CE",
    "Fluo-N3DH-CHO", "Fluo-N3DH-SIM+", "HaCaT", "S-BSST265", "BBBC024", "Scaffold-A549", "NucMM-Z",
    "NucExM", "DSB2018",
}  # fmt: skip


def test_the_table_has_the_sets_of_the_papers():
    assert set(published.table()) == NAMES
    assert {dataset.layout for dataset in published.table().values()} == set(LAYOUTS)


@pytest.mark.parametrize("name", sorted(NAMES))
def test_every_set_says_where_it_is_from_and_on_what_terms(name):
    dataset = published.named(name)
    assert all((dataset.about, dataset.origin, dataset.citation, dataset.licence, dataset.source))
    assert dataset.page.startswith("https://")
    assert len(dataset.spacing) in (0, 2, 3) and all(0 < step < 10 for step in dataset.spacing)
    assert dataset.border in (None, 0, 25, 50)
    shown = published.described(dataset)
    assert all(file.url in shown and (file.sha256 or "not published") in shown for file in dataset.files)


def test_sets_of_the_challenge_have_the_borders_of_its_own_program():
    borders = {
        "Fluo-N2DL-HeLa": 25, "Fluo-N2DH-SIM+": 0, "Fluo-N2DH-GOWT1": 50,
        "Fluo-N3DH-CE": 50, "Fluo-N3DH-CHO": 50, "Fluo-N3DH-SIM+": 0,
    }  # fmt: skip
    challenge = {name: one.border for name, one in published.table().items() if one.layout == "ctc"}
    assert challenge == borders


def test_the_table_in_the_documentation_is_current():
    text = (ROOT / "docs" / "datasets.md").read_text()
    shown = text.split("<!-- nucleizoo data list --markdown -->\n")[1].split("\n<!-- end -->")[0]
    assert shown == published.markdown(), "paste the output of: nucleizoo data list --markdown"


def test_an_unknown_name_is_answered_with_the_nearest_and_case_does_not_matter():
    assert published.named("fluo-n2dl-hela").name == "Fluo-N2DL-HeLa"
    with pytest.raises(UserError, match=r"'BBBC24'.*mean BBBC024.*Fluo-N2DL-HeLa"):
        published.named("BBBC24")


@pytest.mark.parametrize("settings", [
    ("ftp://host/a.zip", None), ("file:///etc/passwd", None), ("https://host/", None),
    ("https://host/a.zip", "abc"),
])  # fmt: skip
def test_an_archive_has_an_http_address_and_a_whole_hash(settings):
    with pytest.raises(ValueError, match="not"):
        Archive(*settings, size=None)
