"""``routercore generate`` and ``edit``, as scripts use them."""

from __future__ import annotations

from pathlib import Path

import pytest
from tests.cli.conftest import Run

from routercore.values.images import sniff_format


def test_a_pipe_gets_the_path_and_nothing_else(run: Run, folder: Path) -> None:
    """Without a terminal, the path is all of standard output and standard error is empty."""
    ran = run("generate", "A lighthouse, at dusk!", "--size", "256x256")
    assert (0, "a-lighthouse-at-dusk.png\n", "") == (ran.code, ran.text, ran.err)
    assert "png" == sniff_format((folder / "a-lighthouse-at-dusk.png").read_bytes())


def test_nothing_is_overwritten(run: Run, folder: Path) -> None:
    """A second picture of one prompt gets a number."""
    (folder / "fox.png").write_bytes(b"mine")
    assert "fox-2.png\n" == run("generate", "fox", "--size", "64x64").text
    assert b"mine" == (folder / "fox.png").read_bytes()


def test_a_named_file_is_not_replaced_unasked(run: Run, folder: Path) -> None:
    """``-o`` refuses a file that exists before anything is made, unless told to replace it."""
    (folder / "mine.png").write_bytes(b"mine")
    ran = run("generate", "fox", "-o", "mine.png", "--size", "64x64")
    assert 2 == ran.code
    assert "'mine.png' exists; --overwrite replaces it" in ran.err
    assert b"mine" == (folder / "mine.png").read_bytes()
    assert 0 == run("generate", "fox", "-o", "mine.png", "--overwrite", "--size", "64x64").code
    assert b"mine" != (folder / "mine.png").read_bytes()


def test_several_pictures_are_numbered(run: Run) -> None:
    """``-n`` with a named file numbers the files."""
    ran = run("generate", "fox", "-n", "2", "-o", "fox.webp", "--size", "64x64")
    assert "fox-1.webp\nfox-2.webp\n" == ran.text


def test_the_files_name_says_the_format(run: Run, folder: Path) -> None:
    """``-o x.webp`` asks for webp."""
    run("generate", "fox", "-o", "fox.webp", "--size", "64x64")
    assert "webp" == sniff_format((folder / "fox.webp").read_bytes())


def test_bytes_on_standard_output(run: Run) -> None:
    """``-o -`` writes the picture itself."""
    ran = run("generate", "fox", "-o", "-", "--format", "jpg", "--size", "64x64")
    assert (0, "jpeg") == (ran.code, sniff_format(ran.out))


def test_a_prompt_from_standard_input(run: Run) -> None:
    """``-`` reads the prompt."""
    ran = run("generate", "-", "--size", "64x64", stdin=b"two foxes\n")
    assert "two-foxes.png\n" == ran.text


def test_json_tells_everything(run: Run) -> None:
    """``--json`` has the files, the target, the cost with its basis and every attempt."""
    ran = run("generate", "fox", "-m", "placard", "--size", "64x64", "--seed", "7", "--json")
    told = ran.json
    assert ("backup:test/test", "0.00") == (told["target"], told["cost"]["usd"])
    assert ["overloaded", None] == [attempt["fault"] for attempt in told["attempts"]]
    [image] = told["images"]
    assert ("fox.png", "png", 64, 7) == tuple(
        image[key] for key in ("path", "format", "width", "seed")
    )


def test_an_adapted_setting_is_a_warning(run: Run) -> None:
    """What could not be honoured is told on standard error."""
    ran = run("generate", "fox", "--size", "64x64", "--quality", "hd")
    assert (0, "fox.png\n") == (ran.code, ran.text)
    assert "warning: quality: " in ran.err


def test_edits_start_from_a_picture(run: Run) -> None:
    """``edit`` needs a picture, and makes another of it."""
    assert "edit needs a picture: --image FILE" in run("edit", "night").err
    run("generate", "fox", "--size", "64x64")
    ran = run("edit", "night", "--image", "fox.png", "--json")
    assert (0, ["night.png"]) == (ran.code, [image["path"] for image in ran.json["images"]])


def test_a_picture_from_standard_input(run: Run, folder: Path) -> None:
    """``--image -`` and ``--mask -`` read it; the picture of one command is the next one's."""
    fox = run("generate", "fox", "--size", "64x64", "-o", "-").out
    ran = run("edit", "night", "--image", "-", "--size", "64x64", stdin=fox)
    assert (0, "night.png\n") == (ran.code, ran.text), ran.err
    (folder / "fox.png").write_bytes(fox)
    again = run("edit", "night", "--image", "fox.png", "--size", "64x64", "-o", "again.png")
    assert 0 == again.code
    assert (folder / "night.png").read_bytes() == (folder / "again.png").read_bytes()
    masked = run("edit", "night", "-i", "fox.png", "--mask", "-", "-o", "masked.png", stdin=fox)
    assert (2, True) == (masked.code, "the mask has no alpha channel" in masked.err)


def test_standard_input_is_one_thing(run: Run) -> None:
    """Nothing on it is no picture, and it cannot be prompt and picture at once."""
    nothing = run("edit", "night", "--image", "-")
    assert (2, True) == (nothing.code, "--image: there is no picture on standard" in nothing.err)
    both = run("edit", "-", "--image", "-", stdin=b"night")
    assert (2, True) == (both.code, "only one of prompt, --image and --mask can be -" in both.err)


PAINTER = '[providers.painter]\nplugin = "openai-compatible"\nbase_url = "http://127.0.0.1:9/v1"\n'
CARD = '[[providers.painter.cards]]\nid = "oil"\noperations = ["generate"]\n'


def test_the_embedded_drawing_says_what_it_is(run: Run, folder: Path) -> None:
    """With a vendor at hand, a drawing that nobody chose names itself and a model to ask for."""
    (folder / "routercore.toml").write_text(PAINTER + CARD)
    ran = run("generate", "fox", "--size", "64x64")
    assert (0, "fox.png\n") == (ran.code, ran.text), ran.err
    assert ran.err.startswith("note: nobody chose a model, so test/test drew this: it is embedded")
    assert "--model oil asks one, which may cost money" in ran.err
    told = run("generate", "fox", "--size", "64x64", "--json")
    assert ("", True) == (told.err, "--model oil" in told.json["advice"])


def test_a_chosen_drawing_needs_no_note(run: Run, folder: Path) -> None:
    """Not where it was asked for or configured, in quiet, or where nobody else could do it."""
    fox = ("generate", "fox", "--size", "64x64")
    (folder / "routercore.toml").write_text(PAINTER + CARD)
    assert "" == run(*fox, "-m", "test/test").err
    assert "" == run(*fox, "--quiet").err
    picture = run(*fox, "--quiet", "-o", "-").out
    assert "" == run("edit", "fox", "-i", "-", "--size", "64x64", stdin=picture).err
    chosen = '[server]\ndefault_model = "test/test"\n'
    (folder / "routercore.toml").write_text(PAINTER + CARD + chosen)
    assert "" == run(*fox).err


def test_options_for_one_provider(run: Run) -> None:
    """``--option`` reaches the provider that it names, read as JSON where it is."""
    ran = run("generate", "fox", "--size", "64x64", "--option", 'test.fail=["quota"]')
    assert 1 == ran.code
    assert "test:test/test: quota" in ran.err


def test_exit_code_when_every_attempt_fails(run: Run) -> None:
    """1, with each attempt in words and no traceback."""
    ran = run("generate", "fox", "-m", "down")
    assert (1, b"") == (ran.code, ran.out)
    assert "primary:test/test: overloaded" in ran.err
    assert "Traceback" not in ran.err


def test_exit_code_of_a_wrong_request(run: Run) -> None:
    """2, for what the caller can mend."""
    for arguments, said in (
        (("generate", "fox", "-m", "postr"), "did you mean 'poster'"),
        (("generate", "fox", "--size", "big"), "--size: 'big' is not a size"),
        (("generate", "fox", "--size", "16:9"), "there is --aspect-ratio"),
        (("generate", "fox", "--image", "none.png"), "none.png cannot be read"),
        (("generate", "fox", "--option", "x"), "not like provider.key=value"),
        (("generate", "fox", "-o", "no/where.png"), "there is no folder 'no'"),
        (("generate", "fox", "-o", "/proc/fox.png"), "/proc'"),
        (("generate", "fox", "--max-price", "cheap"), "no amount of dollars"),
        (("edit", "fox", "--image", "routercore.toml"), "as png, jpeg, webp or gif\n"),
    ):
        ran = run(*arguments)
        assert (2, True) == (ran.code, said in ran.err), ran.err


def test_exit_code_of_a_refusal(run: Run) -> None:
    """3, for content policy."""
    assert 3 == run("generate", "fox", "-m", "test/refusing").code


def test_exit_code_of_a_wrong_configuration(run: Run, folder: Path) -> None:
    """4, with every mistake on a line of its own."""
    (folder / "routercore.toml").write_text("[router]\ndeadlin = 1\nmax_attempts = 0\n")
    ran = run("generate", "fox")
    assert 4 == ran.code
    assert "2 mistakes in the configuration" in ran.err
    assert 2 == ran.err.count("•")


def test_exit_code_of_a_rate_limit(run: Run) -> None:
    """5, for what goes by itself after a while."""
    assert 5 == run("generate", "fox", "-m", "test/rate-limited").code


def test_errors_as_json(run: Run) -> None:
    """With ``--json`` an error is JSON as well."""
    ran = run("generate", "fox", "-m", "down", "--json")
    error = ran.json["error"]
    assert (1, "AttemptsFailedError", "") == (ran.code, error["type"], ran.err)
    assert {"primary:test/test"} == {attempt["target"] for attempt in error["attempts"]}


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        (("-o", "fox.bmp"), "no format is known by '.bmp'; there are .png, .jpg, .jpeg, .webp,"),
        (("-o", "fox.png", "--format", "jpeg"), "'fox.png' ends like png, and --format says jpeg"),
    ],
)
def test_a_name_that_would_lie(say: Run, folder: Path, arguments: list[str], why: str) -> None:
    """A file whose name says another format than its bytes is refused before it is made."""
    ran = say("generate", "fox", "--size", "64x64", *arguments)
    assert (2, True) == (ran.code, why in ran.err), ran.err
    assert ["routercore.toml"] == [path.name for path in folder.iterdir()]


@pytest.mark.parametrize(
    "arguments",
    [("-o", "fox.jpg", "--format", "JPEG"), ("-o", "fox.img", "-f", "jpg"), ("-o", "fox.JPEG")],
)
def test_a_format_by_any_of_its_names(say: Run, folder: Path, arguments: list[str]) -> None:
    """``jpg`` and ``JPEG`` are one, and a name that says nothing of a format is free."""
    ran = say("generate", "fox", "--size", "64x64", *arguments)
    assert 0 == ran.code, ran.err
    assert (folder / arguments[1]).read_bytes().startswith(b"\xff\xd8")


@pytest.mark.parametrize("command", ["generate", "edit", "plan", "estimate"])
def test_a_prompt_without_quotes(say: Run, command: str) -> None:
    """What a shell took apart is told with the cure, and nothing is made."""
    ran = say(command, "a", "lighthouse", "at", "dusk")
    told = " ".join(ran.err.replace("│", " ").split())
    assert (2, True) == (ran.code, "the prompt ended before 'lighthouse': put the whole" in told)


def test_a_reason_is_told_once(say: Run, folder: Path) -> None:
    """Pictures that are missing for one reason are counted."""
    (folder / "routercore.toml").write_text(
        '[providers.part]\nplugin = "test"\noptions = { images = 1 }\n'
        '[models.few]\ntargets = ["part:test/test"]\n'
    )
    ran = say("generate", "fox", "-n", "3", "-m", "few", "--size", "64x64")
    told = "error: 2 pictures are missing: its call brought 1 of 3 images\n"
    assert (1, told) == (ran.code, ran.err)
