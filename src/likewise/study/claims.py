"""The four claims of the article, each put into numbers that can turn out either way."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

from likewise.study.activations import Traits

Verdict = Literal["borne out", "borne out in part", "not borne out"]


@dataclass(frozen=True)
class Measure:
    """One number of both networks, and whether it is as the claim has it.

    Attributes
    ----------
    what
        The number, and how it should be.
    much, little
        Of the network trained on more pictures and of the other.
    holds
        Whether it is so for the picture that is looked at.
    others
        For which share of the other frogs it is so.
    """

    what: str
    much: float
    little: float
    holds: bool
    others: float


@dataclass(frozen=True)
class Claim:
    """A claim of the article.

    Attributes
    ----------
    text
        What it says.
    figures
        Where it can be seen.
    """

    text: str
    figures: str
    measures: tuple[Measure, ...]

    @property
    def verdict(self) -> Verdict:
        """Whether all of its measures hold for the picture, some, or none."""
        held = [measure.holds for measure in self.measures]
        return "borne out" if all(held) else "borne out in part" if any(held) else "not borne out"


@dataclass(frozen=True)
class _Question:
    """Question about the traits of two networks, the one trained on more first, and the picture's bits."""

    what: str
    value: Callable[[Traits], float]
    holds: Callable[[Traits, Traits, float], bool]


_FIRST = (
    _Question(
        "likeness to the picture, lower with more training pictures",
        lambda traits: traits.likeness,
        lambda much, little, _: much.likeness < little.likeness,
    ),
    _Question(
        "likeness of the maps to each other, lower with more",
        lambda traits: traits.redundancy,
        lambda much, little, _: much.redundancy < little.redundancy,
    ),
)
_LAST = (
    _Question(
        "share of zeros, above one half with more training pictures",
        lambda traits: traits.zeros,
        lambda much, _, __: much.zeros > 0.5,
    ),
    _Question(
        "share of zeros, higher with more",
        lambda traits: traits.zeros,
        lambda much, little, _: much.zeros > little.zeros,
    ),
)
_SPREAD = (
    _Question(
        "entropy of the values in bits, lower with more training pictures",
        lambda traits: traits.entropy,
        lambda much, little, _: much.entropy < little.entropy,
    ),
    _Question(
        "value that 1 % lie above, lower with more",
        lambda traits: traits.tail,
        lambda much, little, _: much.tail < little.tail,
    ),
    _Question(
        "entropy of the values, for both below that of the picture's pixels",
        lambda traits: traits.entropy,
        lambda much, little, bits: max(much.entropy, little.entropy) < bits,
    ),
)
_ANSWER = (
    _Question(
        "probability of frog, the highest of the ten with more training pictures",
        lambda traits: traits.frog,
        lambda much, _, __: much.right,
    ),
    _Question(
        "probability of frog, not the highest with fewer",
        lambda traits: traits.frog,
        lambda _, little, __: not little.right,
    ),
    _Question(
        "entropy of the ten probabilities in bits, lower with more",
        lambda traits: traits.doubt,
        lambda much, little, _: much.doubt < little.doubt,
    ),
)

_CLAIMS = (
    (
        "The first convolution of the network trained on more pictures processes the frog much further; that "
        "of the other leaves it recognisable and repeats itself.",
        "Figures 2 and 3",
        _FIRST,
    ),
    (
        "In the last convolution of the network trained on more pictures most pixels are black, more than in "
        "the other's.",
        "Figures 4 and 5",
        _LAST,
    ),
    (
        "Its values are squeezed towards zero where the other's have a longer tail, and in both one is far "
        "more certain of a value than in the picture: information was gained.",
        "Figures 6 and 7",
        _SPREAD,
    ),
    (
        "It is certain of the frog; the other is confused, and its likeliest class is a wrong one.",
        "Figure 8",
        _ANSWER,
    ),
)

Pairs = Sequence[tuple[Traits, Traits]]


def judge(
    frog: tuple[Traits, Traits], bits: float, others: Pairs, others_bits: Sequence[float]
) -> list[Claim]:
    """Hold the claims against what was seen.

    Parameters
    ----------
    frog
        Traits of both networks on the picture, the one trained on more first.
    bits
        Entropy of the picture's pixels.
    others, others_bits
        The same of other frogs; may be empty.
    """
    crowd = list(zip(others, others_bits, strict=True))

    def measured(question: _Question) -> Measure:
        agree = sum(question.holds(*pair, their_bits) for pair, their_bits in crowd)
        return Measure(
            question.what,
            question.value(frog[0]),
            question.value(frog[1]),
            question.holds(*frog, bits),
            agree / max(len(crowd), 1),
        )

    return [
        Claim(text, figures, tuple(measured(question) for question in questions))
        for text, figures, questions in _CLAIMS
    ]
