"""Commands for people. The door calls `main` with what `add_arguments` declares, if any."""
