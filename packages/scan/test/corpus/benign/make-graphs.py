"""Writes benign graphs: PyTorch 2.13's exporter, ONNX 1.22's helper."""

import pathlib

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper

here = pathlib.Path(__file__).parent
torch.manual_seed(0)
network = torch.nn.Sequential(torch.nn.Conv2d(1, 2, 3), torch.nn.ReLU(), torch.nn.Flatten(), torch.nn.Linear(72, 3))
torch.onnx.export(network, (torch.zeros(1, 1, 8, 8),), here / "torch-export.onnx", dynamo=False, opset_version=17)
x = helper.make_tensor_value_info("x", TensorProto.FLOAT, [None, 2])
y = helper.make_tensor_value_info("y", TensorProto.FLOAT, [None, 1])
scaler = helper.make_node("Scaler", ["x"], ["s"], domain="ai.onnx.ml", offset=[0.0, 0.0], scale=[1.0, 1.0])
linear = helper.make_node("LinearRegressor", ["s"], ["y"], domain="ai.onnx.ml", coefficients=[1.0, 2.0], intercepts=[0.0])
opsets = [helper.make_opsetid("", 18), helper.make_opsetid("ai.onnx.ml", 3)]
onnx.save(helper.make_model(helper.make_graph([scaler, linear], "g", [x], [y]), opset_imports=opsets), here / "scikit-learn.onnx")
ids = helper.make_tensor_value_info("ids", TensorProto.INT64, [None, 4])
out = helper.make_tensor_value_info("out", TensorProto.FLOAT, [None, 4])
constants = [
    numpy_helper.from_array(np.array(0), "pad"),
    numpy_helper.from_array(np.array(-1e9, "f4"), "low"),
    numpy_helper.from_array(np.linspace(-1, 1, 40, dtype="f4").reshape(10, 4)[:, 0].copy(), "table"),
]
nodes = [
    helper.make_node("Equal", ["ids", "pad"], ["isPad"]),
    helper.make_node("Gather", ["table", "ids"], ["scores"]),
    helper.make_node("Where", ["isPad", "low", "scores"], ["masked"]),
    helper.make_node("Softmax", ["masked"], ["out"]),
]
onnx.save(helper.make_model(helper.make_graph(nodes, "g", [ids], [out], constants), opset_imports=opsets[:1]), here / "masked.onnx")
