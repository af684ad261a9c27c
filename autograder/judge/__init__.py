"""One submitted file judged: read, rebuilt on the release's frame, run, explained."""
