"""The rows, one module a family of libraries."""
