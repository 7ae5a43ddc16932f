<<<<<<< HEAD
"""The study of one network trained on much and on little, and what each sees in a frog."""
=======
"""One network trained on much and on little, and what each sees in a frog.

After the article Exploring Feature Extraction with CNNs (Towards Data Science).
"""
>>>>>>> 6e7de09 (Commands: one spelling of collections and outputs, old ones kept; help in sections with examples)
