"""Policy-gradient search (reinforcement learning): policies, update rules, and their combinations ``PPO`` and ``REINFORCE``.

Needs PyTorch; everything runs on the CPU, in double precision.
"""

from __future__ import annotations

try:
    import torch as _torch  # noqa: F401 - checks that it is installed
except ModuleNotFoundError as error:
    if error.name != "torch":
        raise
    raise ImportError(
        "search by policy gradient (PPO, REINFORCE) needs PyTorch, which is not installed. "
        "Install it with `pip install 'pliant[torch]'`, or use an algorithm that does not need it, such as RegularizedEvolution.",
        name="torch",
    ) from error

from .batch import Batch
from .factorized import Factorized
from .gradient import PPO, REINFORCE, PolicyGradient
from .policy import Policy
from .ppo import ProximalPolicy
from .recurrent import Recurrent
from .reinforce import Reinforce
from .rule import Rule, Told

__all__ = [
    "PPO",
    "REINFORCE",
    "Batch",
    "Factorized",
    "Policy",
    "PolicyGradient",
    "ProximalPolicy",
    "Recurrent",
    "Reinforce",
    "Rule",
    "Told",
]
