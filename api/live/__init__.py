"""Live streams: what has just been committed, to everybody who may see it, as it comes.

One follower of the feed a process (`hub`) serves all of its streams (`stream`). Who asks and how
much of it they may have is decided here; what the feed holds is the telemetry room's to read.
"""
