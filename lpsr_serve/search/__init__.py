"""Search over all reads of a store: by pattern, by edit distance, and by how probable a text is."""

from lpsr_serve.search.index import SearchIndex
from lpsr_serve.search.query import Filters, Found, Page, search_likely, search_near, search_pattern
from lpsr_serve.search.stores import open_store

__all__ = [
    "Filters",
    "Found",
    "Page",
    "SearchIndex",
    "open_store",
    "search_likely",
    "search_near",
    "search_pattern",
]
