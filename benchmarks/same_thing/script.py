"""What one would write with OpenCV: SIFT, nearest neighbours among all pictures, votes, homography."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import cv2
import faiss
import numpy as np
from numpy.typing import NDArray

from likewise.types import Box

SIZE, FEATURES, NEIGHBOURS, VERIFIED = 640, 1000, 8, 20


class Script:
    """All in memory; a score is the number of inliers of the homography, then the votes."""

    SAME = 15.0
    """Inliers from which on such scripts take two pictures for the same."""

    def __init__(self, gallery: Sequence[Path], *, apart: bool) -> None:
        """Index pictures; ``apart``: a query's own picture is not ranked, and takes no neighbour's place."""
        found = [features(path) for path in gallery]
        self.points = [points for points, _ in found]
        vectors = np.concatenate([vectors for _, vectors in found])
        self.owner = np.repeat(np.arange(len(found)), [len(points) for points in self.points])
        self.first = np.searchsorted(self.owner, np.arange(len(found)))
        self.bytes = vectors.nbytes + sum(points.nbytes for points in self.points)
        self.gallery, self.apart = list(gallery), apart
        lists = min(1024, max(1, len(vectors) // 40))
        self.index = faiss.IndexIVFFlat(faiss.IndexFlatL2(128), 128, lists)
        self.index.train(vectors)
        self.index.add(vectors)
        self.index.nprobe = 24

    def scores(self, query: Path, box: Box | None) -> NDArray[np.float64]:
        """One a picture, ``(n,)``."""
        points, vectors = features(query, box)
        own = self.gallery.index(query) if self.apart and query in self.gallery else -1
        votes = np.zeros(len(self.points))
        pairs: dict[int, list[tuple[int, int]]] = {}
        distances, rows = self.index.search(vectors, NEIGHBOURS + 4)
        for feature, (away, near) in enumerate(zip(distances, rows, strict=True)):
            kept = [(d, r) for d, r in zip(away, near, strict=True) if r >= 0 and self.owner[r] != own]
            kept = kept[:NEIGHBOURS]
            if not kept:
                continue
            last = kept[-1][0]
            for distance, row in kept[:5]:
                if distance < 0.9 * last:
                    picture = int(self.owner[row])
                    votes[picture] += (last - distance) / last
                    pairs.setdefault(picture, []).append((feature, row - self.first[picture]))
        scores: NDArray[np.float64] = votes / (1 + votes.max(initial=0.0))
        for picture in np.argsort(-votes, kind="stable")[:VERIFIED].tolist():
            matched = pairs.get(picture, [])
            if len(matched) >= 4:
                one = points[[feature for feature, _ in matched]]
                other = self.points[picture][[row for _, row in matched]]
                _, mask = cv2.findHomography(one, other, cv2.RANSAC, 8.0, maxIters=500)
                scores[picture] += 0 if mask is None else int(mask.sum())
        return scores


def features(path: Path, box: Box | None = None) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Places ``(n, 2)`` and RootSIFT ``(n, 128)`` of a picture, or a box of it."""
    grey: NDArray[np.uint8] = cv2.imread(str(path), cv2.IMREAD_GRAYSCALE)  # type: ignore[assignment]
    if box is not None:
        left, top, right, bottom = box.clip(grey.shape[1], grey.shape[0])
        grey = grey[top:bottom, left:right]
    scale = min(1.0, SIZE / max(grey.shape))
    grey = cv2.resize(grey, None, fx=scale, fy=scale, interpolation=cv2.INTER_AREA)
    found, vectors = cv2.SIFT.create(FEATURES).detectAndCompute(grey, None)
    if vectors is None:
        return np.empty((0, 2), np.float32), np.empty((0, 128), np.float32)
    rooted = np.sqrt(vectors / np.maximum(vectors.sum(axis=1, keepdims=True), 1e-9))
    return np.array([one.pt for one in found], np.float32), rooted
