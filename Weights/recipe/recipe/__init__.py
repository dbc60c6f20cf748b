"""Makes the models that dit-t2i draws with; see README.md. `python -m recipe --help` lists the stages."""
