"""One module per stage; each has `run(config, workspace)`."""
