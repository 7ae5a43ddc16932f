"""What each layer keeps of pictures, how it is made again from the catalogue, searched and compared."""
