"""Every path, relative to the top folder of the project.

No stage depends on this module: DVC knows each path by dvc.yaml.
"""

from pathlib import Path

# Inputs
RAW_DATA = Path("data/raw")
TFDS_CACHE = Path("data/tensorflow_datasets")

# Of stages that run or were stopped; no outputs.
CHECKPOINTS = Path("data/checkpoints")
LOCKS = Path("data/locks")
SECONDS = Path("data/seconds")

# check
CHECKED = Path("reports/checked.json")

# binarise
BINARISED = Path("data/mnist/binarised.npz")
INK = Path("reports/data/ink.csv")
EXAMPLES = Path("reports/data/examples.npz")

# train_pixels
PIXEL_MODELS = Path("models/pixels")
PIXEL_HISTORY = Path("reports/pixels/history.csv")
SNAPSHOT_SCORES = Path("reports/pixels/snapshots.csv")

# context
CONTEXT_TABLES = Path("reports/pixels/baselines.csv")

# rollout
HORIZONS = Path("reports/rollout/horizons.csv")
STEPS_AHEAD = Path("reports/rollout/steps.csv")
PAIRED_ROLLOUTS = Path("reports/rollout/paired.csv")
DRAWS = Path("reports/rollout/draws.csv")
SUBSETS = Path("reports/rollout/subsets.csv")
FAILURES = Path("reports/rollout/failures.csv")
ROLLOUT_IMAGES = Path("reports/rollout/images.csv")
ROLLOUT_GALLERY = Path("reports/rollout/gallery.npz")

# inpaint
INPAINTING_TASKS = {
    "one_pixel": Path("data/inpainting/one_pixel.npy"),
    "patch_2x2": Path("data/inpainting/patch_2x2.npy"),
}
POSTERIORS = Path("data/inpainting/posteriors.npz")
INPAINTING_SCORES = Path("reports/inpainting/scores.csv")
PAIRED_FILLS = Path("reports/inpainting/paired_fills.csv")
INPAINTING_IMAGES = Path("reports/inpainting/images.csv")
RELIABILITY = Path("reports/inpainting/reliability.csv")
INPAINTING_GALLERY = Path("reports/inpainting/gallery.npz")

# train_meta
META_MODELS = Path("models/meta")
META_REPORTS = Path("reports/meta")

# compare_bayes
COMPARISON = Path("reports/meta/comparison.csv")
BIAS = Path("reports/meta/bias.csv")
PREDICTIONS = Path("reports/meta/predictions.npz")
BOUNDS = Path("reports/meta/bounds.csv")
ATTAINABLE = Path("reports/meta/attainable.csv")

# probe_knowledge
KNOWLEDGE = Path("reports/meta/knowledge.csv")
KNOWLEDGE_SUMMARY = Path("reports/meta/knowledge_summary.csv")
LEAKS = Path("reports/meta/leaks.csv")
READOUT = Path("reports/meta/readout.csv")
HIDDEN_STATES = Path("reports/meta/hidden_states.csv")
CONCENTRATION = Path("reports/meta/concentration.csv")

# probe_shifted
MATRIX = Path("reports/meta/matrix.csv")
SIMPLEX = Path("reports/meta/simplex.csv")
UNSEEN = Path("reports/meta/unseen.csv")

# free_run
FREE_RUNNING = Path("reports/meta/free_running.csv")

# alpha
ALPHA = Path("reports/meta/alpha.csv")

# The studies: what their runs write, and the tables that the command `studies` makes of it.
STUDY_TRAINING = Path("studies/training")
STUDY_MEMORY = Path("studies/memory")
STUDY_PROBES = Path("studies/probes")
STUDY_PIXELS = Path("studies/pixels")
STUDY_MODELS = Path("models/studies")
TRAININGS = Path("reports/pixels/trainings.csv")
SETTINGS = Path("reports/pixels/settings.csv")
READINGS = Path("reports/pixels/readings.csv")
STUDY_LENGTH = Path("studies/length")
STUDY_LSTM = Path("studies/lstm")
STUDY_ALPHA = Path("studies/alpha")
RECIPES = Path("reports/meta/recipes.csv")
NETWORKS = Path("reports/meta/networks.csv")
EXCESS = Path("reports/meta/excess.csv")
REGRET = Path("reports/meta/regret.csv")
MEMORY = Path("reports/meta/memory.csv")
REACTIONS = Path("reports/meta/reactions.csv")
PROBES = Path("reports/meta/probes.csv")
LENGTH = Path("reports/meta/length.csv")
CELLS = Path("reports/meta/cells.csv")
TRAINED_ALPHA = Path("reports/meta/trained_alpha.csv")
STUDY_SUMS = Path("reports/meta/studies.sha256")

# scorecard
SCORECARD = Path("reports/scorecard.csv")
BLOCKS = Path("reports/blocks.csv")
SPREAD = Path("reports/spread.csv")
CLAIMS = Path("reports/claims.csv")

# draw
FIGURES = Path("reports/figures")

# report
GENERALISATION = Path("reports/generalisation.csv")
METRICS = Path("reports/metrics.json")
REPORT_MARKDOWN = Path("reports/report.md")
REPORT_HTML = Path("reports/report.html")

# verify
DEMO = Path("reports/demo.json")


def pixel_model(snapshot: str) -> Path:
    """The pixel network after an epoch ("5"), "untrained" or "final"."""
    stem = f"epoch-{snapshot}" if snapshot.isdigit() else snapshot
    return PIXEL_MODELS / f"{stem}.keras"


def meta_model(name: str) -> Path:
    """The trained network of a meta-task model, such as M1."""
    return META_MODELS / f"{name}.keras"


def meta_curves(name: str) -> Path:
    """The training curves of a meta-task model."""
    return META_REPORTS / f"curves-{name}.csv"


def study_model(name: str, recipe: str, repetition: int) -> Path:
    """The network of a study, which a recipe trained."""
    return STUDY_MODELS / f"{name}-{recipe}-{repetition}.keras"


def study_curve(name: str, recipe: str, repetition: int) -> Path:
    """Excess while training a meta-task model by a recipe."""
    return STUDY_TRAINING / f"{name}-{recipe}-{repetition}-curve.csv"


def study_regret(name: str, recipe: str, repetition: int) -> Path:
    """Regret of the trained network at each step."""
    return STUDY_TRAINING / f"{name}-{recipe}-{repetition}-regret.csv"


def study_probes(name: str, recipe: str, repetition: int) -> Path:
    """What the probes find in the network of a study."""
    return STUDY_PROBES / f"{name}-{recipe}-{repetition}.csv"


def study_memory(prior: str, reset_every: int) -> Path:
    """Excess by hidden units, for one prior and length of the period."""
    return STUDY_MEMORY / f"{prior}-{reset_every}.csv"


def study_pixels(settings: str, repetition: int) -> Path:
    """The scores of every snapshot of a training of the pixel network."""
    return STUDY_PIXELS / f"{settings}-{repetition}.csv"


def study_length(name: str, cell: str, length: int, repetition: int) -> Path:
    """Excess of a network that is trained on windows of one length."""
    return STUDY_LENGTH / f"{name}-{cell}-{length}-{repetition}.csv"


def study_lstm(name: str, recipe: str, repetition: int) -> Path:
    """Excess of an LSTM that is trained by a recipe."""
    return STUDY_LSTM / f"{name}-{recipe}-{repetition}.csv"


def study_alpha(name: str, repetition: int) -> Path:
    """A network trained on another alpha, compared with exact Bayes of the model's own."""
    return STUDY_ALPHA / f"{name}-{repetition}.csv"
