"""A weight step of DARTS by NNI 3.0, for ``oneshot.py``: runs in an environment of its own, and answers one question a line.

    python nni_peer.py CELLS CHANNELS BATCH      questions on stdin, answers on stdout, both JSON

The network is ``networks.py``'s, with NNI's ``LayerChoice`` on each edge, made a super-network by NNI's own strategy
(``nni.nas.strategy.DARTS``).  A step is what that strategy does for the weights, forward, backward, optimizer, without
what Lightning adds around it.  Nothing of NNI is changed.  A second network is NNI's own DARTS space, as its users
get it; its normalization layers have weights and its pools no normalization, so it is not quite the same work.
"""

from __future__ import annotations

import json
import sys
import time
from collections.abc import Callable
from typing import Any

import nni
import torch
from networks import build_darts, candidates
from nni.nas import strategy
from nni.nas.hub.pytorch import DARTS as HubSpace
from nni.nas.nn.pytorch import LayerChoice, ModelSpace
from nni.nas.oneshot.pytorch.supermodule.base import BaseSuperNetModule
from steps import make_batch, order, step_of
from torch import Tensor, nn
from torch.utils.flop_counter import FlopCounterMode


class Space(ModelSpace):
    """The cells of ``networks.py``, with NNI's choices on their edges."""

    def __init__(self, cells: int, channels: int) -> None:
        super().__init__()
        self.network = build_darts(
            cells,
            channels,
            lambda kind, number, width, stride: LayerChoice(
                candidates(width, stride), label=f"{kind}_{number}"
            ),
        )

    def forward(self, x: Tensor) -> Tensor:
        return self.network(x)  # type: ignore[no-any-return]


class Side:
    """One network, and its step."""

    def __init__(self, space: ModelSpace, batch: tuple[Tensor, Tensor], *, last: bool) -> None:
        self.strategy = strategy.DARTS()
        self.network: nn.Module = self.strategy.mutate_model(space)
        order(self.network) if last else None
        self.network.train()
        self.choices = [m for m in self.network.modules() if isinstance(m, BaseSuperNetModule)]
        known = {id(p) for m in self.choices if hasattr(m, "arch_parameters") for p in m.arch_parameters()}
        self.alphas = [p for p in self.network.parameters() if id(p) in known]
        self.weights = [p for p in self.network.parameters() if id(p) not in known]
        self.batch, self.step = batch, step_of(self.network, self.weights, batch)

    def load(self, weights: list[Tensor], alphas: dict[str, Tensor]) -> None:
        """Takes the values of another super-network: its state in order, and architecture parameters by label."""
        mine = [value for name, value in self.network.state_dict().items() if "_arch_" not in name]
        assert [m.shape for m in mine] == [w.shape for w in weights], "the networks have different weights"
        with torch.no_grad():
            for target, source in zip(mine, weights):
                target.copy_(source)
            for choice in self.choices:
                choice._arch_alpha.copy_(alphas[choice.label])

    def count(self) -> dict[str, int]:
        """Returns how many parameters and, for one image, multiply-adds it has."""
        with FlopCounterMode(display=False) as counter, torch.no_grad():
            self.network(self.batch[0])
        madds = counter.get_total_flops() // 2 // len(self.batch[0])
        return {"parameters": sum(p.numel() for p in self.weights), "multiply_adds": madds}


def answer(sides: dict[str, Side], question: dict[str, Any]) -> Any:
    """Answers one question."""
    side = sides[question["side"]]
    if question["ask"] == "count":
        return side.count()
    if question["ask"] == "output":
        given = torch.load(question["path"], weights_only=True)
        side.load(given["weights"], given["alphas"])
        with torch.no_grad():
            return side.network(given["images"]).tolist()
    started = time.thread_time()
    side.step()
    return time.thread_time() - started


def main() -> None:
    """Builds the networks, then answers until the questions end."""
    out, sys.stdout = sys.stdout, sys.stderr  # what libraries print must not mix with the answers
    cells, channels, size = map(int, sys.argv[1:])
    torch.set_num_threads(1)
    torch.manual_seed(0)
    makers: dict[str, tuple[Callable[[], ModelSpace], bool]] = {
        "NNI 3.0, channels first": (lambda: Space(cells, channels), False),
        "NNI 3.0, channels last": (lambda: Space(cells, channels), True),
        "NNI 3.0's own space, channels first": (
            lambda: HubSpace(width=channels, num_cells=cells, dataset="cifar"),
            False,
        ),
    }
    sides = {
        name: Side(make(), make_batch(size=size, last=last), last=last)
        for name, (make, last) in makers.items()
    }
    print(
        json.dumps({"nni": nni.__version__, "torch": torch.__version__}),
        file=out,
        flush=True,
    )
    for line in sys.stdin:
        print(json.dumps(answer(sides, json.loads(line))), file=out, flush=True)


if __name__ == "__main__":
    main()
