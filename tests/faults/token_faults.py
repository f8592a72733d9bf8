"""The token: it is replaced, by a good one or a bad one, or it expires."""

from tests.faults.fault import fault
from tests.faults.scene import Scene
from tests.support.endpoint import TOKEN
from tests.support.tokens import Token, make_token

_SOON_SECONDS = 30


@fault("the token is replaced by another good one")
def new_token(scene: Scene) -> None:
    scene.host.write(TOKEN, make_token(lifetime_seconds=7000), 0o400, "1000:1000")
    scene.let_pass(5)


@fault("the token is replaced by one that is none, for 10 s")
def bad_token(scene: Scene) -> None:
    scene.endpoint.put_token(Token.GARBAGE)
    scene.let_pass(10)
    scene.endpoint.put_token(Token.GOOD)


@fault("the token is replaced by one that is none, the main process is killed, then the token is mended")
def bad_token_sigkill(scene: Scene) -> None:
    scene.endpoint.put_token(Token.GARBAGE)
    scene.kill("KILL")
    scene.let_pass(5)
    scene.endpoint.put_token(Token.GOOD)


def _expiring(scene: Scene) -> None:
    scene.host.write(TOKEN, make_token(lifetime_seconds=_SOON_SECONDS + 30), 0o400, "1000:1000")


@fault("the token expires while the pilot runs", prepare=_expiring)
def token_expires(scene: Scene) -> None:
    scene.let_pass(_SOON_SECONDS + 30)
