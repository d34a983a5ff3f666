"""Published search spaces and networks as symbolic programs, one module per paper.

``zoo.list()`` has their names, and ``zoo.get("mobilenet_v2/s3")`` an entry, which makes the space and the network of the
paper.  Each module can be imported as well: ``pliant.zoo.nasbench201.make_space()``.  ``pliant.bench`` has the tables of
results.
"""

from .catalogue import find_names as list  # noqa: A004  # read as zoo.list
from .catalogue import get
from .entry import Entry

__all__ = ["Entry", "get", "list"]
