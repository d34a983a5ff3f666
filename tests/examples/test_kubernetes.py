"""The manifest for Kubernetes: it parses, refers to what it defines, and its command runs as it is written."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import yaml

from pliant.study import Study
from pliant.study.store.location import Server, to_location

FILE = Path(__file__).parents[2] / "examples" / "kubernetes.yaml"
SOURCE = Path(__file__).parents[2] / "src"


def test_the_command_runs(tmp_path):
    files, job = yaml.safe_load_all(FILE.read_text("utf-8"))
    pod = job["spec"]["template"]["spec"]
    (container,), (volume,) = pod["containers"], pod["volumes"]
    (mount,) = container["volumeMounts"]
    assert (files["kind"], job["kind"]) == ("ConfigMap", "Job")
    assert volume == {"name": mount["name"], "configMap": {"name": files["metadata"]["name"]}}
    assert pod["restartPolicy"] == "OnFailure"
    assert "completions" not in job["spec"]
    variables = {one["name"]: one.get("value") for one in container["env"]}
    assert variables.keys() == {"STUDY", "PGPASSWORD"}
    assert isinstance(to_location(variables["STUDY"]), Server)
    for name, text in files["data"].items():
        (tmp_path / name).write_text(text, "utf-8")
    program, *given = container["command"]
    study = tmp_path / "search.db"
    told = [
        one.replace(mount["mountPath"], str(tmp_path), 1).replace("$(STUDY)", str(study)) for one in given
    ]
    assert program == "pliant"
    pods = [
        subprocess.Popen(
            [sys.executable, "-m", "pliant", *told], env={"PYTHONPATH": str(SOURCE)}, stdout=-1, stderr=-1
        )
        for _ in range(2)
    ]
    said = [one.communicate(timeout=180) for one in pods]
    assert [one.returncode for one in pods] == [0, 0], said
    with Study.open(study) as opened:
        assert opened.counts() == {"running": 0, "completed": 40, "stopped": 0, "failed": 0}
