"""What a network sees in a picture: its maps, their statistics, and what its cells see."""
