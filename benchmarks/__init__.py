"""Speed and memory beside what one would pick instead; README.md has the results."""
