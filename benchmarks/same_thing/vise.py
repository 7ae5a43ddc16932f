"""VISE's published way, as far as a short script goes: words of the collection, tf-idf, affine fits.

Philbin et al., Object retrieval with large vocabularies and fast spatial matching (CVPR 2007), with RootSIFT
(Arandjelovic and Zisserman, CVPR 2012), as the VGG Image Search Engine's documentation describes it. Its own
program, with affine regions, was not run.
"""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import faiss
import numpy as np
from benchmarks.same_thing.script import features
from numpy.typing import NDArray
from scipy import sparse

from likewise.types import Box

FEATURES_A_WORD, WORDS = 10, 100_000
VERIFIED, TOLERANCE = 200, 10.0


class Vise:
    """A score is the number of matches that agree on an affine transform, then the cosine of tf-idf."""

    SAME = 15.0
    """Inliers from which on a picture is taken for the same."""

    def __init__(self, gallery: Sequence[Path], *, apart: bool) -> None:
        """Index pictures; a query's own picture takes nobody's place."""
        found = [features(path) for path in gallery]
        self.points = [points for points, _ in found]
        vectors = np.concatenate([vectors for _, vectors in found])
        count = min(WORDS, max(256, len(vectors) // FEATURES_A_WORD))
        kmeans = faiss.Clustering(vectors.shape[1], count)
        kmeans.niter, kmeans.seed, kmeans.min_points_per_centroid = 6, 1, 1
        self.words = faiss.IndexHNSWFlat(
            vectors.shape[1], 16
        )  # approximate, where the paper has random trees
        kmeans.train(vectors, self.words)
        assigned = self.words.search(vectors, 1)[1][:, 0]
        self.assigned = np.split(assigned, np.cumsum([len(points) for points in self.points])[:-1])
        held = sparse.vstack([self._counts(words) for words in self.assigned]).tocsr()
        self.idf = np.log(len(gallery) / np.maximum(np.diff(held.tocsc().indptr), 1))
        self.rows = _unit(held.multiply(self.idf).tocsr())
        self.bytes = self.rows.data.nbytes + self.rows.indices.nbytes + sum(one.nbytes for one in self.points)

    def scores(self, query: Path, box: Box | None) -> NDArray[np.float64]:
        """One a picture, ``(n,)``."""
        points, vectors = features(query, box)
        if not len(points):
            return np.zeros(len(self.points))
        words = self.words.search(vectors, 1)[1][:, 0]
        row = _unit(self._counts(words).multiply(self.idf).tocsr())
        scores = np.asarray((self.rows @ row.T).todense(), np.float64).ravel()
        for picture in np.argsort(-scores, kind="stable")[:VERIFIED].tolist():
            one, other = np.nonzero(words[:, None] == self.assigned[picture][None, :])
            if len(one) >= 4:
                places = points[one], self.points[picture][other]
                _, mask = cv2.estimateAffine2D(*places, ransacReprojThreshold=TOLERANCE, maxIters=500)
                scores[picture] += 0 if mask is None else int(mask.sum())
        return scores

    def _counts(self, words: NDArray[np.int64]) -> sparse.csr_array:
        held, counts = np.unique(words, return_counts=True)
        shape = (1, self.words.ntotal)
        return sparse.csr_array((counts.astype(np.float32), (np.zeros(len(held), int), held)), shape)


def _unit(rows: sparse.csr_array) -> sparse.csr_array:
    norms = np.sqrt(rows.multiply(rows).sum(axis=1))
    return sparse.csr_array(rows.multiply(1 / np.maximum(norms, 1e-9)[:, None]))
