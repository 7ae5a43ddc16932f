"""What a network sees in a picture: its maps, their statistics, and which places make two pictures alike."""
