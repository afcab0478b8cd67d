"""The JSON routes, one module a noun: a schema in, one verb, a schema out."""
