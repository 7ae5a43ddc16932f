"""The study of one network trained on much and on little, and what each sees in a frog."""

from likewise.study.cifar10 import load as load_cifar10
from likewise.study.cifar_loop import CifarSettings
from likewise.study.repeating import Repeated, repeat
from likewise.study.study import Study

__all__ = ["CifarSettings", "Repeated", "Study", "load_cifar10", "repeat"]
