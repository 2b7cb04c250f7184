"""Guards of files that others wrote: headers, sizes and paths are checked before anything is decoded."""
