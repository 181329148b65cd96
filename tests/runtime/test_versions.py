from importlib.metadata import version
from pathlib import Path

from pipeline.runtime import versions

ROOT = Path(__file__).parents[2]


def test_the_pinned_versions_are_those_of_the_tests(monkeypatch):
    monkeypatch.chdir(ROOT)
    assert versions.warnings() == []
    # A machine has one of TensorFlow's two packages.
    assert {"keras", "numpy", "scipy", "h5py"} <= versions.installed().keys()
    assert {"tensorflow", "tensorflow-cpu"} & versions.installed().keys()


def test_other_versions_are_named(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    assert versions.warnings() == []
    keras, numpy = version("keras"), version("numpy")
    versions.PINNED.write_text(f"keras==0.1\nno-such-package==1.0\nnumpy=={numpy}\n")
    assert versions.installed() == {"keras": keras, "numpy": numpy}
    (line,) = versions.warnings()
    assert line.startswith(
        f"warning: keras {keras} is installed, numerics.lock says 0.1: results may differ"
    )
