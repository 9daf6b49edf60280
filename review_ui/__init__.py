"""Every web page: sign-in, live wall, review desk, case files and the demo's phones."""

__all__: list[str] = []
