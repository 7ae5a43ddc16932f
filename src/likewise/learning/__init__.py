"""What is learned on pictures that are not searched: samples, whitenings, quantisers, vocabularies."""
