"""Names found, and names nearly found."""

from __future__ import annotations

import pytest

from likewise.errors import UnknownName
from likewise.registry import lookup, nearest

NETWORKS = {"vgg16": 16, "vgg19": 19, "alexnet": 8}


def test_lookup_gives_the_thing() -> None:
    assert lookup("network", "vgg19", NETWORKS) == 19


def test_a_misspelt_name_is_led_to_its_neighbours() -> None:
    with pytest.raises(UnknownName) as caught:
        lookup("network", "vgg61", NETWORKS)
    message = str(caught.value)
    assert message.startswith("no network is called 'vgg61'; did you mean ")
    assert "'vgg16'" in message and "alexnet" not in message
    assert caught.value.__cause__ is None and caught.value.__suppress_context__


def test_the_case_of_a_name_does_not_hide_its_neighbour() -> None:
    assert nearest("AlexNet", NETWORKS) == "did you mean 'alexnet'?"


def test_a_name_like_no_other_gets_the_whole_list_in_order() -> None:
    assert nearest("resnet-152-d", {"b": 1, "a": 2}) == "known: a, b"
    with pytest.raises(UnknownName, match="known: alexnet, vgg16, vgg19"):
        lookup("network", "zzz", NETWORKS)


def test_a_thing_that_is_false_is_found_all_the_same() -> None:
    assert lookup("number", "zero", {"zero": 0}) == 0
