"""The study of one network trained on much and on little, and what each sees in a frog."""
