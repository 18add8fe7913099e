"""Make the numbers of the parity tests with the published classes, on the CPU and in float64.

    python tests/parity/published_values.py adgan CHECKOUT
    python tests/parity/published_values.py cysgan CHECKOUT

CHECKOUT is one of `PROGRAMS`. Writes adgan.json or cysgan.json beside this file. Needs no GPU; packages that
the step does not use are stood in for.
"""

from __future__ import annotations

import argparse
import importlib.abc
import importlib.machinery
import json
import random
import sys
from pathlib import Path
from types import SimpleNamespace
from unittest.mock import MagicMock

import torch
import yaml

sys.path.insert(0, str(Path(__file__).parents[1]))
from support import closed_form as known

PROGRAMS = {
    "adgan": "Kaiseem/AD-GAN at d692d16",
    "cysgan": "PytorchConnectomics/pytorch_connectomics at 7ec3284e (branch v1.0)",
}


class Absent(importlib.abc.MetaPathFinder, importlib.abc.Loader):
    """Stands in for packages that are imported and not used here."""

    names = ("GPUtil", "tensorboardX", "cv2", "einops", "torchvision", "cc3d", "em_util")

    def find_spec(self, name, path=None, target=None):
        ours = name.split(".")[0] in self.names
        return importlib.machinery.ModuleSpec(name, self, is_package=True) if ours else None

    def create_module(self, spec):
        made = MagicMock()
        made.__path__, made.__spec__ = [], spec
        return made

    def exec_module(self, module):
        pass


class Watched:
    """In place of an optimiser: keeps the gradients of a network at the time of its step."""

    def __init__(self, *networks):
        self.networks, self.gradients = networks, {}

    def zero_grad(self):
        for network in self.networks:
            network.zero_grad()

    def step(self):
        self.gradients = [
            {name: parameter.grad.clone() for name, parameter in network.named_parameters()}
            for network in self.networks
        ]


class Noted:
    """A loss that keeps what it has given."""

    def __init__(self, loss, values):
        self.loss, self.values = loss, values

    def __call__(self, *inputs):
        made = self.loss(*inputs)
        self.values.append(float(made[0] if isinstance(made, tuple) else made))
        return made


def filled(network, prefix):
    """A network with known weights, and the shapes of its state dictionary by name."""
    shapes = {name: list(value.shape) for name, value in network.state_dict().items()}
    network.load_state_dict(known.state_dict(prefix, shapes))
    return network, shapes


def adgan(checkout):
    """Forward passes in 2D and 3D, and one step in 2D."""
    sys.path.insert(0, checkout)
    torch.Tensor.cuda = lambda self, *_: self
    for kind in (torch.Tensor, torch.nn.Module):  # the code names its device
        kind.to = lambda self, *where, plain=kind.to, **more: (
            self if where[:1] == ("cuda",) else plain(self, *where, **more)
        )
    from trainer import Trainer

    told = {}
    for dims, width, size in ((2, 4, (32, 32)), (3, 2, (24, 24, 24))):
        options = SimpleNamespace(
            dimensions=dims, num_c_dim=width, lr=2e-4, beta1=0.5, lr_policy="linear", iter_count=1, n_iters=1,
            n_iters_decay=1, lambda_rec=20, lambda_cyc=20, lambda_ctr=1, no_adt=False,
        )  # fmt: skip
        made = Trainer(options)
        shapes = {}
        for name, network in (("enc", made.g_enc), ("dec", made.g_dec), ("dis", made.dis)):
            _, shapes[name] = filled(network, f"{dims}D.{name}")
        image, mask = (known.picture(name, (2, 1, *size)) for name in ("image", "mask"))
        a, b = torch.tensor([0, 0]), torch.tensor([1, 1])
        with torch.no_grad():
            content = made.g_enc(image, a)
            forward = {
                "content": content, "image to mask": made.g_dec(content, b),
                "mask to image": made.g_dec(made.g_enc(mask, b), a),
                "critic of images": made.dis(image, a), "critic of masks": made.dis(image, b),
            }  # fmt: skip
        told[f"{dims}D"] = {
            "size": size, "shapes": shapes,
            "forward": {name: known.fingerprint(value) for name, value in forward.items()},
        }  # fmt: skip
        if dims == 2:
            told["2D"] |= step_of_adgan(made, image, mask)
    return told


def step_of_adgan(made, image, mask):
    """Losses and gradients of one step."""
    made.gen_opt, made.dis_opt = Watched(made.g_enc, made.g_dec), Watched(made.dis)
    made.gan_forward(image, mask)
    made.gen_update()
    made.dis_update()
    losses = {
        name: float(getattr(made, f"loss_{name}")) for name in ("g_rec", "g_cyc", "g_ctr", "g_adv", "dis")
    }
    gradients = [*made.gen_opt.gradients, *made.dis_opt.gradients]
    by_network = dict(zip(("enc", "dec", "dis"), map(known.gradient_fingerprints, gradients), strict=True))
    return {"losses": losses, "gradients": by_network}


def cysgan(checkout):
    """Forward passes, one step, targets and the decoder."""
    sys.meta_path.append(Absent())
    sys.path[:0] = [checkout, f"{checkout}/projects/CySGAN"]
    from connectomics.data.utils import seg_to_targets, seg_to_weights
    from connectomics.model.arch import Discriminator3D, UNetPlus3D
    from connectomics.utils.process import bcd_watershed

    def settings(name):
        return yaml.safe_load(Path(f"{checkout}/projects/CySGAN/configs/{name}.yaml").read_text())

    base, bcd = settings("CySGAN-Base")["MODEL"], settings("CySGAN-UNet-BCD")
    targets = [f"{one}-0" if one.startswith("5") else one for one in bcd["MODEL"]["TARGET_OPT"]]  # no erosion
    networks, shapes = {}, {}
    for name in ("Gf", "Gb"):
        network = UNetPlus3D(
            block_type=base["BLOCK_TYPE"], in_channel=1, out_channel=bcd["MODEL"]["OUT_PLANES"],
            filters=[16, 32, 48, 64, 80], act_mode=base["ACT_MODE"], norm_mode=base["NORM_MODE"],
        )  # fmt: skip
        networks[name], shapes[name] = filled(network, name)
    for name, channels in (("Dx", 1), ("Dy", 1), ("Ds", 3)):
        network = Discriminator3D(
            channels, [4, 4, 8, 8, 16], act_mode=base["ACT_MODE"], stride_list=[2, 2, 2, 2, 1]
        )
        networks[name], shapes[name] = filled(network, name)
    image, maps = known.picture("image", (1, 1, 5, 33, 33)), known.picture("maps", (1, 3, 5, 33, 33))
    with torch.no_grad():
        forward = {
            "Gb": networks["Gb"](image), "Dx": networks["Dx"](image), "Ds": networks["Ds"](maps),
        }  # fmt: skip
    labels, _ = known.balls((8, 40, 40))
    maps = seg_to_targets(labels, targets)
    found = bcd_watershed(
        known.noisy_maps((16, 48, 48)), thres1=0.9, thres2=0.2, thres3=0.7, thres4=0.5, thres5=-0.1,
        thres_small=60, seed_thres=8,
    )  # fmt: skip
    return {
        "shapes": shapes,
        "forward": {name: known.fingerprint(value) for name, value in forward.items()},
        **step_of_cysgan(networks, targets, bcd, seg_to_weights),
        "targets": [known.fingerprint(one) for one in maps],
        "decoded": known.in_raster_order(found),
    }


def step_of_cysgan(networks, targets, bcd, seg_to_weights):
    """Losses and gradients of one step."""
    from connectomics.model.loss import GANLoss
    from connectomics.model.loss.criterion import Criterion
    from connectomics.model.utils import ImagePool, SplitActivation
    from cysgan.trainer import TrainerCySGAN

    shape = (2, 1, 4, 32, 32)
    pictures = {name: known.picture(name, shape) for name in ("imageX", "reconX", "imageY", "reconY")}
    truth = [
        known.ones_at("binary", shape, 0.25), known.ones_at("contour", shape, 0.125),
        known.picture("distance", shape),
    ]  # fmt: skip
    options = bcd["MODEL"]["WEIGHT_OPT"]
    by_crop = [seg_to_weights([one[i].numpy() for one in truth], options) for i in range(len(truth[0]))]
    weights = [
        [
            torch.stack([torch.as_tensor(crop[t][w], dtype=torch.float64) for crop in by_crop])
            for w in range(len(one))
        ]
        for t, one in enumerate(options)
    ]
    made = object.__new__(TrainerCySGAN)
    made.cfg = SimpleNamespace(
        NEW_DOMAIN=SimpleNamespace(SEMI_SUP=True), SOLVER=SimpleNamespace(ITERATION_SAVE=9)
    )
    made.device, made.is_main_process = torch.device("cpu"), False
    made.start_iter, made.total_iter_nums, made.total_time = 0, 1, 0.0
    made.__dict__.update(networks)
    made.optimizer = {name: Watched(network) for name, network in networks.items()}
    made.lr_scheduler = {name: MagicMock() for name in networks}
    made.image_pool = {name: ImagePool(40, made.device, on_cpu=True) for name in ("Dx", "Dy", "Ds")}
    made.seg_handler = SplitActivation(targets, bcd["INFERENCE"]["OUTPUT_ACT"], do_cat=True)
    gan, seg, l1 = [], [], []
    made.criterionGAN, made.criterionConst = Noted(GANLoss("lsgan"), gan), Noted(torch.nn.L1Loss(), l1)
    kept = (bcd["MODEL"][key] for key in ("LOSS_OPTION", "OUTPUT_ACT", "LOSS_WEIGHT"))
    made.criterionSeg = Noted(Criterion(made.device, targets, *kept), seg)
    x, rx, y, ry = pictures.values()
    made.load_batch = lambda: (x, rx, truth, weights, y, ry)
    random.random = lambda: 0.9  # the critic of maps sees those of the image
    made.train()
    losses = {
        "adversarial_image": gan[0], "adversarial_source": gan[1], "map_adversarial": gan[2] + gan[3],
        "cycle_source": l1[0], "cycle_image": l1[1], "consistency": l1[2],
        "segmentation": seg[0], "segmentation_made": seg[1],
        "critic_source": gan[4] + gan[5], "critic_image": gan[6] + gan[7], "critic_maps": gan[8] + gan[9],
    }  # fmt: skip
    gradients = {
        name: known.gradient_fingerprints(optimiser.gradients[0])
        for name, optimiser in made.optimizer.items()
    }
    return {"losses": losses, "gradients": gradients}


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("program", choices=("adgan", "cysgan"))
    parser.add_argument("checkout")
    asked = parser.parse_args()
    torch.set_default_dtype(torch.float64)
    values = {"adgan": adgan, "cysgan": cysgan}[asked.program](asked.checkout)
    values = {"of": PROGRAMS[asked.program]} | values
    file = Path(__file__).with_name(f"{asked.program}.json")
    made_by = f"tests/parity/{Path(__file__).name}, float64, torch {torch.__version__}"
    file.write_text(json.dumps({"by": made_by, **values}, separators=(",", ":")) + "\n")
    print(file)
