"""Tools for a proxy task, the short training of a search: does it rank models as full training does, and is it repeatable?"""
