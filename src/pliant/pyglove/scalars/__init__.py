"""Scalars: numbers that depend on the step of a search, with PyGlove's names."""

from .base import (
    STEP,
    Absolute,
    Addition,
    BinaryOp,
    Ceiling,
    Constant,
    Division,
    Floor,
    Lambda,
    Mod,
    Multiplication,
    Negation,
    Power,
    Scalar,
    Substraction,
    UnaryOp,
    make_scalar,
    scalar_spec,
    scalar_value,
)
from .maths import (
    Cosine,
    Exp,
    Log,
    Sine,
    SquareRoot,
    cos,
    cosine_decay,
    cyclic,
    exp,
    exponential_decay,
    linear,
    log,
    sin,
    sqrt,
)
from .randoms import Gaussian, LogNormal, Normal, RandomScalar, Triangular, Uniform
from .step_wise import StepWise

ROOT_NAMES: dict[str, object] = {}

__all__ = [
    "STEP", "Absolute", "Addition", "BinaryOp", "Ceiling", "Constant", "Cosine", "Division", "Exp", "Floor", "Gaussian",
    "Lambda", "Log", "LogNormal", "Mod", "Multiplication", "Negation", "Normal", "Power", "RandomScalar", "Scalar", "Sine",
    "SquareRoot", "StepWise", "Substraction", "Triangular", "UnaryOp", "Uniform", "cos", "cosine_decay", "cyclic", "exp",
    "exponential_decay", "linear", "log", "make_scalar", "scalar_spec", "scalar_value", "sin", "sqrt",
]  # fmt: skip
