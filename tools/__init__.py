"""How .venv and the lock files are made: `make` calls install.sh, `make lock` lock.py."""
