import base64
import io

import numpy as np
from PIL import Image

from nucleizoo.comparison import page_pictures
from nucleizoo.metrics.errors import Errors
from nucleizoo.metrics.files import COLOURS
from nucleizoo.metrics.overlap import Overlap


def decoded(address):
    kind, content = address.split(",")
    assert kind == "data:image/png;base64"
    return Image.open(io.BytesIO(base64.b64decode(content)))


def test_an_outline_is_opaque_at_the_edge_and_nothing_elsewhere():
    labels = np.zeros((64, 128), np.int32)
    labels[16:32, 32:64] = 3
    layer = np.asarray(decoded(page_pictures.outlined(labels)).convert("RGBA"))
    assert layer.shape == (256, 512, 4)  # times four, the largest whole number up to 512
    edge = layer[..., 3] == 255
    assert edge[64:128, 128:256].sum() == edge.sum() > 0
    assert edge[64, 130] and edge[127, 200] and not edge[96, 190]
    assert (layer[edge][:, :3] == page_pictures.OUTLINE).all() and set(np.unique(layer[..., 3])) == {0, 255}


def test_marks_have_the_colours_of_their_errors():
    truth, found = np.zeros((2, 40, 40), np.int32)
    truth[2:12, 2:12], truth[20:30, 2:12] = 1, 2
    found[2:12, 2:12], found[20:30, 20:30] = 7, 9
    layer = decoded(page_pictures.marked(found, truth, Errors.of(Overlap.of(found, truth)), None)).convert(
        "RGBA"
    )
    times = layer.width // 40
    middles = {"matched": (7, 7), "missed": (25, 7), "invented": (25, 25)}
    for kind, (y, x) in middles.items():
        *colour, opacity = layer.getpixel((x * times, y * times))
        assert tuple(colour) == COLOURS[kind] and 0 < opacity < 255
    assert layer.getpixel((35 * times, 5 * times))[3] == 0


def test_a_large_picture_is_shrunk_with_its_outlines():
    image = np.random.default_rng(0).random((300, 1200)).astype(np.float32)
    assert decoded(page_pictures.picture(image)).size == (512, 128)
    assert decoded(page_pictures.outlined(np.ones((300, 1200), np.int32))).size == (512, 128)
    assert decoded(page_pictures.picture(image[:, :200])).size == (200, 300)


def test_of_a_volume_the_plane_with_most_annotated_is_shown():
    labels = np.zeros((9, 8, 8), np.int32)
    assert page_pictures.plane_of(labels) == 4 and page_pictures.plane_of(labels[0]) is None
    labels[2, :3], labels[6, :5] = 1, 2
    assert page_pictures.plane_of(labels) == 6
