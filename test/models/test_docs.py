"""README and docs: commands exist with their options, those of README run, links lead somewhere, the site builds."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.testing import CliRunner

from unity_depth_perception.cli.main import app

ROOT = Path(__file__).parents[2]
DOCS = sorted(path for path in (ROOT / "docs").rglob("*.md") if "notebooks" not in path.parts)
PAGES = [ROOT / name for name in ("README.md", "CONTRIBUTING.md", "SECURITY.md", "QUALITY_DECLARATION.md")] + DOCS
# What README and docs name and this package does not have: nothing of them is checked.
OF_OTHERS = {"pip", "git", "cd", "docker", "rosdep", "sudo", "python3", "pre-commit", "ssh", "python", "TMPDIR=/path"}
MODULES = ("sphinx", "myst_nb", "furo")


def page_id(path: Path) -> str:
    return path.relative_to(ROOT).as_posix()


def commands_of(path: Path) -> list[list[str]]:
    """Words of each command in the bash blocks and in the indented lines that call what this package has."""
    text = path.read_text(encoding="utf-8")
    blocks = "\n".join(re.findall(r"^```(?:bash|console)\n(.*?)^```", text, re.DOTALL | re.MULTILINE))
    indented = re.findall(r"^    ((?:\.venv/bin/|unity-depth |make |ros2 ).*(?:\\\n.*)*)", text, re.MULTILINE)
    lines = "\n".join([blocks, *indented]).replace("\\\n", " ").splitlines()
    parts = [part.strip() for line in lines for part in re.split(r"&&", line.partition(" # ")[0]) if part.strip()]
    return [shlex.split(part, comments=True) for part in parts if not part.startswith("#")]


COMMANDS = [(page_id(path), words) for path in PAGES for words in commands_of(path) if words]


@pytest.mark.parametrize(
    ("page", "words"), COMMANDS, ids=[f"{page}: {' '.join(words)[:60]}" for page, words in COMMANDS]
)
def test_command_exists_with_its_options(page: str, words: list[str]) -> None:
    name = Path(words[0]).name
    if name == "unity-depth":
        check_unity_depth(words[1:])
    elif name == "make":
        check_make(words[1:])
    elif words[:2] == ["ros2", "launch"]:
        check_launch(words[2:])
    elif words[:3] == ["ros2", "run", "unity_depth_perception"]:
        assert words[3] in (ROOT / "CMakeLists.txt").read_text(encoding="utf-8").split()
    elif name == "torchrun":
        check_unity_depth(words[words.index(".venv/bin/unity-depth") + 1 :])
    elif words[0].startswith(".venv/bin/python") or words[:1] == ["python"]:
        check_python(words[1:])
    else:
        assert words[0] in OF_OTHERS or words[0] in (".", "ros2", "touch"), f"{page}: unknown command {words}"


def check_unity_depth(words: list[str]) -> None:
    """Parse the options; values are not looked at, as the files do not exist."""
    command: Any = typer.main.get_command(app)
    while hasattr(command, "commands") and words and not words[0].startswith("-"):
        command, words = command.commands[words[0]], words[1:]
    if words and words != ["--help"]:
        context = command.context_class(command, info_name="unity-depth", resilient_parsing=False)
        command.make_parser(context).parse_args(words)


def check_make(words: list[str]) -> None:
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(encoding="utf-8"), re.MULTILINE))
    assert {word for word in words if "=" not in word} <= targets
    for word in words:
        name, _, value = word.partition("=")
        assert not value or name in ("ARGS", "SCENE", "PYTHON", "TORCH"), word


def check_launch(words: list[str]) -> None:
    package, file, *arguments = words
    assert package == "unity_depth_perception"
    texts = [(ROOT / "launch" / name).read_text(encoding="utf-8") for name in (file, "perception.launch.py")]
    for argument in arguments:
        assert argument == "--show-args" or f'"{argument.partition(":=")[0]}"' in "".join(texts), argument


def check_python(words: list[str]) -> None:
    if words[0] == "-m" and words[1].startswith("unity_depth_perception"):
        assert (ROOT / Path(*words[1].split("."))).with_suffix(".py").is_file() or (
            ROOT / Path(*words[1].split(".")) / "__main__.py"
        ).is_file()
    elif words[0] != "-m":
        assert (ROOT / words[0]).is_file(), words


@pytest.mark.slow
def test_commands_of_the_readme_run_in_order(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As written, but for fewer and smaller images, short trainings, and `web`, which would serve for ever."""
    monkeypatch.chdir(tmp_path)
    shorter = {"synthesize": ["--count", "2", "--size", "128x96"], "train-depth": ["--steps", "1", "--device", "cpu"]}
    shorter["train-segmentation"] = ["--steps", "1", "--size", "128", "--device", "cpu"]
    ran = []
    for words in commands_of(ROOT / "README.md"):
        if Path(words[0]).name != "unity-depth" or words[1] == "web":
            continue
        done = CliRunner().invoke(app, [*words[1:], *shorter.get(words[1], [])])
        assert done.exit_code == 0, (words, done.output)
        ran.append(words[1])
    assert ran == ["synthesize", "estimate", "evaluate", "doctor", "train-segmentation", "train-depth", "evaluate"]
    assert (tmp_path / "results" / "results.json").is_file()
    assert (tmp_path / "report_mine" / "comparison.html").is_file()


def slugs(path: Path) -> set[str]:
    """Anchors of a page's headings, as GitHub and MyST make them."""
    headings = re.findall(r"^#+ (.+)$", path.read_text(encoding="utf-8"), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


@pytest.mark.parametrize("path", PAGES, ids=page_id)
def test_links_lead_to_files_and_headings(path: Path) -> None:
    text = re.sub(r"```.*?```|`[^`\n]*`", "", path.read_text(encoding="utf-8"), flags=re.DOTALL)
    dead = []
    for target in re.findall(r"\]\(([^)\s]+)\)", text):
        file, _, anchor = target.partition("#")
        if re.match(r"[a-z]+:", target):
            continue
        there = (path.parent / file).resolve() if file else path
        if not there.exists() or (anchor and anchor not in slugs(there)):
            dead.append(target)
    assert dead == []


def test_readme_is_two_screens() -> None:
    assert len((ROOT / "README.md").read_text(encoding="utf-8").split()) < 950


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Path:
    for module in MODULES:
        pytest.importorskip(module, reason="needs requirements-dev.txt")
    folder = tmp_path_factory.mktemp("site")
    command = [sys.executable, "-m", "sphinx", "-W", "--keep-going", "-q", str(ROOT / "docs"), str(folder)]
    built = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=500, check=False)
    assert built.returncode == 0, built.stderr
    return folder


@pytest.mark.slow
def test_site_builds_without_warnings_and_has_every_page(site: Path) -> None:
    pages = {path.relative_to(ROOT / "docs").with_suffix(".html") for path in DOCS}
    pages |= {Path("notebooks") / path.with_suffix(".html").name for path in (ROOT / "notebooks").glob("*.ipynb")}
    assert pages <= {path.relative_to(site) for path in site.rglob("*.html")}
    assert "autofunction" not in (site / "reference" / "python.html").read_text(encoding="utf-8")


@pytest.mark.slow
def test_site_loads_nothing_from_elsewhere(site: Path) -> None:
    loading = re.compile(r"<(?:script|img|iframe)[^>]*\ssrc=\"(?:https?:)?//|<link[^>]*\shref=\"(?:https?:)?//|@import")
    assert [page.name for page in site.rglob("*.html") if loading.search(page.read_text(encoding="utf-8"))] == []
    remote = re.compile(r"url\(['\"]?(?:https?:)?//|@import ['\"]?https?:")
    assert [sheet.name for sheet in site.rglob("*.css") if remote.search(sheet.read_text(encoding="utf-8"))] == []
