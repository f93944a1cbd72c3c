"""The intrinsic dimension of Earth representations, measured reproducibly."""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from earthdim.api import dimension

__all__ = ["dimension"]


def __getattr__(name: str) -> Any:
    """Import public names on first use, so that `import earthdim` stays cheap."""
    if name in __all__:
        from earthdim import api

        return getattr(api, name)
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
