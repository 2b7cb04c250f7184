"""Topics of the nodes: result publishers, diagnostics, QoS."""
