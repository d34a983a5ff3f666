"""The search loop with PyGlove's names: ``sample``, ``poll_result``, back ends."""
