"""The server: collections of pictures as an HTTP interface and a page that uses nothing else."""

from likewise.web.server import serve
from likewise.web.settings import Settings

__all__ = ["Settings", "serve"]
