"""Publishers, diagnostics and QoS."""
