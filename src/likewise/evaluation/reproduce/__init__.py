"""Published systems run again, their numbers beside the published ones."""
