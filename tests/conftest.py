from collections.abc import Callable
from pathlib import Path
from typing import Any

import hypothesis
import numpy as np
import pytest

# The same examples on every run: a test that fails, fails for everybody.
hypothesis.settings.register_profile("tests", deadline=None, derandomize=True, max_examples=40)
hypothesis.settings.load_profile("tests")

THREADS = 2

# One network of each kind, too small to hide a mistake.
KINDS: dict[str, dict[str, Any]] = {
    "gru": {"channels": 1, "logits": 1, "cell": "gru", "units": (3,), "dense": ()},
    "keras": {"channels": 1, "logits": 1, "cell": "gru", "units": (3,), "dense": (2,)}
    | {"form": "keras", "gate_bias": 0.0},
    "lstm": {"channels": 1, "logits": 1, "cell": "lstm", "units": (3, 2), "dense": ()},
    "stack": {"channels": 1, "logits": 1, "cell": "gru", "units": (3, 2), "dense": (4, 3)},
    "softmax": {"channels": 4, "logits": 4, "cell": "gru", "units": (3,), "dense": ()},
}


@pytest.fixture(scope="session")
def threads() -> int:
    """TensorFlow's threads, fixed before it computes anything, as in a stage."""
    from pipeline.core import parallel

    parallel.use_threads(THREADS)
    return THREADS


@pytest.fixture(scope="session")
def make_network(threads: int) -> Callable[..., Any]:
    """Makes untrained networks whose predictions are far from all equal."""
    from pipeline.core import network

    def make(kind: str, seed: int = 0) -> Any:
        model = network.build(**KINDS[kind], seed=np.random.SeedSequence(seed), name="tiny")
        # Initial biases are zero and initial weights small: with them a forgotten bias,
        # or a wrong gate, would change next to nothing.
        rng = np.random.default_rng(seed)
        model.set_weights([rng.normal(0, 1, w.shape) for w in model.get_weights()])
        return model

    return make


@pytest.fixture(scope="session", params=list(KINDS))
def any_network(request: pytest.FixtureRequest, make_network: Callable[..., Any]) -> Any:
    """One network of each kind."""
    return make_network(request.param)


@pytest.fixture(scope="session", params=["gru", "lstm", "stack"])
def pixel_network(request: pytest.FixtureRequest, make_network: Callable[..., Any]) -> Any:
    """One network of each kind with one logit."""
    return make_network(request.param)


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """An empty folder, which is the current one; no stage of DVC's runs in it."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.delenv("DVC_STAGE", raising=False)
    return tmp_path


@pytest.fixture
def rng() -> np.random.Generator:
    return np.random.default_rng(1)
