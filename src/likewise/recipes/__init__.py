"""Recipes of one layer or several; the shipped ones lie beside this file."""
