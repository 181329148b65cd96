"""Speed and memory compared with what one would use instead; README.md has the results."""
