"""Restricted unpickler for files of torch: tensors and plain data, with inert stand-ins for all other objects.

A Lightning checkpoint stores hyperparameters next to its tensors: paths, namespaces, configurations of other packages.
Ordinary unpickling would import and call any object that the file names. Here every name outside a short list is
replaced by an inert class of this module, which accepts the data of the pickle and does nothing.
"""

import pickle
import sys
from collections import OrderedDict
from collections.abc import Callable, Mapping
from io import BytesIO
from pathlib import Path
from typing import Any

import torch

UNREADABLE = (
    pickle.UnpicklingError,
    EOFError,
    OSError,
    ValueError,
    KeyError,
    IndexError,
    TypeError,
    AttributeError,
    RuntimeError,
    MemoryError,
    RecursionError,
)
"""Errors that a truncated, damaged or malicious file may cause."""


class StandIn:
    """Inert replacement for an object of a class or function that is not read.

    Attributes
    ----------
    name : str
        Dotted name in the file.
    arguments : tuple
        Arguments of the call in the file.
    state : object
        Attributes in the file, or None.
    items : dict
        Items that the file would set on a mapping.
    """

    name = ""

    def __init__(self, *arguments: Any, **named: Any) -> None:
        # Not called if the pickle creates an object without calling its class.
        self.arguments = (*arguments, *named.values())

    def __new__(cls, *arguments: Any, **named: Any) -> "StandIn":
        """Create a stand-in from any arguments."""
        made = super().__new__(cls)
        made.arguments, made.state, made.items = arguments, None, {}
        return made

    def __setstate__(self, state: Any) -> None:
        """Keep the attributes without setting them."""
        self.state = state

    def __setitem__(self, key: Any, value: Any) -> None:
        """Keep an item of a mapping."""
        self.items[key] = value

    def append(self, item: Any) -> None:
        """Ignore an item of a list."""

    def extend(self, items: Any) -> None:
        """Ignore items of a list."""

    def add(self, item: Any) -> None:
        """Ignore an item of a set."""


class _Kind(str):
    """A NumPy dtype by its code, such as f8; its state adds the byte order."""

    order = "<"

    def __new__(cls, code: Any, *_: Any) -> "_Kind":
        return super().__new__(cls, code if isinstance(code, str) else "")

    def __setstate__(self, state: Any) -> None:
        self.order = ">" if isinstance(state, tuple) and len(state) > 1 and state[1] == ">" else "<"


def _number(kind: Any, raw: Any = None) -> Any:
    """A NumPy scalar: an integer, real or boolean number from bytes, else a stand-in."""
    import numpy as np

    plain = isinstance(kind, _Kind) and kind.lstrip("<>|=") in _NUMBERS and isinstance(raw, bytes)
    dtype = np.dtype(f"{kind.order}{kind.lstrip('<>|=')}") if plain else None
    if dtype is None or len(raw) != dtype.itemsize:
        return _stand_in("numpy.scalar")(kind)
    return np.frombuffer(raw, dtype)[0].item()


class _Call:
    """A function that a pickle may call but can neither read nor change."""

    __slots__ = ("_function",)

    def __init__(self, function: Callable[..., Any]) -> None:
        self._function = function

    def __call__(self, *arguments: Any) -> Any:
        return self._function(*arguments)

    def __setstate__(self, state: Any) -> None:
        raise pickle.UnpicklingError("a function is given attributes")


_NUMBERS = ("b1", "i1", "i2", "i4", "i8", "u1", "u2", "u4", "u8", "f2", "f4", "f8")


def _tensor(storage: Any, offset: int, size: Any, stride: Any, *_: Any) -> Any:
    """A tensor on its storage; hooks and other attributes in the pickle are dropped."""
    if not isinstance(storage, torch.storage.TypedStorage):
        raise pickle.UnpicklingError("a tensor refers to an object that is not a storage")
    return torch._utils._rebuild_tensor_v2(storage, offset, size, stride, False, OrderedDict())


def _parameter(data: Any, *_: Any) -> Any:
    return data


def _bytes(text: Any, encoding: Any = "latin1") -> Any:
    """Bytes in the form of old pickle protocols."""
    if not isinstance(text, str) or encoding != "latin1":
        raise pickle.UnpicklingError("bytes in an encoding that is not latin1")
    return text.encode("latin1")


def _mapping(*_: Any) -> dict[Any, Any]:
    """A defaultdict as a plain dict, without its factory."""
    return {}


def _counts(*given: Any) -> dict[Any, Any]:
    return dict(given[0]) if given and isinstance(given[0], Mapping) else {}


_KNOWN: dict[str, Callable[..., Any]] = {
    "collections.OrderedDict": OrderedDict,
    "collections.defaultdict": _mapping,
    "collections.Counter": _counts,
    "builtins.set": set,
    "builtins.frozenset": frozenset,
    "builtins.complex": complex,
    "_codecs.encode": _bytes,
    "torch.Size": torch.Size,
    "torch.device": torch.device,
    "torch._utils._rebuild_tensor": _tensor,
    "torch._utils._rebuild_tensor_v2": _tensor,
    "torch._utils._rebuild_parameter": _parameter,
    "torch._utils._rebuild_parameter_with_state": _parameter,
    "numpy.dtype": _Kind,
    "numpy._core.multiarray.scalar": _number,
    # Before numpy 2 the same function was saved under another name.
    "numpy.core.multiarray.scalar": _number,
}
_STORAGES = {
    f"{kind}Storage": dtype
    for kind, dtype in {
        "Double": torch.float64,
        "Float": torch.float32,
        "Half": torch.float16,
        "BFloat16": torch.bfloat16,
        "Long": torch.int64,
        "Int": torch.int32,
        "Short": torch.int16,
        "Char": torch.int8,
        "Byte": torch.uint8,
        "Bool": torch.bool,
        "ComplexFloat": torch.complex64,
        "ComplexDouble": torch.complex128,
        "Untyped": torch.uint8,
    }.items()
}


def _stand_in(name: str) -> type[StandIn]:
    return type("StandIn", (StandIn,), {"name": name})


class _Reader(pickle.Unpickler):
    """Unpickler of a torch archive that resolves only the names listed above."""

    def __init__(self, archive: Any) -> None:
        super().__init__(BytesIO(archive.get_record("data.pkl")), encoding="latin1")
        self.archive = archive
        self.passed_over: dict[str, type[StandIn]] = {}
        self.storages: dict[str, Any] = {}

    def find_class(self, module: str, name: str) -> Any:
        # The name in Python 2, which old protocols still use.
        dotted = f"{'builtins' if module == '__builtin__' else module}.{name}"
        if dotted in _KNOWN:
            return _Call(_KNOWN[dotted])
        if module in ("torch", "torch.storage") and name in _STORAGES:
            return _STORAGES[name]
        if module == "torch" and isinstance(kind := vars(torch).get(name), torch.dtype):
            return kind
        return self.passed_over.setdefault(dotted, _stand_in(dotted))

    def persistent_load(self, saved: Any) -> Any:
        """Storage of a tensor, from its record in the archive."""
        word, dtype, key, _, count = saved
        if word != "storage" or not isinstance(dtype, torch.dtype):
            raise pickle.UnpicklingError("a storage of an unknown kind")
        if key not in self.storages:
            size = count * torch._utils._element_size(dtype)
            found = self.archive.get_storage_from_record(f"data/{key}", size, torch.UntypedStorage)
            untyped = found._typed_storage()._untyped_storage
            self.storages[key] = torch.storage.TypedStorage(wrap_storage=untyped, dtype=dtype, _internal=True)
        return self.storages[key]


def read(path: Path) -> tuple[Any, list[str]]:
    """Read an archive of `torch.save` without running code in it.

    Parameters
    ----------
    path : Path
        A zip archive of torch (its default since version 1.6).

    Returns
    -------
    found : object
        Tensors, numbers, text and containers of them. Every other object is replaced by a `StandIn`.
    passed_over : list of str
        Dotted names of the replaced objects.

    Raises
    ------
    ValueError
        If it was saved on a machine with the other byte order.
    Exception
        One of `UNREADABLE` if the file is damaged.
    """
    archive = torch._C.PyTorchFileReader(str(path))
    if archive.has_record("byteorder"):
        order = archive.get_record("byteorder").decode(errors="replace")
        if order != sys.byteorder:
            raise ValueError(f"its byte order is {order}; save it again on a machine like this one")
    reader = _Reader(archive)
    found = reader.load()
    return found, sorted(reader.passed_over)


def as_mapping(value: object) -> Mapping[Any, Any] | None:
    """Named values of a replaced object, as far as its pickle contains them; None if there are none.

    Namespaces have attributes, OmegaConf configurations a ``_content`` of nodes, dicts of other packages items.
    """
    if isinstance(value, Mapping):
        return value
    if not isinstance(value, StandIn):
        return None
    state = value.state
    if isinstance(state, tuple) and len(state) == 2:
        # The state of objects with slots is a pair: their dict and their slots.
        state = {**(state[0] or {}), **(state[1] or {})} if _are_mappings(state) else None
    if isinstance(state, Mapping) and "_content" in state:
        return as_mapping(state["_content"])
    held = {**(state if isinstance(state, Mapping) else {}), **value.items}
    return held or None


def as_value(value: object) -> object:
    """Value of such a mapping, unwrapped if it is an OmegaConf node or an enumeration."""
    held = as_mapping(value) if isinstance(value, StandIn) else None
    if held is not None and "_val" in held:
        return as_value(held["_val"])
    return value


def _are_mappings(parts: tuple[Any, ...]) -> bool:
    return all(part is None or isinstance(part, Mapping) for part in parts)
