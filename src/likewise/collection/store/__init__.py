"""What is kept of a collection: its catalogue, what else lies in its folder, and servers in its place."""
