"""Files of weights: found, fetched, checked, read in the formats of others, and written."""

from likewise.networks.weights.files import (
    WeightsFile,
    fetch,
    identity_of,
    import_file,
    locate,
    write_weights,
)
from likewise.networks.weights.formats import tensor_shapes

__all__ = ["WeightsFile", "fetch", "identity_of", "import_file", "locate", "tensor_shapes", "write_weights"]
