"""Traces of requests in the files that others write: one module a family of formats.

Every reader turns a file's text into records, or into the problem of a line; `table` orders and
links them, and `read` chooses the reader.
"""
