"""Messages of virtual_unity_node: sources of samples, their conversion, and prefetching in the background."""
