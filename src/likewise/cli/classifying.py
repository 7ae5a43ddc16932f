"""``likewise classify``: say what pictures show, after pictures of which that is known."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from likewise.cli.command import App
from likewise.cli.options import (
    Computing,
    In,
    Json,
    MaxPixels,
    Output,
    Overwrite,
    RecipeName,
    find_collection,
    new_file,
)
from likewise.cli.output import facts, left_out_lines, printable, progress, show, table
from likewise.errors import UsageError

if TYPE_CHECKING:  # numpy stands behind them, and help must not wait for that
    from likewise.descriptors import Extractor
    from likewise.downstream.classifying import Classifier, LabelledVectors, Prediction, Validation

KindName = Literal["bayes", "logistic", "neighbours"]

app = App(
    name="classify", help="Say what pictures show, after pictures that are labelled.", no_args_is_help=True
)


@app.command()
def learn(
    output: Output,
    folder: Annotated[
        Path | None,
        typer.Argument(help="Pictures whose sub-folders are labels. Without it: those of a collection."),
    ] = None,
    labels: Annotated[
        Path | None,
        typer.Option(
            "--labels",
            metavar="FILE.csv",
            help="Labels from a table instead: columns file, below the folder, and label.",
        ),
    ] = None,
    label: Annotated[
        str, typer.Option("--label", metavar="COLUMN", help="The column of --labels that names the label.")
    ] = "label",
    kind: Annotated[
        KindName | None,
        typer.Option("--kind", help="Which to keep; without it: logistic, unless another is clearly better."),
    ] = None,
    folds: Annotated[int, typer.Option("--folds", min=2, help="Parts of the cross-validation.")] = 5,
    confusion: Annotated[
        Path | None,
        typer.Option("--confusion", metavar="FILE", help="Draw what was taken for what: .png, .svg or .pdf."),
    ] = None,
    curve: Annotated[
        Path | None,
        typer.Option(
            "--curve",
            metavar="FILE",
            help="Draw the accuracy over the number of pictures to learn from: .png, .svg or .pdf.",
        ),
    ] = None,
    recipe: RecipeName = None,
    *,
    running: Computing,
    seed: Annotated[int, typer.Option("--seed", help="Of how pictures are dealt to the folds.")] = 0,
    collection: In = None,
    overwrite: Overwrite = False,
    as_json: Json = False,
) -> None:
    """Train classifiers on labelled pictures, see how well they do on others, and keep one as a file.

    Gaussian naive Bayes, logistic regression and nearest neighbours are cross-validated: each picture is
    classified by what has not seen it.
    """
    from likewise.downstream.classifying import Classifier, cross_validate, learning_curve

    new_file(output, overwrite=overwrite)
    _check_plots(confusion, curve)
    if folder is not None and collection is not None:
        raise UsageError("give a folder of pictures or a collection to learn from, not both")
    if folder is None:
        if recipe is not None:
            raise UsageError("a collection has its recipe: give --recipe with a folder")
        known = _of_collection(find_collection(collection), labels, label)
    else:
        known = _of_folder(folder, labels, label, running.extractor(recipe or "default"))
    with progress("cross-validating") as callback:
        validation = cross_validate(known, folds=folds, seed=seed, progress=callback)
        points = learning_curve(known, folds=folds, seed=seed, progress=callback) if curve else []
    best = next((score for score in validation.scores if score.kind == kind), validation.suggested)
    Classifier.train(known, best.kind, accuracy=best.accuracy).save(output)
    if confusion or curve:
        from likewise.drawing.plots import confusion_plot, learning_plot

        if confusion:
            confusion_plot(best, validation.classes, confusion)
        if curve:
            learning_plot(points, curve, title=f"{known.about}, {len(validation.classes)} classes")
    mistaken = best.mistaken(validation.classes)
    failures = {str(path): str(why) for path, why in known.failures.items()}
    value = {"path": output, "kind": best.kind, "failures": failures, **vars(validation)}
    value |= {"mistaken": mistaken, "curve": points}
    lines = [*left_out_lines(known.failures), *_learn_lines(known, validation, mistaken)]
    lines += [
        f"{name}: {printable(path)}" for name, path in (("confusion", confusion), ("curve", curve)) if path
    ]
    lines.append(f"{printable(output)}: {best.kind}, trained on all {len(known.labels)} pictures")
    show(value, lines, as_json=as_json)


def _check_plots(*plots: Path | None) -> None:
    for plot in filter(None, plots):
        from likewise.drawing.plots import check_plot

        check_plot(plot)


def _of_collection(path: Path, labels: Path | None, label: str) -> LabelledVectors:
    from likewise.collection import Collection
    from likewise.downstream.classifying import LabelledVectors

    with Collection.open(path) as opened:
        return LabelledVectors.of_collection(opened, table=labels, column=label)


def _of_folder(folder: Path, labels: Path | None, label: str, extractor: Extractor) -> LabelledVectors:
    from likewise.downstream.classifying import LabelledVectors

    with progress("describing") as callback:
        return LabelledVectors.of_folder(folder, extractor, table=labels, column=label, progress=callback)


def _learn_lines(
    known: LabelledVectors, validation: Validation, mistaken: Sequence[tuple[str, str, int]]
) -> Iterator[str]:
    yield (
        f"{len(known.labels)} pictures of {printable(known.about)} with {len(validation.classes)} labels; "
        f"{validation.tested} tested in {validation.folds} folds"
    )
    if validation.alone:
        yield f"never tested, for there is one picture only: {printable(', '.join(validation.alone))}"
    rows = [
        (
            score.kind,
            f"{score.accuracy:.3f}",
            f"{score.spread:.3f}",
            f"{score.balanced:.3f}",
            f"{score.log_loss:.2f}",
            f"{score.seconds:.1f}",
        )
        for score in validation.scores
    ]
    head = ("classifier", "accuracy", "+-", "balanced", "log-loss", "seconds")
    yield from table(rows, head, right="accuracy +- balanced log-loss seconds")
    for right, taken, count in mistaken:
        often = "once" if count == 1 else f"{count} times"
        yield f"mistaken {often}: {printable(right)} for {printable(taken)}"


@app.command()
def predict(
    model: Annotated[Path, typer.Argument(help="What `likewise classify learn` wrote.")],
    pictures: Annotated[list[Path], typer.Argument(help="Picture files, or folders of them.")],
    top: Annotated[int, typer.Option("--top", min=1, help="How many labels of each picture to tell.")] = 3,
    *,
    running: Computing,
    max_pixels: MaxPixels = None,
    as_json: Json = False,
) -> None:
    """Say what pictures show, with probabilities.

    The recipe is the one that the classifier was trained with. Pictures that cannot be read are told at the
    end, and the command exits with 2.
    """
    from likewise.downstream.classifying import Classifier, find_pictures
    from likewise.downstream.classifying import predict as predict_all

    classifier = Classifier.load(model)
    files = find_pictures(pictures)
    extractor = classifier.extractor(model, **vars(running))
    with progress("classifying") as callback:
        predictions, failures = predict_all(
            classifier, extractor, files, top=top, max_pixels=max_pixels, progress=callback
        )
    reasons = {str(path): str(why) for path, why in failures.items()}
    show(
        {"predictions": predictions, "failures": reasons},
        _predict_lines(predictions, reasons),
        as_json=as_json,
    )
    if failures:
        raise typer.Exit(2)


def _predict_lines(predictions: Sequence[Prediction], failures: dict[str, str]) -> Iterator[str]:
    if predictions:
        rows = [
            (
                prediction.labels[0],
                f"{prediction.probabilities[0]:.3f}",
                ", ".join(
                    f"{label} {share:.3f}"
                    for label, share in zip(prediction.labels[1:], prediction.probabilities[1:], strict=True)
                ),
                prediction.path,
            )
            for prediction in predictions
        ]
        yield from table(rows, ("label", "probability", "next", "picture"), right="probability")
    for path, why in failures.items():
        yield f"failed: {printable(path)}: {printable(why)}"


@app.command("show")
def show_classifier(
    model: Annotated[Path, typer.Argument(help="What `likewise classify learn` wrote.")],
    as_json: Json = False,
) -> None:
    """Show what a classifier tells apart and what it was trained on."""
    from likewise.downstream.classifying import Classifier

    value = _value(Classifier.load(model))
    show(value, facts({name: _told(fact) for name, fact in value.items()}), as_json=as_json)


def _value(classifier: Classifier) -> dict[str, object]:
    training = classifier.training
    return {
        "kind": training.kind,
        "classes": classifier.classes,
        "accuracy": training.accuracy,
        "recipe": training.recipe_name,
        "trained_on": training.about,
        "vectors": training.samples,
    }


def _told(fact: object) -> str:
    if isinstance(fact, tuple):
        return f"{len(fact)}: {', '.join(fact)}"
    return f"{fact:.3f}" if isinstance(fact, float) else str(fact)
