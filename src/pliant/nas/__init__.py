"""NAS client for external trainers: searches whose trials are programs or containers.

``job`` runs a search and stage 2, ``stage`` the study of either; ``trainer`` starts a trial's trainer, ``reports`` and
``result`` read what came of it. ``proxy`` has the tools for proxy tasks. ``trial`` is what trainers import.
"""
