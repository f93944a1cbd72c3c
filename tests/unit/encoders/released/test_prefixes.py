"""Checkpoints with other prefixes, additional tensors, and objects among hyperparameters."""

import argparse
import enum
import functools
import os
import pickle
import re
import types
import warnings
import zipfile
from collections import OrderedDict, defaultdict
from pathlib import Path

import numpy as np
import pytest
import torch
from released_checkpoints import LAYOUTS, arguments, digest, points
from safetensors.torch import save_file

from earthdim.build import build
from earthdim.encoders.released import satclip
from earthdim.encoders.released.sources import CheckpointError

POLYS, WIDTH, OUTPUTS = 4, 8, 6
HYPER = {
    "le_type": "sphericalharmonics",
    "harmonics_calculation": "analytic",
    "legendre_polys": POLYS,
    "pe_type": "siren",
    "capacity": WIDTH,
    "num_hidden_layers": 2,
    "embed_dim": OUTPUTS,
}


def tensors(prefix="model.location.nnet.", seed=0):
    rng = np.random.default_rng(seed)
    shapes = {"layers.0": (WIDTH, POLYS**2), "layers.1": (WIDTH, WIDTH), "last_layer": (OUTPUTS, WIDTH)}
    state = OrderedDict()
    for name, shape in shapes.items():
        state[f"{prefix}{name}.weight"] = torch.tensor(rng.normal(size=shape) / 10, dtype=torch.float32)
        state[f"{prefix}{name}.bias"] = torch.tensor(rng.normal(size=shape[0]), dtype=torch.float32)
    return state


def computed(seed=0):
    """SatCLIP's network in float64 on the encoder's harmonics, which are tested separately."""
    state = {name: value.double().numpy() for name, value in tensors("", seed).items()}
    x = satclip.ReleasedHarmonics(POLYS)(torch.tensor(points(9), dtype=torch.float64)).double().numpy()
    for layer, factor in (("layers.0", 30), ("layers.1", 1)):
        x = np.sin(factor * (x @ state[f"{layer}.weight"].T + state[f"{layer}.bias"]))
    return x @ state["last_layer.weight"].T + state["last_layer.bias"]


def read(path):
    encoder = satclip.location_encoder({"file": str(path)}, digest(path), POLYS, WIDTH, 2, OUTPUTS)
    return encoder.embed(points(9))


def saved(folder, state, hyper=HYPER, **more):
    path = folder / "w.ckpt"
    torch.save({"epoch": 9, "state_dict": state, "hyper_parameters": hyper, **more}, path)
    return path


def is_right(path, seed=0):
    np.testing.assert_allclose(read(path), computed(seed), rtol=0, atol=1e-4)


# Which tensors


@pytest.mark.parametrize(
    "prefix",
    [
        "module.model.location.nnet.", "_orig_mod.model.location.nnet.", "_orig_mod.module.model.location.nnet.",
        "model._orig_mod.location.nnet.", "model.location._orig_mod.nnet.", "model.location.nnet.module.",
        "location.nnet.", "nnet.", "", "module.nnet.", "net.geo.location.nnet.", "location_encoder.nnet.",
        "_forward_module.model.location.nnet.", "encoder.",
    ],
)  # fmt: skip
def test_any_prefix_of_the_names_is_accepted(prefix, tmp_path):
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        is_right(saved(tmp_path, tensors(prefix)))


@pytest.mark.parametrize("leaf", ["geoclip/released", "csp/fmow", "sinr/released", "climplicit/released"])
@pytest.mark.parametrize("change", ["module.{}", "model._orig_mod.{}", "shorter"])
def test_every_model_finds_its_tensors_below_other_prefixes(leaf, change, tmp_path):
    layout = LAYOUTS[leaf]
    published = {"csp/fmow": "loc_enc.spa_enc.ffn.", "climplicit/released": "location_encoder."}.get(leaf, "")

    def renamed(state):
        for name in list(state):
            value = state.pop(name)
            if change != "shorter":
                state[change.format(name)] = value
            elif name.startswith(published):
                state[name.removeprefix(published)] = value

    path, _ = layout.write(tmp_path)
    _, state = layout.write(tmp_path)
    path, _ = layout.write(tmp_path, renamed)
    embedded = build(arguments(leaf, path)).embed(points())
    np.testing.assert_allclose(embedded, layout.forward(state, points()), rtol=0, atol=1e-4)


@pytest.mark.parametrize(
    "name",
    [
        "model.text.proj", "val_loss_metric.total", "ema.model.location.nnet.last_layer.bias", "criterion.logit_scale",
        "model.location.posenc.buffer", "n_averaged",
    ],
)  # fmt: skip
def test_other_tensors_are_ignored_and_named(name, tmp_path):
    path = saved(tmp_path, {**tensors(), name: torch.zeros(3)})
    with pytest.warns(
        UserWarning, match=rf"w\.ckpt: 1 tensors .* 'model\.location\.nnet\.'.*: {re.escape(name)}$"
    ):
        is_right(path)


@pytest.mark.parametrize(
    ("kept", "other"),
    [
        ("model.location.nnet.", "ema.model.location.nnet."),
        ("model.location.nnet.", "model_ema.location.nnet."),
        ("location.nnet.", "module.location.nnet."),
        ("net.nnet.", "net_ema.nnet."),
        ("model.location.nnet.", "a."),
        ("student.location.nnet.", "teacher.nnet."),
    ],
)
def test_the_copy_with_the_published_name_is_used_and_the_other_reported(kept, other, tmp_path):
    path = saved(tmp_path, {**tensors(other, 1), **tensors(kept, 0)})
    with pytest.warns(UserWarning, match=rf"'{re.escape(kept)}'.*: {re.escape(other)}"):
        is_right(path)


def test_equally_likely_prefixes_are_rejected_unless_equal(tmp_path):
    one, other = "student.location.nnet.", "teacher.location.nnet."
    with pytest.raises(
        CheckpointError, match=rf"'{re.escape(one)}' and '{re.escape(other)}' both have the names"
    ):
        read(saved(tmp_path, {**tensors(one), **tensors(other, 1)}))
    with pytest.warns(UserWarning, match=re.escape(other)):
        is_right(saved(tmp_path, {**tensors(one), **tensors(other)}))


@pytest.mark.parametrize("prefix", ["", "nnet.", "location.nnet.", "module.model.location.nnet."])
def test_another_architecture_below_another_prefix_is_rejected(prefix, tmp_path):
    state = tensors(prefix)
    for change, message in (
        ({f"{prefix}layers.2.weight": torch.zeros(WIDTH, WIDTH)}, "layers.2.weight is not a weight"),
        (
            {f"{prefix}layers.1.weight": torch.zeros(WIDTH, 3)},
            r"layers.1.weight has the shape \(8, 3\), not \(8, 8\)",
        ),
        (
            {f"{prefix}skip.weight" if prefix else "layers.2.bias": torch.zeros(3)},
            "is not a weight",
        ),
        ({f"{prefix}layers.1.weight": "text"}, "layers.1.weight is a str, not a tensor"),
        (
            {f"{prefix}layers.1.weight": Path("x")},
            "layers.1.weight is an object of pathlib.*, not a tensor",
        ),
    ):
        with pytest.raises(CheckpointError, match=message):
            read(saved(tmp_path, {**state, **change}))
    del state[f"{prefix}layers.1.bias"]
    with pytest.raises(CheckpointError, match=r"layers\.1\.bias is missing"):
        read(saved(tmp_path, state))


@pytest.mark.parametrize("kind", ["model", "model_state_dict", "two", "state_dict in model", "safetensors"])
def test_tensors_below_other_keys_of_the_file(kind, tmp_path):
    path = tmp_path / "w"
    if kind == "safetensors":
        save_file(dict(tensors("location.nnet.")), path)
    elif kind == "two":
        torch.save({"model": tensors("nnet."), "model_ema": tensors("nnet.", 1), "epoch": 3}, path)
    elif kind == "state_dict in model":
        torch.save({"model": {"state_dict": tensors()}, "optimizer": {"state": {0: torch.ones(1)}}}, path)
    else:
        torch.save({kind: tensors("location.nnet."), "epoch": 3}, path)
    is_right(path)


# Other objects in the file


class Colour(enum.Enum):
    RED = 1


class Holder(dict):
    """A dict of another package, with additional attributes."""


class Slotted:
    __slots__ = ("a",)

    def __init__(self):
        self.a = 1


OBJECTS = {
    "path": Path("/data/s2"), "namespace": argparse.Namespace(a=1), "partial": functools.partial(max, 1),
    "array": np.arange(3.0), "objects": np.array([Path("x"), None]), "scalar": np.float64(1e-4), "set": {1, 2},
    "size": torch.Size([1, 2]), "dtype": torch.float32, "device": torch.device("cpu"), "complex": 1j,
    "numpy type": np.float32, "class": Colour, "enum": Colour.RED, "function": os.getcwd, "dict": Holder(a=1),
    "default": defaultdict(list, a=[1]), "slots": Slotted(), "range": range(3), "generator": torch.Generator,
    "module": torch.nn.Linear(2, 2), "simple": types.SimpleNamespace(a=1), "bytes": b"\xff", "text": np.str_("x"),
    "date": np.datetime64("2020-01-01"), "bool": np.bool_(True), "lambda class": type("x", (), {}).__mro__[1],
}  # fmt: skip


@pytest.mark.parametrize("name", OBJECTS)
def test_an_object_among_hyperparameters_does_not_hide_the_tensors(name, tmp_path):
    is_right(saved(tmp_path, tensors(), {**HYPER, "more": OBJECTS[name]}))
    is_right(saved(tmp_path, tensors(), HYPER, callbacks={"x": [OBJECTS[name], {"y": OBJECTS[name]}]}))


@pytest.mark.parametrize("protocol", [2, 3, 4, 5])
def test_any_protocol_of_pickle(protocol, tmp_path):
    path = tmp_path / "w.ckpt"
    content = {"state_dict": tensors(), "hyper_parameters": {**HYPER, "path": Path("x"), "raw": b"\x00\xff"}}
    torch.save(content, path, pickle_protocol=protocol)
    is_right(path)


class Trap:
    """Would make a folder when it is built, or when its state is set."""

    def __init__(self, how):
        self.how = how

    def __reduce__(self):
        return {
            "call": lambda: (os.mkdir, ("ran",)),
            "state": lambda: (os.mkdir, ("ran",), {"a": 1}),
            "items": lambda: (os.mkdir, ("ran",), None, iter([1]), iter([("a", 1)])),
            "getattr": lambda: (getattr, (Path("x"), "mkdir")),
            "loads": lambda: (pickle.loads, (pickle.dumps(Trap("call")),)),
            "partial": lambda: (functools.partial(os.mkdir, "ran").__reduce__()[0], (os.mkdir,)),
            "numpy": lambda: (np._core.multiarray.scalar, (np.dtype("O"), pickle.dumps(Trap("call")))),
            "rebuild": lambda: (
                torch._utils._rebuild_tensor_v2,
                (Trap("call"), 0, (1,), (1,), False, OrderedDict()),
            ),
            "type": lambda: (torch._tensor._rebuild_from_type_v2, (os.mkdir, str, ("ran",), {})),
        }[self.how]()


@pytest.mark.filterwarnings("ignore:Unpickling a scalar")
@pytest.mark.parametrize(
    "how", ["call", "state", "items", "getattr", "loads", "partial", "numpy", "rebuild", "type"]
)
def test_nothing_of_a_checkpoint_is_run(how, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    path = saved(tmp_path, tensors(), {**HYPER, "more": Trap(how)})
    if how == "numpy":
        # An object in a number of numpy stays the bytes that it is.
        is_right(path)
    elif how == "rebuild":
        with pytest.raises(CheckpointError, match="not run"):
            read(path)
    else:
        with pytest.warns(UserWarning, match=r"w\.ckpt: holds objects .* ignored and not run"):
            is_right(path)
    with pytest.raises(CheckpointError, match="not run"):
        read(saved(tmp_path, {**tensors(), "model.location.nnet.layers.0.weight": Trap(how)}))
    assert not Path("ran").exists()


def test_a_file_cannot_change_the_readers_functions(tmp_path):
    path = saved(tmp_path, tensors(), {**HYPER, "more": Path("x"), "size": torch.Size([1])})
    with zipfile.ZipFile(path) as archive:
        members = {item: archive.read(item) for item in archive.namelist()}
    name = next(item for item in members if item.endswith("data.pkl"))
    # torch.Size is given a state where it is not yet called: GLOBAL, an empty mapping, BUILD.
    written = members[name]
    assert written.count(b"ctorch\nSize\n") == 1
    members[name] = written.replace(b"ctorch\nSize\n", b"ctorch\nSize\n}b")
    with zipfile.ZipFile(path, "w") as archive:
        for item, content in members.items():
            archive.writestr(item, content)
    with pytest.raises(CheckpointError, match=r"not run \(a function is given attributes\)"):
        read(path)


def test_a_pickled_module_is_rejected(tmp_path):
    torch.save(torch.nn.Linear(2, 2), tmp_path / "w.pt")
    with pytest.raises(CheckpointError, match=r"an object of torch\.nn\.modules\.linear\.Linear.*state_dict"):
        read(tmp_path / "w.pt")


def test_a_torchscript_program_is_rejected(tmp_path):
    torch.jit.save(torch.jit.script(torch.nn.Linear(2, 2)), tmp_path / "w.pt")
    with pytest.raises(CheckpointError, match=r"TorchScript program.*custom\.exported\.torchscript"):
        read(tmp_path / "w.pt")


# Hyperparameters


@pytest.mark.parametrize(
    "value", [str(POLYS), float(POLYS), np.int64(POLYS), np.float32(POLYS), torch.tensor(POLYS), f" {POLYS} "]
)
def test_equal_numbers_of_other_types_are_accepted(value, tmp_path):
    is_right(saved(tmp_path, tensors(), {**HYPER, "legendre_polys": value}))


@pytest.mark.parametrize("value", ["5", 5.0, np.int64(5), True, None, [4], "many"])
def test_another_number_is_rejected_in_any_type(value, tmp_path):
    with pytest.raises(CheckpointError, match=r"its hyperparameter legendre_polys is .*, not 4"):
        read(saved(tmp_path, tensors(), {**HYPER, "legendre_polys": value}))


class Node:
    """As OmegaConf keeps a value: an object with the value inside."""

    def __init__(self, value):
        self._val = value


class Config:
    def __init__(self, content):
        self._metadata = Path("x")
        self._content = {name: Node(value) for name, value in content.items()}


@pytest.mark.filterwarnings("ignore:.*ignored")
@pytest.mark.parametrize(
    "held",
    [
        lambda values: argparse.Namespace(**values),
        lambda values: types.SimpleNamespace(**values),
        Config,
        Holder,
        lambda values: {"model": values, "trainer": {}},
        lambda values: {"model": {"class_path": "x", "init_args": values}, "data": {"capacity": 3}},
        lambda values: {"cfg": argparse.Namespace(model=Config(values))},
    ],
)
def test_nested_hyperparameters_are_compared(held, tmp_path):
    is_right(saved(tmp_path, tensors(), held(HYPER)))
    with pytest.raises(CheckpointError, match="harmonics_calculation is 'closed-form', not 'analytic'"):
        read(saved(tmp_path, tensors(), held({**HYPER, "harmonics_calculation": "closed-form"})))


def test_hyperparameters_that_cannot_be_compared_cause_a_warning(tmp_path):
    with pytest.warns(UserWarning, match="the hyperparameters capacity are objects that are not read"):
        is_right(saved(tmp_path, tensors(), {**HYPER, "capacity": np.array(8)}))
    with pytest.warns(UserWarning, match="hyperparameters are objects that are not read"):
        is_right(saved(tmp_path, tensors(), functools.partial(max)))
