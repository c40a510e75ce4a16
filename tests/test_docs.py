"""The documentation: what its pages hold, that links lead somewhere, how it gets to a browser."""

from __future__ import annotations

import datetime as dt
import json
import re
import runpy
import shlex
import sqlite3
import subprocess
import sys
import tomllib
import webbrowser
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path
from urllib.parse import unquote, urlsplit
from urllib.request import url2pathname

import click
import polars as pl
import pytest
from click.testing import CliRunner, Result
from conftest import ROOT
from notebooks import FOLDER as NOTEBOOKS
from notebooks import printed
from test_cli import commands

import wfo
import wfo.testing
from wfo.cli import cli
from wfo.cli.docs import has_display
from wfo.docs import Site, broken_links, build_site, local_site, write_site
from wfo.docs.api import undocumented
from wfo.docs.docstrings import Item, parse, to_markdown
from wfo.docs.markdown import render
from wfo.docs.pages import page_names
from wfo.docs.site import MARK
from wfo.strategy.registry import get_strategy, separate

PACKAGE = Path(wfo.__file__).parent
SOURCES = PACKAGE / "docs"
GUIDES = sorted(SOURCES.glob("*.md"))


@pytest.fixture(scope="module")
def site() -> Site:
    return build_site(cli)


def page(site: Site, name: str) -> str:
    return site.files[f"{name}.html"].decode()


# Pages


def test_every_link_leads_somewhere_and_every_public_name_is_documented(site: Site) -> None:
    assert site.broken_links() == []
    assert undocumented() == []


def test_pages_need_no_other_place(site: Site) -> None:
    """Nothing is loaded from elsewhere, so that pages work as files, without a network."""
    for name, content in site.files.items():
        if name.endswith((".html", ".css", ".js")):
            text = content.decode()
            loaded = re.findall(r'(?:\bsrc|<link[^>]*href)="([^"]*)"|url\(([^)]*)\)', text)
            assert not [each for pair in loaded for each in pair if "//" in each], name
    assert b"fetch(" not in site.files["site.js"]


def test_every_source_is_a_page(site: Site) -> None:
    assert {path.stem for path in GUIDES} <= set(site.pages)
    assert {"commands", "formats", "contract", "glossary", "example", "api"} <= set(site.pages)
    for name in site.pages:
        assert site.files[f"{name}.md"].startswith(b"# "), name
        assert page(site, name).count("<h1") == 1, name


def test_pages_link_to_all_pages_and_mark_their_own(site: Site) -> None:
    for name in site.pages:
        text = page(site, name)
        navigation = text[text.index('<nav id="pages"') : text.index("<main")]
        assert re.findall(r'href="([^"]+)\.html"', navigation) == list(site.pages)
        assert re.findall(r'"([^"]+)\.html" aria-current="page"', navigation) == [name]


def test_the_contract_and_the_formats_are_those_that_ship(site: Site) -> None:
    for name, path in (("contract", "atr_d/CONTRACT.md"), ("formats", "FORMATS.md")):
        assert site.files[f"{name}.md"].decode() == (PACKAGE / path).read_text(encoding="utf-8")


@pytest.mark.parametrize("name", sorted(commands()))
def test_the_page_of_commands_has_every_option(name: str, site: Site) -> None:
    text = site.files["commands.md"].decode()
    _, _, below = text.partition(f"\n## `{name}`\n")
    own = below.partition("\n## ")[0]
    assert own.strip(), name
    command = commands()[name]
    for parameter in command.params:
        if isinstance(parameter, click.Option) and not parameter.hidden:
            assert all(option in own for option in parameter.opts), parameter.opts
    examples = re.findall(r"^    (?:  )?(wfo .*)$", command.help or "", re.MULTILINE)
    assert examples
    assert all(f"\n{example}\n" in own for example in examples)


def test_the_page_of_commands_is_that_of_no_machine(site: Site) -> None:
    assert not re.search(rb"one a core, here \d", site.files["commands.md"])


def test_the_api_has_every_public_name(site: Site) -> None:
    anchors = {
        anchor
        for name in site.pages
        if name.startswith("api-")
        for anchor in re.findall(r'<h[23] id="([^"]+)"', page(site, name))
    }
    assert {f"wfo.{name}" for name in wfo.__all__} <= anchors
    assert {"wfo.Grid.load", "wfo.Simulation.metrics", "wfo.testing.StrategyConformance"} <= anchors
    assert "wfo.testing.SourceConformance" in anchors
    assert {"wfo.metrics.sharpe", "wfo.strategy.PythonKernel", "wfo.progress.for_stream"} <= anchors


def test_signatures_and_lists_of_the_api(site: Site) -> None:
    text = site.files["api-backtest.md"].decode()
    assert "    split: BarOrDate | None = None," in text
    assert "- `split`: First out-of-sample bar, its index or a date" in text
    assert "[`wfo.read_feeds`](api-bars.md#wfo.read_feeds)" in text
    assert "- [`WfoError`](api-errors.md#wfo.WfoError): If a parameter" in text
    assert " at 0x" not in text


def test_a_public_name_without_a_docstring_is_named(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wfo.score, "__doc__", None)
    monkeypatch.setattr(wfo.Grid.params, "__doc__", None)
    assert undocumented() == ["wfo.score", "wfo.Grid.params"]


def test_a_public_name_on_no_page_is_an_error(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(wfo, "__all__", [*wfo.__all__, "novelty"])
    with pytest.raises(wfo.WfoError, match="novelty"):
        build_site(cli)


# Markdown


def test_headings_have_anchors_of_their_own() -> None:
    found = render("# One\n\n## Two words, *marked*\n\n## `wfo.Grid`\n\n## One\n\ntext", "page")
    assert [s.anchor for s in found.sections] == ["one", "two-words-marked", "wfo.Grid", "one-1"]
    assert [s.level for s in found.sections] == [1, 2, 2, 2]
    assert found.sections[-1].text == "text"
    assert '<h2 id="wfo.Grid"><code>wfo.Grid</code>' in found.body


def test_names_that_differ_in_case_alone_have_two_anchors() -> None:
    found = render("# A\n\n## `wfo.sensitivity`\n\n## `wfo.Sensitivity`", "page")
    assert [s.anchor for s in found.sections[1:]] == ["wfo.sensitivity", "wfo.Sensitivity"]


def test_rules_are_anchors_and_citations_links() -> None:
    text = (
        "# C\n\n**S5** Of [M7], `[S5]` and Q1 (M8).\n\n| **M7** | x |\n|---|---|\n| **M8** | y |\n"
    )
    body = render(text, "contract").body
    assert re.findall(r'<strong id="(\w+)"', body) == ["S5", "M7", "M8"]
    assert '<a class="cited" href="#M7">[M7]</a>' in body
    assert '(<a class="cited" href="#M8">M8</a>)' in body
    assert "<code>[S5]</code>" in body
    assert "Q1 (" in body
    other = render(text, "guide").body
    assert "<strong id" not in other
    assert re.findall(r'href="contract.html#(\w+)"', other) == ["M7"]


def test_every_rule_of_the_contract_can_be_linked(site: Site) -> None:
    text = site.files["contract.md"].decode()
    ids = set(re.findall(r"\*\*([A-Z]\d+)\b", text))
    assert ids == set(re.findall(r'<strong id="([A-Z]\d+)"', page(site, "contract")))


def test_html_in_markdown_is_text() -> None:
    assert "&lt;b&gt;" in render("a <b>c</b>", "page").body


def test_docstrings() -> None:
    doc = parse(
        "Do it.\n\nMore of ``it``, as `sweep` does::\n\n    import wfo\n\nParameters\n----------\n"
        "a, b\n    Two *things*.\n\n    Really.\n*rest\n    Others.\n\nRaises\n------\nInputError\n"
        "    If not.\n\nExamples\n--------\n>>> 1  # doctest: +SKIP\n1\n"
    )
    assert doc.summary == "Do it."
    assert doc.lists == {
        "Parameters": (Item("a, b", "Two *things*.\n\nReally."), Item("*rest", "Others.")),
        "Raises": (Item("InputError", "If not."),),
    }
    assert doc.texts == {"Examples": ">>> 1  # doctest: +SKIP\n1"}
    where = {"sweep": "api.md#wfo.sweep"}.get
    assert to_markdown(doc.body, where) == (
        "More of `it`, as [`sweep`](api.md#wfo.sweep) does:\n\n```python\nimport wfo\n```"
    )
    assert to_markdown(doc.texts["Examples"], where) == "```python\n>>> 1\n1\n```"


# Links


def test_broken_links_are_named() -> None:
    files = {
        "a.html": b'<h1 id="x"></h1><a href="b.html#y"></a><a href="#x"></a><a href="">e</a>'
        b'<img src="no.png"><a href="b.html#z"></a><a href="c.html"></a>',
        "b.html": b'<i id="y"></i><i id="y"></i><a href="tel:1"></a><a href="https://"></a>'
        b'<a href="https://example.org/a b"></a><a href="https://example.org/a#b"></a>'
        b'<a href="../a.html"></a><a href="/a.html"></a>',
    }
    assert broken_links(files) == [
        "a.html: the link '' is empty",
        "a.html: the link 'no.png' leads to no file of the site",
        "a.html: the link 'b.html#z' leads to no heading or rule 'z' of b.html",
        "a.html: the link 'c.html' leads to no file of the site",
        "b.html: the id 'y' is there twice",
        "b.html: the link 'tel:1' has the scheme 'tel'; known: data, http, https, mailto",
        "b.html: the link 'https://' names no place",
        "b.html: the link 'https://example.org/a b' names no place",
        "b.html: the link '../a.html' leads to no file of the site",
        "b.html: the link '/a.html' leads to no file of the site",
    ]


def test_a_page_that_is_gone_breaks_the_links_to_it(site: Site) -> None:
    files = {name: text for name, text in site.files.items() if name != "glossary.html"}
    assert any("'glossary.html#phase' leads to no file" in line for line in broken_links(files))


def test_the_repositorys_own_pages_link_to_files_that_exist() -> None:
    listed = subprocess.run(
        ["git", "-C", str(ROOT), "ls-files", "*.md"], capture_output=True, text=True, check=False
    )
    if listed.returncode:
        pytest.skip("needs the repository")
    for name in listed.stdout.split():
        path = ROOT / name
        if path.parent == SOURCES:
            continue  # its links are those of the site
        text = re.sub(r"```.*?```", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
        for link in re.findall(r"\]\(([^)\s]+)\)", text):
            split = urlsplit(link)
            if not split.scheme and split.path:
                assert (path.parent / unquote(split.path)).exists(), f"{name}: {link}"


# llms.txt


def test_llms_txt_has_the_form_of_its_proposal(site: Site) -> None:
    """https://llmstxt.org: a title, a summary as quotation, then sections of links with notes."""
    first, second, rest = site.files["llms.txt"].decode().split("\n\n", 2)
    assert first == "# wfo"
    assert second.startswith("> ")
    assert "\n" not in second
    head, *sections = re.split(r"^## .+\n\n", rest, flags=re.MULTILINE)
    assert not head.startswith("#")
    links = []
    for section in sections:
        for line in section.strip().splitlines():
            match = re.fullmatch(r"- \[[^]]+\]\((\S+)\): \S.*", line)
            assert match, line
            assert "```" not in line
            links.append(match[1])
    assert links == [f"{name}.md" for name in site.pages[1:]]
    assert set(links) <= set(site.files)


def test_the_search_finds_headings_that_exist(site: Site) -> None:
    script = site.files["search.js"].decode()
    rows = json.loads(script.removeprefix("window.WFO_SEARCH=").removesuffix(";\n"))
    links = {row[0] for row in rows}
    assert {"glossary.html#gate", "api-backtest.html#wfo.sweep", "commands.html#wfo-run"} <= links
    index = "".join(f'<a href="{link}"></a>' for link in links).encode()
    assert broken_links({**site.files, "every.html": index}) == []


# On disk


SMALL = Site({"index.html": b"<p>one</p>", "a.css": b"x"}, ("index",))


def test_a_site_is_written_and_written_anew(tmp_path: Path, site: Site) -> None:
    folder = tmp_path / "to" / "site"
    write_site(site, folder)
    assert {p.name: p.read_bytes() for p in folder.iterdir() if p.name != MARK} == site.files
    (folder / "CNAME").write_text("docs.example.org")
    write_site(SMALL, folder)
    assert {p.name for p in folder.iterdir()} == {"index.html", "a.css", MARK, "CNAME"}


def test_a_folder_of_other_things_is_left_alone(tmp_path: Path) -> None:
    (tmp_path / "thesis.doc").write_text("years")
    with pytest.raises(wfo.InputError, match=r"is not empty and holds no earlier site.*--build"):
        write_site(SMALL, tmp_path)
    assert [p.name for p in tmp_path.iterdir()] == ["thesis.doc"]
    with pytest.raises(wfo.InputError, match="is a file"):
        write_site(SMALL, tmp_path / "thesis.doc")


@pytest.mark.parametrize("name", ["../thesis.doc", "..", "", "/etc/passwd", "a/b"])
def test_a_mark_cannot_reach_out_of_its_folder(name: str, tmp_path: Path) -> None:
    (tmp_path / "thesis.doc").write_text("years")
    folder = tmp_path / "site"
    write_site(SMALL, folder)
    (folder / MARK).write_text(json.dumps({"files": [name]}))
    with pytest.raises(wfo.ResultsError, match="is damaged"):
        write_site(SMALL, folder)
    assert (tmp_path / "thesis.doc").exists()


def test_a_write_that_was_interrupted_is_completed(tmp_path: Path) -> None:
    class Stops(dict[str, bytes]):
        def items(self):  # type: ignore[no-untyped-def]
            yield "index.html", b"<p>half</p>"
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_site(Site(Stops({"index.html": b"", "later.css": b""}), ("index",)), tmp_path / "s")
    write_site(SMALL, tmp_path / "s")
    assert {p.name for p in (tmp_path / "s").iterdir()} == {"index.html", "a.css", MARK}
    assert (tmp_path / "s" / "index.html").read_bytes() == b"<p>one</p>"


@pytest.fixture
def cache(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The cache of this test alone, on any system."""
    for name in ("XDG_CACHE_HOME", "LOCALAPPDATA", "HOME"):
        monkeypatch.setenv(name, str(tmp_path / "cache"))
    return tmp_path / "cache"


def test_the_local_copy_is_written_once(cache: Path) -> None:
    first = local_site(SMALL, "1.0")
    assert first.is_relative_to(cache)
    assert (first / "index.html").read_bytes() == b"<p>one</p>"
    before = (first / "index.html").stat().st_mtime_ns
    assert local_site(SMALL, "1.0") == first
    assert (first / "index.html").stat().st_mtime_ns == before
    other = local_site(Site({"index.html": b"<p>two</p>"}, ("index",)), "1.0")
    assert other != first
    assert (first / "index.html").read_bytes() == b"<p>one</p>"
    assert sorted(p.name for p in first.parent.iterdir()) == sorted([first.name, other.name])


def test_few_old_copies_are_kept(cache: Path) -> None:
    del cache
    for i in range(8):
        last = local_site(Site({"index.html": b"%d" % i}, ("index",)), "1.0")
    assert last in set(last.parent.iterdir())
    assert len(list(last.parent.iterdir())) == 4


def test_without_a_cache_the_copy_is_temporary(cache: Path) -> None:
    cache.write_text("a file where the folder should be")
    folder = local_site(SMALL, "1.0")
    assert (folder / "index.html").read_bytes() == b"<p>one</p>"
    assert not folder.is_relative_to(cache.parent / "cache")


# The command


@pytest.fixture
def opened(cache: Path, monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The addresses that a browser was given."""
    del cache
    found: list[str] = []
    monkeypatch.setattr(webbrowser, "open", found.append)
    monkeypatch.setattr(wfo.cli.docs, "has_display", lambda *_: True)
    return found


def called(*arguments: object) -> Result:
    return CliRunner().invoke(cli, ["docs", *map(str, arguments)], prog_name="wfo")


def path_of(address: str) -> Path:
    return Path(url2pathname(urlsplit(address).path))


@pytest.fixture
def made(site: Site, monkeypatch: pytest.MonkeyPatch) -> None:
    """The command shows the pages that are made already, which takes it a second otherwise."""
    monkeypatch.setattr(wfo.docs, "build_site", lambda command: site if command is cli else None)


def test_docs_opens_a_page_of_this_version(opened: list[str], site: Site) -> None:
    done = called("glossary")
    assert done.exit_code == 0, done.output
    assert opened == [done.output.strip()]
    assert path_of(opened[0]).read_bytes() == site.files["glossary.html"]
    assert wfo.__version__ in opened[0]


@pytest.mark.usefixtures("made")
@pytest.mark.parametrize("options", [["--no-open"], []])
def test_docs_prints_the_address_alone(
    options: list[str], opened: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    if not options:
        monkeypatch.setattr(wfo.cli.docs, "has_display", lambda *_: False)
    done = called(*options)
    assert done.exit_code == 0, done.output
    assert opened == []
    assert path_of(done.output.strip()).name == "index.html"
    assert path_of(done.output.strip()).is_file()


@pytest.mark.parametrize(
    ("platform", "environment", "there"),
    [
        ("linux", {}, False),
        ("linux", {"DISPLAY": ""}, False),
        ("linux", {"DISPLAY": ":0"}, True),
        ("linux", {"WAYLAND_DISPLAY": "wayland-0"}, True),
        ("linux", {"BROWSER": "firefox"}, True),
        ("darwin", {}, True),
        ("win32", {}, True),
    ],
)
def test_where_a_browser_can_show_itself(
    platform: str, environment: dict[str, str], there: bool
) -> None:
    assert has_display(platform, environment) is there


@pytest.mark.usefixtures("made")
def test_docs_of_a_page_that_does_not_exist(opened: list[str]) -> None:
    done = called("glosary")
    assert done.exit_code == 2
    assert "did you mean 'glossary'?" in done.output
    assert opened == []


def test_docs_are_built_and_checked(opened: list[str], tmp_path: Path, site: Site) -> None:
    done = called("--build", tmp_path / "site", "--check")
    assert done.exit_code == 0, done.output
    # The same installation gives the same bytes.
    built = {
        path.relative_to(tmp_path / "site").as_posix(): path.read_bytes()
        for path in (tmp_path / "site").rglob("*")
        if path.is_file()
    }
    del built["site.json"]
    assert built == site.files
    assert opened == []


def test_the_check_fails_where_a_link_is_broken(
    opened: list[str], tmp_path: Path, site: Site, monkeypatch: pytest.MonkeyPatch
) -> None:
    files = {**site.files, "index.html": b'<a href="gone.html">'}
    monkeypatch.setattr(wfo.docs, "build_site", lambda _: Site(files, site.pages))
    monkeypatch.setattr(wfo.score, "__doc__", None)
    done = called("--check", "--build", tmp_path / "site")
    assert isinstance(done.exception, wfo.ResultsError)
    assert str(done.exception).splitlines()[1:] == [
        "  index.html: the link 'gone.html' leads to no file of the site",
        "  wfo.score has no docstring",
    ]
    assert not (tmp_path / "site").exists()
    assert opened == []


# Guides


def blocks(path: Path, language: str) -> list[str]:
    text = path.read_text(encoding="utf-8")
    return re.findall(rf"^```{language}\n(.*?)^```$", text, re.MULTILINE | re.DOTALL)


def guide_calls() -> Iterator[str]:
    for path in GUIDES:
        for block in blocks(path, "console"):
            yield from (line for line in block.splitlines() if line.startswith("wfo "))


@pytest.mark.parametrize("call", sorted(set(guide_calls())))
def test_commands_of_the_guides_are_commands(
    call: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    if ".py:" in call:
        for block in blocks(SOURCES / "own-strategy.md", "python"):
            (tmp_path / block.split()[1]).write_text(block, encoding="utf-8")
        monkeypatch.chdir(tmp_path)
    words = shlex.split(call.partition(" > ")[0])[1:]
    command: click.Command = cli
    context = click.Context(cli, info_name="wfo")
    if words[0] == "--load":
        words = words[2:]
    while isinstance(command, click.Group):
        below = command.get_command(context, words.pop(0))
        assert below is not None, call
        command, context = below, click.Context(below, parent=context)
    with separate():
        command.make_context(command.name, words, parent=context.parent, resilient_parsing=True)


def python_in(folder: Path, *arguments: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, *arguments]
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.fixture
def first_strategy(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A folder with the files of the guide to rules, of which Python and commands know."""
    for block in blocks(SOURCES / "first-strategy.md", "python"):
        name = re.match(r"# (\w+\.py)\n", block)
        assert name, block
        (tmp_path / name[1]).write_text(block, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(tmp_path)
    with wfo.strategy.registry.separate():
        yield tmp_path
    for name in ("first", "own", "broken"):
        sys.modules.pop(name, None)


def test_the_first_strategy_of_the_guide_works(
    first_strategy: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """Its files and its commands, as they stand there and in their order."""
    runpy.run_path(str(first_strategy / "one.py"))
    assert "PartMetrics(" in capsys.readouterr().out
    runpy.run_path(str(first_strategy / "sweep.py"))
    assert "oos_trades" in capsys.readouterr().out
    calls = [
        line
        for block in blocks(SOURCES / "first-strategy.md", "console")
        for line in block.splitlines()
    ]
    said = {}
    for call in calls:
        done = CliRunner().invoke(cli, shlex.split(call)[1:])
        assert done.exit_code == 0, f"{call}\n{done.output}"
        said[call.partition(" --")[0]] = done.output
    assert re.search("37,944 .*combinations", said["wfo run"])
    assert "37,944" in said["wfo strategies first.py:Breakout"]
    # A first search is to show what one is made for.
    assert "\nPlateaus: " in said["wfo run"]
    assert "Swept by the engine factored." in said["wfo run"]
    (text,) = blocks(SOURCES / "first-strategy.md", "text")
    done = CliRunner().invoke(cli, ["strategies", "broken.py:Broken"])
    assert str(done.exception).startswith(text.strip())


def test_the_strategy_of_the_guide_works(tmp_path: Path) -> None:
    """Its three files, as they stand there; of its own tests the one that recounts costs."""
    files = {}
    for block in blocks(SOURCES / "own-strategy.md", "python"):
        name = re.match(r"# (\w+\.py)\n", block)
        assert name, block
        files[name[1]] = block
        (tmp_path / name[1]).write_text(block, encoding="utf-8")
    assert set(files) == {"mine.py", "use.py", "test_mine.py", "crossing.py", "test_crossing.py"}
    used = python_in(tmp_path, "use.py")
    assert used.returncode == 0, used.stderr
    assert "PartMetrics(" in used.stdout
    chosen = ["-k", "pay_their_costs or recount or look", "-p", "no:cacheprovider"]
    tested = python_in(tmp_path, "-m", "pytest", "-q", "test_mine.py", *chosen)
    assert tested.returncode == 0, tested.stdout
    assert re.search(r"[3-9] passed", tested.stdout), tested.stdout


def test_the_kernel_of_the_guide_works(tmp_path: Path) -> None:
    """Its file, as it stands there; of its tests those of fills, money and time."""
    pytest.importorskip("numba")
    for block in blocks(SOURCES / "own-strategy.md", "python"):
        (tmp_path / block.split()[1]).write_text(block, encoding="utf-8")
    with separate():
        strategy = get_strategy(f"{tmp_path}/crossing.py:crossing")
        assert strategy.grid is not None
        assert len(wfo.Grid(strategy.grid, strategy=strategy)) == 174
        (written,) = blocks(SOURCES / "own-strategy.md", "python")[-1:]
        finite = "finite_memory = False" not in written
        more = {"strategy": strategy, "finite_memory": finite, "cases": 4}
        suite = type("Suite", (wfo.testing.StrategyConformance,), more)()
        for name in ("engines_agree", "trades_pay_their_costs", "no_look_ahead"):
            getattr(suite, f"test_{name}")()
        suite.test_dated_parameters()


def test_the_guide_to_rust_shows_the_project_that_is_tested() -> None:
    """`test_wheel` builds and tests it."""
    page, project = SOURCES / "rust-strategy.md", ROOT / "tests" / "sma_cross"
    if not project.is_dir():
        pytest.skip("needs the repository")
    source = (project / "src" / "lib.rs").read_text("utf-8")
    shown = blocks(page, "rust")
    assert len(shown) == 5
    assert [block for block in shown if block not in source] == []
    python = [p.read_text("utf-8") for p in project.rglob("*.py")]
    for block in blocks(page, "python"):
        assert any(block in text for text in python), block
    crate, package = blocks(page, "toml")
    assert package.removeprefix("# pyproject.toml\n") == (project / "pyproject.toml").read_text(
        "utf-8"
    )
    found, own = tomllib.loads(crate), tomllib.loads((project / "Cargo.toml").read_text("utf-8"))
    workspace = tomllib.loads((ROOT / "Cargo.toml").read_text("utf-8"))
    assert found["lib"]["crate-type"] == own["lib"]["crate-type"]
    assert found["package"]["edition"] == workspace["workspace"]["package"]["edition"]
    assert found["dependencies"]["pyo3"] == workspace["workspace"]["dependencies"]["pyo3"]
    assert found["dependencies"].keys() == own["dependencies"].keys()
    urls = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["urls"]
    assert {found["dependencies"][f"wfo-{n}"]["git"] for n in ("core", "bindings")} == {
        urls["Repository"]
    }


def test_the_source_of_the_guide_passes_its_tests(tmp_path: Path) -> None:
    """Its two files, as they stand there."""
    files = {}
    for block in blocks(SOURCES / "own-source.md", "python"):
        name = re.match(r"# (\w+\.py)\n", block)
        assert name, block
        files[name[1]] = block
        (tmp_path / name[1]).write_text(block, encoding="utf-8")
    assert set(files) == {"desk.py", "update_desk.py", "test_desk.py"}
    tested = python_in(tmp_path, "-m", "pytest", "-q", "test_desk.py", "-p", "no:cacheprovider")
    assert tested.returncode == 0, tested.stdout
    suite = [name for name in dir(wfo.testing.SourceConformance) if name.startswith("test_")]
    assert re.search(rf"\b{len(suite)} passed", tested.stdout), tested.stdout


def test_the_source_of_the_guide_is_one_of_the_commands(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    for block in blocks(SOURCES / "own-source.md", "python"):
        (tmp_path / block.split()[1]).write_text(block, encoding="utf-8")
    monkeypatch.chdir(tmp_path)
    sample = wfo.load_sample("NASDAQ").select("date", "open", "high", "low", "close")
    with closing(sqlite3.connect("desk.sqlite")) as made, made:
        made.execute("CREATE TABLE bars (symbol, date, open, high, low, close)")
        rows = [("COMP", str(row[0]), *row[1:]) for row in sample.rows()]
        made.executemany("INSERT INTO bars VALUES (?, ?, ?, ?, ?, ?)", rows)

    def download(*words: str) -> Result:
        return CliRunner().invoke(
            cli, ["data", "download", "COMP", "--start", "2018-01-02", *words]
        )

    first = download("--end", "2018-06-29", "--source", "desk.py:Desk")
    assert first.exit_code == 0, first.output
    # The store knows the source by its name, and not where its class is.
    lost = download("--end", "2018-12-31")
    assert lost.exit_code != 0
    assert "came from 'desk', a source of your own" in " ".join(lost.output.split())
    monkeypatch.setenv("WFO_SOURCE", "desk.py:Desk")
    second = download("--end", "2018-12-31")
    assert second.exit_code == 0, second.output
    stored = wfo.DataStore("data").load("COMP")
    assert stored.equals(sample.filter(pl.col("date") >= dt.date(2018, 1, 2)))
    # The same from Python, up to yesterday; the database ends before.
    updated = python_in(tmp_path, "update_desk.py")
    assert updated.returncode == 0, updated.stderr
    done, coverage = updated.stdout.splitlines()
    assert done.startswith("0 None The desk's database has no bars after 2018-12-31")
    assert re.match(r"Coverage\(2017-12-30 to 20\d\d-\d\d-\d\d by 'desk', [\d,]+ of", coverage)


@pytest.mark.slow
def test_a_type_checker_takes_the_source_of_the_guide(tmp_path: Path) -> None:
    pytest.importorskip("mypy", reason="mypy is not installed: make lint")
    for block in blocks(SOURCES / "own-source.md", "python"):
        (tmp_path / block.split()[1]).write_text(block, encoding="utf-8")
    lines = "from desk import Desk\nfrom wfo.data.sources import Source\nsource: Source = Desk()\n"
    (tmp_path / "typed.py").write_text(lines, encoding="utf-8")
    words = ("--no-incremental", "--python-version", "3.11", "typed.py", "update_desk.py")
    checked = python_in(tmp_path, "-m", "mypy", *words)
    assert checked.returncode == 0, checked.stdout


@pytest.mark.parametrize("name", ["gates-and-worth", "reproducibility"])
def test_python_of_the_guides_runs(name: str) -> None:
    found = blocks(SOURCES / f"{name}.md", "python")
    assert found
    for block in found:
        exec(compile(block, f"{name}.md", "exec"), {})


def test_the_names_of_pages_are_known_without_making_them(site: Site) -> None:
    assert page_names() == list(site.pages)


@pytest.mark.usefixtures("made")
def test_a_page_is_opened_where_an_id_is() -> None:
    called = CliRunner().invoke(cli, ["docs", "contract#S5", "--no-open"])
    assert called.exit_code == 0, called.output
    assert called.output.strip().endswith("contract.html#S5")
    page = Path(url2pathname(urlsplit(called.output.strip()).path))
    assert 'id="S5"' in page.read_text(encoding="utf-8")


# The example


def test_the_notebook_prints_what_its_page_shows(tmp_path: Path) -> None:
    """`python tests/notebooks.py` writes the outputs anew."""
    (path,) = NOTEBOOKS.glob("*.ipynb")
    stored = json.loads(path.read_text(encoding="utf-8"))
    # In a process of its own: sockets to the kernel are closed by the collector, which warns.
    found = tmp_path / path.name
    line = [sys.executable, str(ROOT / "tests" / "notebooks.py"), str(path), str(found)]
    subprocess.run(line, check=True, timeout=120)
    assert list(printed(json.loads(found.read_text(encoding="utf-8")))) == list(printed(stored))


def test_the_notebook_has_nothing_of_a_machine(site: Site) -> None:
    (path,) = NOTEBOOKS.glob("*.ipynb")
    text = path.read_text(encoding="utf-8")
    assert not re.search(r"/(home|root|tmp|Users|work)\b|[A-Z]:\\\\|0x[0-9a-f]{6}", text)
    notebook = json.loads(text)
    assert set(notebook["metadata"]) == {"kernelspec", "language_info"}
    code = [cell for cell in notebook["cells"] if cell["cell_type"] == "code"]
    assert all(cell["metadata"] == {} and cell["execution_count"] is None for cell in code)
    assert sum(bool(text) for _, text in printed(notebook)) == len(code)
    assert f'src="{path.stem}-chart1.html"' in page(site, "example")
    assert b"<svg" in site.files[f"{path.stem}-chart1.html"]


# Messages

#: What the guide to market data explains: beginnings, ends or middles of messages.
MESSAGES = (
    *("missing within sessions", "outside the sessions of", "zero volume"),
    *("like an unadjusted split", "usual ranges beyond the body and the bars beside it"),
    *("prices times a constant", "no source can be asked for", "has given no refresh token yet"),
    *("needs a pair of keys", "so others may read or write its secrets", "knows no symbol"),
    *("has no symbol", "and cannot be continued with", "was imported from", "is not complete yet"),
    *("that these were made of have changed since", "and is not continued", "only in case"),
    *("the history was fetched anew, since stored bars changed", "asked for again after"),
    *("stored bars changed and are as they were before", "is damaged"),
    *("waiting for another process that writes it", "cannot be used"),
)


@pytest.mark.parametrize("message", MESSAGES)
def test_messages_that_the_guide_to_market_data_explains_are_those_of_the_code(
    message: str,
) -> None:
    guide = (SOURCES / "market-data.md").read_text(encoding="utf-8")
    assert message.removesuffix(" of") in guide
    folders = (PACKAGE / "data", PACKAGE / "cli")
    code = "\n".join(p.read_text("utf-8") for f in folders for p in sorted(f.rglob("*.py")))
    # Texts that are continued on the next line are one text.
    assert message in re.sub(r'"\n\s*f?"', "", code)


# The glossary

# Words that something else has taken the place of, as parts of names in code.
RETIRED = {
    *("crowd", "crowds", "seat", "seats", "march", "marches", "halt", "halts", "door", "doors"),
    *("quad", "quads", "tally", "tallies", "sieve", "ledger", "touchmap", "leader"),
}  # fmt: skip


# Types of the factored engine that have other names now.
RETIRED_TYPES = {
    *("Books", "Crowd", "Cut", "Doors", "Gated", "Group", "Halt", "Leader", "Map", "March"),
    *("Open", "Pass", "Place", "Quad", "Seat", "Shut", "Stretch", "Terms", "Tile", "Together"),
    *("Walk", "Walks"),
}  # fmt: skip


def glossary() -> dict[str, tuple[str, list[str]]]:
    """The definition of each term, and the names in code that it states."""
    text = (SOURCES / "glossary.md").read_text(encoding="utf-8")
    found: dict[str, tuple[str, list[str]]] = {}
    for entry in re.split(r"^### ", text, flags=re.MULTILINE)[1:]:
        term, _, below = entry.partition("\n")
        below = re.split(r"^## ", below, flags=re.MULTILINE)[0]
        definition, _, names = below.partition("\nIn code: ")
        assert term not in found, term
        found[term] = definition.strip(), re.findall(r"`([^`]+)`", names)
    return found


def sources() -> Iterator[tuple[Path, str]]:
    """Code of the package and of the core, without the glossary itself."""
    for folder, ending in ((PACKAGE, "*.py"), (ROOT / "rust", "*.rs")):
        for path in sorted(folder.rglob(ending)):
            yield path, path.read_text(encoding="utf-8")


def identifiers() -> dict[str, Path]:
    """Every name in code, with a file that has it; comments and texts are none."""
    text_or_comment = re.compile(
        r'"""(?:.|\n)*?"""|"(?:\\.|[^"\\\n])*"|\'(?:\\.|[^\'\\\n])*\'|//[^\n]*|#(?![\[!])[^\n]*'
    )
    found: dict[str, Path] = {}
    for path, text in sources():
        for name in re.findall(r"[A-Za-z_]\w*", text_or_comment.sub(" ", text)):
            found.setdefault(name, path)
    return found


def test_every_term_is_defined_and_has_a_name_in_code() -> None:
    terms = glossary()
    assert len(terms) >= 30
    for term, (definition, names) in terms.items():
        assert definition.endswith("."), term
        assert "\n\n" not in definition, term
        assert names, term


def test_names_of_the_glossary_are_in_the_code() -> None:
    if not (ROOT / "rust").is_dir():
        pytest.skip("needs the sources of the core")
    known = {*identifiers(), *(path.stem for path, _ in sources())}
    known |= {path.parent.name for path, _ in sources()}
    text = "\n".join(text for _, text in sources())
    columns = set(re.findall(r'"(\w+)"', text))
    missing = {
        name: term
        for term, (_, names) in glossary().items()
        for name in names
        if name not in known | columns
    }
    assert not missing


def test_no_retired_word_is_a_name_in_code() -> None:
    used = {}
    for name, path in identifiers().items():
        words = re.findall(r"[A-Z]?[a-z]+|[A-Z]+(?![a-z])", name)
        if {word.lower() for word in words} & RETIRED:
            used[name] = str(path)
    engine = ROOT / "rust" / "wfo-core" / "src" / "strategies" / "atr_d" / "factored"
    for path in engine.rglob("*.rs"):
        text = path.read_text(encoding="utf-8")
        for name in re.findall(r"\b(?:struct|enum|trait|type) (\w+)", text):
            if name in RETIRED_TYPES:
                used[name] = str(path)
    assert not used
