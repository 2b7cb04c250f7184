"""Files that this package writes and reads: whole or not at all, marked folders, guarded JSON."""
