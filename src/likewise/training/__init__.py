"""Training networks: CIFAR-10's small one from nothing, and any of ours on a user's own pictures."""
