"""Every number that the 2018 write-up published, with the digits or the words that it used."""

from typing import NamedTuple


class Claim(NamedTuple):
    """A number as it is written: what is meant is up to `half` away from it, all of that alike.

    With `over` it is a lower bound alone.
    """

    written: str
    number: float
    half: float = 0.0
    over: bool = False

    @property
    def least(self) -> float:
        """The smallest value of which this may be written."""
        return self.number - self.half


def digits(written: str) -> Claim:
    """A rounded number: "0.80" is right to half a hundredth, "0.8" only to half a tenth."""
    _, _, decimals = written.partition(".")
    return Claim(written, float(written), 0.5 * 10.0 ** -len(decimals))


def around(percent: int) -> Claim:
    """A percentage that it calls "around" this: at most one point away.

    Its curves reach "around 95 %", and its table has 95.78 % for a network on them.
    """
    return Claim(f"around {percent} %", percent / 100, 0.01)


def over(percent: int) -> Claim:
    """A percentage that it says was exceeded."""
    return Claim(f"over {percent} %", percent / 100, over=True)


# Its figure 2: test loss (nats per pixel) and test accuracy of each snapshot, as written.
SNAPSHOTS = {"0": ("0.15", "0.9377"), "1": ("0.12", "0.9499"), "5": ("0.10", "0.9578")}

# Of looking one pixel ahead, at the snapshot that it uses and "fully trained".
ONE_AHEAD = {"5": around(96), "final": over(96)}

# Its figure 1: where the curves end and peak.
LOWEST_LOSS, PEAK_ACCURACY = digits("0.1"), around(95)

# Its rollout table: accuracy and cross-entropy (nats per pixel) by snapshot and horizon, as
# written; of this many test images.
ROLLOUT = {
    "0": {1: ("0.872", "0.295"), 10: ("0.746", "0.531"), 28: ("0.846", "0.353")}
    | {300: ("0.80", "0.64")},
    "1": {1: ("0.89", "0.24"), 10: ("0.79", "0.49"), 28: ("0.87", "0.32"), 300: ("0.81", "0.69")},
    "5": {1: ("0.933", "0.176"), 10: ("0.826", "0.41"), 28: ("0.90", "0.24")}
    | {300: ("0.83", "0.62")},
}
ROLLOUT_IMAGES = 1000

# Its figures 4 to 7, of this many test sequences. "Mid-50s" are 54, 55 and 56 per cent.
META_SEQUENCES = 5000
_MIDDLE = Claim("mid-50s %", 0.55, 0.015)
META_ACCURACY = {"M1": over(90), "M2": over(90), "M3": _MIDDLE, "M4": _MIDDLE}
RESET_ACCURACY = Claim("perfect", 1.0, 0.005)

# Its figures: what each shows, and the figure or table here that shows the same.
FIGURES = {
    "1": ("training curves of the pixel network", "Learning curves"),
    "2": ("one-step scores of the snapshots", "the table of snapshots in question 1"),
    "3": ("completed images", "Continued images"),
    "4 to 7": ("training curves of M1 to M4", "Training curves of the meta-task networks"),
    "8 to 11": (
        "a sequence of the own prior, M1, M3, M2, M4",
        "Networks and exact Bayes on single sequences",
    ),
    "12 and 13": (
        "a sequence of p = (1, 0, 0), M2 and M4",
        "Networks and exact Bayes on single sequences",
    ),
}
