"""Pictures and files made from perception results."""
