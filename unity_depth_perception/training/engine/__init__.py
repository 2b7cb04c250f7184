"""The training loop: configuration, state, validation, logging."""
