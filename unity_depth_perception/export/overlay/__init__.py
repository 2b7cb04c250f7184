"""Objects drawn over their image."""
