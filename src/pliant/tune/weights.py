"""Weights of the networks of a search as safetensors: saved in each trial, and loaded into the best program.

A file of safetensors holds tensors and text only; reading one executes nothing.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Any

from pliant.values.errors import StudyError
from pliant.values.packages import require

WEIGHTS = "program.safetensors"
"""The name of the artifact with the weights of a trial's program."""
_KEY, _VERSION = "pliant.program", "1"


def is_network(program: object) -> bool:
    """Returns whether a program is a module of PyTorch; does not import PyTorch."""
    torch: Any = sys.modules.get("torch")
    return torch is not None and isinstance(program, torch.nn.Module)


def check_weights() -> None:
    """Raises StudyError where the weights of networks are to be saved, and safetensors is not installed."""
    require("`keep` of a search", "safetensors", kind=StudyError)


def pack_weights(network: Any, file: Path) -> bool:
    """Writes the parameters and buffers of a network to a file; returns False if it has none.

    State that is not a tensor is left out, and so is what has no storage, such as a parameter that was never used.
    """
    import torch
    from safetensors.torch import save_file

    found = {
        name: tensor.detach().to("cpu").contiguous().clone()  # the format refuses tensors that share memory
        for name, tensor in network.state_dict().items()
        if isinstance(tensor, torch.Tensor)
        and not tensor.is_meta
        and not torch.nn.parameter.is_lazy(tensor)
        and tensor.layout == torch.strided
    }
    if found:
        save_file(found, file, metadata={_KEY: _VERSION})
    return bool(found)


def load_weights(network: Any, file: Path, trial: int) -> None:
    """Loads the weights that ``pack_weights`` wrote into a network.

    Raises:
      StudyError: they are of another network, such as after a change of the code; or the file is damaged.
    """
    from safetensors import SafetensorError, safe_open

    try:
        with safe_open(file, framework="pt") as opened:
            if (opened.metadata() or {}).get(_KEY) != _VERSION:
                raise ValueError("they were not written by this version of Pliant")
            weights = {name: opened.get_tensor(name) for name in opened.keys()}  # noqa: SIM118  # not a mapping
        network.load_state_dict(weights)
    except (SafetensorError, OSError, RuntimeError, ValueError) as error:
        raise StudyError(
            f"the weights that trial {trial} saved do not fit the network that its decisions give now: {error}. Has the code of the "
            "network changed since? The decisions are in search.best_decisions, the file is "
            f"search.best.artifact({WEIGHTS!r})."
        ) from error
