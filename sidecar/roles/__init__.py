"""What each role consists of, one module for each: the composition root, split.

A process imports the module of its own role, and so carries what it works with alone.
"""
