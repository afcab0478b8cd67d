"""The shapes of requests and answers, one module a noun; strict on the way in."""
