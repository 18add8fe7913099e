from pathlib import Path

import pytest
import torch
from support.naming import names

from nucleizoo import OPTIMISERS, SCHEDULES, Clock, build, ranges
from nucleizoo.api import load_config
from nucleizoo.core.errors import ConfigError
from nucleizoo.defaults import DEFAULTS

TOY = Path(__file__).parents[1] / "configs" / "toy" / "adgan_2d.yaml"


def config(*pairs):
    return load_config(TOY, pairs)


@pytest.mark.parametrize("pair", [
    "SOLVER.TOTAL 1", "SOLVER.BATCH 1", "SOLVER.OPTIMISER.BETAS [0.0,0.0]", "SOLVER.SCHEDULE.HOLD 0",
    "SOLVER.SCHEDULE.HOLD 1",
    "SOLVER.AVERAGE 0", "SOLVER.WARMUP 0", "SYSTEM.SEED 0", "SYSTEM.WORKERS -1", "MONITOR.SNAPSHOT 0",
    "INFERENCE.WINDOW []", "INFERENCE.WINDOW [1,1]", "INFERENCE.OVERLAP 0", "DATASET.SPACING [0.1,0.1]",
    "INFERENCE.DIAMETER 0", "INFERENCE.DIAMETER 2",
])  # fmt: skip
def test_the_ends_of_a_range_belong_to_it(pair):
    config(*pair.split())


@pytest.mark.parametrize("told", ["0.001", "1.9", "-3.0"])
def test_a_diameter_that_no_nucleus_has_is_refused_with_one_that_it_can_have(told):
    with pytest.raises(ConfigError) as caught:
        config("INFERENCE.DIAMETER", told)
    names(caught.value, "INFERENCE.DIAMETER", told, "0", "2 or more", "pixels")


def test_a_decimal_comma_in_zoom_is_told(caplog):
    config("DATASET.IMAGE.ZOOM", "[1.5, 1.5]"), config("DATASET.IMAGE.ZOOM", "1.5")
    assert not caplog.records
    config("DATASET.IMAGE.ZOOM", "[1,5]")
    names(caplog.text, "DATASET.IMAGE.ZOOM", "[1, 5]", "point")


def test_every_optimiser_and_schedule_can_be_chosen():
    for name in OPTIMISERS.names():
        assert build.optimiser(config("SOLVER.OPTIMISER.NAME", name))(
            [torch.nn.Parameter(torch.zeros(1))], 0.1
        )
    for name in SCHEDULES.names():
        assert build.schedule(config("SOLVER.SCHEDULE.NAME", name))(Clock(0, 6)) == 1.0


def test_every_rule_is_for_a_key_that_there_is():
    for key in [*ranges._RANGES, *ranges._AN_AXIS]:
        section, name = key.split(".")
        assert name in DEFAULTS[section]


def test_problems_come_together_under_the_name_of_the_file():
    with pytest.raises(ConfigError) as caught:
        config("SOLVER.BATCH", "0", "MONITOR.LOG", "0")
    wanted = [(TOY,), ("SOLVER.BATCH", "1", "0"), ("MONITOR.LOG", "1", "0")]
    for line, parts in zip(str(caught.value).splitlines(), wanted, strict=True):
        names(line, *parts)


def test_a_dataset_that_cannot_magnify_is_told():
    pairs = ["DATASET.IMAGE.NAME", "matched_images", "INFERENCE.NOMINAL_DIAMETER", "16"]
    with pytest.raises(ConfigError) as caught:
        load_config(TOY, pairs)
    names(caught.value, "INFERENCE.NOMINAL_DIAMETER", "matched_images", "ZOOM")
