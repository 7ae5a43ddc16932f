"""From pictures to vectors: pooling, transforms, recipes and the extractor that runs them."""
