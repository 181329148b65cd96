"""What the write-up shows and figures repeat."""

# Its figures 4 to 7, share of right characters: "over 90 %", and "mid-50s" in per cent.
META_LEVELS = {"M1": (0.90, 1.0), "M2": (0.90, 1.0), "M3": (0.54, 0.56), "M4": (0.54, 0.56)}
