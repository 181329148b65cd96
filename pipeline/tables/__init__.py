"""The tables of reports/, as words and figures need them."""
