"""Policy-gradient search (reinforcement learning): policies, update rules, and their combinations ``PPO`` and ``REINFORCE``.

Needs PyTorch; everything runs on the CPU, in double precision.
"""

from __future__ import annotations

from pliant.values.packages import require

try:
    import torch as _torch  # noqa: F401 - checks that it is installed
except ModuleNotFoundError:
    others = "use an algorithm that does not need it, such as RegularizedEvolution"
    require("search by policy gradient (PPO, REINFORCE)", "torch", instead=others)
    raise

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
