"""Parameters: how they are specified, the tables of the nodes, and `--help`."""
