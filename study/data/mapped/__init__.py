"""Prepared images that lie in files and are mapped into memory: for data sets that do not fit there.

`build` decodes all images into one pool, by chunks and in several processes, then cuts the sealed parts from it.
"""
