"""What a terminal may do at a broker, whichever asks: below the own name, and nothing else."""

from enum import StrEnum

UP_TOPICS = ("telemetry", "event", "hello", "status", "reply", "reported")
"""What a terminal publishes below its own code."""

DOWN_TOPICS = ("receipt", "command", "desired")
"""What a terminal subscribes to below its own code."""


class Action(StrEnum):
    """What an account wants to do with a topic."""

    PUBLISH = "publish"
    SUBSCRIBE = "subscribe"


def may_use(prefix: str, code: str, action: Action, topic: str, *, separator: str = "/") -> bool:
    """Whether terminal `code` may do that with exactly this topic; a wildcard is never its own.

    `separator` parts the levels: RabbitMQ writes dots (and its own topics have none).
    """
    channels = UP_TOPICS if action is Action.PUBLISH else DOWN_TOPICS
    own = f"{prefix}/{code}/".replace("/", separator)
    return topic.startswith(own) and topic[len(own) :] in channels
