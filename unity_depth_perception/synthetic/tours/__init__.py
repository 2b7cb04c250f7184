"""Tours: a camera that moves through one virtual room, with objects that may move."""
