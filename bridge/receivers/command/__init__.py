"""Programs of this machine, run for each event. It imports the domain, and what all receivers share."""
