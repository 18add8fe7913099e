"""Tiny data sets, each in the layout in which the real one is distributed."""

import zipfile

import h5py
import numpy as np
import tifffile
from PIL import Image


def nuclei(shape, count=2):
    """Labels of `count` squares or cubes of 3 voxels, apart, and a picture that is 40 a label."""
    labels = np.zeros(shape, np.uint16)
    for number in range(1, count + 1):
        labels[..., 1:4, 4 * number - 3 : 4 * number] = number
    return labels, (labels * 40 + 5).astype(np.uint8)


def write(path, array):
    path.parent.mkdir(parents=True, exist_ok=True)
    tifffile.imwrite(path, array, photometric="minisblack")


def ctc(root, frames=3, shape=(12, 16), annotated=(1,), silver=True):
    """Two sequences; of each frame the markers, of some the gold truth, of all the silver truth."""
    labels, image = nuclei(shape)
    for sequence in ("01", "02"):
        for frame in range(frames):
            write(root / sequence / f"t{frame:03d}.tif", image + np.uint8(frame))
            write(root / f"{sequence}_GT" / "TRA" / f"man_track{frame:03d}.tif", labels)
            if frame in annotated:
                write(root / f"{sequence}_GT" / "SEG" / f"man_seg{frame:03d}.tif", labels)
            if silver:
                write(root / f"{sequence}_ST" / "SEG" / f"man_seg{frame:03d}.tif", labels)
    return root


def ctc_test(root):
    """Two sequences without any truth."""
    _, image = nuclei((12, 16))
    for sequence in ("01", "02"):
        for frame in range(3):
            write(root / "Fluo-N2DL-HeLa" / sequence / f"t{frame:03d}.tif", image + np.uint8(frame))
    return root


def ctc_planes(root):
    """Volumes of which gold truth is one plane."""
    ctc(root, shape=(5, 12, 16), annotated=())
    labels, _ = nuclei((12, 16))
    for sequence in ("01", "02"):
        write(root / f"{sequence}_GT" / "SEG" / "man_seg_001_003.tif", labels)
    return root


def s_bsst265(root):
    labels, image = nuclei((12, 16))
    rows = ["Image_Name;Diagnosis;Magnification;Train-/Testset split;Testset class"]
    for name, magnification, split in (
        ("normal_0", "20x", "train"), ("normal_1", "63x", "test"), ("Neuroblastoma_0", "10x", "train"),
    ):  # fmt: skip
        rows.append(f"{name};none;{magnification};{split};NC-III")
        write(root / "rawimages" / f"{name}.tif", image)
        write(root / "groundtruth" / f"{name}.tif", labels)
    (root / "image_description.csv").write_text("\n".join(rows) + "\n", encoding="utf-8-sig")
    return root


def bbbc024(root):
    labels, image = nuclei((5, 12, 16))
    for number in range(2):
        write(root / f"image-final_{number:04d}.tif", image.astype(np.uint16))
        write(root / f"image-labels_{number:04d}.tif", labels)
    return root


def scaffold(root):
    labels, image = nuclei((4, 12, 16))
    for split, number in (("train", 1), ("train", 2), ("test", 21)):
        (root / split).mkdir(parents=True, exist_ok=True)
        np.save(root / split / f"sf_a549_{number:02d}.npy", image)
    np.save(root / "test" / "sf_a549_21_Label.npy", labels.astype(np.int32))
    return root


def nucmm(root):
    labels, image = nuclei((5, 12, 16))
    for split in ("train", "val"):
        for folder, kind, array in (("Image", "img", image), ("Label", "seg", labels)):
            (root / folder / split).mkdir(parents=True)
            with h5py.File(root / folder / split / f"{kind}_0000_0576_0768.h5", "w") as file:
                file["main"] = array
    return root


def nucexm(root):
    """One volume with its labels beside it, one with them inside."""
    labels, image = nuclei((5, 12, 16))
    root.mkdir(parents=True)
    hdf5(root / "vol1_im.h5", main=image)
    hdf5(root / "vol1_seg.h5", main=labels)
    hdf5(root / "vol2.h5", image=image, label=labels)
    return root


def hdf5(path, **arrays):
    path.parent.mkdir(parents=True, exist_ok=True)
    with h5py.File(path, "w") as file:
        for name, array in arrays.items():
            file[name] = array


def nucexm_laid(root, image, label):
    """Both volumes as files or, where a name has '{z}', as planes; '{v}' is the number of the volume."""
    labels, picture = nuclei((5, 12, 16))
    for volume in (1, 2):
        for name, array in ((image, picture + np.uint8(volume)), (label, labels)):
            many = "{z}" in name
            for z, one in enumerate(array if many else [array]):
                save(root / name.format(v=volume, z=f"{z:04d}"), one)
    return root


def save(path, array):
    if path.suffix == ".h5":
        hdf5(path, main=array)
    elif path.suffix == ".png":
        path.parent.mkdir(parents=True, exist_ok=True)
        Image.fromarray(array).save(path)
    else:
        write(path, array)


def dsb2018(root):
    """A grey picture that is stored in colour, with two nuclei, and one in colour with one."""
    labels, image = nuclei((12, 16))
    for name, colour in (("a1", image[..., None] * np.array([1, 1, 1, 0], np.uint8)), ("b2", None)):
        for folder in ("images", "masks"):
            (root / name / folder).mkdir(parents=True)
        if colour is None:
            colour = np.stack([image, image // 2, image, np.full_like(image, 255)], axis=-1)
        Image.fromarray(colour).save(root / name / "images" / f"{name}.png")
        for number in (1, 2) if name == "a1" else (1,):
            mask = np.where(labels == number, 255, 0).astype(np.uint8)
            Image.fromarray(mask).save(root / name / "masks" / f"{number}.png")
    return root


def zipped(path, members, compression=zipfile.ZIP_DEFLATED):
    """An archive of texts or bytes by their names."""
    with zipfile.ZipFile(path, "w", compression) as file:
        for name, content in members.items():
            file.writestr(name, content)
    return path
