"""Sources of a reconstruction: files and folders as views with what is known about them."""
