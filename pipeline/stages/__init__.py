"""One thin module for each stage: read, call, return."""
