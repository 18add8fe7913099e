"""nucleizoo: name, version, dependencies and entry points."""

from setuptools import find_packages, setup

shelf = ["nucleizoo.registry"] + [f"nucleizoo.registry.{p}" for p in find_packages("registry")]

setup(
    name="nucleizoo",
    version="0.1.0",
    description="A model zoo that segments nuclei in microscopy images without annotations",
    author="nucleizoo developers",
    license="MIT",
    python_requires=">=3.11",
    packages=[*find_packages(include=["nucleizoo", "nucleizoo.*"]), *shelf],
    package_dir={"nucleizoo.registry": "registry"},
    package_data={
        "nucleizoo": ["py.typed", "published/table.yaml"],
        "nucleizoo.comparison": ["page.*"],
        "nucleizoo.metrics": ["protocols/*.yaml"],
        "nucleizoo.models": ["*/config.yaml", "*/card.yaml", "*/weights.safetensors", "*/example.npz"],
        "nucleizoo.registry.methods": ["*.yaml"],
    },
    install_requires=[
        "torch>=2.6",
        "yacs>=0.1.8",
        "PyYAML>=6",
        "numpy>=2",
        "scipy>=1.11",
        "h5py>=3.10",
        "scikit-image>=0.22,!=0.25.0,!=0.25.1",
        "pillow>=10.1",
        "tifffile>=2026.3.3",
        "imagecodecs>=2026.3.6",  # decodes every compression of TIFF; older ones have no fax
        "tqdm>=4.65",
        "safetensors>=0.4",
    ],
    extras_require={
        "demo": ["mahotas>=1.4.18"],  # for the image it brings; it has no wheel for Linux on ARM
        "fast": ["edt>=3.0"],  # distances of targets in 3D, several times sooner; used where installed
        "data": ["pooch>=1.8"],  # downloads of published data sets
        "figures": ["matplotlib>=3.8", "scikit-learn>=1.4"],  # nucleizoo figure
        "dask": ["dask[distributed]>=2025.2"],  # prediction by blocks on many processes and machines
        "tensorboard": ["tensorboard>=2.16"],
        "volumes": ["zarr>=3.1,<4"],  # Zarr and OME-Zarr in, OME-Zarr out
        "test": [
            "pytest>=8",
            "pytest-benchmark>=5",
            "pytest-xdist>=3.6",
            "hypothesis>=6.100",
            "pooch>=1.8",
            "selenium>=4.20",
            "tensorboard>=2.16",
            "matplotlib>=3.8",
            "scikit-learn>=1.4",
            "zarr>=3.1,<4",
            "dask[distributed]>=2025.2",
        ],
        "oracle": [
            "stardist>=0.9.2",
            "py-ctcmetrics>=1.3.3",
            "monai>=1.5",
            "ome-zarr-models>=1.0",
        ],  # metrics, blending and metadata are tested against them where installed
        "dev": ["ruff", "mypy", "types-PyYAML", "types-tqdm"],
    },
    entry_points={
        "console_scripts": ["nucleizoo = nucleizoo.cli:main"],
        "nucleizoo.plugins": ["builtin = nucleizoo.registry"],
    },
)
