"""``pliant nas``: searches whose trials are programs of their own, started with the flags and files of the cloud NAS client.

A trainer that was written for the cloud service runs here unchanged, as a command or in a container.
"""
