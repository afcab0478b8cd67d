"""`/broker/...`: what brokers ask before they let a terminal in, and before it uses a topic.

The JSON form is EMQX's (docs.emqx.com, access-control/authn/http and authz/http) and anybody's; the
forms below `/broker/rabbitmq` are those of `rabbitmq_auth_backend_http`. A no is answered with
status 200: brokers take other statuses for "ask the next one".
"""

from typing import Annotated, Literal

from fastapi import APIRouter, Depends, Form, Request, Response
from pydantic import BaseModel, ConfigDict, Field

from api import openapi
from api.broker_door import Answer, BrokerDoor, mark
from api.limits import origin
from api.schemas.shapes import Body
from api.strict import StrictRoute
from registry.broker_access import Action
from registry.errors import NotSignedIn

_LONGEST = 65_535  # of any text in MQTT


async def _is_broker(request: Request) -> BrokerDoor:
    """The hooks, for who shows the brokers' secret."""
    door: BrokerDoor = request.app.state.broker_door
    if not door.is_broker(request.headers):
        raise NotSignedIn(
            "This is for brokers that show their secret.",
            remedy="Set MUSTER_BROKER_HOOK_SECRET_FILE here, and send it as the broker's own.",
        )
    return door


Door = Annotated[BrokerDoor, Depends(_is_broker)]
Text = Annotated[str | None, Field(max_length=_LONGEST)]

router = APIRouter(
    prefix="/broker",
    tags=["broker"],
    route_class=StrictRoute,
    responses={status: openapi.PROBLEMS[status] for status in (401, 422)},
)


class ConnectBody(Body):
    """A terminal that wants to connect."""

    username: Text = Field(examples=["METER-1"])
    clientid: Text = Field(examples=["METER-1"])
    password: Text = Field(None, examples=["q1wK…"])


class UseBody(Body):
    """What a connected terminal wants to do with a topic."""

    username: Text = Field(examples=["METER-1"])
    clientid: Text = Field(examples=["METER-1"])
    action: Action
    topic: Annotated[str, Field(max_length=_LONGEST, examples=["m2m/v1/METER-1/telemetry"])]
    issued: Text = Field(None, description="As `client_attrs.issued` of the answer to CONNECT.")


class UseAnswer(BaseModel):
    """Whether it may."""

    result: Literal["allow", "deny"]


class ConnectAnswer(UseAnswer):
    """Whether it may; `client_attrs` are for the broker to keep with the session."""

    is_superuser: Literal[False] = False
    client_attrs: dict[str, str] = Field({}, examples=[{"issued": "1790000000000000"}])


@router.post("/authenticate", operation_id="broker_authenticate")
async def authenticate(request: Request, door: Door, body: ConnectBody) -> ConnectAnswer:
    """Whether a terminal may connect; its client id has to be its user name."""
    answer = await door.admit(
        origin(request), body.username or "", body.clientid or "", body.password or ""
    )
    kept = {} if answer.login is None else {"issued": mark(answer.login)}
    return ConnectAnswer(result=_word(answer), client_attrs=kept)


@router.post("/authorize", operation_id="broker_authorize")
async def authorize(door: Door, body: UseBody) -> UseAnswer:
    """Whether a terminal may publish or subscribe to exactly this topic, and may still be there."""
    answer = await door.authorize(
        body.username or "", body.clientid or "", body.action, body.topic, issued=body.issued or ""
    )
    return UseAnswer(result=_word(answer))


class _Form(BaseModel):
    """A form of RabbitMQ's; each version sends some more of what it knows."""

    model_config = ConfigDict(extra="ignore")

    username: str = ""


class UserForm(_Form):
    """Who wants to connect."""

    password: str = ""
    client_id: str = ""


class VhostForm(_Form):
    """Who wants to use a virtual host."""

    vhost: str = ""


class ResourceForm(VhostForm):
    """Who wants to use a queue or an exchange."""

    resource: str = ""
    name: str = ""
    permission: str = ""


class TopicForm(ResourceForm):
    """Who wants to use a routing key of a topic exchange."""

    routing_key: str = ""


@router.post("/rabbitmq/user", operation_id="rabbitmq_user", response_class=Response)
async def rabbitmq_user(
    request: Request, door: Door, form: Annotated[UserForm, Form()]
) -> Response:
    """RabbitMQ's question whether a terminal may connect; over MQTT only."""
    answer = await door.admit(origin(request), form.username, form.client_id, form.password)
    return _text(is_yes=answer.is_yes)


@router.post("/rabbitmq/vhost", operation_id="rabbitmq_vhost", response_class=Response)
async def rabbitmq_vhost(door: Door, form: Annotated[VhostForm, Form()]) -> Response:
    """RabbitMQ's question whether a terminal may use a virtual host."""
    return _text(is_yes=(await door.is_known(form.username)).is_yes)


@router.post("/rabbitmq/resource", operation_id="rabbitmq_resource", response_class=Response)
async def rabbitmq_resource(door: Door, form: Annotated[ResourceForm, Form()]) -> Response:
    """RabbitMQ's question whether a terminal may use a queue or an exchange.

    It has the queues of its own session, and uses the exchange of topics; each topic is asked for.
    """
    own = {f"mqtt-subscription-{form.username}qos{qos}" for qos in (0, 1)}
    own.add(f"mqtt-will-{form.username}")
    fits = (form.resource == "queue" and form.name in own) or (
        form.resource == "exchange"
        and form.name == _EXCHANGE
        and form.permission in ("read", "write")
    )
    return _text(is_yes=fits and (await door.is_known(form.username)).is_yes)


@router.post("/rabbitmq/topic", operation_id="rabbitmq_topic", response_class=Response)
async def rabbitmq_topic(door: Door, form: Annotated[TopicForm, Form()]) -> Response:
    """RabbitMQ's question whether a terminal may use a topic, which it writes with dots."""
    action = {"write": Action.PUBLISH, "read": Action.SUBSCRIBE}.get(form.permission)
    if action is None or form.name != _EXCHANGE:
        return _text(is_yes=False)
    answer = await door.authorize(
        form.username, form.username, action, form.routing_key, separator="."
    )
    return _text(is_yes=answer.is_yes)


_EXCHANGE = "amq.topic"


def _word(answer: Answer) -> Literal["allow", "deny"]:
    return "allow" if answer.is_yes else "deny"


def _text(*, is_yes: bool) -> Response:
    return Response("allow" if is_yes else "deny", media_type="text/plain")
