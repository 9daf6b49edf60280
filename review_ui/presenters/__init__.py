"""Case to page: plain values in the language of the reader; one module per page."""

__all__: list[str] = []
