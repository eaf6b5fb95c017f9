"""Check built pages: every link inside them leads somewhere, and nothing is fetched to show one."""

from __future__ import annotations

import re
import sys
from collections.abc import Iterator
from html.parser import HTMLParser
from pathlib import Path
from urllib.parse import unquote, urlsplit

ROOT = Path(__file__).resolve().parent.parent
MARKDOWN_LINK = re.compile(r"\]\((?!\w+:|#)([^)#\s]+)")
LOADS = {"script": "src", "link": "href", "img": "src", "iframe": "src", "source": "src"}
HARMLESS = {"canonical", "next", "prev", "search", "index", "author", "license"}


class Page(HTMLParser):
    """What a page can be linked to by, links to and loads."""

    def __init__(self, file: Path) -> None:
        super().__init__()
        self.ids: set[str] = set()
        self.links: list[str] = []
        self.loads: list[str] = []
        self.feed(file.read_text(encoding="utf-8"))

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Note what one tag says."""
        values = {name: value or "" for name, value in attrs}
        self.ids |= {values[name] for name in ("id", "name") if name in values}
        if tag == "a" and "href" in values:
            self.links.append(values["href"])
        elif LOADS.get(tag) in values and values.get("rel") not in HARMLESS:
            self.loads.append(values[LOADS[tag]])


def main(site: Path) -> int:
    """Print what is wrong and return how much it is."""
    pages = {file.resolve(): Page(file) for file in sorted(site.rglob("*.html"))}
    wrong = [*dead_links(pages), *foreign_loads(site, pages), *dead_files(ROOT)]
    print("\n".join(wrong) or f"{len(pages)} pages: every link leads somewhere, nothing is fetched")
    return 1 if wrong else 0


def dead_links(pages: dict[Path, Page]) -> Iterator[str]:
    """Links between pages that lead nowhere."""
    for file, page in pages.items():
        for link in page.links:
            parts = urlsplit(link)
            if parts.scheme or parts.netloc:
                continue
            target = (file.parent / unquote(parts.path)).resolve() if parts.path else file
            known = pages.get(target)
            if known is None and not target.is_file():
                yield f"{file.name}: no page {link}"
            elif known and parts.fragment and unquote(parts.fragment) not in known.ids:
                yield f"{file.name}: no place {link}"


def foreign_loads(site: Path, pages: dict[Path, Page]) -> Iterator[str]:
    """What a browser would ask another host for."""
    for file, page in pages.items():
        yield from (f"{file.name}: loads {url}" for url in page.loads if urlsplit(url).netloc)
    for sheet in site.rglob("*.css"):
        found = re.findall(r"url\([\"']?((?:https?:)?//[^)]+)", sheet.read_text(encoding="utf-8"))
        yield from (f"{sheet.name}: loads {url}" for url in found)


def dead_files(root: Path) -> Iterator[str]:
    """Relative links of the pages outside docs/ that name no file."""
    for file in sorted(
        [*root.glob("*.md"), *root.glob("plugins/*.md"), *root.glob("plugins/*/*.md")]
    ):
        for link in MARKDOWN_LINK.findall(file.read_text(encoding="utf-8")):
            if not (file.parent / link).exists():
                yield f"{file.relative_to(root)}: no file {link}"


if __name__ == "__main__":
    sys.exit(main(Path(sys.argv[1])))
