"""Small networks, exported as TorchScript and ONNX, for the tests of custom encoders."""

import numpy as np
import onnx
import torch
from onnx import TensorProto, helper, numpy_helper
from torch import nn

from earthdim.build import build

WEIGHT = np.random.default_rng(0).normal(size=(2, 6))
BIAS = np.random.default_rng(1).normal(size=6)


class Sine(nn.Module):
    """sin(x W + b), and noise while it is trained."""

    def __init__(self, dtype=torch.float32):
        super().__init__()
        self.weight = nn.Parameter(torch.tensor(WEIGHT, dtype=dtype))
        self.bias = nn.Parameter(torch.tensor(BIAS, dtype=dtype))
        self.drop = nn.Dropout(0.5)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return self.drop(torch.sin(torch.addmm(self.bias, x, self.weight)))


class Pair(nn.Module):
    def forward(self, x: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        return x, x


class Noise(nn.Module):
    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return x + torch.rand_like(x)


def script(module, path="encoder.pt"):
    torch.jit.save(torch.jit.script(module), path)
    return path


def graph(
    path="encoder.onnx", element=TensorProto.FLOAT, shape=("n", 2), outputs=1, inputs=1, operator="Sin"
):
    """The network above, node by node."""
    dtype = helper.tensor_dtype_to_np_dtype(element)
    nodes = [
        helper.make_node("MatMul", ["x", "weight"], ["product"]),
        helper.make_node("Add", ["product", "bias"], ["phase"]),
        helper.make_node(operator, ["phase"], ["embedding"]),
    ]
    given = [helper.make_tensor_value_info("x", element, shape)]
    given += [helper.make_tensor_value_info(f"x{i}", element, shape) for i in range(1, inputs)]
    made = [
        helper.make_tensor_value_info(name, element, ["n", 6]) for name in ("embedding", "phase")[:outputs]
    ]
    stored = [
        numpy_helper.from_array(array.astype(dtype), name)
        for name, array in (("weight", WEIGHT), ("bias", BIAS))
    ]
    model = helper.make_model(
        helper.make_graph(nodes, "encoder", given, made, stored), opset_imports=[helper.make_opsetid("", 22)]
    )
    model.ir_version = 10
    onnx.save(model, path)
    return path


def own(kind, file, **arguments):
    return build({"_target_": f"earthdim.encoders.custom.exported.{kind}", "file": file, **arguments})


def lonlat(n=50):
    rng = np.random.default_rng(0)
    return np.column_stack((rng.uniform(-180, 180, n), np.degrees(np.arcsin(rng.uniform(-1, 1, n)))))


def expected(where, dtype):
    x = where.astype(dtype)
    return np.sin(x @ WEIGHT.astype(dtype) + BIAS.astype(dtype))


def save(nodes, given, made, stored, path="encoder.onnx"):
    tensors = [numpy_helper.from_array(value, name) for name, value in stored.items()]
    model = helper.make_model(
        helper.make_graph(nodes, "encoder", given, made, tensors), opset_imports=[helper.make_opsetid("", 22)]
    )
    model.ir_version = 10
    onnx.save(model, path)
