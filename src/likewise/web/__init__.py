"""The server: collections of pictures as an HTTP interface and a page that uses nothing else."""
