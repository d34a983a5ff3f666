"""``pliant nas``: commands and options of the NAS client, as in the cloud client.  ``pliant.nas`` does the work."""
