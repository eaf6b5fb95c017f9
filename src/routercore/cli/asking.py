"""The options that make a request; the same for every command that takes one."""

from __future__ import annotations

import inspect
import json
import sys
from collections.abc import Callable
from dataclasses import dataclass, field, fields
from decimal import Decimal, InvalidOperation
from typing import TYPE_CHECKING, Annotated, Any, get_type_hints

import typer
from typer.core import TyperCommand

from routercore.cli.opening import Opened
from routercore.cli.output import UsageError

if TYPE_CHECKING:
    from routercore.values.images import ImageRequest, InputImage


@dataclass(frozen=True, kw_only=True)
class Asked:
    """What was asked for on the command line."""

    prompt: Annotated[
        str, typer.Argument(metavar="PROMPT", help="What to make; '-' reads it from the input.")
    ]
    model: Annotated[
        str | None,
        typer.Option("--model", "-m", help="A configured model, provider:model, or a known name."),
    ] = None
    size: Annotated[
        str | None, typer.Option("--size", "-s", metavar="WxH", help="Such as 1536x1024.")
    ] = None
    aspect_ratio: Annotated[
        str | None, typer.Option("--aspect-ratio", metavar="W:H", help="Instead of a size: 16:9.")
    ] = None
    resolution: Annotated[
        str | None, typer.Option("--resolution", metavar="TIER", help="With a ratio: 1K, 2K, 4K.")
    ] = None
    quality: Annotated[
        str | None, typer.Option("--quality", "-q", help="low, medium, high, or the model's word.")
    ] = None
    n: Annotated[int, typer.Option("-n", min=1, max=100, help="How many pictures.")] = 1
    seed: Annotated[int | None, typer.Option("--seed", help="For the same picture again.")] = None
    format: Annotated[
        str | None,
        typer.Option("--format", "-f", help="png, jpeg, webp; unless given, as -o ends."),
    ] = None
    image: Annotated[
        list[str] | None,
        typer.Option("--image", "-i", metavar="FILE", help="A picture to start from; repeatable."),
    ] = field(default=None)
    mask: Annotated[
        str | None,
        typer.Option("--mask", metavar="FILE", help="Where it is transparent, change the picture."),
    ] = None
    background: Annotated[
        str | None, typer.Option("--background", help="transparent or opaque.")
    ] = None
    negative_prompt: Annotated[
        str | None, typer.Option("--negative-prompt", metavar="TEXT", help="What not to show.")
    ] = None
    strict: Annotated[
        bool, typer.Option("--strict", help="Refuse targets that would have to adapt the request.")
    ] = False
    max_price: Annotated[
        str | None, typer.Option("--max-price", metavar="USD", help="Not for more than this.")
    ] = None
    option: Annotated[
        list[str] | None,
        typer.Option(
            "--option", metavar="P.KEY=VALUE",
            help="A setting for provider P alone; repeatable.",
        ),
    ] = field(default=None)  # fmt: skip

    def request(self, opened: Opened, *, output_format: str | None = None) -> ImageRequest:
        """The request, for the model that the configuration names where none was asked for.

        Raises:
            UsageError: a value cannot be read.
        """
        from routercore.router import DEFAULT_MODEL
        from routercore.values.images import ImageRequest
        from routercore.values.sizes import Size

        self._refuse_two_readers()
        prompt = sys.stdin.read().strip() if self.prompt == "-" else self.prompt
        try:
            size = Size.parse(self.size) if self.size not in (None, "auto") else None
        except ValueError as error:
            ratio = " For a ratio there is --aspect-ratio." if ":" in (self.size or "") else ""
            raise UsageError(f"--size: {error}.{ratio}") from error
        return ImageRequest(
            prompt=prompt,
            model=self.model or opened.setup.server.default_model or DEFAULT_MODEL,
            size=size,
            aspect_ratio=_unless_auto(self.aspect_ratio),
            resolution=_unless_auto(self.resolution),
            quality=_unless_auto(self.quality),
            n=self.n,
            seed=self.seed,
            output_format=self.own_format or output_format,
            images=tuple(picture("--image", path) for path in self.image or ()),
            mask=picture("--mask", self.mask) if self.mask else None,
            background=_unless_auto(self.background),
            negative_prompt=self.negative_prompt,
            strict=self.strict,
            max_price=_amount(self.max_price),
            options=_options(self.option or ()),
        )

    @property
    def own_format(self) -> str | None:
        """What ``--format`` says."""
        return _unless_auto(self.format)

    def _refuse_two_readers(self) -> None:
        if [self.prompt, *(self.image or ()), self.mask].count("-") > 1:
            raise UsageError(
                "only one of prompt, --image and --mask can be -: the input is read once"
            )


def _unless_auto(word: str | None) -> str | None:
    return None if word in (None, "", "auto") else word


def picture(option: str, path: str) -> InputImage:
    """What an option names: a file, or a URL that is fetched later."""
    from routercore.values.images import InputImage

    if path.startswith(("https://", "http://")):
        return InputImage(url=path)
    if path == "-":
        data = sys.stdin.buffer.read()
        if not data:
            raise UsageError(f"{option}: there is no picture on standard input")
        return InputImage.of(data)
    try:
        return InputImage.open(path)
    except OSError as error:
        raise UsageError(f"{option}: {path} cannot be read: {error.strerror}") from error


def _amount(text: str | None) -> Decimal | None:
    if text is None:
        return None
    try:
        amount = Decimal(text.removeprefix("$"))
    except InvalidOperation:
        amount = Decimal("NaN")
    if not amount.is_finite() or amount < 0:
        raise UsageError(f"--max-price: {text!r} is no amount of dollars; write it like 0.05")
    return amount


def _options(pairs: Any) -> dict[str, dict[str, Any]]:
    """``provider.key=value``, the value read as JSON where it is JSON."""
    options: dict[str, dict[str, Any]] = {}
    for pair in pairs:
        name, equals, text = pair.partition("=")
        provider, dot, key = name.rpartition(".")
        if not equals or not dot or not provider or not key:
            raise UsageError(f"--option: {pair!r} is not like provider.key=value")
        try:
            value = json.loads(text)
        except ValueError:
            value = text
        options.setdefault(provider, {})[key] = value
    return options


class Prompted(TyperCommand):
    """A command whose one argument is a prompt."""

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        ctx.allow_extra_args = True
        rest = super().parse_args(ctx, args)
        if rest:
            ctx.fail(f"the prompt ended before {rest[0]!r}: put the whole of it in quotes")
        return rest


def asking(command: Callable[..., None]) -> Callable[..., None]:
    """Give a command, whose first parameter is ``asked``, the options of :class:`Asked`.

    typer reads a command's options from its signature, so that is what is put together here.
    """

    def wrapped(**values: Any) -> None:
        own = {name: values.pop(name) for name in names}
        command(Asked(**own), **values)

    hints = get_type_hints(Asked, include_extras=True)
    names = [f.name for f in fields(Asked)]
    _, *rest = inspect.signature(command).parameters.values()
    rest_hints = get_type_hints(command, include_extras=True)
    keyword = inspect.Parameter.KEYWORD_ONLY
    parameters = [
        inspect.Parameter(
            f.name, keyword, annotation=hints[f.name],
            default=inspect.Parameter.empty if f.name == "prompt" else f.default,
        )
        for f in fields(Asked)
    ]  # fmt: skip
    parameters += [p.replace(kind=keyword, annotation=rest_hints[p.name]) for p in rest]
    wrapped.__name__, wrapped.__doc__ = command.__name__, command.__doc__
    wrapped.__dict__["__signature__"] = inspect.Signature(parameters)
    wrapped.__annotations__ = {p.name: p.annotation for p in parameters}
    return wrapped
