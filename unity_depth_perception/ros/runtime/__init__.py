"""The lifecycle of a node and the thread that processes its frames."""
