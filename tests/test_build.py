from pathlib import Path

import pytest
import torch

from nucleizoo import build
from nucleizoo.api import load_config
from nucleizoo.contracts import Method
from nucleizoo.core.errors import ConfigError
from nucleizoo.core.plugins import load_plugins
from nucleizoo.kinds import METHODS

load_plugins()
TOY = Path(__file__).parents[1] / "configs" / "toy"


def config(*pairs, name="adgan_2d"):
    return load_config(TOY / f"{name}.yaml", pairs)


@pytest.mark.parametrize(("name", "dims", "target"), [
    ("adgan_2d", 2, "mask"), ("adgan_ins_2d", 2, "ternary"), ("adgan_3d", 3, "ternary"),
])  # fmt: skip
def test_the_task_says_what_methods_must_know(name, dims, target):
    made = build.task(config("TARGET.NAME", target, "INFERENCE.DECODER.NAME", "ternary", name=name))
    assert (made.dims, made.channels, made.source_channels) == (dims, 1, 1)
    assert made.target.names == (target,)


def test_a_source_with_pictures_has_their_channels_and_one_of_labels_the_targets():
    assert build.task(config("DATASET.CHANNELS", "3")).source_channels == 1
    pairs = config("DATASET.CHANNELS", "3", "DATASET.SOURCE.NAME", "labelled")
    assert build.task(pairs).source_channels == 3


def decoder(*pairs, **settings):
    made = config(*pairs, **settings)
    return build.decoder(made, build.target(made))


def test_the_method_is_the_one_described_and_its_weights_come_from_the_seed():
    def weights():
        torch.manual_seed(4)
        return build.method(config("METHOD.GENERATOR.WIDTH", "5"))

    one, other = weights(), weights()
    assert type(one) is METHODS.get("adgan")
    assert one.generator.encoder.stages[0].layer.out_channels == 5
    assert one.pools[0].size == 4 and one.reconstruction.weight == 20.0
    assert all(torch.equal(a, b) for a, b in zip(one.parameters(), other.parameters(), strict=True))


def test_a_method_must_get_what_it_needs(monkeypatch):
    class Hungry(Method):
        needs = frozenset({"image", "source", "maps"})

        def __init__(self, task):
            super().__init__(task)

    monkeypatch.setitem(METHODS._entries, "hungry", Hungry)
    assert isinstance(build.method(config("METHOD.NAME", "hungry")), Hungry)
    with pytest.raises(ConfigError, match=r"METHOD 'hungry' .*\bmaps\b.*'images' \(source\)"):
        build.method(config("METHOD.NAME", "hungry", "DATASET.SOURCE.NAME", "images"))


def test_the_decoder_must_read_what_the_target_has():
    with pytest.raises(
        ConfigError, match=r"'components' .*\bmask\b.*TARGET 'ternary'.*INFERENCE\.DECODER\.NAME"
    ):
        decoder("TARGET.NAME", "ternary")
    assert decoder(name="adgan_ins_2d").reads == {"ternary"}


def test_a_setting_out_of_range_is_told_with_its_section():
    with pytest.raises(ConfigError, match=r"TARGET 'ternary': RIM .*\b2\.0"):
        build.target(config("TARGET.RIM", "2", name="adgan_ins_2d"))
    with pytest.raises(ConfigError, match=r"INFERENCE.DECODER 'components': FOREGROUND"):
        decoder("INFERENCE.DECODER.FOREGROUND", "1.5")
    with pytest.raises(ConfigError, match=r"DATASET.AUGMENT 'simple': FLIP"):
        build.augment(config("DATASET.AUGMENT.FLIP", "-1"))
    with pytest.raises(ConfigError, match=r"METHOD 'adgan': .* -1"):
        build.method(config("METHOD.POOL", "-1"))
    with pytest.raises(ConfigError, match=r"DATASET.SOURCE 'synthetic': COUNT"):
        build.source_dataset(config("DATASET.SOURCE.COUNT", "[5, 1]"))


def test_channels_that_a_method_cannot_join_are_told():
    with pytest.raises(ConfigError, match=r"METHOD 'adgan': .* 3 and 1\b.*DATASET\.CHANNELS"):
        build.method(config("DATASET.CHANNELS", "3"))


@pytest.mark.parametrize("size", ["[30, 32]", "[4, 32]"])
def test_a_crop_must_fit_the_strides_of_the_method(size):
    with pytest.raises(ConfigError, match=r"DATASET\.SIZE .*\b4\b.*\b8\b.*METHOD 'adgan'.*\("):
        build.method(config("DATASET.SIZE", size))


def test_the_frame_carries_size_channels_root_and_spacing(tmp_path):
    pairs = ["DATASET.ROOT", str(tmp_path), "DATASET.SPACING", "[0.5, 0.25, 0.25]"]
    made = build.data_spec(config(*pairs, name="adgan_3d"))
    assert (made.dims, made.channels, made.root, made.spacing) == (3, 1, tmp_path, (0.5, 0.25, 0.25))


def test_the_reader_has_the_settings_of_the_image_source(tmp_path):
    reader = build.reader(config(
        "DATASET.ROOT", str(tmp_path / "nowhere"), "DATASET.IMAGE.CHANNEL", "luminance",
        "DATASET.IMAGE.ZOOM", "[0.5]", "DATASET.IMAGE.SCALING.NAME", "percentile",
        "DATASET.IMAGE.SCALING.LOW", "2",
    ))  # fmt: skip
    assert (reader.channel, reader.zoom, reader.scaling.low) == ("luminance", (0.5, 0.5), 2.0)


def test_sources_are_opened(toy_images):
    source = build.image_dataset(
        config("DATASET.ROOT", str(toy_images), "DATASET.IMAGE.PATH", "images/*.png")
    )
    assert [file.name for file in source.files] == ["cell0.png", "cell1.png", "cell2.png"]


@pytest.mark.parametrize("size", ["[1, 1]", "[7, 33]", "[1, 17, 9]"])
def test_without_strides_to_fit_any_crop_will_do(size):
    window = ["INFERENCE.WINDOW", "[]"]
    build.method(config("DATASET.SIZE", size, *window, name="supervised_2d"))
    with pytest.raises(ConfigError, match=r"DATASET\.SIZE .*\b4\b.*\b8\b.*METHOD 'adgan'"):
        build.method(config("DATASET.SIZE", size, *window))
