"""What all figures share: matplotlib's settings, and one colour for one thing."""

import matplotlib

matplotlib.use("Agg")  # no window, and no dependence on a display

from matplotlib import pyplot as plt

TRAIN, TEST, EXACT = "#4477aa", "#ee6677", "black"
# Of the meta-tasks: the reset, then the symbols.
CHARACTERS = ("0.35", "#4477aa", "#ee6677", "#228833")
RESET = "0.85"
NETWORK = "#4477aa"
# Other predictors beside the exact one, as lines.
KNOWN_P, PRIOR_ONLY = ("0.45", ":"), ("0.45", "-.")
RECIPES = {"published": "#ee9944", "tuned": "#aa3377", "converged": "#228833"}

plt.rcParams.update(
    {
        "figure.dpi": 90,
        "figure.max_open_warning": 0,  # the report draws all of its figures, then ends
        "figure.constrained_layout.use": True,
        "font.size": 10,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.grid": True,
        "grid.alpha": 0.3,
        "legend.frameon": False,
    }
)
