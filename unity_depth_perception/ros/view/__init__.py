"""Topics of a live view, subscribed to only while somebody looks at them."""
