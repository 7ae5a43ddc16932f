"""What the vectors of pictures are good for besides searching: duplicates, clusters, classes, maps."""
