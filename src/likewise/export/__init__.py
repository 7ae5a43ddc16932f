"""The vectors of a folder of pictures as one file, for other programs."""
