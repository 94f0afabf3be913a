"""Writes HDF5 files that take data from other files, which are not there, by h5py 3.16 (HDF5 2.0)."""

import pathlib

import h5py
import numpy as np

here = pathlib.Path(__file__).parent
OTHER = "/nonexistent/secret"

for name, options in {"earliest": {}, "latest": {"libver": "latest"}}.items():
    with h5py.File(here / f"link-{name}.h5", "w", **options) as file:
        file["weights"] = h5py.ExternalLink(OTHER, "/kernel")
    with h5py.File(here / f"array-{name}.h5", "w", **options) as file:
        file.create_dataset("kernel", shape=(4,), dtype="u1", external=[(OTHER, 0, 4)])
    with h5py.File(here / f"virtual-{name}.h5", "w", **options) as file:
        layout = h5py.VirtualLayout(shape=(4,), dtype="f4")
        layout[:] = h5py.VirtualSource(OTHER, "kernel", shape=(4,))
        file.create_virtual_dataset("kernel", layout)

# many links, so that they lie in a heap of their own
with h5py.File(here / "links-many.h5", "w", libver="latest") as file:
    for index in range(12):
        file[f"layer_{index}"] = h5py.ExternalLink(OTHER, "/kernel")
with h5py.File(here / "array-user-block.h5", "w", userblock_size=8192) as file:
    file.create_dataset("kernel", shape=(4,), dtype="u1", external=[(OTHER, 0, 4)])
with open(here / "array-user-block.h5", "r+b") as file:
    file.write(b"text " * 1638)

# links and virtual arrays within one file are nobody's harm
with h5py.File(here.parent / "benign" / "inner-links.h5", "w", libver="latest") as file:
    file["kernel"] = np.ones(4, np.float32)
    file["soft"] = h5py.SoftLink("/kernel")
    file["hard"] = file["kernel"]
    file.attrs["words"] = ["a", "bb"]
    layout = h5py.VirtualLayout(shape=(4,), dtype="f4")
    layout[:] = h5py.VirtualSource(file["kernel"])
    file.create_virtual_dataset("view", layout)
