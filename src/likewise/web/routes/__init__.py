"""The routes of the interface: what clients ask, and which service answers it."""
