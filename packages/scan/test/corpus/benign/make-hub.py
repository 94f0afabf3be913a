"""Writes benign files of model hubs: safetensors 0.8, h5py 3."""

import json
import pathlib

import h5py
import numpy as np
import torch
from safetensors.numpy import save_file
from safetensors.torch import save_file as save_torch

here = pathlib.Path(__file__).parent
save_file({"a": np.arange(6, dtype="f4").reshape(2, 3), "b": np.zeros(3, "i8")}, here / "safetensors.safetensors")
save_torch(
    {"x": torch.ones(3, dtype=torch.bfloat16), "empty": torch.zeros(0, 4), "flag": torch.tensor([True])},
    here / "bf16.safetensors",
    metadata={"format": "pt"},
)
dense = {"class_name": "Dense", "config": {"name": "d", "units": 3, "activation": "relu"}}
model = {"class_name": "Sequential", "config": {"name": "s", "layers": [dense]}}
with h5py.File(here / "keras-dense.h5", "w") as file:
    file.attrs["keras_version"] = "2.15.0"
    file.attrs["model_config"] = json.dumps(model)
    file.create_dataset("d/kernel:0", data=np.linspace(0, 1, 12, dtype="f4").reshape(4, 3))
